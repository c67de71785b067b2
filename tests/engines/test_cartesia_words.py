"""Words found in clauses: in order, near, and never a wrong one."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trioaudio.engines._cartesia_words import FoundWord, WordFinder


def find_all(clauses: list[str], words: list[str]) -> list[FoundWord | None]:
    finder = WordFinder()
    for clause in clauses:
        finder.add(clause)
    return [finder.find(word) for word in words]


def texts(clauses: list[str], words: list[str]) -> list[str | None]:
    return [
        None if found is None else clauses[found.clause][found.start :][: found.length]
        for found in find_all(clauses, words)
    ]


def test_words_are_found_in_order_over_clauses() -> None:
    clauses = ["Hello, hello there.", "Hello again!"]
    assert find_all(clauses, ["Hello,", "hello", "there.", "hello", "again"]) == [
        FoundWord(0, 0, 5),
        FoundWord(0, 7, 5),
        FoundWord(0, 13, 5),
        FoundWord(1, 0, 5),
        FoundWord(1, 6, 5),
    ]


def test_case_punctuation_and_apostrophes_do_not_matter() -> None:
    clauses = ["«Don’t pay $3.50», she SAID — no."]
    words = ["don't", "PAY", "3.50", "she", '"said"', "no"]
    assert texts(clauses, words) == ["Don’t", "pay", "3.50", "she", "SAID", "no"]


def test_tags_and_what_is_not_there_are_left_out() -> None:
    clauses = ["It costs 2 rupees and two coins."]
    words = ["It", "costs", "<break", "<spell>2</spell>", "twenty", "rupees", "...", ""]
    assert texts(clauses, words) == ["It", "costs", None, None, None, "rupees", None, None]


def test_a_part_of_a_word_is_no_word() -> None:
    assert texts(["That is a cat"], ["a", "cat"]) == ["a", "cat"]
    assert texts(["cathedral"], ["cat"]) == [None]


def test_chinese_and_japanese_come_character_by_character() -> None:
    clauses = ["你好，世界。", "ラーメンです"]
    words = ["你", "好", "世", "界", "ラ", "ー", "メ", "ン"]
    assert texts(clauses, words) == words


def test_indic_words_with_vowel_signs_are_whole_words() -> None:
    clauses = ["नमस्ते, आप कैसे हैं।", "வணக்கம் நண்பா"]
    words = ["नमस्ते", "आप", "कैसे", "हैं।", "வணக்கம்", "நண்பா"]
    assert texts(clauses, words) == ["नमस्ते", "आप", "कैसे", "हैं", "வணக்கம்", "நண்பா"]


def test_a_word_far_away_is_not_believed() -> None:
    clauses = ["one " + "filler " * 20 + "two", "two again"]
    assert texts(clauses, ["one", "two", "filler"]) == ["one", None, "filler"]


def test_the_next_clause_is_looked_into_only_near_the_end() -> None:
    clauses = ["Numbers: 1 2 3.", "then words."]
    assert texts(clauses, ["Numbers", "one", "two", "three", "then", "words"]) == [
        "Numbers",
        None,
        None,
        None,
        "then",
        "words",
    ]


@given(st.lists(st.text(max_size=80), max_size=4), st.lists(st.text(max_size=6), max_size=20))
def test_whatever_comes_is_in_order_and_within_the_text(
    clauses: list[str], words: list[str]
) -> None:
    end = (0, 0)
    for found in find_all(clauses, words):
        if found is not None:
            assert end <= (found.clause, found.start)
            end = (found.clause, found.start + found.length)
            assert found.length > 0
            assert end[1] <= len(clauses[found.clause])
