"""The WebSocket to an application: dialled, spoken over, and every failure an AppLostError.

The one file of these that imports trio-websocket.
"""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Final

import attrs
import h11
import trio
import trio_websocket
import wsproto.utilities

from trioaudio.core.errors import TrioaudioError
from trioaudio.lone_error import lone_error
from trioaudio.relay.app_address import AppAddress, Endpoint, check_relay_url
from trioaudio.relay.messages import LARGEST_MESSAGE

SEND_S: Final = 10.0
"""How long an application may leave a message unread before it is given up."""
_CLOSE_S: Final = 2.0
_READ_BYTES: Final = 16 << 10
_LOST: Final = 1006  # RFC 6455, 7.1.5: no close frame came
_GOING_AWAY: Final = 1001
_TOO_LARGE: Final = 1009


class AppLostError(TrioaudioError):
    """The application cannot be reached, said no, or is gone."""


class AppSocket:
    """An open WebSocket. One task may receive, any may send."""

    def __init__(
        self, address: AppAddress, websocket: trio_websocket.WebSocketConnection, reader: _Reader
    ) -> None:
        self._address = address
        self._websocket = websocket
        self._reader = reader

    async def send(self, message: str) -> None:
        """Send one message. AppLostError when the application is gone or does not read."""
        try:
            with trio.fail_after(SEND_S):
                await self._websocket.send_message(message)
        except trio_websocket.ConnectionClosed as exc:
            raise self._gone(exc.reason) from None
        except wsproto.utilities.LocalProtocolError:  # it is closing, and not told yet
            raise self._gone(None) from None
        except trio.TooSlowError:
            raise AppLostError(f"{self._address} read nothing for {SEND_S:g} s") from None

    async def receive(self) -> str | bytes:
        """Return the next message. AppLostError when the application is gone."""
        try:
            message: str | bytes = await self._websocket.get_message()
        except trio_websocket.ConnectionClosed as exc:
            raise self._gone(exc.reason) from None
        return message

    async def ping(self) -> None:
        """Wait until the application has answered a ping. AppLostError when it is gone."""
        if not await self._reader.reads_until(self._websocket.ping):
            raise self._gone(self._websocket.closed)

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close in good order, or two seconds later in any."""
        try:
            with trio.move_on_after(_CLOSE_S):
                await self._reader.reads_until(lambda: self._websocket.aclose(code, reason))
        finally:
            await trio.aclose_forcefully(self._reader.stream)

    def _gone(self, close: trio_websocket.CloseReason | None) -> AppLostError:
        if close is None or close.code == _LOST:
            return AppLostError(f"the connection to {self._address} was lost")
        if close.code == _TOO_LARGE:
            return AppLostError(f"{self._address} sent a message over {LARGEST_MESSAGE} bytes")
        told = f"code {close.code}" + (f", {close.reason[:200]!r}" if close.reason else "")
        return AppLostError(f"{self._address} closed the connection during the call ({told})")


@contextlib.asynccontextmanager
async def open_app_socket(address: AppAddress) -> AsyncIterator[AppSocket]:
    """Dial an application; the socket is closed at the end, as going away if nobody did before.

    ConfigError about the URL, AppLostError when there is no WebSocket within the time.
    """
    endpoint = check_relay_url(address.url)
    headers = address.all_headers()
    with lone_error():
        async with trio.open_nursery() as nursery:
            socket = await _dial(nursery, address, endpoint, headers)
            try:
                yield socket
            finally:
                with trio.move_on_after(_CLOSE_S, shield=True):
                    await socket.close(_GOING_AWAY)
                nursery.cancel_scope.cancel()


_Stream = trio.SocketStream | trio.SSLStream[trio.SocketStream]
_Headers = list[tuple[bytes, bytes]]


async def _dial(
    nursery: trio.Nursery, address: AppAddress, endpoint: Endpoint, headers: _Headers
) -> AppSocket:
    try:
        with trio.fail_after(address.connect_timeout_s):
            stream = await _reach(address, endpoint)
            try:
                return await _shake_hands(_Reader(nursery, stream), address, endpoint, headers)
            except BaseException:
                await trio.aclose_forcefully(stream)
                raise
    except trio.TooSlowError:
        raise AppLostError(
            f"{address} did not answer within {address.connect_timeout_s:g} s"
        ) from None


async def _reach(address: AppAddress, endpoint: Endpoint) -> _Stream:
    try:
        plain = await trio.open_tcp_stream(endpoint.hostname, endpoint.port)
    except OSError as exc:
        raise AppLostError(f"{address} cannot be reached: {_cause(exc)}") from None
    if not endpoint.tls:
        return plain
    context = address.tls or ssl.create_default_context()
    stream = trio.SSLStream(
        plain, context, server_hostname=endpoint.hostname, https_compatible=True
    )
    try:
        await stream.do_handshake()
    except trio.BrokenResourceError as exc:
        await trio.aclose_forcefully(plain)
        raise AppLostError(f"TLS with {address} failed: {_cause(exc)}") from None
    except BaseException:
        await trio.aclose_forcefully(plain)
        raise
    return stream


async def _shake_hands(
    reader: _Reader, address: AppAddress, endpoint: Endpoint, headers: _Headers
) -> AppSocket:
    websocket: trio_websocket.WebSocketConnection | None = None

    async def shake() -> None:
        nonlocal websocket
        websocket = await trio_websocket.wrap_client_stream(
            reader,  # type: ignore[arg-type]  # it is only ever asked to start its reader
            reader.stream,
            endpoint.host_header,
            endpoint.resource,
            extra_headers=headers,
            max_message_size=LARGEST_MESSAGE,
            receive_buffer_size=_READ_BYTES,
        )

    await reader.reads_until(shake)
    if websocket is not None:
        return AppSocket(address, websocket, reader)
    error = reader.error
    if isinstance(error, trio_websocket.ConnectionRejected):
        raise AppLostError(
            f"{address} answered the WebSocket handshake with HTTP status {error.status_code}"
        )
    what = "closed the connection during the WebSocket handshake"
    raise AppLostError(f"{address} {what if error is None else 'does not speak WebSocket'}")


@attrs.define(eq=False)
class _Reader:
    """What trio-websocket starts its reader in: the socket's nursery, with a net below.

    The reader falls over what a far end says, and some waits of trio-websocket's never end then.
    """

    nursery: trio.Nursery
    stream: _Stream
    ended: trio.Event = attrs.field(factory=trio.Event)
    error: Exception | None = None

    def start_soon(self, reader: Callable[[], Awaitable[None]]) -> None:
        """Start the reader: the one thing trio-websocket does with a nursery."""
        self.nursery.start_soon(self._read, reader)

    async def reads_until(self, wait: Callable[[], Awaitable[None]]) -> bool:
        """Wait for what only reading brings about; False when the socket ended before it."""
        done = False
        async with trio.open_nursery() as race:

            async def give_up_at_the_end() -> None:
                await self.ended.wait()
                race.cancel_scope.cancel()

            race.start_soon(give_up_at_the_end)
            # The latter when the far end has begun to close, and nobody was told yet.
            with contextlib.suppress(
                trio_websocket.ConnectionClosed, wsproto.utilities.LocalProtocolError
            ):
                await wait()
                done = True
            race.cancel_scope.cancel()
        return done

    async def _read(self, reader: Callable[[], Awaitable[None]]) -> None:
        try:
            await reader()
        except (
            trio_websocket.HandshakeError,
            trio_websocket.ConnectionClosed,
            wsproto.utilities.ProtocolError,
            h11.ProtocolError,
            UnicodeError,
        ) as exc:
            self.error = exc
            await trio.aclose_forcefully(self.stream)
        finally:
            self.ended.set()


def _cause(exc: BaseException) -> str:
    """Return the operating system's or OpenSSL's own words: Trio wraps them."""
    while not (isinstance(exc, OSError) and exc.strerror):
        within = exc.exceptions[0] if isinstance(exc, BaseExceptionGroup) else None
        deeper = within or exc.__cause__ or exc.__context__
        if deeper is None:
            break
        exc = deeper
    match exc:
        case ssl.SSLCertVerificationError():
            return f"its certificate is not trusted: {exc.verify_message}"
        case ssl.SSLError():
            return exc.reason or str(exc)
        case OSError():
            return exc.strerror or str(exc)
        case _:
            return str(exc) or type(exc).__name__
