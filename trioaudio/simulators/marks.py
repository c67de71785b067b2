"""Which marks a simulated carrier acknowledges, when and how often: honestly, or as a fault asks.

Computes only. What the acknowledgement looks like on the wire is the dialect's business.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

import attrs

from trioaudio.simulators.faults import Amount, Faults, Switch

STALE_AFTER = 0.2
"""Seconds after a clear at which the fault of stale marks strikes."""


@attrs.frozen
class Acknowledgement:
    """A mark to be acknowledged at a time."""

    at: float
    name: str


@attrs.define(eq=False)
class Acknowledgements:
    """One call's marks; `draw` gives numbers from 0 to below 1, the same ones for the same seed."""

    faults: Faults
    draw: random.Random
    asked: int = 0
    played: int = 0
    """Due and acknowledged, whatever a fault did to the time or the number of times."""
    cleared: int = 0
    _last: str | None = None

    @property
    def lost(self) -> int:
        """Marks that were asked for and that nobody heard of again, so far."""
        return self.asked - self.played - self.cleared

    def ask(self) -> None:
        """Count a mark asked for."""
        self.asked += 1

    def due(self, now: float, names: Sequence[str]) -> list[Acknowledgement]:
        """Return what is to be said about marks before which all audio has been played."""
        said: list[Acknowledgement] = []
        at = now + (self.faults.seconds(Amount.LATE_MARKS) or 0.0)
        for name in names:
            if self.draw.random() < self.faults.amounts.get(Amount.LOST_MARKS, 0.0):
                continue
            self.played += 1
            self._last = name
            said.append(Acknowledgement(at, name))
            if self.faults.has(Switch.DUPLICATE_MARKS):
                said.append(Acknowledgement(at, name))
        return said

    def clear(self, now: float, waiting: Sequence[str]) -> list[Acknowledgement]:
        """Count marks that a clear took, and return what a fault says about them all the same."""
        self.cleared += len(waiting)
        if not self.faults.has(Switch.STALE_MARK_AFTER_CLEAR):
            return []
        stale = waiting or ([self._last] if self._last is not None else [])
        return [Acknowledgement(now + STALE_AFTER, name) for name in stale]

    def statistics(self) -> dict[str, int]:
        """Return the counts for JSON."""
        return {
            "asked": self.asked,
            "played": self.played,
            "cleared": self.cleared,
            "lost": self.lost,
        }
