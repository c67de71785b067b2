"""Says a text by some rules of a language."""

from collections.abc import Callable

from trioaudio.core.front_end.normalise import english, hindi, normaliser
from trioaudio.core.front_end.normalise.locale import Locale
from trioaudio.core.front_end.normalise.rule import Rule

LOCALES = {
    "en-IN": english.INDIAN,
    "en-US": english.AMERICAN,
    "en-GB": english.INTERNATIONAL,
    "hi": hindi.HINDI,
}


def say(text: str, rules_of: Callable[[Locale], tuple[Rule, ...]], language: str = "en-IN") -> str:
    locale = LOCALES[language]
    return normaliser.say(text, locale, rules_of(locale))
