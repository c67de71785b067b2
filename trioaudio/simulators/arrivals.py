"""When audio arrived, against when it should have: spacing, lateness and drift.

The ideal schedule is the sender's: within a talkspurt, audio that begins t seconds into it is
expected `max(0, t - lead)` after the anchor. The anchor is not known, so it is taken from the
best that was seen: the smallest difference between arrival and expectation in that talkspurt.
Lateness is therefore never negative, and a sender that is late by a constant is not late.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence

import attrs

from trioaudio.core.percentiles import Spread, percentile, spread
from trioaudio.simulators.playout import TALKSPURT_GAP

LEAST_S = 0.001
"""Less audio than this in a message is no speech, and is not timed."""


@attrs.frozen
class ArrivalStatistics:
    """Distributions in milliseconds, one value for each message that begins a frame."""

    spacing_ms: Spread
    """Between successive messages of a talkspurt."""
    lateness_ms: Spread
    drift_ms: float | None
    """Median lateness of the second half less that of the first; None of fewer than four."""
    burst_ms: float
    """The most audio that a talkspurt was ahead of real time, its latest message included."""


@attrs.define(eq=False)
class Arrivals:
    """A call's arrivals; `lead` in seconds. Keeps 16 bytes a frame: 1 MB an hour at 60 ms.

    `frame_samples` is the sender's frame. One that comes in several messages is timed by its first.
    """

    sample_rate: int
    lead: float
    frame_samples: int = 1
    _spacing: array[float] = attrs.field(factory=lambda: array("d"))
    _lateness: array[float] = attrs.field(factory=lambda: array("d"))
    _since_expected: array[float] = attrs.field(factory=lambda: array("d"))
    """Arrival less expectation, of the talkspurt that goes on."""
    _samples: int = 0
    _frame: int = -1
    _first: float = 0.0
    _last: float = 0.0
    _lasts_until: float = 0.0
    _burst: float = 0.0

    def add(self, at: float, samples: int) -> None:
        """Count a message with `samples` samples that arrived at `at`."""
        if self._since_expected and at - self._lasts_until > TALKSPURT_GAP:
            self.end_talkspurt()
        if not self._since_expected:
            self._first = at
        frame = self._samples // self.frame_samples
        if frame > self._frame and samples >= self.sample_rate * LEAST_S:
            self._frame = frame
            if self._since_expected:
                self._spacing.append((at - self._last) * 1000)
            expected = max(0.0, self._samples / self.sample_rate - self.lead)
            self._since_expected.append(at - expected)
            self._last = at
        self._samples += samples
        self._burst = max(self._burst, self._samples / self.sample_rate - (at - self._first))
        self._lasts_until = max(self._lasts_until, at) + samples / self.sample_rate

    def end_talkspurt(self) -> None:
        """Begin a new schedule with the next message: after a break, or another connection."""
        self._lateness.extend(self._lateness_now())
        del self._since_expected[:]
        self._samples = 0
        self._frame = -1
        self._lasts_until = 0.0

    def statistics(self) -> ArrivalStatistics:
        """Return the distributions up to now."""
        lateness = self.lateness_values()
        half = len(lateness) // 2
        drift = None
        if half >= 2:
            first, second = sorted(lateness[:half]), sorted(lateness[half:])
            drift = percentile(second, 0.5) - percentile(first, 0.5)
        return ArrivalStatistics(spread(self._spacing), spread(lateness), drift, self._burst * 1000)

    def spacing_values(self) -> Sequence[float]:
        """Return every spacing in milliseconds, for a spread over several calls."""
        return self._spacing

    def lateness_values(self) -> Sequence[float]:
        """Return every lateness in milliseconds, likewise."""
        return self._lateness + self._lateness_now()

    def _lateness_now(self) -> array[float]:
        """Return the lateness of the talkspurt that goes on."""
        anchor = min(self._since_expected, default=0.0)
        return array("d", ((each - anchor) * 1000 for each in self._since_expected))
