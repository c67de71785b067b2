"""The far end of a call we place: the carrier is asked by REST to call somebody and to dial us.

Nothing is asked of the carrier before the first `connect`, so a call whose text cannot be spoken
rings nobody. A telephone is never left ringing: when nobody connects, or we are told to stop, the
call is ended by REST, also one whose placement is still being answered. So is one that nobody is
known to have ended when we leave; what cannot be ended is told.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urlsplit

import attrs
import trio

from trioaudio.core.call_control import (
    AnswerDocument,
    CallControl,
    CallControlError,
    CallOrder,
    Placing,
)
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.connection import Connect, MediaConnection
from trioaudio.core.encoding import MediaFormat
from trioaudio.core.errors import ConfigError, LegLostError, LegRefusedError, TrioaudioError
from trioaudio.core.facts import CallControlFailed, CallPlaced, Tell
from trioaudio.far_end import FarEnd
from trioaudio.net.answer_page import AnswerPage, open_answer_page
from trioaudio.net.carrier_rest import (
    LONGEST_RETRY_AFTER_S,
    CarrierRest,
    RestTiming,
    open_carrier_rest,
)
from trioaudio.net.rest_link import RestLink
from trioaudio.settings import Settings

CONNECT_MARGIN_S = 20.0
"""How much longer than a telephone rings the carrier may take to connect its audio."""


@attrs.frozen
class WantedCall:
    """A call to be placed: whom to call, at which carrier, and what its stream is to carry."""

    order: CallOrder
    control: CallControl
    settings: CarrierSettings
    media: MediaFormat
    ends_by_message: bool
    """Whether a call whose stream is up is ended by a message on it."""


@attrs.define(eq=False)
class _Placement:
    """One call being placed, and ended if nothing came of it."""

    rest: CarrierRest
    placing: Placing
    link: RestLink
    door: Connect
    ends_by_message: bool
    tell: Tell
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
        except CallControlError as exc:
            # A refusal leaves nothing to end; of anything else nobody knows.
            self.link.over = not exc.maybe_done
            self.error = exc
        except ConfigError as exc:
            self.error = exc
        else:
            self.tell(CallPlaced(placed.call_id, placed.state))
        finally:
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
        """End a call that was placed, or may be, and that nobody is known to have ended.

        One whose stream ended in order may be up still: that the stream is over does not say so.
        """
        if not self.started.is_set() or (self.connected and self.ends_by_message):
            return
        await self.answered.wait()
        if self.link.over or self.rest.control.hang_up is None:
            return
        try:
            await self.link.hang_up(None)
        except TrioaudioError as exc:
            self.tell(CallControlFailed("hang up", f"{exc}; the call may still be up"))

    def give_up(self) -> None:
        """Wait for no answer any more."""
        self._asking.cancel()


@asynccontextmanager
async def placed(
    settings: Settings,
    wanted: WantedCall,
    awaiting: AbstractAsyncContextManager[FarEnd],
    tell: Tell,
) -> AsyncIterator[FarEnd]:
    """Have the carrier call somebody, and dial the far end that `awaiting` opens.

    `tell` is given that the carrier has accepted the call, and what went wrong in ending it.
    ConfigError when the call cannot be placed with these settings; what the carrier says no to
    comes out of `connect`, as LegRefusedError.
    """
    control = wanted.control
    timing = RestTiming(whole=settings.rest_timeout_s)
    async with (
        open_carrier_rest(control, wanted.settings, timing=timing) as rest,
        awaiting as listening,
        _answer_page(wanted.order) as page,
        trio.open_nursery() as nursery,
    ):
        placing = _prepare(wanted, listening, page)
        link = RestLink(rest, over=True)
        placement = _Placement(rest, placing, link, listening.connect, wanted.ends_by_message, tell)
        nursery.start_soon(placement.run)
        steers = control.hang_up is not None or control.transfer is not None
        far_end = FarEnd(placement.connect, placing.media_url, control=link if steers else None)
        far_end.tell_report(None)
        try:
            yield far_end
        finally:
            # Long enough to hear the placement out, and to end what it placed.
            patience = max(settings.shutdown_s, 2 * settings.rest_timeout_s + LONGEST_RETRY_AFTER_S)
            with trio.move_on_after(patience, shield=True) as leaving:
                await placement.leave()
            if leaving.cancelled_caught:
                reason = f"no answer within {patience:g} s; the call may still be up"
                tell(CallControlFailed("hang up", reason))
            placement.give_up()
        nursery.cancel_scope.cancel()


def _prepare(wanted: WantedCall, listening: FarEnd, page: AnswerPage | None) -> Placing:
    """Return what the carrier will be asked for, once it is known to be sense. ConfigError."""
    assert listening.url is not None
    placing = Placing(
        to=wanted.order.to,
        caller_id=wanted.order.caller_id,
        media_url=listening.url,
        media=wanted.media,
        answer_url=_answer_url(wanted.order, page),
    )
    if page is not None:
        page.document = _document(wanted.control, wanted.settings, placing)
    _check(wanted.control, wanted.settings, placing)
    return placing


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
        if _is_nowhere(ours) or (_is_here(ours) and not _is_here(theirs)):
            raise ConfigError(
                f"{name}: {control.name} cannot reach {ours}; set it to the URL under which this"
                " machine is reached from outside"
            )


def _is_here(host: str | None) -> bool:
    """Say whether a host is this machine, to whoever dials it."""
    name = (host or "").rstrip(".").lower()
    address = _address(name)
    if address is None:
        return name == "localhost" or name.endswith(".localhost")
    return address.is_loopback


def _is_nowhere(host: str | None) -> bool:
    """Say whether a host is an address one can listen on and nobody can dial."""
    address = _address((host or "").rstrip("."))
    return address is not None and address.is_unspecified


def _address(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address a host is written as, in any of the ways there are; None for a name."""
    try:
        return ip_address(socket.inet_aton(host))  # 127.1 and 0 are addresses, too
    except (OSError, ValueError):
        pass
    try:
        address = ip_address(host)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address
