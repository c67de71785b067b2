"""A WebSocket to a speech service: opened, spoken over, and every failure an EngineError.

With `_websocket_reader` all that knows trio-websocket on the engines' side. Keys travel in headers;
neither headers nor queries ever stand in a message, and a key the service quotes back is masked.
"""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from urllib.parse import urlsplit

import attrs
import trio
import trio_websocket

from trioaudio.core.errors import EngineError, EngineFault, FaultScope
from trioaudio.core.secret import MASK, masked_url
from trioaudio.engines._cause_words import cause_words
from trioaudio.engines._refusal_words import words_in
from trioaudio.engines._status import refusal, shortened, unavailable
from trioaudio.engines._websocket_reader import Opening, Reader
from trioaudio.lone_error import lone_error

HANDSHAKE_S = 10.0
"""For all of it: name look-up, TCP, TLS and WebSocket."""
LARGEST_MESSAGE = 8 << 20
"""Bytes; four minutes of PCM16 at 8 kHz in base64, all in one message."""

_MESSAGES_AHEAD = 8
_READ_BYTES = 65536
_LEAVE_S = 0.5
_STATUS_LINE = re.compile(rb"HTTP/1\.\d (\d{3})")
_SWITCHING_PROTOCOLS = 101
_SECRET_HEADER = re.compile("auth|key|token|secret", re.IGNORECASE)
_LOST = 1006  # RFC 6455, 7.1.5: no close frame came
_SHORTEST_SECRET = 8  # characters: a shorter one would mask ordinary words


@attrs.frozen
class ServiceAddress:
    """Where a service listens, and what it is shown at the door."""

    engine: str
    """The engine's name, for messages."""
    url: str = attrs.field(repr=masked_url)
    """ws:// or wss://, with path and query."""
    headers: Sequence[tuple[str, str]] = attrs.field(default=(), repr=False)
    tls: ssl.SSLContext | None = None
    subprotocols: Sequence[str] = ()

    def masked(self, words: str) -> str:
        """Return what the service said without the keys it was shown."""
        for name, value in self.headers:
            if _SECRET_HEADER.search(name):
                for part in value.split():
                    words = words.replace(part, MASK) if len(part) >= _SHORTEST_SECRET else words
        return words


class ServiceSocket:
    """An open WebSocket. One task may read and any may send."""

    def __init__(
        self,
        address: ServiceAddress,
        websocket: trio_websocket.WebSocketConnection,
        reader: Reader,
    ) -> None:
        self._address = address
        self._websocket = websocket
        self._reader = reader

    @property
    def closed(self) -> bool:
        """Whether either side has closed it, as far as is known yet."""
        return self._websocket.closed is not None or self._reader.ended.is_set()

    async def send(self, message: str | bytes) -> None:
        """Send one message. EngineError of connection scope when the socket is gone."""
        try:
            await self._websocket.send_message(message)
        except trio_websocket.ConnectionClosed as exc:
            raise self._gone(exc.reason) from None

    async def receive(self) -> str | bytes:
        """Return the next message. EngineError of connection scope when the socket is gone.

        A close in good order is one too: whoever still waits for audio has not got it.
        """
        try:
            message: str | bytes = await self._websocket.get_message()
        except trio_websocket.ConnectionClosed as exc:
            raise self._gone(exc.reason) from None
        return message

    async def ping(self) -> None:
        """Wait until the service has answered a ping. EngineError when the socket is gone."""
        if not await self._reader.reads_until(self._websocket.ping):
            raise self._gone(self._websocket.closed)

    async def aclose(self) -> None:
        """Close in good order; cancelled, at once."""
        try:
            # Once the reader is cancelled no answer to our close frame can come.
            await self._reader.reads_until(self._websocket.aclose)
        finally:
            await trio.aclose_forcefully(self._reader.stream)

    def _gone(self, close: trio_websocket.CloseReason | None) -> EngineError:
        engine = self._address.engine
        if close is None or close.code == _LOST:
            return unavailable(engine, "the connection was lost")
        words = shortened(self._address.masked(close.reason or ""))
        why = f"code {close.code}" + (f", {words}" if words else "")
        return unavailable(engine, f"it closed the connection ({why})")


