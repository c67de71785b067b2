"""Which languages' numbers can be put into words, by their BCP 47 names."""

from __future__ import annotations

from trioaudio.core.front_end.normalise import english, hindi
from trioaudio.core.front_end.normalise.locale import Locale

_LOCALES = {
    "en": english.AMERICAN,
    "en-us": english.AMERICAN,
    "en-ph": english.AMERICAN,
    "en-in": english.INDIAN,
    "hi": hindi.HINDI,
    "hi-in": hindi.HINDI,
    "hi-deva": hindi.HINDI,
    "hi-deva-in": hindi.HINDI,
    # Written in Latin letters it has English numbers among it.
    "hi-latn": english.INDIAN,
    "hi-latn-in": english.INDIAN,
}


def locale_of(language: str) -> Locale | None:
    """Return what is known of a language; None: its texts are left as they are written."""
    name = language.lower().replace("_", "-")
    if name in _LOCALES:
        return _LOCALES[name]
    return english.INTERNATIONAL if name.startswith("en-") else None
