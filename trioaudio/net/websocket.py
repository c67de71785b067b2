"""WebSocket media connections: trio-websocket for the protocol, the media socket for the media.

The one file that imports trio-websocket, so its exceptions are mapped here and go no further.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import attrs
import trio
import trio_websocket

from trioaudio.core.carrier import Message
from trioaudio.core.connection import Closing, Inbound
from trioaudio.core.errors import LegLostError, LegRefusedError, RemoteProtocolError
from trioaudio.core.verdict import leaves
from trioaudio.core.websocket_frame import Opcode, client_frame, server_frame
from trioaudio.core.websocket_split import DataFrame
from trioaudio.net.media_socket import MediaSocket

# Close codes (RFC 6455, 7.4.1) by what they mean for a leg.
_IN_ORDER: Final = frozenset({1000, 1001, 1005})
_TRY_AGAIN: Final = frozenset({1006, 1011, 1012, 1013, 1014})

_KEYS_AT_ONCE = 1024


class MaskKeys:
    """Fresh 4-byte mask keys; `os.urandom` once for a thousand of them."""

    def __init__(self) -> None:
        self._pool = b""
        self._at = 0

    def draw(self) -> bytes:
        """Return a key never used before."""
        if self._at >= len(self._pool):
            self._pool = os.urandom(4 * _KEYS_AT_ONCE)
            self._at = 0
        self._at += 4
        return self._pool[self._at - 4 : self._at]


_mask_keys = MaskKeys()


class WebSocketMedia:
    """A MediaConnection over a WebSocket whose opening handshake is done."""

    def __init__(
        self, websocket: trio_websocket.WebSocketConnection, media_socket: MediaSocket
    ) -> None:
        self._websocket = websocket
        self._socket = media_socket
        self._closed_here: trio.Event | None = None
        self.peer = media_socket.peer
        self.wire: Callable[[Message], bytes] = (
            _client_wire if websocket.is_client else server_frame
        )
        # The hot path calls the socket itself, without a method of ours in between.
        self.try_send = media_socket.try_send
        self.send_control = media_socket.send_control
        self.wait_flushed = media_socket.wait_flushed

    @property
    def stalled(self) -> bool:
        """Whether the socket has not taken everything yet."""
        return self._socket.stalled

    async def receive(self, on_message: Callable[[Inbound], None]) -> Closing:
        """Hand on messages until the far end closes. See MediaConnection."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._socket.pump, on_message)
            # Whole unfragmented messages never come this way; fragmented ones do, and the close.
            while True:
                try:
                    message = await self._websocket.get_message()
                except trio_websocket.ConnectionClosed:
                    break
                on_message(_whole(message))
            if self._closed_here is not None:
                # The far end's answer to our close must still be read.
                await self._closed_here.wait()
            nursery.cancel_scope.cancel()
        return self._closing()

    def _closing(self) -> Closing:
        """Turn the close code into an orderly end, or into whose fault it is."""
        reason = self._websocket.closed
        code = reason.code if reason else 1006
        text = reason.reason if reason else None
        if self._socket.broke_protocol:
            raise RemoteProtocolError(
                f"{self.peer} sent what is no WebSocket frame, or a message over"
                f" {self._socket.largest_message} bytes"
            )
        if code in _IN_ORDER:
            return Closing(code, text)
        if code in _TRY_AGAIN:
            raise LegLostError(
                self._socket.failure
                or f"connection to {self.peer} was lost ({Closing(code, text)})"
            )
        raise LegRefusedError(f"{self.peer} closed the connection: {Closing(code, text)}")

    async def ping(self) -> None:
        """Ask for a pong and wait for it; LegLostError when the connection is gone."""
        try:
            await self._websocket.ping()
        except trio_websocket.ConnectionClosed:
            raise LegLostError(f"connection to {self.peer} was lost") from None

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close in good order, and the TCP stream with it.

        trio-websocket's client leaves the stream open after a close by the peer, and the peer
        then waits out its own time-out: so it is closed here in any case.
        """
        self._closed_here = trio.Event()
        try:
            await self._websocket.aclose(code, reason)
        finally:
            self._socket.close_now()
            self._closed_here.set()


def _client_wire(message: Message) -> bytes:
    return client_frame(message, _mask_keys.draw())


def _whole(message: Message) -> Inbound:
    """Wrap a message that trio-websocket put together from fragments."""
    if isinstance(message, str):
        return DataFrame(Opcode.TEXT, message.encode(), None)
    return DataFrame(Opcode.BINARY, message, None)


@asynccontextmanager
async def websocket_server(
    stream: MediaSocket, *, subprotocols: Sequence[str], handshake_s: float
) -> AsyncIterator[WebSocketMedia]:
    """Accept the WebSocket a carrier opens on `stream`; it is closed on the way out.

    A sub-protocol is selected only if the carrier offers it. LegLostError when the carrier goes
    away or does not finish within `handshake_s` seconds, RemoteProtocolError when what it says is
    no WebSocket handshake.
    """

    async def accept() -> trio_websocket.WebSocketConnection:
        request = await trio_websocket.wrap_server_stream(
            nursery, stream, max_message_size=stream.largest_message
        )
        offered = request.proposed_subprotocols
        chosen = next((each for each in subprotocols if each in offered), None)
        return await request.accept(subprotocol=chosen)

    with _closing_at_end(stream):
        async with trio.open_nursery() as nursery:
            websocket = await _shake_hands(accept, stream, handshake_s)
            yield WebSocketMedia(websocket, stream)
            nursery.cancel_scope.cancel()


@attrs.frozen
class ClientRequest:
    """What we ask for when we open a WebSocket."""

    host: str
    """The `Host` header: name or address, with the port if it is not the scheme's own."""
    resource: str
    """Path and query."""
    headers: Sequence[tuple[bytes, bytes]] = ()
    subprotocols: Sequence[str] = ()


