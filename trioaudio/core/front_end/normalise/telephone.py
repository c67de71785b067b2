"""Telephone numbers, digit by digit with the pauses they are written with, and single keys."""

from __future__ import annotations

import itertools
import re

from trioaudio.core.front_end.normalise.locale import Grouping, Locale
from trioaudio.core.front_end.normalise.numbers import BEGINS, ENDS, say_characters, say_digits
from trioaudio.core.front_end.normalise.rule import Found, Rule
from trioaudio.core.front_end.word_characters import WORD, WORD_BEGINS, WORD_ENDS

_DIGITS_OF_A_NUMBER = range(7, 16)  # E.164: 15 at most
_TEN = 10
_ROUND = "00000"
"""A number that ends so is an amount."""
_INTERNATIONAL = rf"(?<![{WORD}+])\+\d{{1,3}}(?:[ .-]?\(?\d{{1,5}}\)?){{2,5}}(?![{WORD}]|[.-]\d)"
_NATIONAL = (
    rf"{BEGINS}(?:1[ -])?(?:1[389]00[ -]\d{{2,3}}[ -]\d{{3,4}}|0\d{{2,4}}[ -]\d{{6,8}}"
    r"|\(\d{3}\) ?\d{3}[ -]\d{4}|\d{3}[ -]\d{3}[ -]\d{4}|0?\d{5}[ -]\d{5}|0?\d{10})"
    rf"{ENDS}"
)
_LINK = r"(?:[\s:]|(?i:us|me|on|at|number|no\b\.?|is\b)|नंबर|करें|पर|है)*"


def rules_of(locale: Locale) -> tuple[Rule, ...]:
    """Return the rules for telephone numbers and keys."""
    context = locale.context
    announced = re.compile(rf"{WORD_BEGINS}{context.telephone}{WORD_ENDS}{_LINK}\Z")

    def say_short(found: Found) -> str | None:
        if announced.search(found.text_before) is None:
            return None
        return say_telephone(found.get("it"), found.locale)

    return (
        Rule(re.compile(rf"(?<![{WORD}*#])\*[\d*]{{0,20}}\d#?{WORD_ENDS}"), _say_keys),
        Rule(
            re.compile(rf"(?:{WORD_BEGINS}{context.keys}\s)(?P<it>[*#])(?=[\s.,;!?।]|\Z)"),
            _say_key,
        ),
        Rule(re.compile(rf"(?<!\S)(?P<it>[*#])(?=\s{context.keys_after})"), _say_key),
        Rule(re.compile(_INTERNATIONAL), _say_number),
        Rule(re.compile(_NATIONAL), _say_number),
        Rule(re.compile(rf"{BEGINS}(?P<it>\d(?:[ -]?\d){{2,11}}){ENDS}"), say_short),
    )


def say_telephone(text: str, locale: Locale) -> str:
    """Return a telephone number group by group, as it is written; ten digits in a row in two."""
    groups = re.findall(r"\d+", text)
    if len(groups) == 1 and len(groups[0]) == _TEN:
        number = groups[0]
        cuts = (0, 5, 10) if locale.grouping is Grouping.INDIAN else (0, 3, 6, 10)
        groups = [number[first:last] for first, last in itertools.pairwise(cuts)]
    said = ", ".join(say_digits(group, locale) for group in groups)
    return f"{locale.signs['+']} {said}" if text.lstrip().startswith("+") else said


def _say_number(found: Found) -> str | None:
    written = found.match[0]
    if sum(each.isdecimal() for each in written) not in _DIGITS_OF_A_NUMBER:
        return None
    if written.isdecimal() and written.endswith(_ROUND):
        return None
    return say_telephone(written, found.locale)


def _say_keys(found: Found) -> str:
    return say_characters(found.match[0], found.locale)


def _say_key(found: Found) -> str:
    return found.locale.signs[found.get("it")]
