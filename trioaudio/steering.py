"""The way round a call's media stream: what a carrier's REST interface is asked, and its answer.

Questions are heard out in the call's own nursery: doing what is asked may end the stream.
"""

from __future__ import annotations

import attrs
import trio

from trioaudio.core.carrier import HangUp, Transfer
from trioaudio.core.connection import CallControlLink
from trioaudio.core.errors import TrioaudioError
from trioaudio.core.facts import CallControlFailed, Tell

CONTROL_S = 15.0
"""How long the carrier's REST interface may take for a hang-up or a transfer."""


@attrs.define(eq=False)
class Steering:
    """What one call asks for round its stream; `nursery` is there while it runs."""

    link: CallControlLink
    tell: Tell
    call_id: str | None = None
    """The carrier's, when it is known."""
    nursery: trio.Nursery | None = None
    hung_up: bool = False
    """The carrier has ended the call, asked by us."""
    transferred: bool = False
    """The callee is somewhere else now, and not ours to hang up on."""
    _answered: trio.Event | None = None

    async def steer(self, command: HangUp | Transfer) -> None:
        """Ask for something and wait for the answer; see `leg.Steer`."""
        assert self.nursery is not None
        answered = self._answered = trio.Event()
        self.nursery.start_soon(self._ask, command, answered)
        await answered.wait()

    def let_go(self) -> None:
        """Ask nothing any more."""
        self.nursery = None

    async def wait_answered(self) -> None:
        """Wait until nothing is being asked any more: it says whether the call is still up."""
        if self._answered is not None:
            await self._answered.wait()

    async def hang_up(self) -> None:
        """End the call; what goes wrong is told."""
        await self._ask(HangUp(), trio.Event())

    async def _ask(self, command: HangUp | Transfer, answered: trio.Event) -> None:
        what = "hang up" if isinstance(command, HangUp) else "transfer the call"
        try:
            with trio.fail_after(CONTROL_S):
                if isinstance(command, HangUp):
                    await self.link.hang_up(self.call_id)
                    self.hung_up = True
                else:
                    await self.link.transfer(self.call_id, command)
                    self.transferred = True
        except trio.TooSlowError:
            self.tell(CallControlFailed(what, f"no answer within {CONTROL_S:g} s"))
        except TrioaudioError as exc:
            self.tell(CallControlFailed(what, str(exc)))
        answered.set()