@asynccontextmanager
async def websocket_client(
    stream: MediaSocket, request: ClientRequest, *, handshake_s: float
) -> AsyncIterator[WebSocketMedia]:
    """Open a WebSocket on a connected stream; it is closed on the way out.

    LegRefusedError when the far end answers, but not with a WebSocket; LegLostError when it goes
    away or does not answer within `handshake_s` seconds.
    """

    async def connect() -> trio_websocket.WebSocketConnection:
        return await trio_websocket.wrap_client_stream(
            nursery,
            stream,  # type: ignore[arg-type]  # takes any trio.abc.Stream, says its documentation
            request.host,
            request.resource,
            subprotocols=list(request.subprotocols),
            extra_headers=list(request.headers),
            max_message_size=stream.largest_message,
        )

    with _closing_at_end(stream):
        try:
            async with trio.open_nursery() as nursery:
                websocket = await _shake_hands(connect, stream, handshake_s)
                yield WebSocketMedia(websocket, stream)
                nursery.cancel_scope.cancel()
        except* trio_websocket.ConnectionRejected as group:
            status = next(
                leaf.status_code
                for leaf in leaves(group)
                if isinstance(leaf, trio_websocket.ConnectionRejected)
            )
            raise LegRefusedError(
                f"{stream.peer} answered the WebSocket handshake for {request.resource} with HTTP"
                f" status {status}; check the URL's path and the credentials"
            ) from None


async def _shake_hands(
    shake: Callable[[], Awaitable[trio_websocket.WebSocketConnection]],
    stream: MediaSocket,
    handshake_s: float,
) -> trio_websocket.WebSocketConnection:
    """Run a handshake that trio-websocket would wait for ever for if the far end goes away."""
    websocket = None
    with trio.move_on_after(handshake_s) as in_time:
        async with trio.open_nursery() as race:

            async def give_up_when_gone() -> None:
                await stream.wait_ended()
                race.cancel_scope.cancel()

            race.start_soon(give_up_when_gone)
            try:
                websocket = await shake()
            except trio_websocket.ConnectionClosed:
                websocket = None
            race.cancel_scope.cancel()
    if websocket is not None:
        return websocket
    if in_time.cancelled_caught:
        raise LegLostError(f"{stream.peer} did not finish the WebSocket handshake")
    if stream.closed:
        raise RemoteProtocolError(f"{stream.peer} does not speak WebSocket")
    raise LegLostError(f"{stream.peer} closed the connection during the WebSocket handshake")


@contextmanager
def _closing_at_end(stream: MediaSocket) -> Iterator[None]:
    try:
        yield
    finally:
        stream.close_now()
