"""Texts as the front end cuts them; of those said again and again, cut once.

A greeting is the same for every call, and to cut 250 characters takes 0.4 ms: as long as all else
that a prompt made before needs until its first frame.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Final

import attrs

from trioaudio.core.front_end.clause import SpokenClause
from trioaudio.core.front_end.front_end import FrontEnd, FrontEndOptions

DEFAULT_LANGUAGE: Final = "en"
"""Of texts of which nothing says what they are in."""
REMEMBERED: Final = 128
"""Texts, the ones said last: a few hundred bytes for each word, a megabyte if all are long."""


@attrs.define(eq=False)
class CutText:
    """A `script.CutsClauses` of a text whose clauses are known: it is pushed whole, once."""

    characters: int
    """Of the author's text."""
    _clauses: tuple[SpokenClause, ...]
    holds_text: bool = False

    def push(self, piece: str) -> list[SpokenClause]:
        """Return all clauses; the piece is the text."""
        del piece
        return list(self._clauses)

    def hurry(self) -> list[SpokenClause]:
        """Return nothing: no text waits for more."""
        return []

    def flush(self) -> list[SpokenClause]:
        """Return nothing: there is nothing left."""
        return []


class CutTexts:
    """Front ends by language, and what they made of whole texts."""

    def __init__(self, options: FrontEndOptions) -> None:
        self._options = options
        self._cut: OrderedDict[tuple[str | None, str], tuple[SpokenClause, ...]] = OrderedDict()

    def front_end(self, language: str | None) -> FrontEnd:
        """Return a front end for one text. ConfigError when the language cannot be read."""
        return FrontEnd(attrs.evolve(self._options, language=language or DEFAULT_LANGUAGE))

    def cut(self, text: str, language: str | None) -> CutText:
        """Return a whole text as it is cut; ConfigError when the language cannot be read."""
        key = (language, text)
        clauses = self._cut.pop(key, None)
        if clauses is None:
            front_end = self.front_end(language)
            clauses = (*front_end.push(text), *front_end.flush())
        self._cut[key] = clauses
        if len(self._cut) > REMEMBERED:
            self._cut.popitem(last=False)
        return CutText(len(text), clauses)
