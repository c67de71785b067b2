"""From a connected socket to an open media connection, dialled or answered."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import attrs
import trio

from trioaudio.core.audiosocket_unit import UnitSplitter
from trioaudio.core.carrier import Transport
from trioaudio.core.connection import MediaConnection
from trioaudio.core.errors import LegLostError, LegRefusedError
from trioaudio.net.audiosocket import audiosocket_media
from trioaudio.net.dialler import Endpoint
from trioaudio.net.refusal import Refusal, masked_path
from trioaudio.net.upgrade_head import HEAD_LIMIT, UpgradeHead, parse_head
from trioaudio.net.websocket import ClientRequest, websocket_client, websocket_server
from trioaudio.simulators.carrier_socket import CarrierSocket
from trioaudio.simulators.dialect import Handshake
from trioaudio.simulators.reach import HANDSHAKE_SECONDS, Reached

LARGEST_MESSAGE = 64 << 20
"""Bytes: a whole utterance, over half an hour at 8 kHz in base64."""


@attrs.frozen
class Opened:
    """A connection whose handshake is done, and what was seen of it, for the report."""

    connection: MediaConnection
    socket: CarrierSocket


def dialled_facts(handshake: Handshake) -> dict[str, Any]:
    """Return what is reported of a handshake of ours; values of headers may be secret."""
    return {
        "path": masked_path(urlsplit(handshake.url).path),
        "headers": sorted(name for name, _ in handshake.headers),
        "subprotocols": list(handshake.subprotocols),
    }


def answered_facts(head: UpgradeHead) -> dict[str, Any]:
    """Return what is reported of a dialler's handshake."""
    return {
        "path": masked_path(head.path),
        "headers": sorted(head.headers),
        "subprotocols": _offered(head),
    }


@asynccontextmanager
async def open_as_dialler(
    reached: Reached,
    endpoint: Endpoint,
    handshake: Handshake,
    transport: Transport,
    bytes_per_second: float | None,
) -> AsyncIterator[Opened]:
    """Open the connection of a carrier that dials; errors as `net.websocket.websocket_client`."""
    bare = transport is Transport.AUDIOSOCKET
    stream = CarrierSocket(
        reached.sock,
        reached.peer,
        largest_message=LARGEST_MESSAGE,
        splitter=UnitSplitter() if bare else None,
        bytes_per_second=bytes_per_second,
    )
    if bare:
        async with audiosocket_media(stream) as connection:
            yield Opened(connection, stream)
        return
    request = ClientRequest(
        endpoint.host_header,
        endpoint.resource,
        [(name.encode(), value.encode()) for name, value in handshake.headers],
        handshake.subprotocols,
    )
    async with websocket_client(stream, request, handshake_s=HANDSHAKE_SECONDS) as websocket:
        yield Opened(websocket, stream)


async def read_request(stream: CarrierSocket) -> UpgradeHead:
    """Read what a dialler asks for; LegLostError or LegRefusedError if it is no WebSocket."""
    with trio.move_on_after(HANDSHAKE_SECONDS):
        head = parse_head(await stream.read_head(HEAD_LIMIT))
        if isinstance(head, Refusal):
            await refuse(stream, head.status, head.reason)
            raise LegRefusedError(f"{stream.peer} was refused: {head.reason}")
        return head
    raise LegLostError(f"{stream.peer} did not say what it wants within {HANDSHAKE_SECONDS} s")


async def admit(
    stream: CarrierSocket,
    head: UpgradeHead,
    headers: Sequence[tuple[str, str]],
    subprotocols: Sequence[str],
) -> None:
    """Refuse a dialler without the demanded headers or sub-protocol, by LegRefusedError."""
    if any(head.headers.get(name.lower()) != value for name, value in headers):
        await refuse(stream, HTTPStatus.UNAUTHORIZED, "a demanded header is missing or wrong")
        raise LegRefusedError("a dialler without the demanded headers was refused")
    if subprotocols and not set(subprotocols) & set(_offered(head)):
        wanted = " or ".join(subprotocols)
        await refuse(stream, HTTPStatus.BAD_REQUEST, f"the sub-protocol {wanted} is demanded")
        raise LegRefusedError(f"a dialler without the sub-protocol {wanted} was refused")


@asynccontextmanager
async def open_as_listener(
    stream: CarrierSocket, subprotocols: Sequence[str]
) -> AsyncIterator[Opened]:
    """Open the connection of a carrier that is dialled, whose request was admitted."""
    async with websocket_server(
        stream, subprotocols=subprotocols, handshake_s=HANDSHAKE_SECONDS
    ) as connection:
        yield Opened(connection, stream)


async def refuse(stream: CarrierSocket, status: HTTPStatus, why: str) -> None:
    """Say no in plain HTTP, if the far end still listens."""
    body = f"{status.value} {status.phrase}: {why}\n".encode()
    head = (
        f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: text/plain\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    stream.send_control(head.encode() + body)
    await stream.wait_flushed()


def _offered(head: UpgradeHead) -> list[str]:
    offered = head.headers.get("sec-websocket-protocol", "")
    return [each.strip() for each in offered.split(",") if each.strip()]
