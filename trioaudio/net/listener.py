"""Let carriers dial us: the server role.

The listener reads how a connection begins, finds the door that is meant, and hands the stream
over untouched: the WebSocket handshake and all that follows run in the call's own tasks, so
what a carrier does wrong is that call's trouble alone. Everybody else is refused before any
upgrade, and whoever is refused too often is turned away unheard.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from http import HTTPStatus
from typing import Any, Final

import attrs
import trio

from trioaudio.core.carrier import Transport
from trioaudio.core.errors import TrioaudioError
from trioaudio.core.facts import Fact, Tell
from trioaudio.listening_place import listening
from trioaudio.net.address_limits import AddressLimits
from trioaudio.net.admission import Admission
from trioaudio.net.answer_desk import AnswerFunction, Question
from trioaudio.net.arrival import Arrival, Knock, arrive, knock_of
from trioaudio.net.door import Door, DoorPlan
from trioaudio.net.far_address import is_in, site_of
from trioaudio.net.listening_socket import Accepting, allow_descriptors
from trioaudio.net.own_address import own_address
from trioaudio.net.reception import Reception, Wish
from trioaudio.net.refusal import GUESSES, Refusal, too_many
from trioaudio.net.refusal_record import ListenerStatistics, RefusalRecord
from trioaudio.net.visitors import Visitor, Visitors
from trioaudio.net.walk_in import WalkInFunction
from trioaudio.turnstile import wait_turn

__all__ = ["Admission", "Listener", "open_listener"]

RETRY_AFTER_S: Final = 10
"""What who is refused for want of room is asked to wait."""
FINISH_S: Final = 1.0
"""How long those that came last have to say what they want."""


def _ignore(_fact: Fact) -> None:
    """Take no interest."""


class Listener:
    """Accepts connections on one address and knows the doors."""

    def __init__(self, sock: socket.socket, admission: Admission, tell: Tell = _ignore) -> None:
        self._admission = admission
        self._limits = AddressLimits(
            admission.handshakes_most, admission.refusals_most, admission.handshakes_in_all
        )
        self._visitors = Visitors()
        self._record = RefusalRecord(tell)
        self._accepting = Accepting(sock)
        self._decided = trio.Event()
        self._own = own_address(sock, admission)
        self._reception = Reception(admission, self._own.here, self._tired_of)

    @property
    def address(self) -> str:
        """HOST:PORT as bound, IPv6 in brackets, or the path of a Unix socket."""
        return self._own.address

    def url(self, key: str, transport: Transport = Transport.WEBSOCKET) -> str:
        """Return the URL a carrier must dial to come in by `key`."""
        return self._own.url(key, transport)

    def web_url(self, path: str) -> str:
        """Return the http:// or https:// URL under which a carrier asks for a path of ours."""
        return self._own.web_url(path)

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

    def open_door(self, key: str, plan: DoorPlan | None = None) -> Door:
        """Admit a call's carrier by a path nobody can guess, or, for AudioSocket, a UUID."""
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
        """Have a door found for carriers nobody waits for; `welcome` checks their proof first.

        They come to `/media/{carrier}`, or by AudioSocket with a UUID that no door knows.
        """
        self._reception.walk_in = welcome

    def show_certificate(self, context: ssl.SSLContext) -> None:
        """Have TLS handshakes that begin from now on use another context."""
        self._admission = attrs.evolve(self._admission, tls_context=context)

    async def accept(self) -> None:
        """Accept until `finish`; cancel to stop. Connections handed over outlive this."""
        async with trio.open_nursery() as nursery:

            def take(sock: socket.socket, name: Any) -> None:
                knock = knock_of(sock, name, self._admission.trusted_proxies)
                if self._may_begin(knock):
                    visitor = Visitor(knock)
                    self._visitors.add(visitor)
                    nursery.start_soon(self._admit, visitor)

            nursery.start_soon(self._record.tell_the_rest)
            await self._accepting.run(take)

    def hold(self, seconds: float) -> None:
        """Let who comes wait for so long, perhaps for the next process that has the socket."""
        self._accepting.hold(seconds)

    def leave(self) -> None:
        """Take those that wait, and leave who comes then to other processes at the same port."""
        self._accepting.leave()

    async def finish(self) -> None:
        """Accept no more, and have something decided about those that came; for a short while.

        Who comes now waits for the next process that has the socket, if there is one.
        """
        self._accepting.stop()
        with trio.move_on_after(FINISH_S):
            while self._limits.in_handshake:
                self._decided = trio.Event()
                await self._decided.wait()

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
        decided = handed_over = False
        try:
            with visitor.scope:
                visitor.may_take(self._admission.handshake_s)
                arrival = await self._hear_out(visitor)
                wish = await self._reception.hear(knock, arrival)
                self._visitors.asked(visitor)
                visitor.may_take(self._admission.handshake_s)
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
                (knock.sock.close if arrival is None else arrival.stream.close_now)()

    async def _hear_out(self, visitor: Visitor) -> Arrival:
        """Wait until it is known what a connection speaks."""
        first = await visitor.knock.wait_spoken()
        visitor.spoke = True
        await wait_turn()  # from here to the call's first frame there is little left to wait for
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
        self._decided.set()
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


@asynccontextmanager
async def open_listener(
    host: str, port: int, admission: Admission, tell: Tell = _ignore
) -> AsyncIterator[Listener]:
    """Listen on HOST:PORT (port 0: any) while the block runs; connections taken outlive it."""
    with listening((host, port)) as sock:
        async with listen_on(sock, admission, tell) as listener:
            yield listener


@asynccontextmanager
async def listen_on(
    sock: socket.socket, admission: Admission, tell: Tell = _ignore
) -> AsyncIterator[Listener]:
    """Accept from a socket that listens while the block runs; the socket is the caller's."""
    allow_descriptors()
    async with trio.open_nursery() as nursery:
        listener = Listener(sock, admission, tell)
        nursery.start_soon(listener.accept)
        try:
            yield listener
        finally:
            listener.close_doors()
        nursery.cancel_scope.cancel()
