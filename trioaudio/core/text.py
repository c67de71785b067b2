"""Text as it comes, cut into clauses an engine can speak; and what of it cannot be spoken.

Clauses end where a sentence does, at a line's end, or, when an author writes on and on, at the
last comma or space before the limit. However a token stream is cut, the clauses are the same:
a full stop ends a sentence only once the character after it is known.
"""

from __future__ import annotations

import unicodedata

import attrs

CLAUSE_LIMIT = 300
"""Characters in a clause at most, so that one call cannot hold a shared engine for long."""

_SENTENCE_ENDS = frozenset(".!?…。！？।॥؟۔")
_WIDE_SENTENCE_ENDS = frozenset("。！？")  # written without a space after them
_CLOSERS = frozenset("\"'”’»)]}」』")
_TAIL = _SENTENCE_ENDS | _CLOSERS
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
    return unicodedata.category(character) in ("Cc", "Cs", "Co", "Cn") or character in (
        "\ufeff\u2060\u200b\u200e\u200f"
    )


def without_controls(text: str) -> tuple[str, int]:
    """Return the text with control characters as spaces, and how many there were."""
    if text.isprintable():
        return text, 0
    found = sum(map(is_control, text))
    if not found:
        return text, 0
    return "".join(" " if is_control(each) else each for each in text), found


def speakable(text: str) -> bool:
    """Say whether there is anything in it a voice would say: a letter, a digit, a symbol."""
    return any(unicodedata.category(each)[0] in "LNS" for each in text)


def scripts(text: str) -> set[str]:
    """Return the scripts its letters are written in, by Unicode name: LATIN, DEVANAGARI, CJK …"""
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
        self._scanned = 0  # no sentence ends before this index of self._text

    def push(self, piece: str) -> list[Clause]:
        """Return the clauses that `piece` completes."""
        self._text += piece
        return self._cut(final=False)

    def flush(self) -> list[Clause]:
        """Return what is left; the text has ended."""
        return self._cut(final=True)

    def _cut(self, *, final: bool) -> list[Clause]:
        clauses = []
        while (end := self._next_end(final=final)) is not None:
            text = self._text[:end]
            lead = len(text) - len(text.lstrip())
            stripped = text.strip()
            if stripped:
                clauses.append(Clause(stripped, self._start + lead))
            self._start += end
            self._text = self._text[end:]
            self._scanned = 0
        return clauses

    def _next_end(self, *, final: bool) -> int | None:
        """Return the index after the next clause in the text held; None when more must come."""
        text = self._text
        blank = len(text) - len(text.lstrip())
        if blank == len(text):
            # Nothing but space: keep it out of the way, unless there is nothing at all.
            return len(text) or None
        stop = blank + self._limit
        for index in range(max(self._scanned, blank), min(len(text), stop)):
            if text[index] in "\n\r":
                return index + 1
            end = self._sentence_end(index, stop, final=final)
            if end is not None:
                return end
        if len(text) > stop:
            return self._soft_break(blank)
        # A stop right at the end is not decided yet: look at its whole tail again.
        self._scanned = len(text.rstrip("".join(_TAIL)))
        return len(text) if final else None

    def _sentence_end(self, index: int, stop: int, *, final: bool) -> int | None:
        """Return where the sentence ending with the mark at `index` ends; None if it does not.

        Nothing past `stop` is looked at, except the one character that decides: otherwise the
        answer would hang on how much text happens to be here already.
        """
        text = self._text
        if text[index] not in _SENTENCE_ENDS:
            return None
        after = index + 1
        while after < min(stop, len(text)) and text[after] in _TAIL:
            after += 1
        if after == len(text):
            return after if final else None
        if text[after].isspace() or text[after - 1] in _WIDE_SENTENCE_ENDS:
            return after
        return None

    def _soft_break(self, blank: int) -> int:
        """Return the best place to cut a clause that is too long."""
        window = self._text[blank : blank + self._limit]
        for breaks in _SOFT_BREAKS:
            at = max(window.rfind(each) for each in breaks)
            if at > 0:
                return blank + at + 1
        return blank + self._limit
