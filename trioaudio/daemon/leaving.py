"""How the daemon comes to an end: no new calls, calls end by themselves or are cut, goodbye."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs
import trio

from trioaudio.calls.roll import Roll
from trioaudio.core.utterance import Cause
from trioaudio.daemon.admission import Admission, Stage
from trioaudio.observe.logs import get_logger

GOODBYE_S: Final = 5.0
"""How long calls may take to say goodbye when they are cut."""


@attrs.define(eq=False)
class Leaving:
    """Knows whether the daemon is to end, and in what hurry."""

    admission: Admission
    roll: Roll
    on_forced: Callable[[], None]
    """Is called for each call that is cut."""
    on_begin: Callable[[], None] | None = None
    """Is called when new calls are refused from then on, right before."""
    begun: trio.Event = attrs.field(factory=trio.Event)
    cut: int = 0
    """Calls that did not end in time."""
    _hurry: trio.Event = attrs.field(factory=trio.Event)

    @property
    def hurried(self) -> bool:
        """Whether we were told twice."""
        return self._hurry.is_set()

    def begin(self) -> None:
        """Take no new calls, and end once those there are have ended; a second time: at once."""
        if self.begun.is_set():
            self._hurry.set()
        elif self.on_begin is not None:
            self.on_begin()
        self.admission.stage = Stage.DRAINING
        self.begun.set()

    async def drain(self, timeout_s: float) -> None:
        """Let calls end by themselves, for so long or until there is a hurry; then cut them.

        A carrier that comes for a call made before is let in.
        """
        log = get_logger("trioaudio.daemon")
        log.info("draining", calls=len(self.roll), timeout_s=timeout_s)
        with trio.move_on_after(timeout_s):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._hurry_up, nursery.cancel_scope)
                await self.roll.wait_empty()
                nursery.cancel_scope.cancel()
        left = list(self.roll)
        self.cut += len(left)
        if left:
            log.warning("calls are cut", calls=len(left), hurry=self._hurry.is_set())
        for live in left:
            self.on_forced()
            live.end("drained", "the node left", as_cause=Cause.DRAINED)
        with trio.move_on_after(GOODBYE_S):
            await self.roll.wait_empty()

    async def _hurry_up(self, drain: trio.CancelScope) -> None:
        await self._hurry.wait()
        drain.cancel()
