"""Dates: 22/11/2026, 2026-11-22, 22 Nov 2026, Nov 22, March 2026."""

from __future__ import annotations

import re

from trioaudio.core.front_end.normalise.locale import DateOrder, Locale
from trioaudio.core.front_end.normalise.numbers import BEGINS, ENDS
from trioaudio.core.front_end.normalise.rule import Found, Rule, any_of
from trioaudio.core.front_end.word_characters import WORD_BEGINS, WORD_ENDS

_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_CENTURY = 2000
_YEARS = range(1800, 2200)
_NTH = "(?:st|nd|rd|th)?"


def rules_of(locale: Locale) -> tuple[Rule, ...]:
    """Return the rules for dates."""
    month = rf"(?P<month>(?i:{any_of(locale.months)})){WORD_ENDS}"
    stop = r"(?:\.(?=,|\s\d))?"
    year = r"(?P<year>\d{4})"
    return (
        Rule(
            re.compile(
                rf"{BEGINS}(?P<first>\d{{1,2}})(?:(?P<sign>[/.-])(?P<second>\d{{1,2}})(?P=sign){year}"
                rf"|/(?P<other>\d{{1,2}})/(?P<short>\d{{2}})){ENDS}"
            ),
            _say_numbers,
        ),
        Rule(
            re.compile(rf"{BEGINS}{year}-(?P<month>\d{{1,2}})-(?P<day>\d{{1,2}}){ENDS}"), _say_iso
        ),
        Rule(
            re.compile(
                rf"{BEGINS}(?P<day>\d{{1,2}}){_NTH}(?:\s(?:of\s)?|-){month}{stop}"
                rf"(?:(?:,?\s|-){year}{ENDS})?"
            ),
            _say_named,
        ),
        Rule(
            re.compile(
                rf"{WORD_BEGINS}{month}{stop}\s(?P<day>\d{{1,2}}){_NTH}(?:,?\s{year})?{ENDS}"
            ),
            _say_named,
        ),
        Rule(re.compile(rf"{WORD_BEGINS}{month}{stop},?\s{year}{ENDS}"), _say_month),
    )


def _say(day: int, month: int, year: int | None, locale: Locale) -> str | None:
    if not (1 <= month <= 12 and 1 <= day <= _DAYS[month - 1]):
        return None
    return locale.date(day, month, year)


def _say_numbers(found: Found) -> str | None:
    """Say a date in the locale's order; where that is none, in the other one."""
    first = int(found.get("first"))
    second = int(found.get("second") or found.get("other"))
    year = int(found.get("year") or _CENTURY + int(found.get("short")))
    orders = [(first, second), (second, first)]
    if found.locale.date_order is DateOrder.MONTH_FIRST:
        orders.reverse()
    for day, month in orders:
        if (words := _say(day, month, year, found.locale)) is not None:
            return words
    return None


def _say_iso(found: Found) -> str | None:
    return _say(
        int(found.get("day")), int(found.get("month")), int(found.get("year")), found.locale
    )


def _say_named(found: Found) -> str | None:
    written, year = found.get("month"), found.get("year")
    if written.islower():
        return None  # "may" and "march" are verbs as well
    month = found.locale.months[written.lower()]
    return _say(int(found.get("day")), month, int(year) if year else None, found.locale)


def _say_month(found: Found) -> str | None:
    month, year = found.locale.months[found.get("month").lower()], int(found.get("year"))
    if year not in _YEARS:
        return None
    return f"{found.locale.month_names[month - 1]} {found.locale.year(year)}"
