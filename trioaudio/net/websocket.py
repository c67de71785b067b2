"""WebSocket media connections: trio-websocket for the protocol, the media socket for the media.

The one file that imports trio-websocket, so its exceptions are mapped here and go no further.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial
from typing import Final

import attrs
import h11
import trio
import trio_websocket
import wsproto
import wsproto.utilities

from trioaudio.core.carrier import Message
from trioaudio.core.connection import Closing, Inbound
from trioaudio.core.errors import (
    LegLostError,
    LegRefusedError,
    RemoteProtocolError,
    TrioaudioError,
)
from trioaudio.core.websocket_frame import Opcode, client_frame, mask, ping, server_frame
from trioaudio.core.websocket_split import DataFrame
from trioaudio.net.media_socket import MediaSocket

_fast_mask: Callable[[bytes, bytes], bytes] = mask
with contextlib.suppress(ImportError):
    # The `fast` extra: a C routine of 0.24 µs where ours takes 3.8.
    from websockets.speedups import apply_mask

    _fast_mask = apply_mask

# Close codes (RFC 6455, 7.4.1) by what they mean for a leg.
_IN_ORDER: Final = frozenset({1000, 1001, 1005})
_TRY_AGAIN: Final = frozenset({1006, 1011, 1012, 1013, 1014})

_SWITCHING_PROTOCOLS: Final = 101
_TRY_AGAIN_HTTP: Final = frozenset({408, 425, 429, *range(500, 600)})
_STATUS_LINE: Final = re.compile(rb"HTTP/1\.[01] (\d{3})\b")

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

    __slots__ = (
        "_closed",
        "_closing_here",
        "_receiving",
        "_socket",
        "_we_closed_first",
        "_websocket",
        "inlet",
        "outlet",
        "peer",
        "send_control",
        "start_soon",
        "wait_flushed",
        "wire",
    )

    def __init__(
        self,
        websocket: trio_websocket.WebSocketConnection,
        media_socket: MediaSocket,
        handler_nursery: trio.Nursery,
    ) -> None:
        # What serves the connection runs beside trio-websocket's reader, in the nursery whose
        # end is the connection's: a nursery more would take 2 kB of every leg.
        self.start_soon = handler_nursery.start_soon
        self._websocket = websocket
        self._socket = media_socket
        self._closed = trio.Event()
        self._receiving = False
        self._closing_here = False
        self._we_closed_first = False
        self.peer = media_socket.peer
        self.wire: Callable[[Message], bytes] = (
            _client_wire if websocket.is_client else server_frame
        )
        # The hot path asks the socket itself, without a method of ours in between.
        self.outlet = self.inlet = media_socket
        self.send_control = media_socket.send_control
        self.wait_flushed = media_socket.wait_flushed

    async def receive(
        self, on_message: Callable[[Inbound], None], *, polled: bool = False
    ) -> Closing:
        """Hand on messages until the far end closes. See MediaConnection."""
        self._receiving = True
        if not self._closing_here:  # else `close` reads, and nobody wants what is said
            self._socket.take_over(on_message)
            if not polled:
                self.start_soon(self._socket.pump, on_message)
        # Whole unfragmented messages never come this way; fragmented ones do, and the close.
        while True:
            try:
                message = await self._websocket.get_message()
            except trio_websocket.ConnectionClosed:
                break
            on_message(_whole(message))
        if self._closing_here:
            # The far end's answer to our close must still be read.
            await self._closed.wait()
        # trio-websocket's client leaves that to the far end, which may wait for us to do it.
        self._socket.close_now()
        return self._closing()

    def _closing(self) -> Closing:
        """Turn the close code into an orderly end, or into whose fault it is."""
        reason = self._websocket.closed
        code = reason.code if reason else 1006
        text = reason.reason if reason else None
        if self._we_closed_first:
            return Closing(code, text)
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
        # trio-websocket does not tell whether 1007 and 1009 were the far end's words or its own.
        raise LegRefusedError(f"connection to {self.peer} ended with {Closing(code, text)}")

    def ping(self) -> None:
        """Ask for a sign of life; the pong, like everything that comes, counts as `heard`."""
        self.send_control(ping(_mask_keys.draw() if self._websocket.is_client else None))

    @property
    def heard(self) -> int:
        """A count that grows whenever anything comes."""
        return self._socket.reads

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close in good order, and the TCP stream with it; what is sent from now on is dropped."""
        if self._closing_here:
            await self._closed.wait()
            return
        self._closing_here = True
        self._we_closed_first = self._websocket.closed is None
        self._socket.end_media()
        self.send_control = _drop
        # Not a method: an attribute that holds the object it is of would be a cycle, left over
        # from every call.
        self.wait_flushed = partial(_wait_closed, self._closed, self.peer)
        try:
            async with trio.open_nursery() as nursery:
                if not self._receiving:
                    # Nobody receives, and the far end's answer may be behind messages.
                    nursery.start_soon(self._socket.pump, _ignore)
                await _unless_ended(self._socket, partial(self._websocket.aclose, code, reason))
                nursery.cancel_scope.cancel()
        finally:
            self._socket.close_now()
            self._closed.set()


