"""How long to wait before trying again, and when to stop trying."""

from __future__ import annotations

import attrs


@attrs.frozen
class Backoff:
    """Capped exponential backoff with full jitter; `first` and `cap` in seconds.

    Full jitter (a uniform draw between nothing and the exponential bound) spreads a thousand
    legs that were lost at one instant better than any narrower one.
    """

    first: float = 0.25
    cap: float = 8.0
    attempts: int = 8

    def delay(self, attempt: int, draw: float) -> float | None:
        """Return the wait before `attempt` (from 0); None when no attempt is left.

        `draw` is the caller's random number from [0, 1).
        """
        if attempt >= self.attempts:
            return None
        # 2**60 seconds is past any cap; the bound keeps the power a float.
        return draw * min(self.cap, self.first * 2.0 ** min(attempt, 60))


@attrs.define(eq=False)
class RestartIntensity:
    """At most `most` restarts within any `within` seconds; more means it will not get better."""

    most: int
    within: float
    _restarts: list[float] = attrs.field(factory=list)

    def allow(self, now: float) -> bool:
        """Count a restart at `now`; False when it would be one too many."""
        while self._restarts and now - self._restarts[0] > self.within:
            del self._restarts[0]
        if len(self._restarts) >= self.most:
            return False
        self._restarts.append(now)
        return True
