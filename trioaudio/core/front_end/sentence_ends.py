"""Whether a full stop, or another sign that ends sentences, ends one here.

Decided by the word before it and by the characters after it: one, or where that says nothing, the
first one that is no space. So a sentence can be spoken as soon as the next one's space is there.
"""

from __future__ import annotations

import re

from trioaudio.core.front_end.abbreviations import Abbreviations
from trioaudio.core.front_end.word_characters import WORD

_WIDE = "。！？｡।॥۔؟"
"""No space follows them, or often none."""
_ENDS = ".!?…" + _WIDE
_CLOSERS = "\"'”’»)]}」』】）》"
END = rf"[{_ENDS}][{re.escape(_ENDS + _CLOSERS)}]{{0,15}}"
"""A regular expression for the signs that may end a sentence, closing quotes included."""

_END_AT_LAST = re.compile(rf"{END}\Z")
_HAS_WIDE = re.compile(rf"[{_WIDE}]")
_WORD_BEFORE = re.compile(rf"[{WORD}./&]+\Z")
_WORD_REACH = 24
_INITIALS = re.compile(r"(?:[^\W\d_]\.)*[^\W\d_]")
_LIST_NUMBER = re.compile(r"\d{1,3}")
_LIST_BEFORE = re.compile(rf"(?:\A|[\n:;{_ENDS}][{re.escape(_CLOSERS)}]?)\s*\Z")


def ends_sentence(
    text: str, found: re.Match[str], abbreviations: Abbreviations, *, final: bool
) -> bool | None:
    """Say whether the signs matched by `END` in `text` end a sentence; None: more must come."""
    signs, end = found[0], found.end()
    if end == len(text):
        return True if final else None
    if _HAS_WIDE.search(signs) is not None:
        return True
    if text[end] == "\n":
        return True
    if text[end] != " ":
        return False
    stop_only = signs == "."
    if stop_only and (word := _word_before(text, found.start())):
        return _stop_ends(text, found.start() - len(word), word, abbreviations, final=final)
    if stop_only or (len(signs) == 1 and signs in "!?"):
        return True
    small = _small_follows(text, end, final=final)
    return None if small is None else not small


def ends_at_pause(text: str, end: int, abbreviations: Abbreviations) -> bool:
    """Say whether a sentence probably ends at `end`, where the author pauses."""
    found = _END_AT_LAST.search(text, max(end - _WORD_REACH, 0), end)
    if found is None:
        return False
    word = _word_before(text, found.start())
    if not word or found[0] != ".":
        return True
    small = word.lower()
    listed = small in abbreviations.inner or small in abbreviations.before_number
    return not (listed or word[-1].isdecimal() or _is_initials(word))


def _word_before(text: str, at: int) -> str:
    found = _WORD_BEFORE.search(text[max(at - _WORD_REACH, 0) : at])
    return found[0] if found is not None else ""


def _stop_ends(
    text: str, word_at: int, word: str, abbreviations: Abbreviations, *, final: bool
) -> bool | None:
    """Say whether the full stop after `word`, before a space, ends a sentence."""
    small = word.lower()
    if small in abbreviations.inner or _is_initials(word):
        return False
    if _LIST_NUMBER.fullmatch(word) and _LIST_BEFORE.search(text[max(word_at - 8, 0) : word_at]):
        return False
    end = word_at + len(word) + 1
    if small in abbreviations.before_small:
        continues = _small_follows(text, end, final=final)
    elif small in abbreviations.before_number:
        continues = _digit_follows(text, end, final=final)
    else:
        continues = False
    return None if continues is None else not continues


def _is_initials(word: str) -> bool:
    """Say whether a word is a person's initials, as in J. K. Rowling, or U.S.; "I" is a word."""
    return word != "I" and word.isupper() and _INITIALS.fullmatch(word) is not None


def _small_follows(text: str, end: int, *, final: bool) -> bool | None:
    after = _next_visible(text, end, final=final)
    return None if after is None else after.islower() or after.isdecimal()


def _digit_follows(text: str, end: int, *, final: bool) -> bool | None:
    after = _next_visible(text, end, final=final)
    return None if after is None else after.isdecimal()


def _next_visible(text: str, end: int, *, final: bool) -> str | None:
    """Return the character after the space at `end`; a line's end counts, a text's is one."""
    if end + 1 < len(text):
        return text[end + 1]
    return "\n" if final else None
