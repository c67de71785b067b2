import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.text import (
    CLAUSE_LIMIT,
    Clause,
    ClauseSplitter,
    is_control,
    scripts,
    speakable,
    without_controls,
)

ALPHABET = "ab é  \n\r\t.!?…,;:—'\"”»)」。！？、।॥؟۔你வ"
PIECES = st.lists(st.text(ALPHABET, max_size=12), max_size=20)
# Lengths around which the limit falls on, before and after a full stop and what follows it.
NEAR_THE_LIMIT = range(CLAUSE_LIMIT - 6, CLAUSE_LIMIT + 4)


def clauses_of(*pieces: str, limit: int = CLAUSE_LIMIT) -> list[Clause]:
    splitter = ClauseSplitter(limit)
    return [clause for piece in pieces for clause in splitter.push(piece)] + splitter.flush()


def texts_of(*pieces: str) -> list[str]:
    return [clause.text for clause in clauses_of(*pieces)]


@given(pieces=PIECES, limit=st.integers(1, 30))
def test_a_token_stream_cut_anywhere_gives_the_same_clauses(pieces: list[str], limit: int) -> None:
    assert clauses_of(*pieces, limit=limit) == clauses_of("".join(pieces), limit=limit)


@given(pieces=PIECES, limit=st.integers(1, 30))
def test_clauses_hold_all_that_was_written_where_it_was_written(
    pieces: list[str], limit: int
) -> None:
    text = "".join(pieces)
    at = 0
    for clause in clauses_of(*pieces, limit=limit):
        assert clause.start >= at
        assert text[at : clause.start].strip() == ""
        assert text[clause.start : clause.end] == clause.text == clause.text.strip()
        assert 0 < len(clause.text) <= limit
        at = clause.end
    assert text[at:].strip() == ""


@pytest.mark.parametrize(
    "ending", [". ", '." ', '.") ', '?!" ', ".", '."', "。」", "。你", "\n", " "]
)
@pytest.mark.parametrize("length", NEAR_THE_LIMIT)
def test_the_limit_falls_in_the_same_place_for_whole_text_and_for_tokens(
    length: int, ending: str
) -> None:
    text = "a" * length + ending + "b and so on."
    whole = clauses_of(text)
    assert clauses_of(*text) == whole
    assert clauses_of(text[:length], text[length:]) == whole
    assert all(len(clause.text) <= CLAUSE_LIMIT for clause in whole)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("One. Two! Three? Four", ["One.", "Two!", "Three?", "Four"]),
        ("It costs 3.14 or 1.000.000, see example.org.", None),
        ('He said "Go." Then (really?) he went.', ['He said "Go."', "Then (really?)", "he went."]),
        ("Wait... what?! Well… maybe", ["Wait...", "what?!", "Well…", "maybe"]),
        ("你好。再见！真的？是", ["你好。", "再见！", "真的？", "是"]),
        ("「そうだ。」と言った。", None),
        ("नमस्ते। आप कैसे हैं॥ ठीक", ["नमस्ते।", "आप कैसे हैं॥", "ठीक"]),
        ("வணக்கம். எப்படி இருக்கீங்க? நலம்", ["வணக்கம்.", "எப்படி இருக்கீங்க?", "நலம்"]),
        ("مرحبا؟ نعم۔ لا", ["مرحبا؟", "نعم۔", "لا"]),
        ("Title\nText\r\nmore\n\n\nend", ["Title", "Text", "more", "end"]),
        ("  \n\t ", []),
        ("", []),
        ("...", ["..."]),
    ],
)
def test_clauses_end_where_a_sentence_or_a_line_does(text: str, expected: list[str] | None) -> None:
    assert texts_of(text) == ([text] if expected is None else expected)


def test_a_clause_comes_out_with_the_character_that_decides() -> None:
    splitter = ClauseSplitter()
    assert splitter.push("Hello") == []
    assert splitter.push(".") == []
    assert splitter.push('"') == []
    assert splitter.push(" ") == [Clause('Hello."', 0)]
    assert splitter.push("  你好。") == []
    assert splitter.push("再") == [Clause("你好。", 10)]
    assert splitter.push("\n") == [Clause("再", 13)]
    assert splitter.flush() == []


