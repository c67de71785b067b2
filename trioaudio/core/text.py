"""What of a text can be spoken at all: controls, speakable characters, scripts."""

from __future__ import annotations

import unicodedata

CLAUSE_LIMIT = 300
"""Characters in a clause at most, so that one call cannot hold a shared engine for long."""

# Of the format codes: byte order mark, joiner, zero-width space, and direction marks, which
# telephone numbers copied from an address book are wrapped in.
_UNSPOKEN = (
    "\ufeff\u2060\u200b\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)


def is_control(character: str) -> bool:
    """Say whether a character is a control or format code no voice can speak.

    Joiners (U+200C, U+200D) are kept: they decide how Indic text is read. A lone surrogate is
    what undecodable input bytes become, and cannot be sent on.
    """
    if character in "\n\t\r\u200c\u200d":
        return False
    return unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn") or character in _UNSPOKEN


def without_controls(text: str) -> tuple[str, int]:
    """Return the text with control characters as spaces, and how many there were."""
    if text.isprintable():
        return text, 0
    controls = {ord(each): " " for each in set(text) if is_control(each)}
    if not controls:
        return text, 0
    return text.translate(controls), sum(text.count(chr(each)) for each in controls)


def speakable(text: str) -> bool:
    """Say whether there is anything in it a voice would say: a letter, a digit, a symbol."""
    return any(unicodedata.category(each)[0] in "LNS" for each in text)


def scripts(text: str) -> set[str]:
    """Return the scripts its letters are written in, by Unicode name, as in LATIN or DEVANAGARI."""
    return {
        unicodedata.name(each, "UNKNOWN").partition(" ")[0]
        for each in set(text)
        if unicodedata.category(each).startswith("L")
    }
