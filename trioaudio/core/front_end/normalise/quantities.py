"""Plain numbers, and numbers with something: %, km, 1st, 1/2, 10-12, 1.2.3, 24/7, Chapter IV."""

from __future__ import annotations

import re

from trioaudio.core.front_end.normalise.locale import Locale
from trioaudio.core.front_end.normalise.numbers import BEGINS, ENDS, NUMBER, RANGE, Number
from trioaudio.core.front_end.normalise.rule import Found, Rule, any_of
from trioaudio.core.front_end.word_characters import WORD, WORD_BEGINS, WORD_ENDS

_YEARS = range(1100, 2100)
_RECENT_YEARS = range(1900, 2100)
_OF_ADDRESS = 4
"""Parts of an Internet address."""
_SMALL_FRACTIONS = {
    "½": (1, 2),
    "⅓": (1, 3),
    "⅔": (2, 3),
    "¼": (1, 4),
    "¾": (3, 4),
    "⅛": (1, 8),
    "⅜": (3, 8),
    "⅝": (5, 8),
    "⅞": (7, 8),
}
_ROMAN = {"I": 1, "V": 5, "X": 10}


def rules_of(locale: Locale) -> tuple[Rule, ...]:
    """Return the rules for numbers; that for plain ones comes last."""
    until = rf"(?:{RANGE}(?P<until>{NUMBER}))?"
    unit = (
        rf"(?:\s?(?P<percent>%)|\s?(?P<unit>{any_of(locale.units)}){WORD_ENDS}(?:\.(?=\s[a-z]))?)?"
    )
    year = re.compile(rf"{WORD_BEGINS}{locale.context.year}\s\Z|(?:\(|©\s?)\Z")
    year_after = re.compile(rf"\s{locale.context.year_after}{WORD_ENDS}")

    def say(found: Found) -> str | None:
        if found.get("until"):
            return _say_range(found)
        number = Number.read(found.get("from"))
        if _is_bare(found) and number.written == found.get("from"):
            in_years = len(number.written) == 4 and number.whole in _YEARS
            if in_years and (year.search(found.text_before) or year_after.match(found.text_after)):
                return found.locale.year(number.whole)
        return _say_quantity(found, number)

    return (
        Rule(re.compile(r"(?:\A|(?<=\n))(?P<it>\d{1,3}[.)])(?=\s)"), _say_list_number),
        Rule(re.compile(rf"{WORD_BEGINS}24\s?[xX×/]\s?7{ENDS}"), lambda _: locale.all_day),
        Rule(
            re.compile(
                rf"(?<![{WORD}.,])[vV]?(?P<it>\d{{1,4}}(?:\.\d{{1,4}}){{2,5}})(?![{WORD}]|\.\d)"
            ),
            _say_version,
        ),
        Rule(re.compile(rf"{BEGINS}(?:{locale.suffix_pattern.pattern}){WORD_ENDS}"), _say_ordinal),
        Rule(
            re.compile(rf"{BEGINS}(?:(?P<whole>\d{{1,3}})\s)?(?P<over>\d)/(?P<under>\d){ENDS}"),
            _say_fraction,
        ),
        Rule(
            re.compile(rf"(?:{BEGINS}(?P<whole>\d{{1,3}})\s?)?(?P<sign>[½⅓⅔¼¾⅛⅜⅝⅞])"),
            _say_fraction_sign,
        ),
        Rule(
            re.compile(rf"{WORD_BEGINS}{locale.context.roman}\s(?P<it>[IVX]{{1,6}}){WORD_ENDS}"),
            _say_roman,
        ),
        Rule(
            re.compile(
                rf"(?P<minus>(?<![^\s(])[-−])?{BEGINS}(?P<from>{NUMBER}){until}{unit}{ENDS}"
            ),
            say,
        ),
    )


def _say_list_number(found: Found) -> str:
    return f"{Number.read(found.get('it')[:-1]).in_words(found.locale)},"


def _is_bare(found: Found) -> bool:
    return not (found.get("percent") or found.get("unit") or found.get("minus"))


def _say_quantity(found: Found, number: Number) -> str:
    locale = found.locale
    words = _with_unit(number.in_words(locale), number.counts, found)
    return f"{locale.minus} {words}" if found.get("minus") else words


def _say_range(found: Found) -> str | None:
    """Say "ten to twelve"; what goes down, 3-1, is a score or a difference, and stays."""
    locale = found.locale
    first, last = Number.read(found.get("from")), Number.read(found.get("until"))
    if found.get("minus"):
        return None
    if _is_bare(found) and first.whole in _RECENT_YEARS and not first.fraction:
        next_year = last.whole == (first.whole + 1) % 100 and len(last.written) == 2
        if next_year or (last.whole in _RECENT_YEARS and first.whole < last.whole):
            said = locale.year(last.whole) if not next_year else last.in_words(locale)
            return f"{locale.year(first.whole)} {locale.to} {said}"
    if (first.whole, first.fraction) >= (last.whole, last.fraction):
        return None
    words = f"{first.in_words(locale)} {locale.to} {last.in_words(locale)}"
    return _with_unit(words, last.counts, found)


def _with_unit(words: str, counts: str, found: Found) -> str:
    if found.get("percent"):
        return f"{words} {found.locale.percent}"
    if found.get("unit"):
        return f"{words} {found.locale.units[found.get('unit')].counted(counts)}"
    return words


def _say_version(found: Found) -> str:
    locale = found.locale
    parts = found.get("it").split(".")
    between = locale.signs["."] if len(parts) == _OF_ADDRESS else locale.point
    return f" {between} ".join(Number.read(part).in_words(locale) for part in parts)


def _say_ordinal(found: Found) -> str | None:
    locale, number, suffix = found.locale, int(found.match[1].replace(",", "")), found.match[2]
    irregular = locale.ordinal_words.get((number, suffix))
    ending = locale.ordinal_suffixes.get(suffix)
    if irregular is not None or ending is None:
        return irregular
    if not ending:
        return locale.ordinal(number)
    return locale.cardinal(number, locale.grouping) + ending


def _say_fraction(found: Found) -> str | None:
    return _fraction(found, (int(found.get("over")), int(found.get("under"))))


def _say_fraction_sign(found: Found) -> str | None:
    return _fraction(found, _SMALL_FRACTIONS[found.get("sign")])


def _fraction(found: Found, parts: tuple[int, int]) -> str | None:
    words = found.locale.fractions.get(parts)
    if words is None or not found.get("whole"):
        return words
    whole = Number.read(found.get("whole")).in_words(found.locale)
    return f"{whole} {found.locale.and_} {words}"


def _say_roman(found: Found) -> str | None:
    """Say a numeral after a word such as Chapter; a lone I may be somebody speaking."""
    numeral = found.get("it")
    if numeral == "I" or re.fullmatch(r"X{0,3}(?:IX|IV|V?I{0,3})", numeral) is None:
        return None
    values = [_ROMAN[letter] for letter in numeral]
    number = sum(
        -value if value < following else value
        for value, following in zip(values, [*values[1:], 0], strict=True)
    )
    return found.locale.cardinal(number, found.locale.grouping)
