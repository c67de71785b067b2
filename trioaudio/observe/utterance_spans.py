"""Where each utterance stands in a recording: spans of samples, cut where a clear cut the sound."""

from __future__ import annotations

from collections.abc import Iterator

import attrs

SPANS_MOST = 20_000
"""Spans kept of one call: a talkative day. More are counted, and not kept."""


@attrs.define
class Span:
    """What one utterance filled without a break, in samples after the beginning."""

    utterance: int
    start: int
    end: int


@attrs.define(eq=False)
class UtteranceSpans:
    """Spans in the order of time."""

    left_out: int = 0
    _spans: list[Span] = attrs.field(factory=list)

    def add(self, utterance: int, start: int, end: int) -> None:
        """Note a message of an utterance; it goes on with the last span if it touches it."""
        last = self._spans[-1] if self._spans else None
        if last is not None and last.utterance == utterance and last.start <= start <= last.end:
            last.end = max(last.end, end)
        elif len(self._spans) < SPANS_MOST:
            self._spans.append(Span(utterance, start, end))
        else:
            self.left_out += 1

    def cut(self, at: int) -> None:
        """Forget what is at or after `at`: it was not heard."""
        while self._spans and self._spans[-1].start >= at:
            self._spans.pop()
        if self._spans:
            self._spans[-1].end = min(self._spans[-1].end, at)

    def __iter__(self) -> Iterator[Span]:
        """Go through them in order."""
        return iter(self._spans)
