"""A call that a carrier is asked by REST to place, and the telephone that must not be left ringing.

Nothing is asked of the carrier before the first `connect`, so a call whose text cannot be spoken
rings nobody. When nobody connects, or we are told to stop, the call is ended by REST, also one
whose placement is still being answered. So is one that nobody is known to have ended when we
leave; what cannot be ended is told. One REST client serves any number of calls.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import attrs
import trio

from trioaudio.core.call_control import CallControlError, PlacedCall, Placing
from trioaudio.core.connection import CallControlLink, Connect, MediaConnection
from trioaudio.core.errors import ConfigError, LegLostError, LegRefusedError, TrioaudioError
from trioaudio.core.facts import CallControlFailed, CallPlaced, Tell
from trioaudio.net.carrier_rest import LONGEST_RETRY_AFTER_S, CarrierRest
from trioaudio.net.rest_link import RestLink

CONNECT_MARGIN_S = 20.0
"""How much longer than a telephone rings the carrier may take to connect its audio."""


def patience_for(rest_timeout_s: float) -> float:
    """Return how long leaving may take: to hear a placement out, and to end what it placed."""
    return 2 * rest_timeout_s + LONGEST_RETRY_AFTER_S


@attrs.define(eq=False)
class Placement:
    """One call being placed, and ended if nothing came of it."""

    _rest: CarrierRest
    _placing: Placing
    _link: RestLink
    _door: Connect
    _ends_by_message: bool
    _tell: Tell
    placed: PlacedCall | None = None
    """What the carrier said when it accepted the call."""
    connected: bool = False
    """Whether its audio has come."""
    _started: trio.Event = attrs.field(factory=trio.Event)
    _answered: trio.Event = attrs.field(factory=trio.Event)
    _error: TrioaudioError | None = None
    _asking: trio.CancelScope = attrs.field(factory=lambda: trio.CancelScope(shield=True))

    @property
    def link(self) -> CallControlLink | None:
        """The way to the telephone call round its media stream; None if the carrier has none."""
        control = self._rest.control
        steers = control.hang_up is not None or control.transfer is not None
        return self._link if steers else None

    async def run(self) -> None:
        """Place the call once it is wanted.

        Whoever wants it may be told to stop; a question that was asked is heard out all the same.
        """
        await self._started.wait()
        with self._asking:
            await self._place()

    async def _place(self) -> None:
        try:
            self.placed = await self._rest.place(self._placing)
            self._link.call_id, self._link.over = self.placed.call_id, False
        except CallControlError as exc:
            # A refusal leaves nothing to end; of anything else nobody knows.
            self._link.over = not exc.maybe_done
            self._error = exc
        except ConfigError as exc:
            self._error = exc
        else:
            self._tell(CallPlaced(self.placed.call_id, self.placed.state))
        finally:
            self._answered.set()

    def connect(self, wait_s: float | None) -> AbstractAsyncContextManager[MediaConnection]:
        """Place the call if that has not been done, and wait for its audio; see `Connect`.

        LegRefusedError when the carrier does not place it.
        """
        return self._connect(wait_s)

    @asynccontextmanager
    async def _connect(self, wait_s: float | None) -> AsyncIterator[MediaConnection]:
        self._started.set()
        await self._answered.wait()
        if self._error is not None:
            raise LegRefusedError(str(self._error)) from self._error
        if wait_s is None and not self.connected:
            wait_s = self._placing.ring_s + CONNECT_MARGIN_S
        try:
            async with self._door(wait_s) as connection:
                self.connected = True
                yield connection
        except LegLostError as exc:
            if self.connected:
                raise
            raise LegLostError(
                f"{self._rest.control.name} placed the call and did not connect its audio: {exc};"
                " nobody answered, or it cannot reach the listener's public URL"
            ) from exc

    def ended(self) -> None:
        """Take note that the telephone call is over: the carrier has told so."""
        self._link.over = True

    def give_up(self, reason: str | None) -> None:
        """Wait for no answer any more; tell why, if the call may still be up."""
        if reason is not None:
            self._tell(CallControlFailed("hang up", f"{reason}; the call may still be up"))
        self._asking.cancel()

    async def leave(self) -> None:
        """End a call that was placed, or may be, and that nobody is known to have ended.

        One whose stream ended in order may be up still: that the stream is over does not say so.
        """
        if not self._started.is_set() or (self.connected and self._ends_by_message):
            return
        await self._answered.wait()
        if self._link.over or self._rest.control.hang_up is None:
            return
        try:
            await self._link.hang_up(None)
        except TrioaudioError as exc:
            self._tell(CallControlFailed("hang up", f"{exc}; the call may still be up"))


@asynccontextmanager
async def placement(  # noqa: PLR0913  a call is made of that much
    rest: CarrierRest,
    placing: Placing,
    door: Connect,
    *,
    ends_by_message: bool,
    tell: Tell,
    patience_s: float,
    link: RestLink | None = None,
) -> AsyncIterator[Placement]:
    """Have a carrier call somebody and connect the audio to `door`, while the block runs.

    `ends_by_message` says that a call whose stream is up is ended by a message on it. `tell` is
    given that the carrier has accepted the call, and what went wrong in ending it. Leaving ends
    what was placed, and takes up to `patience_s` seconds: see `patience_for`. `link` is the call's
    own way to the carrier, if it has one already.
    """
    async with trio.open_nursery() as nursery:
        link = link or RestLink(rest, over=True)
        made = Placement(rest, placing, link, door, ends_by_message, tell)
        nursery.start_soon(made.run)
        try:
            yield made
        finally:
            with trio.move_on_after(patience_s, shield=True) as leaving:
                await made.leave()
            late = leaving.cancelled_caught
            made.give_up(f"no answer within {patience_s:g} s" if late else None)
        nursery.cancel_scope.cancel()
