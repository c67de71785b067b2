"""How the daemon comes to an end: no new calls, calls end by themselves or are cut, goodbye."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs
import trio

from trioaudio.calls.roll import Roll
from trioaudio.core.utterance import Cause
from trioaudio.daemon.admission import Admission, Stage
from trioaudio.net.listener import Listener
from trioaudio.observe.logs import get_logger

GOODBYE_S: Final = 5.0
"""How long calls may take to say goodbye when they are cut."""

RETRY_AFTER_S: Final = 5


@attrs.define(eq=False)
class Leaving:
    """Knows whether the daemon is to end, and in what hurry."""

    admission: Admission
    roll: Roll
    on_forced: Callable[[], None]
    """Is called for each call that is cut."""
    begun: trio.Event = attrs.field(factory=trio.Event)
    _hurry: trio.Event = attrs.field(factory=trio.Event)

    def begin(self) -> None:
        """Take no new calls, and end once those there are have ended; a second time: at once."""
        if self.begun.is_set():
            self._hurry.set()
        self.admission.stage = Stage.DRAINING
        self.begun.set()

    async def drain(self, listener: Listener, timeout_s: float) -> None:
        """Let calls end by themselves, for so long or until there is a hurry; then cut them."""
        log = get_logger("trioaudio.daemon")
        listener.refuse_new("the node is leaving", RETRY_AFTER_S)
        log.info("draining", calls=len(self.roll), timeout_s=timeout_s)
        with trio.move_on_after(timeout_s):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hurry_up, nursery.cancel_scope)
                await self.roll.wait_empty()
                nursery.cancel_scope.cancel()
        left = list(self.roll)
        if left:
            log.warning("calls are cut: the drain took too long", calls=len(left))
        for live in left:
            self.on_forced()
            live.end("drained", "the node left", as_cause=Cause.DRAINED)
        with trio.move_on_after(GOODBYE_S):
            await self.roll.wait_empty()

    async def _hurry_up(self, drain: trio.CancelScope) -> None:
        await self._hurry.wait()
        drain.cancel()
