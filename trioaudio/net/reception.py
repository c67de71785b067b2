"""Which door a connection asks for, and whether it may have it."""

from __future__ import annotations

from collections.abc import Callable
from http import HTTPStatus

import attrs

from trioaudio.core.carrier import Transport
from trioaudio.core.errors import RemoteProtocolError
from trioaudio.net import audiosocket
from trioaudio.net.admission import Admission
from trioaudio.net.arrival import Arrival, Knock
from trioaudio.net.door import Door
from trioaudio.net.door_keys import Doors
from trioaudio.net.far_address import Address, far_address, site_of
from trioaudio.net.refusal import Refusal
from trioaudio.net.upgrade_head import HEAD_LIMIT, UpgradeHead, parse_head, upgrade_request
from trioaudio.net.websocket import handshake_fault


@attrs.frozen
class Wish:
    """What a connection wants, and who wants it."""

    peer: str
    """For messages."""
    address: Address
    """The far end's own, not its proxy's."""
    found: Door | Refusal


@attrs.define(eq=False)
class Reception:
    """Reads how connections begin, and decides about them; `here` is the listener's own URL."""

    admission: Admission
    here: str
    tired_of: Callable[[str], Refusal | None]
    """Says whether a site has been refused too often to be listened to."""
    doors: Doors = attrs.field(factory=Doors)
    full: Refusal | None = None
    """What carriers of calls that have not begun are told, if they are not let in."""

    async def hear(self, knock: Knock, arrival: Arrival) -> Wish:
        """Read what a connection wants; LegLostError when it breaks or ends before."""
        if arrival.transport is Transport.WEBSOCKET:
            return self._read(await arrival.stream.read_head(HEAD_LIMIT), knock)
        found: Door | Refusal
        try:
            key = await audiosocket.read_id(arrival.stream)
        except RemoteProtocolError as exc:
            found = Refusal(HTTPStatus.BAD_REQUEST, str(exc))
        else:
            found = self.doors.find(Transport.AUDIOSOCKET, key)
        return Wish(knock.peer, knock.address, found)

    def _read(self, raw: bytes, knock: Knock) -> Wish:
        """Find out who sent an HTTP head, and which door it opens."""
        head = parse_head(raw)
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
        return Wish(peer, address, self._door_for(head, raw, address))

    def _door_for(self, head: UpgradeHead, raw: bytes, address: Address) -> Door | Refusal:
        """Return the door whose key a request has and whose check it passes."""
        public = self.admission.public_url
        path = head.path if public is None else public.inner(head.path)
        door = self.doors.find(Transport.WEBSOCKET, path)
        if isinstance(door, Refusal):
            return door
        # It costs a second parse, which only who knows a path may ask for.
        fault = handshake_fault(raw)
        if fault is not None:
            return Refusal(HTTPStatus.BAD_REQUEST, f"a broken WebSocket handshake: {fault}")
        request = upgrade_request(
            head, public, here=self.here, peer=str(address), at=self.admission.wall_clock()
        )
        return door.refuses(request) or door

    async def grant(self, wish: Wish, arrival: Arrival) -> Refusal | None:
        """Hand a connection over to the door it asks for, or return why not."""
        match wish.found:
            case Refusal() as refusal:
                return refusal
            case Door() as door:
                if self.full is not None and not door.was_used:
                    return self.full
                return await door.offer(arrival.stream)
