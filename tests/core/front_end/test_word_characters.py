import re

import pytest

from trioaudio.core.front_end.word_characters import (
    WORD_BEGINS,
    WORD_ENDS,
    cut_between_signs,
    in_word,
    words_in,
)


@pytest.mark.parametrize("character", ["a", "é", "7", "७", "ा", "्", "वு"[1], "你", "\u0301"])
def test_letters_digits_and_marks_are_of_a_word(character: str) -> None:
    assert in_word(character)


@pytest.mark.parametrize("character", ["", " ", ".", "।", "₹", "_", "👍", "\u200d"])
def test_signs_are_not(character: str) -> None:
    assert not in_word(character)


@pytest.mark.parametrize("text", ["रामा", "अराम", "राम्", "1राम", "राम\u200d"])
def test_a_word_does_not_end_before_its_vowel_sign(text: str) -> None:
    assert re.search(f"{WORD_BEGINS}राम{WORD_ENDS}", text) is None


@pytest.mark.parametrize("text", ["राम", "राम।", "(राम)", "राम, x"])
def test_a_whole_word_is_found(text: str) -> None:
    assert re.search(f"{WORD_BEGINS}राम{WORD_ENDS}", text) is not None


@pytest.mark.parametrize(
    ("text", "at", "place"),
    [
        ("abc", 2, 2),
        ("abe\u0301c", 3, 2),
        ("aकि", 2, 1),
        ("aक्षb", 3, 1),
        ("aक्षb", 4, 4),
        ("aक\u200dष", 3, 1),
        ("a\u1100\u1161b", 2, 1),
        ("\u1100\u1161\u1100\u1161", 3, 2),
        ("a👨", 1, 1),
        ("e" + "\u0301" * 99, 90, 90),
        ("\u0301\u0301", 1, 1),
    ],
)
def test_no_sign_is_cut_in_two(text: str, at: int, place: int) -> None:
    assert cut_between_signs(text, at) == place


def test_words_in() -> None:
    assert words_in(" a b\nc ") == ("a", "b", "c")
