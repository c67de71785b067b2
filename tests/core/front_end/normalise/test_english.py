from trioaudio.core.front_end.normalise import english
from trioaudio.core.front_end.normalise.locale import Grouping


def test_dates_are_said_in_the_order_of_the_region() -> None:
    assert english.AMERICAN.date(2, 1, 2026) == "January second twenty twenty-six"
    assert english.INDIAN.date(2, 1, None) == "second January"
    assert english.INTERNATIONAL.date(2, 1, 1999) == "second January nineteen ninety-nine"


def test_only_india_counts_in_lakhs() -> None:
    for locale in (english.AMERICAN, english.INTERNATIONAL):
        assert locale.cardinal(100_000, Grouping.INDIAN) == "one hundred thousand"
    assert english.INDIAN.cardinal(100_000, Grouping.INDIAN) == "one lakh"
    assert english.INDIAN.cardinal(100_000, Grouping.WESTERN) == "one hundred thousand"


def test_the_clock() -> None:
    said = [
        english.INDIAN.clock(*time) for time in ((9, 0, ""), (9, 5, ""), (21, 0, ""), (9, 0, "am"))
    ]
    assert said == ["nine o'clock", "nine oh five", "twenty-one hundred hours", "nine AM"]


def test_units_are_spelt_as_the_region_does() -> None:
    assert english.AMERICAN.units["km"].many == "kilometers"
    assert english.INDIAN.units["km"].many == "kilometres"
    assert english.INDIAN.units["MHz"].many == "megahertz"
