"""Serves an ASGI application with hypercorn, on connections accepted here.

Hypercorn's own `serve` sends in a shield without a deadline, so that a far end that stops reading
holds its connection, and a shutdown, for ever; it bounds no peer; and a protocol error of h2 or
wsproto in one connection ends the whole server. So its `TCPServer` is given each connection by us,
on a stream whose sends have a deadline and which can be closed from outside.
"""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from socket import socket
from typing import Any, Final

import attrs
import trio
from hypercorn.config import Config
from hypercorn.trio.tcp_server import TCPServer
from hypercorn.trio.worker_context import WorkerContext
from hypercorn.typing import AppWrapper, ConnectionState
from hypercorn.utils import wrap_app

from trioaudio.control.guests import Guest, Guests
from trioaudio.control.options import ControlOptions
from trioaudio.core.errors import ConfigError
from trioaudio.lone_error import lone_error

KEEP_ALIVE_S: Final = 65.0
PING_S: Final = 20.0
TLS_HANDSHAKE_S: Final = 10
STOP_S: Final = 1.5
"""How long a shutdown waits for requests being answered and streams being closed."""
_HEAD_BYTES: Final = 64 * 1024
logger = logging.getLogger("trioaudio.control")


@attrs.define(eq=False)
class BoundedStream(trio.abc.HalfCloseableStream):
    """A connection whose sends have a deadline: then it is closed, and the send fails."""

    inner: trio.SocketStream
    send_s: float

    @property
    def socket(self) -> trio.socket.SocketType:
        """Return the socket, which is asked for its addresses."""
        return self.inner.socket

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send; trio.BrokenResourceError when the far end does not read.

        What there is room for is given to the system at once: that halves the price of an event.
        It is no checkpoint; those who call it have taken a lock, which is one.
        """
        left = memoryview(data)[self._send_at_once(data) :]
        if not left:
            return
        with trio.move_on_after(self.send_s) as within:
            await self.inner.send_all(left)
        if within.cancelled_caught:
            self.abort()
            raise trio.BrokenResourceError(f"nothing was read for {self.send_s:g} s")

    def _send_at_once(self, data: bytes | bytearray | memoryview) -> int:
        if not data:  # hypercorn ends each answer with a send of nothing
            return 0
        try:
            return os.write(self.inner.socket.fileno(), data)
        except OSError:  # there is no room, or the connection is over: sending will tell
            return 0

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there may be room."""
        await self.inner.wait_send_all_might_not_block()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        """Receive."""
        return await self.inner.receive_some(max_bytes)

    async def send_eof(self) -> None:
        """End our half."""
        await self.inner.send_eof()

    async def aclose(self) -> None:
        """Close."""
        await self.inner.aclose()

    def abort(self) -> None:
        """Close at once, whatever waits on it."""
        self.inner.socket.close()


class ConnectionContext(WorkerContext):
    """What hypercorn takes for the state of the server, of one connection only."""

    def __init__(self) -> None:
        super().__init__(None)
        self._ended = trio.Event()

    async def end(self) -> None:
        """Have the timers run out; nothing is waited for."""
        self._ended.set()
        await self.terminated.set()

    async def sleep(self, wait: float) -> None:  # type: ignore[override]
        """Wait between two pings, but no longer than there is somebody to ping."""
        with trio.move_on_after(wait):
            await self._ended.wait()


class Connection(TCPServer):
    """A connection of hypercorn's whose tasks end with it: its timers would run to their end."""

    async def _read_data(self) -> None:
        try:
            await super()._read_data()
        finally:
            assert isinstance(self.context, ConnectionContext)
            with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
                await self.context.end()


