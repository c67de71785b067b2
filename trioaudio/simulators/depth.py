"""How much audio a carrier held over the time of a call, in a series that never grows long."""

from __future__ import annotations

import attrs

from trioaudio.core.percentiles import percentile

STEP_MS = 100
MOST_VALUES = 600


@attrs.define(eq=False)
class BufferDepth:
    """One value each `step_ms` since the first audio; `step_ms` doubles when there are too many."""

    step_ms: int = STEP_MS
    values: list[int] = attrs.field(factory=list)
    """Milliseconds of audio that waited."""
    most: int = 0
    """The largest depth there ever was, between two values too."""
    due: float | None = None
    """When the next value is to be taken; None before any audio."""
    _begin: float = 0.0

    def begin(self, now: float) -> None:
        """Begin the series, once, with the first audio."""
        if self.due is None:
            self._begin = self.due = now

    def reach(self, depth_ms: int) -> None:
        """Note a depth that audio just arrived has made."""
        self.most = max(self.most, depth_ms)

    def add(self, depth_ms: int) -> None:
        """Take the value that was due."""
        self.reach(depth_ms)
        self.values.append(depth_ms)
        if len(self.values) == MOST_VALUES:
            del self.values[1::2]
            self.step_ms *= 2
        self.due = self._begin + len(self.values) * self.step_ms / 1000

    def asdict(self) -> dict[str, object]:
        """Return it for JSON; minimum and median are of the values when there was something."""
        held = sorted(value for value in self.values if value)
        last = max((n for n, value in enumerate(self.values) if value), default=-1)
        return {
            "step_ms": self.step_ms,
            "min": held[0] if held else None,
            "median": percentile(held, 0.5) if held else None,
            "max": self.most or None,
            "series": self.values[: last + 1],
        }