async def _wait_closed(closed: trio.Event, peer: str) -> None:
    await closed.wait()
    raise LegLostError(f"connection to {peer} was closed")


def _drop(data: bytes) -> None:
    """Send nothing behind a close frame."""


def _ignore(message: Inbound) -> None:
    """Take no interest in what is said after the end."""


def _client_wire(message: Message) -> bytes:
    return client_frame(message, _mask_keys.draw(), _fast_mask)


def _whole(message: Message) -> Inbound:
    """Wrap a message that trio-websocket put together from fragments."""
    if isinstance(message, str):
        return DataFrame(Opcode.TEXT, message.encode(), None)
    return DataFrame(Opcode.BINARY, message, None)


def handshake_fault(head: bytes) -> str | None:
    """Return why the handshake would fail that begins with this head; None if it would not.

    Found out at the door, so that it does not become the trouble of the call behind it.
    """
    try:
        wsproto.WSConnection(wsproto.ConnectionType.SERVER).receive_data(head)
    except wsproto.utilities.RemoteProtocolError as exc:
        return str(exc)
    except UnicodeError:
        return "a header that is no ASCII"
    return None


@asynccontextmanager
async def websocket_server(
    stream: MediaSocket, *, subprotocols: Sequence[str], handshake_s: float
) -> AsyncIterator[WebSocketMedia]:
    """Accept the WebSocket a carrier opens on `stream`; it is closed on the way out.

    A sub-protocol is selected only if the carrier offers it. LegLostError when the carrier goes
    away or does not finish within `handshake_s` seconds, RemoteProtocolError when what it says is
    no WebSocket handshake.
    """

    async def accept(nursery: _ReaderNursery) -> trio_websocket.WebSocketConnection:
        request = await trio_websocket.wrap_server_stream(
            nursery,  # type: ignore[arg-type]  # it is only ever asked to start the reader
            stream,
            max_message_size=stream.largest_message,
        )
        offered = request.proposed_subprotocols
        chosen = next((each for each in subprotocols if each in offered), None)
        return await request.accept(subprotocol=chosen)

    with _closing_at_end(stream):
        async with trio.open_nursery() as nursery:
            yield await _shake_hands(accept, stream, nursery, handshake_s)
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
    away, has no time for us, or does not answer within `handshake_s` seconds.
    """

    async def connect(nursery: _ReaderNursery) -> trio_websocket.WebSocketConnection:
        return await trio_websocket.wrap_client_stream(
            nursery,  # type: ignore[arg-type]  # it is only ever asked to start the reader
            stream,  # type: ignore[arg-type]  # takes any trio.abc.Stream, says its documentation
            request.host,
            request.resource,
            subprotocols=list(request.subprotocols),
            extra_headers=list(request.headers),
            max_message_size=stream.largest_message,
        )

    with _closing_at_end(stream):
        async with trio.open_nursery() as nursery:
            yield await _shake_hands(connect, stream, nursery, handshake_s)
            nursery.cancel_scope.cancel()


async def _shake_hands(
    shake: Callable[[_ReaderNursery], Awaitable[trio_websocket.WebSocketConnection]],
    stream: MediaSocket,
    nursery: trio.Nursery,
    handshake_s: float,
) -> WebSocketMedia:
    """Run a handshake; trio-websocket's reader then lives in `nursery`."""
    websocket: trio_websocket.WebSocketConnection | None = None

    async def shake_and_tell() -> None:
        nonlocal websocket
        websocket = await shake(_ReaderNursery(stream, nursery))

    with trio.move_on_after(handshake_s) as in_time:
        await _unless_ended(stream, shake_and_tell)
    if websocket is None:
        raise _failure(stream, too_slow=in_time.cancelled_caught)
    stream.opening = b""  # it has told what it was kept for
    return WebSocketMedia(websocket, stream, nursery)


