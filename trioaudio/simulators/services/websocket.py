"""The server's end of one WebSocket, on a stream whose HTTP head has been read by somebody else.

Knows trio-websocket, and turns what it raises into PeerGoneError. Beside what a WebSocket does,
it does what one should not: reset the connection under it.
"""

from __future__ import annotations

import contextlib
import socket
import struct
from collections.abc import AsyncIterator, Mapping, Sequence

import trio
import trio_websocket
import wsproto.utilities

from trioaudio.core.errors import TrioaudioError

LARGEST_MESSAGE = 1 << 20
HANDSHAKE_SECONDS = 10
CLOSE_SECONDS = 2
_READ_BYTES = 64 << 10
_VERSION = "13"  # RFC 6455
_KEPT = ("sec-websocket-key", "sec-websocket-protocol")


class PeerGoneError(TrioaudioError):
    """The client is gone: closed, reset or cut off."""


LOST = (
    PeerGoneError,
    trio.BrokenResourceError,
    trio.ClosedResourceError,
    trio_websocket.ConnectionClosed,
    # trio-websocket 0.12 answers a ping even after its own close frame, and falls over it.
    wsproto.utilities.LocalProtocolError,
)
"""What a connection ends with when its client is gone, whichever library noticed first."""


def reset(stream: trio.SocketStream) -> None:
    """Close abruptly: the far end gets a TCP reset, and what was under way is lost."""
    with contextlib.suppress(OSError):  # it may be closed already
        stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


def upgrade_problem(headers: Mapping[str, str]) -> str | None:
    """Say what keeps a request that asks for an upgrade from being RFC 6455's; None if nothing."""
    tokens = {each.strip() for each in headers.get("connection", "").lower().split(",")}
    if headers.get("upgrade", "").lower() != "websocket" or "upgrade" not in tokens:
        return "wanted the headers Connection: Upgrade and Upgrade: websocket"
    if headers.get("sec-websocket-version") != _VERSION:
        return "wanted the header Sec-WebSocket-Version: 13"
    if not headers.get("sec-websocket-key"):
        return "wanted the header Sec-WebSocket-Key"
    return None


class WebSocket:
    """An open WebSocket; any number of tasks may send, one receives."""

    def __init__(
        self, connection: trio_websocket.WebSocketConnection, stream: trio.SocketStream
    ) -> None:
        self._connection = connection
        self._stream = stream

    async def receive(self) -> str | bytes:
        """Return the next message; PeerGoneError once the connection is over."""
        try:
            return await self._connection.get_message()
        except trio_websocket.ConnectionClosed as exc:
            raise PeerGoneError("the client closed the WebSocket") from exc

    async def send(self, message: str | bytes) -> None:
        """Send a text or a binary message; PeerGoneError once the connection is over."""
        try:
            await self._connection.send_message(message)
        except trio_websocket.ConnectionClosed as exc:
            raise PeerGoneError("the client is gone while it was sent to") from exc

    async def close(self, code: int = 1000, reason: str = "") -> None:
        """Close in good order, within CLOSE_SECONDS."""
        with trio.move_on_after(CLOSE_SECONDS):
            await self._connection.aclose(code, reason or None)

    def reset(self) -> None:
        """Reset the TCP connection in the middle of whatever is under way."""
        reset(self._stream)


@contextlib.asynccontextmanager
async def accept_websocket(
    stream: trio.SocketStream,
    headers: Mapping[str, str],
    early: bytes,
    answer_headers: Sequence[tuple[str, str]] = (),
    subprotocol: str | None = None,
) -> AsyncIterator[WebSocket]:
    """Answer an upgrade that has no `upgrade_problem`; close the WebSocket after the block.

    `early` is what the client sent after its head. Errors come in a group.
    """
    replay = _Replay(stream, _head(headers) + early)
    async with trio.open_nursery() as nursery:
        with trio.move_on_after(HANDSHAKE_SECONDS) as patience:
            request = await trio_websocket.wrap_server_stream(
                nursery,
                replay,
                max_message_size=LARGEST_MESSAGE,
                receive_buffer_size=_READ_BYTES,
            )
            connection = await request.accept(
                subprotocol=subprotocol,
                extra_headers=[(name.encode(), value.encode()) for name, value in answer_headers],
            )
        if patience.cancelled_caught:
            raise PeerGoneError("no WebSocket handshake in time")
        websocket = WebSocket(connection, stream)
        yield websocket
        await websocket.close()
        nursery.cancel_scope.cancel()


def _head(headers: Mapping[str, str]) -> bytes:
    """Return a request head that wsproto cannot refuse, whatever else the client sent."""
    lines = [
        "GET / HTTP/1.1",
        "Host: simulator",
        "Connection: Upgrade",
        "Upgrade: websocket",
        f"Sec-WebSocket-Version: {_VERSION}",
        *(f"{name}: {headers[name]}" for name in _KEPT if name in headers),
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


class _Replay(trio.abc.Stream):
    """A stream that begins with bytes which have been read from it before."""

    def __init__(self, stream: trio.SocketStream, replayed: bytes) -> None:
        self._stream = stream
        self._replayed = replayed

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        if self._replayed:
            await trio.lowlevel.checkpoint()
            data, self._replayed = self._replayed, b""
            return data
        return bytes(await self._stream.receive_some(max_bytes))

    async def aclose(self) -> None:
        await self._stream.aclose()
