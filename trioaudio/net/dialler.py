"""Dial a media endpoint: the client role."""

from __future__ import annotations

import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from urllib.parse import quote, urlsplit

import attrs
import trio

from trioaudio.core.connection import MediaConnection
from trioaudio.core.errors import ConfigError, LegLostError
from trioaudio.core.secret import masked_url
from trioaudio.net.media_socket import MediaSocket, host_port, prepare
from trioaudio.net.tls import shake_hands
from trioaudio.net.websocket import ClientRequest, websocket_client

_DEFAULT_PORTS = {"ws": 80, "wss": 443}
# What RFC 3986 allows in a path and a query, and %: what is quoted already stays as it is.
_RESOURCE_CHARACTERS = "/?%:@!$&'()*+,;="


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
    """Take a URL apart; ConfigError says what is wrong with it.

    Characters that may not stand in a path or a query as they are get quoted.
    """
    shown = masked_url(url)
    try:
        parts = urlsplit(url)
        port = parts.port
        hostname = (parts.hostname or "").encode("idna").decode()
    except ValueError as exc:
        raise ConfigError(f"URL {shown!r}: {exc}") from None
    if parts.scheme not in _DEFAULT_PORTS or not hostname or port == 0:
        raise ConfigError(f"URL {shown!r} must look like ws://host:port/path or wss://host/path")
    if parts.username is not None:
        raise ConfigError("credentials do not belong in the URL; use --header or TRIOAUDIO_TOKEN")
    if parts.fragment:
        raise ConfigError(f"URL {shown!r}: a WebSocket URL has no #fragment; write %23 for a #")
    default = _DEFAULT_PORTS[parts.scheme]
    bracketed = f"[{hostname}]" if ":" in hostname else hostname
    return Endpoint(
        tls=parts.scheme == "wss",
        hostname=hostname,
        port=port or default,
        host_header=bracketed if port in (None, default) else f"{bracketed}:{port}",
        resource=quote(
            (parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
            safe=_RESOURCE_CHARACTERS,
        ),
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
            try:
                prepare(sock)
                peer = host_port(sock.getpeername()[:2])
            except OSError as exc:
                sock.close()
                raise LegLostError(f"{endpoint} hung up at once: {exc.strerror}") from exc
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
