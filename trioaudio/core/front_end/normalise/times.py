"""Times of day: 10:30, 17:00, 5.30 pm, 9-5 pm."""

from __future__ import annotations

import re

from trioaudio.core.front_end.normalise.locale import Locale
from trioaudio.core.front_end.normalise.numbers import BEGINS, ENDS, RANGE
from trioaudio.core.front_end.normalise.rule import Found, Rule, any_of
from trioaudio.core.front_end.word_characters import WORD_ENDS

_HOURS = range(24)


def rules_of(locale: Locale) -> tuple[Rule, ...]:
    """Return the rule for times, a pair of them included."""
    # The last full stop of "p.m." may be the sentence's as well, and is left to it then.
    own = any_of(each for each in locale.half_days if each not in ("am", "pm"))
    half_day = rf"(?P<half_day>(?i:[ap]m|[ap]\.m){WORD_ENDS}(?:\.(?=[\s,;]*[a-z0-9]))?"
    half_day += rf"|(?:{own}){WORD_ENDS})" if own else ")"
    first = r"(?P<hour>\d{1,2})(?:(?P<sign>[:.])(?P<minute>[0-5]\d)(?::(?P<second>[0-5]\d))?)?"
    until = r"(?P<last_hour>\d{1,2})(?:[:.](?P<last_minute>[0-5]\d))?"
    return (Rule(re.compile(rf"{BEGINS}{first}(?:{RANGE}{until})?(?:\s?{half_day})?{ENDS}"), _say),)


def _say(found: Found) -> str | None:
    """Say a time; without a colon it is one only if AM or PM follows."""
    locale = found.locale
    half_day = found.get("half_day").replace(".", "").lower()
    colon = found.get("sign") == ":"
    if not half_day and (not colon or (found.get("last_hour") and not found.get("last_minute"))):
        return None
    hours = [int(found.get(each)) for each in ("hour", "last_hour") if found.get(each)]
    if not all(hour in _HOURS for hour in hours):
        return None
    words = locale.clock(hours[-1], int(found.get("last_minute") or 0), half_day)
    if len(hours) == 1:
        words = locale.clock(hours[0], int(found.get("minute") or 0), half_day)
        if found.get("second"):
            seconds = locale.cardinal(int(found.get("second")), locale.grouping)
            words += f" {locale.and_} {seconds} {locale.seconds}"
        return words
    minute = int(found.get("minute") or 0)
    first = locale.clock(hours[0], minute, "") if minute else _hour(hours[0], locale)
    return f"{first} {locale.to} {words}"


def _hour(hour: int, locale: Locale) -> str:
    return locale.cardinal(hour, locale.grouping)
