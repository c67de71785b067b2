"""What the front end gives out: a clause to speak, and where each part of it was written."""

from __future__ import annotations

import bisect

import attrs


@attrs.frozen
class Span:
    """A stretch of a clause's text and the stretch of the author's text it stands for."""

    spoken_start: int
    spoken_end: int
    start: int
    end: int
    verbatim: bool = True
    """Said as it was written, character by character (a tab or a control character as a space);
    otherwise the whole is said for the whole."""


@attrs.frozen
class SpokenClause:
    """A piece of text an engine says in one go.

    Clauses of an utterance follow one another without a gap: the first starts at 0, each of the
    others where the one before it ended. What is between two words belongs to the later clause.
    """

    text: str
    """Normalised, without spaces around it, with something to say in it."""
    start: int
    """Characters of the author's text before it."""
    end: int
    """Characters of the author's text up to its end."""
    ends_sentence: bool
    """It ends a sentence, a line or the text; otherwise it was cut at a comma or a space."""
    spans: tuple[Span, ...]
    """In order, without a gap, from the first character of `text` to its last."""

    def source_of(self, start: int, length: int) -> tuple[int, int]:
        """Return (start, length) in the author's text of a stretch of `text`.

        Of a replaced span that is touched the whole is returned. A stretch outside `text` is
        moved inside, so that what an engine reports never leads out of the clause.
        """
        first = min(max(start, 0), len(self.text))
        last = min(first + max(length, 0), len(self.text))
        begin = self._source_start(first)
        if last == first:
            return begin, 0
        return begin, max(self._source_end(last) - begin, 0)

    def _source_start(self, at: int) -> int:
        if at == len(self.text):
            return self.spans[-1].end
        span = self._span_at(at)
        return span.start + (at - span.spoken_start) if span.verbatim else span.start

    def _source_end(self, at: int) -> int:
        span = self._span_at(at - 1)
        return span.start + (at - span.spoken_start) if span.verbatim else span.end

    def _span_at(self, at: int) -> Span:
        ends = bisect.bisect_right(self.spans, at, key=lambda span: span.spoken_end)
        return self.spans[ends]
