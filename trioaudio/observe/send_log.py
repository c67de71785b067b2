"""What one call sent and when: exact, for the report of a single run."""

from __future__ import annotations

from array import array

import attrs

from trioaudio.core.percentiles import Spread, percentile, spread
from trioaudio.core.playout_item import Audio

RECENT = 40
"""Lateness values the live view shows."""


@attrs.define(eq=False)
class SendLog:
    """A `leg.SentHook`: 16 bytes a message, so an hour of speech takes 1 MB."""

    sent_at: array[float] = attrs.field(factory=lambda: array("d"))
    lateness: array[float] = attrs.field(factory=lambda: array("d"))
    frames: int = 0

    def __call__(self, item: Audio, sent_at: float, lateness: float, due: float) -> None:
        """Note one message."""
        del due
        self.sent_at.append(sent_at)
        self.lateness.append(lateness)
        self.frames += item.frames

    def lateness_ms(self) -> Spread:
        """Return the lateness; a frame sent a moment early is not late."""
        return spread(max(0.0, each) * 1000 for each in self.lateness)

    def spacing_ms(self) -> Spread:
        """Return the time between messages that followed each other."""
        return spread(
            (later - earlier) * 1000
            for earlier, later in zip(self.sent_at, self.sent_at[1:], strict=False)
        )

    def drift_ms(self) -> float | None:
        """Return how much later the second half was than the first, by the median; None of few."""
        half = len(self.lateness) // 2
        if half < 2:
            return None
        first, second = sorted(self.lateness[:half]), sorted(self.lateness[half:])
        return (percentile(second, 0.5) - percentile(first, 0.5)) * 1000

    def recent_ms(self) -> list[float]:
        """Return the latest lateness values, for a sparkline."""
        return [round(max(0.0, each) * 1000, 2) for each in self.lateness[-RECENT:]]
