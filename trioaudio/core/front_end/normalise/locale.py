"""What the rules need to know of a language: its words, and how it writes and says numbers."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable

import attrs


class Grouping(enum.Enum):
    """How the digits of large numbers are grouped, and so what is counted in."""

    WESTERN = "1,000,000"
    INDIAN = "10,00,000"


class DateOrder(enum.Enum):
    """What the first number of 01/02/2026 is."""

    DAY_FIRST = "day"
    MONTH_FIRST = "month"


@attrs.frozen
class Noun:
    """A word counted with a number."""

    one: str
    many: str

    def counted(self, number: str) -> str:
        """Return the form that follows a number written in digits."""
        return self.one if number == "1" else self.many


@attrs.frozen
class Currency:
    """Names of a currency and of its hundredth part."""

    unit: Noun
    hundredth: Noun
    grouping: Grouping


@attrs.frozen
class Context:
    """Words that tell what a number near them is; regular expressions without groups."""

    code: str
    """A one-time password, a PIN: its digits are said."""
    code_link: str
    """What may stand between such a word and the digits, at the end: "is", "to"."""
    code_after: str
    """What follows the digits when the word comes after them: "is your"."""
    identifier: str
    """A ticket, an order, an account: letters and digits are said one by one."""
    telephone: str
    """A telephone number follows, even a short one."""
    keys: str
    """A key of the telephone is meant by the * or # after it."""
    keys_after: str
    """Or before it."""
    year: str
    """A year follows."""
    year_after: str
    """Or precedes it."""
    roman: str
    """A Roman numeral follows."""


@attrs.frozen(eq=False)
class Locale:
    """One language as it is written and spoken in one region."""

    grouping: Grouping
    date_order: DateOrder
    cardinal: Callable[[int, Grouping], str]
    ordinal: Callable[[int], str]
    year: Callable[[int], str]
    date: Callable[[int, int, int | None], str]
    """Say day, month and, unless None, year."""
    clock: Callable[[int, int, str], str]
    """Say hour, minute and one of the `half_days`, or none, as it is written."""
    digits: tuple[str, ...]
    month_names: tuple[str, ...]
    months: dict[str, int]
    """Names and abbreviations, in lower case, without a full stop."""
    currencies: dict[str, Currency]
    """By sign and by code."""
    scales: dict[str, tuple[str, int]]
    """Written multipliers such as lakh or mn: how they are said, and the power of ten."""
    units: dict[str, Noun]
    fractions: dict[tuple[int, int], str]
    signs: dict[str, str]
    """Names of signs, as in addresses and codes; "." is the dot of an address."""
    ordinal_suffixes: dict[str, str]
    """What is written after a number to make it an ordinal, and what is said after its words."""
    ordinal_words: dict[tuple[int, str], str]
    """Ordinals with a suffix that are not the number and the suffix."""
    suffix_pattern: re.Pattern[str]
    """Matches a number with an ordinal's suffix: groups 1 and 2."""
    half_days: tuple[str, ...]
    """What may be written after a time, without its full stops, and makes it one."""
    point: str
    minus: str
    percent: str
    to: str
    and_: str
    """Between rupees and paise."""
    all_day: str
    """What 24/7 is."""
    number_sign: str
    """What is said for # and No. before a number."""
    seconds: str
    context: Context
