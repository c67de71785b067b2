"""Amounts of money: ₹1,25,000, Rs. 500/-, $3.50, 5 lakh INR."""

from __future__ import annotations

import re

from trioaudio.core.front_end.normalise.locale import Currency, Grouping, Locale
from trioaudio.core.front_end.normalise.numbers import BEGINS, NUMBER, RANGE, Number
from trioaudio.core.front_end.normalise.rule import Found, Rule, any_of
from trioaudio.core.front_end.word_characters import WORD, WORD_ENDS

_AFTER = rf"(?:/-)?(?![{WORD}%]|[.,/]\d)"


def rules_of(locale: Locale) -> tuple[Rule, ...]:
    """Return the rules for money, its sign or code before the number or after it."""
    currency = any_of(locale.currencies)
    scale = rf"(?:\s?(?P<scale>{any_of(locale.scales)}){WORD_ENDS})?"
    amounts = rf"(?P<from>{NUMBER})(?:{RANGE}(?:{currency})?\s?(?P<until>{NUMBER}))?"
    sign_first = rf"(?P<minus>-)?(?<![{WORD}$])(?P<currency>{currency})\s?(?P<less>-)?"
    return (
        Rule(re.compile(rf"{sign_first}{amounts}{scale}{_AFTER}"), _say),
        Rule(
            re.compile(
                rf"(?P<minus>(?<!\S)-)?{BEGINS}{amounts}{scale}(?P<less>)"
                rf"\s?(?P<currency>{currency}){WORD_ENDS}"
            ),
            _say,
        ),
    )


def _say(found: Found) -> str:
    locale = found.locale
    currency = locale.currencies[found.get("currency")]
    amount = Number.read(found.get("from"))
    until = found.get("until")
    scale = found.get("scale")
    if until:
        last = Number.read(until)
        words = f"{_number(amount, currency, locale)} {locale.to} {_number(last, currency, locale)}"
    elif scale:
        words = _number(amount, currency, locale)
    else:
        words = _with_hundredths(amount, currency, locale)
    if until or scale:
        said_scale = f" {locale.scales[scale][0]}" if scale else ""
        words = f"{words}{said_scale} {currency.unit.many}"
    minus = found.get("minus") or found.get("less")
    return f"{locale.minus} {words}" if minus else words


def _with_hundredths(amount: Number, currency: Currency, locale: Locale) -> str:
    if len(amount.fraction) > 2:
        return f"{_number(amount, currency, locale)} {currency.unit.many}"
    hundredths = int(amount.fraction.ljust(2, "0"))
    said = []
    if amount.whole or not hundredths:
        whole = Number(amount.whole, "", amount.written)
        words = _number(whole, currency, locale)
        said.append(f"{words} {currency.unit.counted(whole.counts)}")
    if hundredths:
        words = locale.cardinal(hundredths, locale.grouping)
        said.append(f"{words} {currency.hundredth.counted(str(hundredths))}")
    return f" {locale.and_} ".join(said)


def _number(amount: Number, currency: Currency, locale: Locale) -> str:
    """Say rupees in lakhs wherever the language counts so, dollars where they are written so."""
    indian = currency.grouping is Grouping.INDIAN or amount.groups_by_two
    grouping = locale.grouping if indian else Grouping.WESTERN
    return amount.as_amount(locale, grouping)
