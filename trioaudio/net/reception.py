"""Which door a connection asks for, or what else, and whether it may have it."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import attrs
import outcome

from trioaudio.core.carrier import Transport
from trioaudio.core.errors import RemoteProtocolError
from trioaudio.net import audiosocket
from trioaudio.net.admission import Admission
from trioaudio.net.answer_desk import (
    AnswerFunction,
    Question,
    answer_question,
    is_question,
    read_question,
)
from trioaudio.net.arrival import Arrival, Knock
from trioaudio.net.door import Door
from trioaudio.net.door_keys import Doors
from trioaudio.net.far_address import Address, far_address, site_of
from trioaudio.net.refusal import Refusal
from trioaudio.net.upgrade_head import (
    HEAD_LIMIT,
    RequestHead,
    asked_upgrade,
    is_plain_handshake,
    parse_request,
    upgrade_request,
)
from trioaudio.net.walk_in import WalkIn, WalkInFunction, carrier_in
from trioaudio.net.websocket import handshake_fault


@attrs.frozen
class Wish:
    """What a connection wants, and who wants it."""

    peer: str
    """For messages."""
    address: Address
    """The far end's own, not its proxy's."""
    found: Door | Question | WalkIn | Refusal


@attrs.define(eq=False)
class Reception:
    """Reads how connections begin, and decides about them; `here` is the listener's own URL."""

    admission: Admission
    here: str
    tired_of: Callable[[str], Refusal | None]
    """Says whether a site has been refused too often to be listened to."""
    doors: Doors = attrs.field(factory=Doors)
    answer: AnswerFunction | None = None
    """Answers carriers' webhooks; None: there is no such path."""
    walk_in: WalkInFunction | None = None
    """Finds a door for a carrier that was not expected; None: it has none."""

    async def hear(self, knock: Knock, arrival: Arrival) -> Wish:
        """Read what a connection wants; LegLostError when it breaks or ends before."""
        if arrival.transport is Transport.WEBSOCKET:
            return self._read(await arrival.stream.read_head(HEAD_LIMIT), knock)
        found: Door | WalkIn | Refusal
        try:
            key = await audiosocket.read_id(arrival.stream)
        except RemoteProtocolError as exc:
            found = Refusal(HTTPStatus.BAD_REQUEST, str(exc))
        else:
            found = self.doors.find(Transport.AUDIOSOCKET, key)
            if _is_unknown(found) and self.walk_in is not None:
                found = WalkIn(None, Transport.AUDIOSOCKET, str(knock.address), None, key)
        return Wish(knock.peer, knock.address, found)

    def _read(self, raw: bytes, knock: Knock) -> Wish:
        """Find out who sent an HTTP head, and which door it opens."""
        head = parse_request(raw)
        peer, address = knock.peer, knock.address
        if isinstance(head, Refusal):
            return Wish(peer, address, head)
        if knock.is_proxy:
            forwarded = head.headers.get("x-forwarded-for", "")
            address = far_address(address, forwarded, self.admission.trusted_proxies)
            peer = f"{address} by {peer}"
        tired = self.tired_of(site_of(address)) if knock.is_proxy else None
        if tired is not None:
            return Wish(peer, address, tired)
        return Wish(peer, address, self._meant_by(head, raw, address))

    def _meant_by(
        self, head: RequestHead, raw: bytes, address: Address
    ) -> Door | Question | WalkIn | Refusal:
        """Return what a head asks for."""
        public = self.admission.public_url
        path = head.path if public is None else public.inner(head.path)
        if self.answer is not None and is_question(path):
            at = self.admission.wall_clock()
            return read_question(head, public, here=self.here, peer=str(address), at=at)
        asked = asked_upgrade(head)
        return asked if isinstance(asked, Refusal) else self._door_for(head, path, raw, address)

    def _door_for(
        self, head: RequestHead, path: str, raw: bytes, address: Address
    ) -> Door | WalkIn | Refusal:
        """Return the door whose key a request has and whose check it passes."""
        public = self.admission.public_url
        door = self.doors.find(Transport.WEBSOCKET, path)
        carrier = carrier_in(path) if self.walk_in is not None and _is_unknown(door) else None
        if isinstance(door, Refusal) and carrier is None:
            return door
        # It may cost a second parse, which only who knows a path may ask for.
        fault = None if is_plain_handshake(head) else handshake_fault(raw)
        if fault is not None:
            return Refusal(HTTPStatus.BAD_REQUEST, f"a broken WebSocket handshake: {fault}")
        request = upgrade_request(
            head, public, here=self.here, peer=str(address), at=self.admission.wall_clock()
        )
        if isinstance(door, Refusal):
            return WalkIn(carrier, Transport.WEBSOCKET, str(address), request, path)
        return door.refuses(request) or door

    async def grant(self, wish: Wish, arrival: Arrival) -> Refusal | None:
        """Hand a connection over to the door it asks for, or answer it; or return why not.

        What was answered is the caller's to close.
        """
        match wish.found:
            case Refusal() as refusal:
                return refusal
            case Question() as question:
                assert self.answer is not None
                return await answer_question(question, arrival.stream, self.answer)
            case WalkIn() as stranger:
                found = self._welcome(stranger)
                return found if isinstance(found, Refusal) else await found.offer(arrival.stream)
            case Door() as door:
                return await door.offer(arrival.stream)

    def _welcome(self, stranger: WalkIn) -> Door | Refusal:
        """Find a door for somebody who was not expected."""
        assert self.walk_in is not None
        # A bug in making one call must end neither the listener nor the others.
        match outcome.capture(self.walk_in, stranger):
            case outcome.Error(error=Exception() as exc):
                reason = f"internal error in taking an unexpected call: {type(exc).__name__}"
                return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, reason, bug=exc)
            case result:
                found = result.unwrap()
        if isinstance(found, Refusal) or stranger.request is None:
            return found
        return found.refuses(stranger.request) or found


def _is_unknown(found: Door | Refusal) -> bool:
    """Say whether a key never led anywhere; one that did once is no stranger's."""
    return isinstance(found, Refusal) and found.status is HTTPStatus.NOT_FOUND