@contextlib.asynccontextmanager
async def open_service_socket(address: ServiceAddress) -> AsyncIterator[ServiceSocket]:
    """Dial a service; the socket is closed at the end.

    EngineError: kind by the status of a refusal, UNAVAILABLE when nobody answers.
    """
    with lone_error():
        async with trio.open_nursery() as nursery:
            socket = await _dial(nursery, address)
            try:
                yield socket
            finally:
                with trio.move_on_after(_LEAVE_S, shield=True):
                    await socket.aclose()
                nursery.cancel_scope.cancel()


async def _dial(nursery: trio.Nursery, address: ServiceAddress) -> ServiceSocket:
    try:
        with trio.fail_after(HANDSHAKE_S):
            stream = Opening(await _reach(address))
            try:
                return await _shake_hands(nursery, stream, address)
            except BaseException:
                await trio.aclose_forcefully(stream)
                raise
    except trio.TooSlowError:
        raise EngineError(
            f"{address.engine} did not answer at {masked_url(address.url)}"
            f" within {HANDSHAKE_S:g} s",
            kind=EngineFault.TIMEOUT,
            retryable=True,
            scope=FaultScope.CONNECTION,
        ) from None


async def _reach(address: ServiceAddress) -> trio.SocketStream | trio.SSLStream[trio.SocketStream]:
    """Connect, with TLS where the URL asks for it. EngineError."""
    engine, where = address.engine, masked_url(address.url)
    parts = urlsplit(address.url)
    secure = parts.scheme == "wss"
    host = parts.hostname or ""
    try:
        plain = await trio.open_tcp_stream(host, parts.port or (443 if secure else 80))
    except OSError as exc:
        raise unavailable(engine, f"{where} cannot be reached: {cause_words(exc)}") from None
    if not secure:
        return plain
    context = address.tls or ssl.create_default_context()
    stream = trio.SSLStream(plain, context, server_hostname=host, https_compatible=True)
    try:
        await stream.do_handshake()
    except trio.BrokenResourceError as exc:
        await trio.aclose_forcefully(plain)
        raise unavailable(engine, f"{where} cannot be reached: {cause_words(exc)}") from None
    except BaseException:
        await trio.aclose_forcefully(plain)
        raise
    return stream


async def _shake_hands(
    nursery: trio.Nursery, stream: Opening, address: ServiceAddress
) -> ServiceSocket:
    reader = Reader(nursery, stream)
    parts = urlsplit(address.url)
    websocket: trio_websocket.WebSocketConnection | None = None

    async def shake() -> None:
        nonlocal websocket
        websocket = await trio_websocket.wrap_client_stream(
            reader,  # type: ignore[arg-type]  # it is only ever asked to start the reader
            stream,  # type: ignore[arg-type]  # takes any trio.abc.Stream, says its documentation
            parts.netloc.rpartition("@")[2],
            (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
            subprotocols=list(address.subprotocols) or None,
            extra_headers=[
                (name.encode("ascii"), value.encode("ascii")) for name, value in address.headers
            ],
            message_queue_size=_MESSAGES_AHEAD,
            max_message_size=LARGEST_MESSAGE,
            receive_buffer_size=_READ_BYTES,
        )

    await reader.reads_until(shake)
    if websocket is None:
        raise _failure(address, reader)
    stream.opening = None
    return ServiceSocket(address, websocket, reader)


def _failure(address: ServiceAddress, reader: Reader) -> EngineError:
    """Say why there is no WebSocket."""
    opening = bytes(reader.stream.opening or b"")
    where = masked_url(address.url)
    status_line = _STATUS_LINE.match(opening)
    if status_line and (status := int(status_line[1])) != _SWITCHING_PROTOCOLS:
        error = reader.error
        body = error.body if isinstance(error, trio_websocket.ConnectionRejected) else None
        if body is None:  # it hung up in the middle of it
            body = opening.partition(b"\r\n\r\n")[2]
        words = address.masked(words_in(body))
        return refusal(address.engine, status, words, scope=FaultScope.CONNECTION)
    if reader.error is not None or not b"HTTP/".startswith(opening[:5]):
        return unavailable(address.engine, f"{where} does not speak WebSocket")
    return unavailable(
        address.engine, f"{where} closed the connection during the WebSocket handshake"
    )
