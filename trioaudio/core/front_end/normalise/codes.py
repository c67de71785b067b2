"""Codes: one-time passwords, PINs, order numbers, masked accounts. Said sign by sign."""

from __future__ import annotations

import re

from trioaudio.core.front_end.normalise.locale import Locale
from trioaudio.core.front_end.normalise.numbers import (
    BEGINS,
    ENDS,
    Number,
    say_characters,
    say_digits,
)
from trioaudio.core.front_end.normalise.rule import Found, Rule
from trioaudio.core.front_end.word_characters import WORD, WORD_BEGINS, WORD_ENDS

_NEAR = 12
"""Characters between "OTP" and its digits, if no word such as "is" links them."""
_SENTENCE = re.compile(r"[.!?।]\s")
_LONG = 4
"""Digits after # that are said one by one from here on."""
# What may stand between "order" and its number.
_IDENTIFIER_LINK = (
    r"(?:[\s:#-]|(?i:no\b\.?|number|id\b|code|ending(?: in| with)?\b|is\b)|नंबर|संख्या|है|क्रमांक)*"
)
_IDENTIFIER = rf"(?<![{WORD}.,/#])(?P<it>[A-Zx0-9](?:-?[A-Zx0-9]){{3,23}})(?![{WORD}]|[/.]\d)"


def rules_of(locale: Locale) -> tuple[Rule, ...]:
    """Return the rules for codes."""
    context = locale.context
    before = re.compile(rf".*{WORD_BEGINS}(?:{context.code}){WORD_ENDS}(?P<gap>.*)\Z", re.DOTALL)
    link = re.compile(rf"{WORD_BEGINS}{context.code_link}[\s:\-\"']*\Z")
    after = re.compile(
        rf"\s(?:{context.code_after}){WORD_ENDS}[^.!?।\d]{{0,40}}?"
        rf"{WORD_BEGINS}{context.code}{WORD_ENDS}"
    )
    named = rf"(?:{context.identifier}|{context.code})"
    identifier = re.compile(rf"{WORD_BEGINS}{named}{WORD_ENDS}{_IDENTIFIER_LINK}\Z")

    def say_code(found: Found) -> str | None:
        word = before.match(found.text_before)
        if word is not None and _SENTENCE.search(word["gap"]) is None:
            gap = word["gap"]
            if len(gap) <= _NEAR or link.search(gap) is not None:
                return say_digits(found.get("it"), found.locale)
        if after.match(found.text_after) is not None:
            return say_digits(found.get("it"), found.locale)
        return None

    def say_identifier(found: Found) -> str | None:
        code = found.get("it")
        if any(each.isdecimal() for each in code) and identifier.search(found.text_before):
            return say_characters(code.replace("-", ""), found.locale)
        return None

    return (
        Rule(re.compile(rf"{BEGINS}(?P<it>\d{{3}}[ -]\d{{3}}|\d{{3,8}}){ENDS}"), say_code),
        Rule(re.compile(_IDENTIFIER), say_identifier),
        Rule(re.compile(rf"(?<![{WORD}])[Xx*]{{2,12}}[ -]?\d{{3,6}}{WORD_ENDS}"), _say_masked),
        Rule(
            re.compile(
                rf"(?<![{WORD}&/#])(?:#|(?:No|NO|no|नं|क्र)\.\s?)"
                rf"(?P<code>\d{{1,15}}|(?=[A-Z-]*\d)[A-Z0-9-]{{2,20}}){ENDS}"
            ),
            _say_number_sign,
        ),
    )


def _say_masked(found: Found) -> str:
    return say_characters(re.sub(r"[*\s-]", "", found.match[0]), found.locale)


def _say_number_sign(found: Found) -> str:
    code, locale = found.get("code"), found.locale
    if not code.isdecimal():
        words = say_characters(code.replace("-", ""), locale)
    elif len(code) >= _LONG:
        words = say_digits(code, locale)
    else:
        words = Number.read(code).in_words(locale)
    return f"{locale.number_sign} {words}"