def test_a_full_stop_before_a_digit_ends_nothing() -> None:
    splitter = ClauseSplitter()
    assert splitter.push("about 3.") == []
    assert splitter.push("14 or so. ") == [Clause("about 3.14 or so.", 0)]


def test_what_is_left_comes_out_at_the_end_and_offsets_go_on() -> None:
    splitter = ClauseSplitter()
    splitter.push("  one")
    assert splitter.flush() == [Clause("one", 2)]
    assert splitter.flush() == []
    assert splitter.push("two. three") == [Clause("two.", 5)]
    assert splitter.flush() == [Clause("three", 10)]


def test_a_long_clause_is_cut_at_its_last_comma() -> None:
    first, second = "a" * 100 + ", " + "b " * 50 + "c,", "d" * 150
    assert texts_of(first + second) == [first, second]


def test_or_else_at_its_last_space() -> None:
    first, second = "a" * 100 + " " + "b" * 100, "c" * 150
    assert texts_of(f"{first} {second}") == [first, second]


def test_or_else_at_the_limit() -> None:
    assert texts_of("a" * 700) == ["a" * 300, "a" * 300, "a" * 100]


def test_a_comma_at_the_very_beginning_is_no_place_to_cut() -> None:
    assert clauses_of(",abcdef", limit=4) == [Clause(",abc", 0), Clause("def", 4)]
    assert clauses_of("a,bcdef", limit=4) == [Clause("a,", 0), Clause("bcde", 2), Clause("f", 6)]


def test_a_whole_clause_of_the_limit_is_not_cut() -> None:
    text = "a, " + "b" * 297
    assert texts_of(text) == [text]
    assert texts_of(text[:-1] + ". And") == [text[:-1] + ".", "And"]


@given(st.text())
def test_replacing_controls_moves_nothing(text: str) -> None:
    cleaned, found = without_controls(text)
    assert len(cleaned) == len(text)
    changed = [old for old, new in zip(text, cleaned, strict=True) if old != new]
    assert len(changed) == found == sum(map(is_control, text))
    assert not any(map(is_control, cleaned))


def test_controls_become_spaces() -> None:
    assert without_controls("a\0b\x1b[1mc\ufeff\0") == ("a b [1mc  ", 4)
    assert without_controls("plain") == ("plain", 0)
    assert without_controls("two\nlines\tof\r\ntext") == ("two\nlines\tof\r\ntext", 0)
    assert without_controls("\u202a+49 30\u202c") == (" +49 30 ", 2)
    assert without_controls("\udcff\ue000") == ("  ", 2)


@pytest.mark.parametrize("kept", ["क्\u200dष", "می\u200cخواهم", "👍", "é", "\u00a0", "\u00ad"])
def test_what_decides_how_text_is_read_is_kept(kept: str) -> None:
    assert without_controls(kept) == (kept, 0)


@pytest.mark.parametrize("text", ["a", "7", "€", "…வ", "。你", "👍"])
def test_speakable(text: str) -> None:
    assert speakable(text)


@pytest.mark.parametrize("text", ["", " ", "...", "—", "\n\"')", "\u0301"])
def test_nothing_to_say(text: str) -> None:
    assert not speakable(text)


def test_scripts_are_those_of_letters() -> None:
    assert scripts("Hello, 7 வணக்கம் नमस्ते 你好!") == {"LATIN", "TAMIL", "DEVANAGARI", "CJK"}
    assert scripts("123 … ₹") == set()


def test_a_letter_without_a_name_is_of_no_known_script() -> None:
    nameless = next(
        chr(code)
        for code in range(0x17000, 0x18D00)
        if unicodedata.category(chr(code)) == "Lo" and not unicodedata.name(chr(code), "")
    )
    assert scripts(nameless) == {"UNKNOWN"}
