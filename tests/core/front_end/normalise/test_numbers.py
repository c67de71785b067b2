import re

import pytest

from trioaudio.core.front_end.normalise import english, hindi
from trioaudio.core.front_end.normalise.locale import Grouping
from trioaudio.core.front_end.normalise.numbers import (
    BEGINS,
    ENDS,
    NUMBER,
    Number,
    say_characters,
    say_digits,
)

WHOLE = re.compile(rf"{BEGINS}{NUMBER}{ENDS}")


@pytest.mark.parametrize(
    "text", ["5", "1,250", "12,50,000", "1,250,000", "0.5", "१,२५,०००", "5.", "5-x"]
)
def test_numbers(text: str) -> None:
    assert WHOLE.match(text) is not None


@pytest.mark.parametrize(
    "text", ["1,2", "1,25", "1.2.3", "5/6", "a5", "5a", "x-5", "₹5", "#5", "1:5"]
)
def test_no_numbers(text: str) -> None:
    assert WHOLE.search(text) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("1,25,000", "one lakh twenty-five thousand"),
        ("125000", "one lakh twenty-five thousand"),
        ("1,250,000", "one million two hundred and fifty thousand"),
        ("2.50", "two point five zero"),
        ("007.5", "zero zero seven point five"),
        ("4930217", "four nine three zero two one seven"),
        ("5000000", "fifty lakh"),
        ("49,30,217", "forty-nine lakh thirty thousand two hundred and seventeen"),
        ("१२", "twelve"),
        ("0", "zero"),
    ],
)
def test_in_words(text: str, words: str) -> None:
    assert Number.read(text).in_words(english.INDIAN) == words


def test_as_an_amount_a_number_is_never_a_code() -> None:
    number = Number.read("4930217")
    assert number.as_amount(english.INDIAN, Grouping.WESTERN).startswith("four million")
    assert number.as_cardinal(english.INDIAN).startswith("forty-nine lakh")
    assert not number.groups_by_two
    assert Number.read("1,25,000").groups_by_two
    assert (number.counts, Number.read("1.0").counts) == ("4930217", "1.0")


def test_one_by_one() -> None:
    assert say_digits("4-२", english.INDIAN) == "four two"
    assert say_characters("a1 -é", english.INDIAN) == "A one dash É"
    assert say_characters("5", hindi.HINDI) == "पाँच"
