import re

import attrs
import pytest

from core.front_end.normalise.saying import LOCALES
from trioaudio.core.front_end.normalise.locale import Context, Grouping, Locale, Noun


@pytest.mark.parametrize("locale", LOCALES.values(), ids=LOCALES.keys())
def test_a_locale_is_whole(locale: Locale) -> None:
    assert len(locale.digits) == 10
    assert len(locale.month_names) == 12
    assert set(locale.months.values()) == set(range(1, 13))
    assert {".", "@", "_", "-", "+", "%", "*", "#"} <= locale.signs.keys()
    assert {"₹", "Rs.", "INR", "$", "€"} <= locale.currencies.keys()
    for month, name in enumerate(locale.month_names, 1):
        assert locale.months[name.lower()] == month
    for suffix in locale.ordinal_suffixes:
        assert locale.suffix_pattern.fullmatch(f"5{suffix}") is not None


@pytest.mark.parametrize("locale", LOCALES.values(), ids=LOCALES.keys())
def test_contexts_are_expressions_without_groups(locale: Locale) -> None:
    for field in attrs.fields(Context):
        assert re.compile(getattr(locale.context, field.name)).groups == 0


@pytest.mark.parametrize("locale", LOCALES.values(), ids=LOCALES.keys())
def test_every_hour_and_minute_day_and_number_can_be_said(locale: Locale) -> None:
    for hour in range(24):
        for minute in range(60):
            for half_day in ("", *locale.half_days):
                assert locale.clock(hour, minute, half_day).strip()
    for month in range(1, 13):
        for day in range(1, 32):
            assert locale.date(day, month, None) in locale.date(day, month, 2026)
    for grouping in Grouping:
        for power in range(15):
            assert locale.cardinal(10**power + 1, grouping)


def test_a_noun_is_singular_after_one_only() -> None:
    noun = Noun("day", "days")
    assert [noun.counted(number) for number in ("1", "2", "1.0", "0")] == ["day"] + ["days"] * 3
