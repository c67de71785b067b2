"""Text as it comes, cut into clauses an engine can speak; and what of it cannot be spoken.

Clauses end where a sentence does, at a line's end, or, when an author writes on and on, at the
last comma or space before the limit. However a token stream is cut, the clauses are the same:
a full stop ends a sentence only once the character after it is known.
"""

from __future__ import annotations

import re
import unicodedata

import attrs

CLAUSE_LIMIT = 300
"""Characters in a clause at most, so that one call cannot hold a shared engine for long."""

_SENTENCE_ENDS = ".!?…。！？।॥؟۔"
_WIDE_SENTENCE_ENDS = "。！？"  # written without a space after them
_CLOSERS = "\"'”’»)]}」』"
_ENDING = re.compile(
    rf"[\n\r]|[{re.escape(_SENTENCE_ENDS)}][{re.escape(_SENTENCE_ENDS + _CLOSERS)}]*"
)
# Of the format codes: byte order mark, joiner, zero-width space, and direction marks, which
# telephone numbers copied from an address book are wrapped in.
_UNSPOKEN = (
    "\ufeff\u2060\u200b\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"
)
_WORD = re.compile(r"\S")
_SOFT_BREAKS = (",;:،、，；：—–", " \t")


@attrs.frozen
class Clause:
    """A piece of text to be spoken in one go, and where it stood in the utterance."""

    text: str
    start: int
    """Characters of the utterance before it."""

    @property
    def end(self) -> int:
        """Characters of the utterance up to its end."""
        return self.start + len(self.text)


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


class ClauseSplitter:
    """Pieces of text in, clauses out. Leading spaces belong to no clause."""

    def __init__(self, limit: int = CLAUSE_LIMIT) -> None:
        self._limit = limit
        self._text = ""
        self._start = 0  # where self._text begins in the utterance

    def push(self, piece: str) -> list[Clause]:
        """Return the clauses that `piece` completes."""
        self._text += piece
        return self._cut(final=False)

    def flush(self) -> list[Clause]:
        """Return what is left; the text has ended."""
        return self._cut(final=True)

    def _cut(self, *, final: bool) -> list[Clause]:
        clauses = []
        at = 0
        while found := _WORD.search(self._text, at):
            begin = found.start()
            end = self._next_end(begin, final=final)
            if end is None:
                break
            clauses.append(Clause(self._text[begin:end].rstrip(), self._start + begin))
            at = end
        else:
            at = len(self._text)  # nothing but spaces: out of the way
        self._start += at
        self._text = self._text[at:]
        return clauses

    def _next_end(self, begin: int, *, final: bool) -> int | None:
        """Return the index after the clause that begins at `begin`; None when more must come.

        Nothing past `stop` is looked at, except the one character that decides: otherwise the
        answer would hang on how much text happens to be here already.
        """
        text = self._text
        stop = begin + self._limit
        for found in _ENDING.finditer(text, begin, stop):
            end = found.end()
            if text[end - 1] in "\n\r":
                return end
            if end == len(text):
                return end if final else None
            if text[end].isspace() or text[end - 1] in _WIDE_SENTENCE_ENDS:
                return end
        if len(text) > stop:
            return begin + self._soft_break(text[begin:stop])
        return len(text) if final else None

    def _soft_break(self, window: str) -> int:
        """Return the best place to cut a clause that is too long."""
        for breaks in _SOFT_BREAKS:
            at = max(window.rfind(each) for each in breaks)
            if at > 0:
                return at + 1
        return len(window)
