"""Seconds since 1970 for times on Trio's clock, which is what everything is counted in."""

from __future__ import annotations

from datetime import UTC, datetime

import attrs
import trio


@attrs.frozen
class WallClock:
    """The difference between the two, as it was when the process began.

    A step of the machine's clock afterwards moves nothing: durations stay true.
    """

    offset: float

    @classmethod
    def start(cls) -> WallClock:
        """Read both clocks."""
        return cls(datetime.now(UTC).timestamp() - trio.current_time())

    def now(self) -> float:
        """Return the time."""
        return trio.current_time() + self.offset

    def since_1970(self, moment: float) -> float:
        """Return a moment of Trio's clock."""
        return moment + self.offset

    def at(self, moment: float | None) -> float | None:
        """Return a moment of Trio's clock, if there is one."""
        return None if moment is None else moment + self.offset
