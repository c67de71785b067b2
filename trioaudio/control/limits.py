"""How much one asker may ask: requests by token, failed tokens by peer."""

from __future__ import annotations

from collections import OrderedDict, deque
from typing import Final

import attrs

FAILURES: Final = 30
FAILURE_WINDOW_S: Final = 60.0
_PEERS: Final = 10_000
"""Peers whose failures are remembered; the one that failed longest ago is forgotten."""


@attrs.define(eq=False)
class TokenBucket:
    """Lets `rate` requests a second pass, and `burst` at once after a rest."""

    rate: float
    burst: int
    _left: float = attrs.field(init=False)
    _since: float | None = attrs.field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        """Begin rested."""
        self._left = float(self.burst)

    def take(self, now: float) -> float:
        """Let a request pass and return 0, or return the seconds until one could."""
        if self._since is not None:
            self._left = min(self.burst, self._left + (now - self._since) * self.rate)
        self._since = now
        if self._left >= 1:
            self._left -= 1
            return 0.0
        return (1 - self._left) / self.rate


@attrs.define(eq=False)
class FailureRecord:
    """Counts failures by peer within the last minute."""

    _times: OrderedDict[str, deque[float]] = attrs.field(factory=OrderedDict, init=False)

    def add(self, peer: str, now: float) -> None:
        """Count one."""
        times = self._times.setdefault(peer, deque(maxlen=FAILURES))
        times.append(now)
        self._times.move_to_end(peer)
        if len(self._times) > _PEERS:
            self._times.popitem(last=False)

    def wait(self, peer: str, now: float) -> float:
        """Return the seconds until this peer may fail again; 0 when it may."""
        times = self._times.get(peer)
        if times is None or len(times) < FAILURES:
            return 0.0
        return max(0.0, times[0] + FAILURE_WINDOW_S - now)
