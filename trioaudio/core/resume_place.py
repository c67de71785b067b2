"""Where another engine goes on with a clause that broke off: what was heard of it, and phrases.

Nothing may be lost, and little said twice: what is not certain counts as not heard.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import attrs

from trioaudio.core.engine import WordTiming

REPEAT_MOST = 60
"""Characters that may be said twice so that the next engine begins at a phrase's edge."""

_CHARACTERS_PER_S = 13.0  # slow speech, so that a place estimated by it was surely heard
_WORD_MS = 100.0
_PHRASE_EDGE = re.compile(r"[,;:.!?…،؛](?=\s)|[—–](?!\d)|[、，；：。！？।॥]")
_BETWEEN_WORDS = ' .,;:!?…।॥،؛—–、，；：。！？"”’)]'


@attrs.frozen
class Heard:
    """What need not be said again of a clause."""

    characters: int
    """All of them if the clause was heard to its end."""
    until_ms: float
    """Where in the sound the next clause begins, or all sound ends."""


def find_heard(
    text: str, words: Sequence[WordTiming], begin_ms: float, end_ms: float, *, followed: bool
) -> Heard | None:
    """Return how much of a clause was heard of which sound came from `begin_ms` to `end_ms`.

    `words` are those that were told of it; without any, its length is the only clue. `followed`
    says that the sound may be the next clause's as well. None when nothing of it was heard.
    """
    if not words:
        return _guess(text, 0, begin_ms, end_ms, followed=followed)
    begun = [word for word in words if word.at_ms <= end_ms]
    if not begun:
        return None
    last = max(begun, key=lambda word: word.at_ms)
    start = min(max(0, last.start), len(text))
    after = min(start + max(0, last.length), len(text))
    over_ms = last.at_ms + _WORD_MS + last.length * 1000 / _CHARACTERS_PER_S
    if len(begun) < len(words) or end_ms <= over_ms:
        return Heard(phrase_start(text, start), end_ms)
    while after < len(text) and text[after] in _BETWEEN_WORDS:
        after += 1
    if after == len(text):
        return Heard(after, over_ms)
    # Words come late, or no more of them: what came after the last one was heard as well.
    return _guess(text, after, over_ms, end_ms, followed=followed)


def _guess(
    text: str, start: int, begin_ms: float, end_ms: float, *, followed: bool
) -> Heard | None:
    """Return how far slow speech gets from a place in the text."""
    if end_ms <= begin_ms:
        return None
    at = start + int((end_ms - begin_ms) / 1000 * _CHARACTERS_PER_S)
    if followed and at >= len(text):
        return Heard(len(text), begin_ms + (len(text) - start) * 1000 / _CHARACTERS_PER_S)
    word = text.rfind(" ", 0, min(at, len(text)) + 1) + 1
    return Heard(phrase_start(text, max(start, word)), end_ms)


def phrase_start(text: str, at: int) -> int:
    """Return where the phrase begins that a word is in; the word's own place when that is far."""
    edge = 0
    for found in _PHRASE_EDGE.finditer(text, 0, at):
        edge = found.end()
    offset = edge if at - edge <= REPEAT_MOST else at
    while offset < len(text) and text[offset].isspace():
        offset += 1
    return offset