@attrs.define(eq=False)
class Connections:
    """The connections there are."""

    application: AppWrapper
    options: ControlOptions
    config: Config
    _tls: ssl.SSLContext | None = attrs.field(init=False)
    _guests: Guests = attrs.field(init=False)
    _open: dict[BoundedStream, ConnectionContext] = attrs.field(factory=dict, init=False)
    _empty: trio.Event = attrs.field(factory=trio.Event, init=False)

    def __attrs_post_init__(self) -> None:
        """Read the certificate."""
        self._tls = self.config.create_ssl_context()
        self._guests = Guests(self.options.connections, self.options.connections_per_peer)

    def show_certificate(self, context: ssl.SSLContext) -> None:
        """Have TLS handshakes that begin from now on use another context."""
        self._tls = context

    async def serve(self, accepted: trio.SocketStream) -> None:
        """Serve one connection to its end; one too many is closed, it or another."""
        stream = BoundedStream(accepted, self.options.send_s)
        guest = self._guests.admit(_peer(accepted), stream.abort)
        if guest is None:
            stream.abort()
            return
        context = self._open[stream] = ConnectionContext()
        try:
            await self._serve(stream, context, guest)
        finally:
            stream.abort()
            self._guests.leave(guest)
            del self._open[stream]
            if not self._open:
                self._empty.set()

    async def _serve(self, stream: BoundedStream, context: ConnectionContext, guest: Guest) -> None:
        state = ConnectionState({})
        above: Any = stream
        if self._tls is not None:
            above = trio.SSLStream(stream, self._tls, server_side=True, https_compatible=True)
        application = _noting(self.application, guest)
        server = Connection(application, self.config, context, state, above)
        try:
            with guest.scope:
                await server.run()
        except Exception:  # a far end's protocol errors, which hypercorn lets through: calls go on
            logger.debug("a connection broke off", exc_info=True)
        finally:
            # Both know each other, which would leave every connection to the garbage collector.
            vars(server).pop("protocol", None)

    async def stop(self) -> None:
        """Let what is being answered be answered, for a short while; then close everything."""
        for context in list(self._open.values()):
            await context.terminated.set()
        with trio.move_on_after(STOP_S):
            while self._open:
                self._empty = trio.Event()
                await self._empty.wait()
        for each in list(self._open):
            each.abort()


def configure(options: ControlOptions) -> Config:
    """Return hypercorn's configuration; ConfigError when the certificate is of no use."""
    config = Config()
    config.errorlog = logger
    config.accesslog = None
    config.keep_alive_timeout = KEEP_ALIVE_S
    config.keep_alive_max_requests = 100_000
    config.h11_max_incomplete_size = _HEAD_BYTES
    config.websocket_ping_interval = PING_S
    config.websocket_max_message_size = options.message_bytes
    config.ssl_handshake_timeout = TLS_HANDSHAKE_S
    config.include_server_header = False
    config.alpn_protocols = ["http/1.1"]
    if (options.tls_certificate is None) != (options.tls_key is None):
        raise ConfigError("TLS for the control API needs a certificate and its key")
    if options.tls_certificate is not None:
        config.certfile = str(options.tls_certificate)
        config.keyfile = str(options.tls_key)
        # An encrypted key would be asked about on the terminal of a daemon.
        config.keyfile_password = ""
        tls_context(config)
    return config


def tls_context(config: Config) -> ssl.SSLContext:
    """Return a context of what the certificate's files hold now; ConfigError if it is of no use."""
    try:
        context = config.create_ssl_context()
    except OSError as exc:
        raise ConfigError(
            f"cannot use the certificate {config.certfile} with its key: {exc}"
        ) from exc
    if context is None:
        raise ConfigError("TLS for the control API needs a certificate and its key")
    return context


@asynccontextmanager
async def serving(
    sock: socket, application: Any, options: ControlOptions, config: Config, stopping: trio.Event
) -> AsyncIterator[Connections]:
    """Serve an application on a listening socket while the block runs.

    At its end `stopping` is set, so that streams say goodbye; after 1.5 s what is left is cut.
    """
    connections = Connections(wrap_app(application, 0, "asgi"), options, config)
    listener = trio.SocketListener(trio.socket.from_stdlib_socket(sock))
    with lone_error():
        async with trio.open_nursery() as served, trio.open_nursery() as accepting:
            await accepting.start(
                partial(trio.serve_listeners, handler_nursery=served), connections.serve, [listener]
            )
            try:
                yield connections
            finally:
                stopping.set()
                accepting.cancel_scope.cancel()
                with trio.CancelScope(shield=True, deadline=trio.current_time() + STOP_S + 0.2):
                    await connections.stop()
                served.cancel_scope.cancel()


def _noting(application: AppWrapper, guest: Guest) -> AppWrapper:
    """Return the application; what is under way is noted."""

    async def answer(scope: Any, receive: Any, send: Any, sync_spawn: Any, call_soon: Any) -> None:
        async def hear() -> Any:
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                guest.keep()
            return message

        with guest.asking(scope) as noted:
            await application(noted, hear, send, sync_spawn, call_soon)

    return answer


def _peer(stream: trio.SocketStream) -> str:
    try:
        name = stream.socket.getpeername()
    except OSError:
        return "gone"
    return str(name[0]) if isinstance(name, tuple) else "unix"
