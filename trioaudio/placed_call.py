"""The far end of a call we place: the carrier is asked by REST to call somebody and to dial us.

Nothing is asked of the carrier before the first `connect`, so a call whose text cannot be spoken
rings nobody. A telephone is never left ringing: when nobody connects, or we are told to stop, the
call is ended by REST, also one whose placement is still being answered.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from urllib.parse import urlsplit

import attrs
import trio

from trioaudio.core.call_control import (
    AnswerDocument,
    CallControl,
    CallControlError,
    CallOrder,
    PlacedCall,
    Placing,
)
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.connection import Connect, MediaConnection
from trioaudio.core.encoding import MediaFormat
from trioaudio.core.errors import ConfigError, LegLostError, LegRefusedError, TrioaudioError
from trioaudio.far_end import FarEnd
from trioaudio.net.answer_page import AnswerPage, open_answer_page
from trioaudio.net.carrier_rest import CarrierRest, RestTiming, open_carrier_rest
from trioaudio.net.rest_link import RestLink
from trioaudio.settings import Settings

CONNECT_MARGIN_S = 20.0
"""How much longer than a telephone rings the carrier may take to connect its audio."""

_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104  an address nobody can dial
_THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})

OnPlaced = Callable[[PlacedCall], None]


@attrs.frozen
class WantedCall:
    """A call to be placed: whom to call, at which carrier, and what its stream is to carry."""

    order: CallOrder
    control: CallControl
    settings: CarrierSettings
    media: MediaFormat


@attrs.define(eq=False)
class _Placement:
    """One call being placed, and ended if nothing came of it."""

    rest: CarrierRest
    placing: Placing
    link: RestLink
    door: Connect
    on_placed: OnPlaced
    started: trio.Event = attrs.field(factory=trio.Event)
    answered: trio.Event = attrs.field(factory=trio.Event)
    error: TrioaudioError | None = None
    connected: bool = False
    _asking: trio.CancelScope = attrs.field(factory=lambda: trio.CancelScope(shield=True))

    async def run(self) -> None:
        """Place the call once it is wanted.

        Whoever wants it may be told to stop; a question that was asked is heard out all the same.
        """
        await self.started.wait()
        with self._asking:
            await self._place()

    async def _place(self) -> None:
        try:
            placed = await self.rest.place(self.placing)
            self.link.call_id, self.link.over = placed.call_id, False
            self.on_placed(placed)
        except CallControlError as exc:
            # A refusal leaves nothing to end; of anything else nobody knows.
            self.link.over = not exc.maybe_done
            self.error = exc
        except ConfigError as exc:
            self.error = exc
        self.answered.set()

    def connect(self, wait_s: float | None) -> AbstractAsyncContextManager[MediaConnection]:
        """Place the call if that has not been done, and wait for its audio; see `Connect`."""
        return self._connect(wait_s)

    @asynccontextmanager
    async def _connect(self, wait_s: float | None) -> AsyncIterator[MediaConnection]:
        self.started.set()
        await self.answered.wait()
        if self.error is not None:
            raise LegRefusedError(str(self.error)) from self.error
        if wait_s is None and not self.connected:
            wait_s = self.placing.ring_s + CONNECT_MARGIN_S
        try:
            async with self.door(wait_s) as connection:
                self.connected = True
                yield connection
        except LegLostError as exc:
            if self.connected:
                raise
            raise LegLostError(
                f"{self.rest.control.name} placed the call and did not connect its audio: {exc};"
                " nobody answered, or it cannot reach the listener's public URL"
            ) from exc

    async def leave(self) -> None:
        """End a call that was placed, or may be, and that nobody has connected."""
        if self.started.is_set() and not self.connected:
            await self.answered.wait()
            # What cannot be undone was told when the call was placed, or ends by itself.
            with suppress(TrioaudioError):
                await self.link.hang_up(None)

    def give_up(self) -> None:
        """Wait for no answer any more."""
        self._asking.cancel()


@asynccontextmanager
async def placed(
    settings: Settings,
    wanted: WantedCall,
    awaiting: AbstractAsyncContextManager[FarEnd],
    on_placed: OnPlaced = lambda _placed: None,
) -> AsyncIterator[FarEnd]:
    """Have the carrier call somebody, and dial the far end that `awaiting` opens.

    `on_placed` is told when the carrier has accepted the call. ConfigError when the call cannot be
    placed with these settings; what the carrier says no to comes out of `connect`, as
    LegRefusedError.
    """
    control, order = wanted.control, wanted.order
    timing = RestTiming(whole=settings.rest_timeout_s)
    async with (
        open_carrier_rest(control, wanted.settings, timing=timing) as rest,
        awaiting as listening,
        _answer_page(order) as page,
        trio.open_nursery() as nursery,
    ):
        assert listening.url is not None
        placing = Placing(
            to=order.to,
            caller_id=order.caller_id,
            media_url=listening.url,
            media=wanted.media,
            answer_url=_answer_url(order, page),
        )
        if page is not None:
            page.document = _document(control, wanted.settings, placing)
        _check(control, wanted.settings, placing)
        link = RestLink(rest, over=True)
        placement = _Placement(rest, placing, link, listening.connect, on_placed)
        nursery.start_soon(placement.run)
        steers = control.hang_up is not None or control.transfer is not None
        far_end = FarEnd(placement.connect, placing.media_url, control=link if steers else None)
        far_end.tell_report(None)
        try:
            yield far_end
        finally:
            with trio.move_on_after(settings.shutdown_s, shield=True):
                await placement.leave()
            placement.give_up()
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def _answer_page(order: CallOrder) -> AsyncIterator[AnswerPage | None]:
    """Serve the answer document of one call, if it is ours to serve."""
    if order.answer_at is None:
        yield None
        return
    async with open_answer_page(*order.answer_at) as page:
        yield page


def _answer_url(order: CallOrder, page: AnswerPage | None) -> str | None:
    """Return what the carrier is told to fetch."""
    if page is None:
        return order.answer_url
    return (order.answer_url or f"http://{page.address}").rstrip("/") + page.path


def _document(control: CallControl, settings: CarrierSettings, placing: Placing) -> AnswerDocument:
    if control.answer_document is None:
        raise ConfigError(f"carrier={control.name}: what it is to be answered with is not known")
    return control.answer_document(settings, placing)


def _check(control: CallControl, settings: CarrierSettings, placing: Placing) -> None:
    """Find out what is wrong with a call before anybody is called. ConfigError."""
    if control.place is None:
        raise ConfigError(f"carrier={control.name}: it places no calls for us")
    theirs = urlsplit(control.place(settings, placing).url).hostname
    for name, url in (
        ("TRIOAUDIO_PUBLIC_URL", placing.media_url),
        ("--answer-url", placing.answer_url or placing.media_url),
    ):
        ours = urlsplit(url).hostname
        if ours in _EVERYWHERE or (ours in _THIS_MACHINE and theirs not in _THIS_MACHINE):
            raise ConfigError(
                f"{name}: {control.name} cannot reach {ours}; set it to the URL under which this"
                " machine is reached from outside"
            )
