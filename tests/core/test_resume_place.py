from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.engine import WordTiming
from trioaudio.core.resume_place import REPEAT_MOST, Heard, find_heard, phrase_start

TEXT = "Your medicine is ready, so please come before six today."


def words_of(text: str, character_ms: float = 70.0) -> list[WordTiming]:
    words, at = [], 0
    for word in text.split(" "):
        words.append(WordTiming(0, at, len(word), at * character_ms))
        at += len(word) + 1
    return words


def heard(
    end_ms: float,
    words: list[WordTiming] | None = None,
    text: str = TEXT,
    *,
    followed: bool = False,
) -> Heard | None:
    return find_heard(text, words or [], 0.0, end_ms, followed=followed)


def test_nothing_came_of_it() -> None:
    assert heard(0.0) is None
    assert heard(-5.0) is None


def test_words_that_have_not_begun_were_not_heard() -> None:
    late = [WordTiming(0, 0, 4, 2000.0)]
    assert heard(1900.0, late) is None, "two seconds of silence before the first word"


@pytest.mark.parametrize(
    ("characters", "rest"),
    [
        (3, TEXT),
        (20, TEXT),
        (24, "so please come before six today."),
        (40, "so please come before six today."),
    ],
)
def test_the_phrase_that_broke_off_is_said_again(characters: int, rest: str) -> None:
    found = heard(characters * 70.0, words_of(TEXT))
    assert found is not None
    assert TEXT[found.characters :] == rest


def test_a_long_phrase_goes_on_at_the_word() -> None:
    text = "We would be very happy to see you at our new shop near the old railway station."
    found = heard(70 * 70.0, words_of(text), text)
    assert found is not None
    assert text[found.characters :] == "railway station."


def test_a_clause_whose_last_word_is_over_was_heard() -> None:
    end_ms = len(TEXT) * 70.0 + 300
    found = heard(end_ms, words_of(TEXT))
    assert found is not None
    assert found.characters == len(TEXT)
    assert found.until_ms < end_ms


def test_a_pause_before_a_word_that_is_known_is_no_speech() -> None:
    words = [WordTiming(0, 0, 4, 0.0), WordTiming(0, 5, 8, 6000.0)]
    found = heard(5000.0, words)
    assert found is not None
    assert found.characters == 0


def test_what_came_after_the_last_word_told_counts_as_slow_speech() -> None:
    """Words come a little after their audio: five seconds later, they are not the whole truth."""
    first = words_of(TEXT)[:2]
    found = heard(4500.0, first)
    assert found is not None
    assert TEXT[found.characters :] == "so please come before six today."
    assert TEXT[24:] == "so please come before six today."
    near = heard(900.0, first)
    assert near is not None
    assert near.characters == 0


def test_words_in_any_order() -> None:
    words = words_of(TEXT)
    assert heard(2000.0, words[::-1]) == heard(2000.0, words)


@pytest.mark.parametrize(("start", "length"), [(-9, 3), (500, 4), (50, 900), (3, -2)])
def test_words_outside_of_the_text_lead_nowhere_else(start: int, length: int) -> None:
    found = heard(9000.0, [WordTiming(0, start, length, 100.0)])
    assert found is not None
    assert 0 <= found.characters <= len(TEXT)


def test_without_words_slow_speech_is_assumed() -> None:
    found = heard(2300.0)  # 29 characters of it
    assert found is not None
    assert TEXT[found.characters :] == "so please come before six today."
    long = heard(60_000.0)
    assert long is not None
    assert TEXT[long.characters :] == "so please come before six today.", "its end is never guessed"


def test_without_words_the_next_clause_may_have_begun() -> None:
    found = heard(60_000.0, followed=True)
    assert found is not None
    assert found.characters == len(TEXT)
    assert found.until_ms == pytest.approx(len(TEXT) / 13 * 1000)
    part = heard(1000.0, followed=True)
    assert part == heard(1000.0)


@pytest.mark.parametrize(
    ("text", "at", "begins"),
    [
        ("It is 2,000 rupees", 12, "It is 2,000 rupees"),
        ("One. Two. Three four", 15, "Three four"),
        ("Nine, ten—eleven twelve", 17, "eleven twelve"),
        ("Rooms 10–20 are free", 12, "Rooms 10–20 are free"),
        ("你好，你的药已经准备好了", 6, "你的药已经准备好了"),
        ("नमस्ते। आपकी दवा तैयार है", 13, "आपकी दवा तैयार है"),
        ("no mark at all", 8, "no mark at all"),
        ("x", 1, "x"),
    ],
)
def test_phrases(text: str, at: int, begins: str) -> None:
    assert text[phrase_start(text, at) :] == begins


@given(
    st.text(st.sampled_from("ab ,.;—१1。 "), min_size=1, max_size=200),
    st.floats(0, 30_000),
    st.booleans(),
    st.booleans(),
    st.data(),
)
def test_it_is_a_place_in_the_text_and_little_is_said_twice(
    text: str, end_ms: float, followed: bool, told: bool, data: st.DataObject
) -> None:
    words = words_of(text) if told else []
    found = find_heard(text, words, 0.0, end_ms, followed=followed)
    if found is not None:
        assert 0 <= found.characters <= len(text)
        assert found.until_ms <= max(end_ms, len(text) / 13 * 1000)
    at = data.draw(st.integers(0, len(text)))
    begin = phrase_start(text, at)
    assert at - begin <= REPEAT_MOST
    assert not text[at:begin].strip(), "nothing but spaces is left out"
