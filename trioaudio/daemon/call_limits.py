"""Ends calls that last too long, or whose far end has fallen silent altogether."""

from __future__ import annotations

import attrs
import trio

from trioaudio.calls.live_call import LiveCall
from trioaudio.core.utterance import Cause
from trioaudio.pacer import Pacer

LOOKS = 4
"""How often it is looked within the time a far end may send nothing."""


@attrs.define(eq=False)
class CallLimits:
    """Served by the pacer while its call is up; see `pacer.Paced`. Seconds; 0: no limit."""

    live: LiveCall
    most: float
    no_media: float
    turn: int = 0
    _heard: int = -1
    _heard_at: float = 0.0

    def begin(self, pacer: Pacer) -> None:
        """Watch from now on, if there is anything to watch."""
        if self.most or self.no_media:
            pacer.wake(self, trio.current_time() + self._next(trio.current_time()))

    def tick(self, now: float) -> float | None:
        """End the call if it is time."""
        live = self.live
        if live.ended:
            return None
        since = live.answered_at
        if self.most and since is not None and now >= since + self.most:
            live.end("too-long", f"it lasted {self.most:g} s", as_cause=Cause.CANCELLED)
            return None
        if self.no_media and self._is_silent(now):
            live.end(
                "no-media",
                f"the far end sent nothing for {self.no_media:g} s",
                as_cause=Cause.CANCELLED,
            )
            return None
        return now + self._next(now)

    def _is_silent(self, now: float) -> bool:
        leg = self.live.call.leg
        heard = -1 if leg is None else leg.hearing.messages
        if leg is None or heard != self._heard:
            # While there is no connection, its return is waited for, which has a limit of its own.
            self._heard, self._heard_at = heard, now
            return False
        return now >= self._heard_at + self.no_media

    def _next(self, now: float) -> float:
        looks = [self.no_media / LOOKS] if self.no_media else []
        if self.most:
            since = self.live.answered_at
            looks.append(self.most if since is None else max(0.01, since + self.most - now))
        return min(looks)

    def fail(self, exc: Exception) -> None:
        """Hand on a bug to the leg, whose supervisor judges it."""
        if self.live.call.leg is not None:
            self.live.call.leg.fail(exc)
