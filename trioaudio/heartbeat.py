"""Whether the far end is still there: pings, and the times a leg may take for what."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio

from trioaudio.core.connection import MediaConnection
from trioaudio.core.errors import LegLostError
from trioaudio.pacer import Pacer


@attrs.frozen
class LegTiming:
    """How long a leg may take for what, in seconds."""

    send_deadline: float = 5.0
    ping_interval: float = 20.0
    pong_timeout: float = 10.0


@attrs.define(eq=False)
class Heartbeat:
    """Pings now and then, and loses the leg when nothing at all is heard afterwards.

    No carrier and no library does it for us. Served by the pacer: a task and a time-out for each
    of a thousand legs would cost 3 MB.
    """

    connection: MediaConnection
    pacer: Pacer
    timing: LegTiming
    fail: Callable[[Exception], None]
    turn: int = 0
    _heard: int | None = None  # what was heard when the ping left; None: no ping is under way

    def start(self) -> None:
        """Ping for the first time an interval from now."""
        self.pacer.wake(self, trio.current_time() + self.timing.ping_interval)

    def tick(self, now: float) -> float | None:
        """Ping, or look what came of it; see `pacer.Paced`."""
        if self._heard is None:
            self._heard = self.connection.heard
            self.connection.ping()
            return now + self.timing.pong_timeout
        if self.connection.heard == self._heard:
            raise LegLostError(
                f"{self.connection.peer} gave no sign of life for {self.timing.pong_timeout:g} s"
            )
        self._heard = None
        return now + self.timing.ping_interval
