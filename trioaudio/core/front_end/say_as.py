"""Hints in the text, SSML's say-as and sub: what is said for them.

https://www.w3.org/TR/speech-synthesis11/ leaves the kinds of say-as open; those known here are
the ones of https://www.w3.org/TR/ssml-sayas/ and of the large voices. Any other kind, and content
that is not of its kind, is said as if there were no hint.
"""

from __future__ import annotations

import html
import re

from trioaudio.core.front_end.normalise import dates, money, normaliser, times
from trioaudio.core.front_end.normalise.locale import Locale
from trioaudio.core.front_end.normalise.numbers import (
    NUMBER,
    Number,
    say_characters,
    say_digits,
)
from trioaudio.core.front_end.normalise.telephone import say_telephone
from trioaudio.core.front_end.tags import Hint
from trioaudio.core.text import speakable, without_controls

_LONGEST_ALIAS = 200
_ONE_BY_ONE = frozenset({"digits", "characters", "spell-out", "verbatim", "telephone"})
_NUMBER = re.compile(NUMBER)


def say_hint(hint: Hint, locale: Locale | None) -> str | None:
    """Return what is said for a hint; None: its content as it is written.

    Without a locale, for a language whose words are not known, characters are set apart by spaces.
    """
    content = _clean(html.unescape(hint.content))
    if hint.tag.name == "sub":
        alias = _clean(hint.tag.attributes.get("alias", ""))
        return alias if speakable(alias) and len(alias) <= _LONGEST_ALIAS else None
    kind = hint.tag.attributes.get("interpret-as", "").lower()
    if not speakable(content):
        return None
    if locale is None:
        return " ".join(content.replace(" ", "")) if kind in _ONE_BY_ONE else None
    return _say(kind, content, locale) or None


def _say(kind: str, content: str, locale: Locale) -> str | None:
    match kind:
        case "digits":
            digits_only = content.replace(" ", "").replace("-", "").isdecimal()
            return say_digits(content, locale) if digits_only else say_characters(content, locale)
        case "characters" | "spell-out" | "verbatim":
            return say_characters(content, locale)
        case "telephone":
            return say_telephone(content, locale)
        case "cardinal" | "number" | "ordinal":
            return _say_number(kind, content, locale)
        case _:
            return _say_by_rules(kind, content, locale)


def _say_number(kind: str, content: str, locale: Locale) -> str | None:
    if _NUMBER.fullmatch(content) is None:
        return None
    number = Number.read(content)
    if kind == "ordinal":
        return None if number.fraction else locale.ordinal(number.whole)
    return number.as_cardinal(locale)


def _say_by_rules(kind: str, content: str, locale: Locale) -> str | None:
    families = {"date": dates, "time": times, "currency": money}
    family = families.get(kind)
    if family is None:
        return None
    words = normaliser.say(content, locale, family.rules_of(locale))
    return words if words != content else None


def _clean(text: str) -> str:
    return " ".join(without_controls(text)[0].split())
