"""Let carriers dial us: the server role.

The listener reads how a connection begins, finds the door that is meant, and hands the stream
over untouched: the WebSocket handshake and all that follows run in the call's own tasks, so
what a carrier does wrong is that call's trouble alone. Everybody else is refused before any
upgrade, and whoever is refused too often is turned away unheard.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any, Final

import trio

from trioaudio.core.carrier import Transport
from trioaudio.core.errors import TrioaudioError
from trioaudio.core.facts import Fact, Tell
from trioaudio.net.address_limits import AddressLimits
from trioaudio.net.admission import Admission
from trioaudio.net.answer_desk import AnswerFunction, Question
from trioaudio.net.arrival import Arrival, Knock, arrive
from trioaudio.net.door import Door, DoorPlan
from trioaudio.net.far_address import address_of, is_in, site_of
from trioaudio.net.listening_socket import accept_waiting, allow_descriptors, bind
from trioaudio.net.media_socket import host_port
from trioaudio.net.reception import Reception, Wish
from trioaudio.net.refusal import GUESSES, Refusal, too_many
from trioaudio.net.refusal_record import ListenerStatistics, RefusalRecord
from trioaudio.net.visitors import Visitor, Visitors
from trioaudio.net.walk_in import WalkInFunction

__all__ = ["Admission", "Listener", "open_listener"]

RETRY_AFTER_S: Final = 10
"""What who is refused for want of room is asked to wait."""
_CAPACITY_WAIT_S = 0.1


def _ignore(_fact: Fact) -> None:
    """Take no interest."""


class Listener:
    """Accepts connections on one address and knows the doors."""

    def __init__(self, sock: socket.socket, admission: Admission, tell: Tell = _ignore) -> None:
        self._sock = sock
        self._admission = admission
        self._limits = AddressLimits(
            admission.handshakes_most, admission.refusals_most, admission.handshakes_in_all
        )
        self._visitors = Visitors()
        self._record = RefusalRecord(tell)
        scheme = "ws" if admission.tls_context is None else "wss"
        self._reception = Reception(admission, f"{scheme}://{self.address}", self._tired_of)

    @property
    def address(self) -> str:
        """HOST:PORT as bound, IPv6 in brackets."""
        return host_port(self._sock.getsockname()[:2])

    def url(self, key: str, transport: Transport = Transport.WEBSOCKET) -> str:
        """Return the URL a carrier must dial to come in by `key`."""
        if transport is Transport.AUDIOSOCKET:
            return f"audiosocket://{self.address}/{key}"
        public = self._admission.public_url
        return (f"{public.origin}{public.prefix}" if public else self._reception.here) + key

    def web_url(self, path: str) -> str:
        """Return the http:// or https:// URL under which a carrier asks for a path of ours."""
        scheme, _, rest = self.url(path).partition("://")
        return f"{'https' if scheme == 'wss' else 'http'}://{rest}"

    def statistics(self) -> ListenerStatistics:
        """Return the counts so far."""
        return ListenerStatistics(
            accepted=self._record.accepted,
            refused=dict(self._record.refused),
            abandoned=self._record.abandoned,
            in_handshake=self._limits.in_handshake,
            doors=len(self._reception.doors),
            answered=self._record.answered,
        )

    # --- Doors -----------------------------------------------------------------------

    def open_door(self, key: str, plan: DoorPlan | None = None) -> Door:
        """Admit one call's carrier by `key` from now on.

        `key` is a path that nobody can guess, or, for AudioSocket, a UUID as people write it.
        """
        plan = plan or DoorPlan()
        door = Door(plan, self._admission.handshake_s)
        self._reception.doors.add(plan.transport, key, door)
        return door

    def close_door(self, key: str, transport: Transport = Transport.WEBSOCKET) -> None:
        """Refuse `key` from now on; a connection already taken stays."""
        self._reception.doors.remove(transport, key).close()

    def close_doors(self) -> None:
        """Let nobody in any more; connections already taken stay."""
        for door in self._reception.doors:
            door.close()

    def answer_with(self, answer: AnswerFunction) -> None:
        """Have carriers' webhooks, at `/answer/{carrier}[/{key}]`, answered from now on."""
        self._reception.answer = answer

    def walk_in(self, welcome: WalkInFunction) -> None:
        """Have a door found from now on for carriers nobody waits for.

        They come to `/media/{carrier}`, or by AudioSocket with a UUID that no door knows. `welcome`
        checks their proof before it makes a call; the door it returns checks again.
        """
        self._reception.walk_in = welcome

    # --- Connections -----------------------------------------------------------------

    async def accept(self) -> None:
        """Accept for ever; cancel to stop. Connections handed over outlive this."""
        async with trio.open_nursery() as nursery:

            def take(sock: socket.socket, name: Any) -> None:
                address = address_of(name[0])
                is_proxy = is_in(address, self._admission.trusted_proxies)
                knock = Knock(sock, host_port(name[:2]), address, is_proxy)
                if self._may_begin(knock):
                    visitor = Visitor(knock)
                    self._visitors.add(visitor)
                    nursery.start_soon(self._admit, visitor)

            nursery.start_soon(self._record.tell_the_rest)
            while True:
                await trio.lowlevel.wait_readable(self._sock)
                if not accept_waiting(self._sock, take):
                    await trio.sleep(_CAPACITY_WAIT_S)

    def _may_begin(self, knock: Knock) -> bool:
        """Count a connection in, or turn it away unheard: a flood must cost us next to nothing."""
        site = site_of(knock.address)
        refusal = None if knock.is_proxy else self._tired_of(site)
        if refusal is None and not knock.is_proxy and not self._limits.enter(site):
            refusal = _TOO_MANY_AT_ONCE
        elif refusal is None:
            if self._make_room():
                return True
            refusal = _FULL
            if not knock.is_proxy:
                self._limits.leave(site)
        self._record.refuse(knock.peer, site, refusal)
        # Over TLS, saying so would take the handshake, which is what costs.
        knock.turn_away(refusal if self._admission.tls_context is None else None)
        return False

    def _make_room(self) -> bool:
        """Count a connection in, if need be in the place of one that has asked nothing."""
        if self._limits.is_full:
            if not self._visitors.drop_oldest():
                return False
            self._limits.end()
        self._limits.begin()
        return True

    def _tired_of(self, site: str) -> Refusal | None:
        seconds = self._limits.turned_away_for(site, trio.current_time())
        return too_many("refusals within a minute", seconds) if seconds else None

    async def _admit(self, visitor: Visitor) -> None:
        """Find the door for one connection, or refuse it; it is handed over or closed."""
        knock = visitor.knock
        arrival: Arrival | None = None
        wish: Wish | None = None
        decided = handed_over = False
        try:
            with visitor.scope:
                with trio.move_on_after(self._admission.handshake_s):
                    arrival = await self._hear_out(visitor)
                    wish = await self._reception.hear(knock, arrival)
                    self._visitors.asked(visitor)
                if arrival is not None and wish is not None:
                    with trio.move_on_after(self._admission.handshake_s):
                        refusal = await self._decide(knock, wish, arrival)
                        decided = True
                        handed_over = refusal is None and not isinstance(wish.found, Question)
                        if refusal is not None:
                            await self._refuse(refusal, wish, arrival)
        except TrioaudioError:
            # A connection that is nobody's yet: a port scan, a broken TLS client. Not our loss.
            return
        finally:
            self._record.accepted += handed_over
            self._record.abandoned += not (decided or visitor.dropped)
            self._end(visitor)
            if not handed_over:
                _close(arrival, knock.sock)

    async def _hear_out(self, visitor: Visitor) -> Arrival:
        """Wait until it is known what a connection speaks."""
        first = await visitor.knock.wait_spoken()
        visitor.spoke = True
        admission = self._admission
        return await arrive(visitor.knock, first, admission.tls_context, admission.largest_message)

    async def _decide(self, knock: Knock, wish: Wish, arrival: Arrival) -> Refusal | None:
        """Grant a wish, or return why not."""
        with self._counting(knock, wish) as too_many:
            refusal = too_many or await self._reception.grant(wish, arrival)
        self._record.answered += refusal is None and isinstance(wish.found, Question)
        return refusal

    @contextmanager
    def _counting(self, knock: Knock, wish: Wish) -> Iterator[Refusal | None]:
        """Count a far end for whom a proxy speaks, as one that comes by itself; or say why not."""
        site = site_of(wish.address)
        if not knock.is_proxy or is_in(wish.address, self._admission.trusted_proxies):
            yield None  # it is counted already, or the proxy speaks for itself
        elif self._limits.enter(site):
            try:
                yield None
            finally:
                self._limits.leave(site)
        else:
            yield _TOO_MANY_AT_ONCE

    def _end(self, visitor: Visitor) -> None:
        """Count a connection no longer."""
        knock, site = visitor.knock, site_of(visitor.knock.address)
        self._visitors.remove(visitor)
        if visitor.dropped:
            self._record.refuse(knock.peer, site, _FULL)
            if not visitor.spoke and self._admission.tls_context is None:
                knock.turn_away(_FULL)
        else:
            self._limits.end()
        if knock.is_proxy:
            return
        self._limits.leave(site)
        in_vain = visitor.spoke and not (visitor.asked or visitor.dropped)
        if in_vain and self._admission.tls_context is not None:
            # A TLS handshake costs us more than the stranger: it must not be free of charge.
            self._limits.refused(site, trio.current_time())

    async def _refuse(self, refusal: Refusal, wish: Wish, arrival: Arrival) -> None:
        """Say no, and remember to whom."""
        site = site_of(wish.address)
        if refusal.status in GUESSES:
            self._limits.refused(site, trio.current_time())
        self._record.refuse(wish.peer, site, refusal)
        await arrival.refuse(refusal)


_TOO_MANY_AT_ONCE: Final = too_many("connections in handshake at once", RETRY_AFTER_S)
_FULL: Final = Refusal(
    HTTPStatus.SERVICE_UNAVAILABLE,
    "too many connections in handshake at once, of all addresses together",
    {"Retry-After": str(RETRY_AFTER_S)},
)


def _close(arrival: Arrival | None, sock: socket.socket) -> None:
    if arrival is not None:
        arrival.stream.close_now()
    else:
        sock.close()


@asynccontextmanager
async def open_listener(
    host: str, port: int, admission: Admission, tell: Tell = _ignore
) -> AsyncIterator[Listener]:
    """Listen on HOST:PORT (port 0: any) while the block runs; connections taken outlive it."""
    allow_descriptors()
    sock = bind(host, port)
    with sock:
        async with trio.open_nursery() as nursery:
            listener = Listener(sock, admission, tell)
            nursery.start_soon(listener.accept)
            try:
                yield listener
            finally:
                listener.close_doors()
            nursery.cancel_scope.cancel()
