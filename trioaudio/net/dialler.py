"""Dial a media endpoint: the client role."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import urlsplit

import attrs
import trio

from trioaudio.core.connection import MediaConnection
from trioaudio.core.errors import ConfigError, LegLostError
from trioaudio.net.media_socket import MediaSocket, prepare
from trioaudio.net.tls import shake_hands
from trioaudio.net.websocket import ClientRequest, websocket_client

_DEFAULT_PORTS = {"ws": 80, "wss": 443}


@attrs.frozen
class Endpoint:
    """Where a `ws(s)://` URL points to."""

    tls: bool
    hostname: str
    port: int
    host_header: str
    resource: str

    def __str__(self) -> str:
        """Read well in a message; the path may hold a token and is left out."""
        return f"{'wss' if self.tls else 'ws'}://{self.host_header}"


def parse_url(url: str) -> Endpoint:
    """Take a URL apart; ConfigError says what is wrong with it."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as exc:
        raise ConfigError(f"URL {url!r}: {exc}") from None
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ConfigError(f"URL {url!r} must look like ws://host:port/path or wss://host/path")
    if parts.username is not None:
        raise ConfigError("credentials do not belong in the URL; use --header or TRIOAUDIO_TOKEN")
    hostname = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return Endpoint(
        tls=parts.scheme == "wss",
        hostname=parts.hostname,
        port=port or _DEFAULT_PORTS[parts.scheme],
        host_header=hostname
        if port in (None, _DEFAULT_PORTS[parts.scheme])
        else f"{hostname}:{port}",
        resource=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
    )


@attrs.frozen
class Dialler:
    """Opens connections to one endpoint; `connect` is a `core.connection.Connect`."""

    endpoint: Endpoint
    headers: Sequence[tuple[bytes, bytes]]
    subprotocols: Sequence[str]
    tls_context: ssl.SSLContext | None
    handshake_s: float
    """For all of it: name look-up, TCP, TLS and WebSocket, each at most this long."""
    largest_message: int

    def connect(self, wait_s: float | None) -> AbstractAsyncContextManager[MediaConnection]:
        """Dial once. LegLostError when it cannot be reached, LegRefusedError when it says no."""
        del wait_s  # nobody is waited for
        return self._connect()

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[MediaConnection]:
        endpoint = self.endpoint
        request = ClientRequest(
            endpoint.host_header, endpoint.resource, self.headers, self.subprotocols
        )
        sock, peer = await self._reach()
        stream = MediaSocket(sock, peer, masked=False, largest_message=self.largest_message)
        async with websocket_client(stream, request, handshake_s=self.handshake_s) as connection:
            yield connection

    async def _reach(self) -> tuple[socket.socket, str]:
        endpoint = self.endpoint
        with trio.move_on_after(self.handshake_s):
            try:
                stream = await trio.open_tcp_stream(endpoint.hostname, endpoint.port)
            except OSError as exc:
                raise LegLostError(f"{endpoint} cannot be reached: {_innermost(exc)}") from exc
            # Trio's stream wants to own its socket; ours needs the bare one.
            sock = socket.socket(fileno=stream.socket.detach())
            prepare(sock)
            address, port = sock.getpeername()[:2]
            peer = f"{address}:{port}"
            if self.tls_context is None:
                return sock, peer
            return await shake_hands(
                sock, self.tls_context, server_hostname=endpoint.hostname, peer=peer
            ), peer
        raise LegLostError(f"{endpoint} did not answer within {self.handshake_s:g} s")


def _innermost(exc: BaseException) -> str:
    """Return the operating system's own words: Trio wraps them once or twice."""
    while True:
        if isinstance(exc, BaseExceptionGroup):
            exc = exc.exceptions[0]
        elif exc.__cause__ is not None:
            exc = exc.__cause__
        else:
            return getattr(exc, "strerror", None) or str(exc)
