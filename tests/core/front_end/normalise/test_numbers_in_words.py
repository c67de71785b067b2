import unicodedata

import pytest

from trioaudio.core.front_end.normalise.numbers_in_words import (
    english_cardinal,
    english_ordinal,
    english_year,
    hindi_cardinal,
    hindi_ordinal,
    hindi_year,
    indian_english_cardinal,
)


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (21, "twenty-one"),
        (12_345, "twelve thousand three hundred and forty-five"),
        (125_000, "one hundred and twenty-five thousand"),
        (10**15 - 1, None),
    ],
)
def test_english(number: int, words: str | None) -> None:
    said = english_cardinal(number)
    assert words is None or said == words
    assert "," not in said


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (0, "zero"),
        (99_999, "ninety-nine thousand nine hundred and ninety-nine"),
        (125_000, "one lakh twenty-five thousand"),
        (10**7, "one crore"),
        (10**7 + 1, "one crore one"),
        (10**12, "one lakh crore"),
        (10**15 - 1, None),
    ],
)
def test_indian_english(number: int, words: str | None) -> None:
    said = indian_english_cardinal(number)
    assert words is None or said == words


def test_english_ordinals_and_years() -> None:
    assert english_ordinal(121) == "one hundred and twenty-first"
    assert english_year(1905) == "nineteen oh-five"
    assert english_year(2026) == "twenty twenty-six"


def test_hindi_has_a_word_for_each_number_below_a_hundred() -> None:
    words = [hindi_cardinal(number) for number in range(100)]
    assert len(set(words)) == 100
    for word in words:
        assert all(unicodedata.name(letter).startswith("DEVANAGARI") for letter in word)


# Every ten and its neighbours, where a line of the table that slipped would show.
@pytest.mark.parametrize(
    ("number", "words"),
    [
        (9, "नौ"),
        (10, "दस"),
        (19, "उन्नीस"),
        (20, "बीस"),
        (29, "उनतीस"),
        (30, "तीस"),
        (39, "उनतालीस"),
        (40, "चालीस"),
        (49, "उनचास"),
        (50, "पचास"),
        (59, "उनसठ"),
        (60, "साठ"),
        (69, "उनहत्तर"),
        (70, "सत्तर"),
        (79, "उनासी"),
        (80, "अस्सी"),
        (89, "नवासी"),
        (90, "नब्बे"),
        (99, "निन्यानवे"),
        (100, "एक सौ"),
        (1_234, "एक हज़ार दो सौ चौंतीस"),
        (125_000, "एक लाख पच्चीस हज़ार"),
        (10**7, "एक करोड़"),
        (10**9, "एक अरब"),
        (10**11, "एक खरब"),
        (10**15 - 1, None),
    ],
)
def test_hindi(number: int, words: str | None) -> None:
    said = hindi_cardinal(number)
    assert words is None or said == words


def test_hindi_ordinals_and_years() -> None:
    assert [hindi_ordinal(number) for number in (1, 5, 6)] == ["पहला", "पाँचवाँ", "छठा"]
    assert hindi_year(1999) == "उन्नीस सौ निन्यानवे"
    assert hindi_year(1900) == "उन्नीस सौ"
    assert hindi_year(2026) == "दो हज़ार छब्बीस"
