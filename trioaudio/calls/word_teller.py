"""Tells the words of one utterance as they are played, for whoever wished that."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from trioaudio.api.events import Marker
from trioaudio.calls.utterance_book import Entry
from trioaudio.core.heard_text import words_due

if TYPE_CHECKING:
    from trioaudio.calls.live_call import LiveCall

LOOK_S = 0.06
"""How often is looked which words were played: a frame."""


@attrs.define(eq=False)
class WordTeller:
    """Served by the pacer while its utterance is incomplete; see `pacer.Paced`."""

    live: LiveCall
    entry: Entry
    turn: int = 0
    _told_ms: float = 0.0

    def tick(self, now: float) -> float | None:
        """Tell the words that were played since the last turn."""
        if self.entry.said.utterance.state.final:
            return None  # they were told with its end
        self.live.call.count_played()
        self.tell()
        return now + LOOK_S

    def tell(self) -> None:
        """Tell the words that were played, as last counted, and not told yet."""
        utterance = self.entry.said.utterance
        played_ms = utterance.played_ms
        for word in words_due(self.entry.said.words, self._told_ms, played_ms):
            self.live.tell(
                Marker(
                    call=self.live.id,
                    at=self.live.shared.clock.now(),
                    utterance=utterance.id,
                    start=word.start,
                    text=self.entry.text[word.start : word.start + word.length],
                    played_ms=round(word.at_ms, 1),
                )
            )
        self._told_ms = max(self._told_ms, played_ms)

    def fail(self, exc: Exception) -> None:
        """Hand on a bug to the leg, whose supervisor judges it."""
        if self.live.call.leg is not None:
            self.live.call.leg.fail(exc)
