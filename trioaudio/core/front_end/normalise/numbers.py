"""What a written number is, in digits, and its words.

Digits may be any script's. Grouped numbers are only those grouped the Western (1,250,000) or the
Indian way (12,50,000); anything else with commas in it is no number to us.
"""

from __future__ import annotations

import re

import attrs

from trioaudio.core.front_end.normalise.locale import Grouping, Locale
from trioaudio.core.front_end.word_characters import WORD

CURRENCY_SIGNS = "₹$€£¥₩₽₺¢"
NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}|\d{1,15})(?:\.\d{1,6})?"
BEGINS = rf"(?<![{WORD}.,{CURRENCY_SIGNS}#])(?<![{WORD}][:/\-–'])"
"""No digit before it belongs to a longer thing: a code, a date, a version."""
ENDS = rf"(?![{WORD}/°%]|[.,:\-–]\d)"
"""Nor any after it."""
RANGE = r"(?:[-–]|\s[-–]\s)"
"""Between the two numbers of a range."""

_INDIAN = re.compile(r"\d{1,2}(?:,\d{2})*,\d{3}")
_LONG = 7
"""Digits in a row that are said one by one from here on, unless the number is round."""


@attrs.frozen
class Number:
    """A number that is zero or more, as it was written."""

    whole: int
    fraction: str
    """Decimal digits after the point; empty when there is no point."""
    written: str

    @classmethod
    def read(cls, text: str) -> Number:
        """Return the number that text matching `NUMBER` writes."""
        whole, _, fraction = text.partition(".")
        digits = "".join(str(int(each)) for each in fraction)
        return cls(int(whole.replace(",", "")), digits, whole)

    @property
    def counts(self) -> str:
        """Digits by which a noun is put into the singular: "1"."""
        return str(self.whole) if not self.fraction else f"{self.whole}.{self.fraction}"

    def in_words(self, locale: Locale) -> str:
        """Return it as a cardinal, or as a code where it is written like one."""
        if self._is_code:
            return self._with_fraction(say_digits(self.written, locale), locale)
        return self.as_cardinal(locale)

    def as_cardinal(self, locale: Locale) -> str:
        """Return it as a cardinal, counted as it is grouped."""
        return self.as_amount(locale, self._grouping(locale))

    def as_amount(self, locale: Locale, grouping: Grouping) -> str:
        """Return it as a cardinal in a given grouping, its decimals digit by digit."""
        return self._with_fraction(locale.cardinal(self.whole, grouping), locale)

    def _with_fraction(self, words: str, locale: Locale) -> str:
        if not self.fraction:
            return words
        return f"{words} {locale.point} {say_digits(self.fraction, locale)}"

    @property
    def _is_code(self) -> bool:
        """It is written as no amount is: 007, or 4 930 217 without commas."""
        written = self.written
        leading_zero = len(written) > 1 and written[0].isdecimal() and int(written[0]) == 0
        return leading_zero or (
            len(written) >= _LONG and written.isdecimal() and self.whole % 1000 != 0
        )

    @property
    def groups_by_two(self) -> bool:
        """It is written as only Indian numbers are: 1,25,000."""
        return self.written.count(",") > 1 and _INDIAN.fullmatch(self.written) is not None

    def _grouping(self, locale: Locale) -> Grouping:
        if "," in self.written and _INDIAN.fullmatch(self.written) is None:
            return Grouping.WESTERN
        return locale.grouping


def say_digits(text: str, locale: Locale) -> str:
    """Return the digits of a text one by one; whatever else is in it is left out."""
    return " ".join(locale.digits[int(each)] for each in text if each.isdecimal())


def say_characters(text: str, locale: Locale) -> str:
    """Return a code's letters, digits and signs one by one."""
    said = []
    for character in text:
        if character.isdecimal():
            said.append(locale.digits[int(character)])
        elif not character.isspace():
            said.append(locale.signs.get(character) or character.upper())
    return " ".join(said)