@attrs.frozen
class _ReaderNursery:
    """What trio-websocket starts its reader in: the connection's nursery, with a net below.

    The reader falls over what a far end says: a refusal, junk in the handshake, a ping that
    crosses our close frame. All of that must end the connection, not the call. A nursery for it
    alone would do the same for 3.6 kB a leg.
    """

    stream: MediaSocket
    nursery: trio.Nursery

    def start_soon(self, reader: Callable[[], Awaitable[None]]) -> None:
        """Start the reader: the one thing trio-websocket does with a nursery."""
        self.nursery.start_soon(_read_safely, self.stream, reader)


async def _read_safely(stream: MediaSocket, reader: Callable[[], Awaitable[None]]) -> None:
    try:
        await reader()
    except (
        trio_websocket.HandshakeError,
        trio_websocket.ConnectionClosed,
        wsproto.utilities.ProtocolError,
        h11.ProtocolError,
        UnicodeError,
    ):
        stream.close_now()


async def _unless_ended(stream: MediaSocket, wait: Callable[[], Awaitable[None]]) -> bool:
    """Run a wait of trio-websocket's and say whether it came to its end.

    It would wait for ever for a far end that is gone.
    """
    done = False
    async with trio.open_nursery() as race:

        async def give_up_at_the_end() -> None:
            await stream.wait_ended()
            race.cancel_scope.cancel()

        race.start_soon(give_up_at_the_end)
        # Any other way the WebSocket may end is seen by whoever receives.
        with suppress(trio_websocket.ConnectionClosed):
            await wait()
            done = True
        race.cancel_scope.cancel()
    return done


def _failure(stream: MediaSocket, *, too_slow: bool) -> TrioaudioError:
    """Say why there is no WebSocket."""
    status_line = _STATUS_LINE.match(stream.opening)
    if status_line and (status := int(status_line[1])) != _SWITCHING_PROTOCOLS:
        error = LegLostError if status in _TRY_AGAIN_HTTP else LegRefusedError
        return error(
            f"{stream.peer} answered the WebSocket handshake with HTTP status {status};"
            " check the URL's path and the credentials"
        )
    if too_slow:
        return LegLostError(f"{stream.peer} did not finish the WebSocket handshake")
    if stream.failure:
        return LegLostError(stream.failure)
    if stream.closed:
        return RemoteProtocolError(f"{stream.peer} does not speak WebSocket")
    return LegLostError(f"{stream.peer} closed the connection during the WebSocket handshake")


@contextmanager
def _closing_at_end(stream: MediaSocket) -> Iterator[None]:
    try:
        yield
    finally:
        stream.close_now()
