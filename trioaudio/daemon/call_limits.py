"""Ends calls that last too long, never begin their stream, or whose far end has fallen silent."""

from __future__ import annotations

import attrs
import trio

from trioaudio.calls.live_call import LiveCall
from trioaudio.core.utterance import Cause
from trioaudio.pacer import Pacer

LOOKS = 4
"""How often it is looked within the shortest of the limits."""


@attrs.define(eq=False)
class CallLimits:
    """Served by the pacer while its call is up; see `pacer.Paced`. Seconds; 0: no limit."""

    live: LiveCall
    begin: float
    """How long a carrier that has connected may take to begin its stream."""
    most: float
    no_media: float
    turn: int = 0
    _connected_at: float | None = None
    _heard: int = -1
    _heard_at: float = 0.0

    def watch(self, pacer: Pacer) -> None:
        """Watch from now on."""
        now = trio.current_time()
        pacer.wake(self, now + self._next(now))

    def tick(self, now: float) -> float | None:
        """End the call if it is time."""
        live = self.live
        if live.ended:
            return None
        if live.answered_at is None:
            if self._never_begins(now):
                reason = f"the carrier connected and began no stream within {self.begin:g} s"
                live.end("not-answered", reason, as_cause=Cause.CARRIER_LOST)
                return None
        elif self.most and now >= live.answered_at + self.most:
            live.end("too-long", f"it lasted {self.most:g} s", as_cause=Cause.CANCELLED)
            return None
        elif self.no_media and self._is_silent(now):
            reason = f"the far end sent nothing for {self.no_media:g} s"
            live.end("no-media", reason, as_cause=Cause.CANCELLED)
            return None
        return now + self._next(now)

    def _never_begins(self, now: float) -> bool:
        if self.live.call.leg is None:
            self._connected_at = None
        elif self._connected_at is None:
            self._connected_at = now
        return self._connected_at is not None and now >= self._connected_at + self.begin

    def _is_silent(self, now: float) -> bool:
        leg = self.live.call.leg
        heard = -1 if leg is None else leg.hearing.messages
        if leg is None or heard != self._heard:
            # While there is no connection, its return is waited for, which has a limit of its own.
            self._heard, self._heard_at = heard, now
            return False
        return now >= self._heard_at + self.no_media

    def _next(self, now: float) -> float:
        answered_at = self.live.answered_at
        if answered_at is None:
            return self.begin / LOOKS
        looks = [self.no_media / LOOKS] if self.no_media else []
        if self.most:
            looks.append(max(0.01, answered_at + self.most - now))
        return min(looks, default=_DAY_S)

    def fail(self, exc: Exception) -> None:
        """Hand on a bug to the leg, whose supervisor judges it."""
        if self.live.call.leg is not None:
            self.live.call.leg.fail(exc)


_DAY_S = 86_400.0
