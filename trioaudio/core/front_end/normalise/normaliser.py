"""A clause's numbers and the like, by the rules of its language."""

from __future__ import annotations

import functools
import re

from trioaudio.core.front_end.normalise import (
    codes,
    dates,
    money,
    quantities,
    telephone,
    times,
)
from trioaudio.core.front_end.normalise.locale import Locale
from trioaudio.core.front_end.normalise.rule import Found, Rule
from trioaudio.core.front_end.replacement import Replacements

_REACH = 80
"""Characters around a match that are looked at."""
_WORTH_A_LOOK = re.compile(r"[\d½⅓⅔¼¾⅛⅜⅝⅞*#]|\b[IVX]+\b")


@functools.lru_cache(maxsize=16)
def rules_of(locale: Locale) -> tuple[Rule, ...]:
    """Return a language's rules in their order: the more a form says of itself, the earlier."""
    return (
        *codes.rules_of(locale),
        *money.rules_of(locale),
        *dates.rules_of(locale),
        *times.rules_of(locale),
        *telephone.rules_of(locale),
        *quantities.rules_of(locale),
    )


def normalise(
    replacements: Replacements, before: str, locale: Locale, rules: tuple[Rule, ...]
) -> None:
    """Find what is to be said otherwise; `before` is the text that comes before.

    What no rule understands stays as it is written.
    """
    if _WORTH_A_LOOK.search(replacements.open) is None:
        return
    text = replacements.text
    for rule in rules:

        def say(match: re.Match[str], rule: Rule = rule) -> str | None:
            start = match.start("it" if "it" in match.re.groupindex else 0)
            after = match.end("it" if "it" in match.re.groupindex else 0)
            text_before = (before + text[max(start - _REACH, 0) : start])[-_REACH:]
            return rule.say(Found(match, text_before, text[after : after + _REACH], locale))

        replacements.replace(rule.pattern, say)


def say(text: str, locale: Locale, rules: tuple[Rule, ...]) -> str:
    """Return a whole text with everything in it said that the rules understand."""
    replacements = Replacements(text)
    normalise(replacements, "", locale, rules)
    said, at = [], 0
    for each in replacements.in_order():
        said += [text[at : each.start], each.words]
        at = each.end
    return "".join([*said, text[at:]])
