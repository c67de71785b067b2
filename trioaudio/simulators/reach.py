"""Open the connection under a call: TCP or TLS to where a carrier dials, and a place to listen."""

from __future__ import annotations

import os
import socket
import ssl
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import trio

from trioaudio.core.carrier import Transport
from trioaudio.core.errors import ConfigError, LegLostError, LegRefusedError
from trioaudio.core.secret import masked_url
from trioaudio.net.dialler import Endpoint, parse_url
from trioaudio.net.media_socket import host_port, prepare
from trioaudio.net.tls import shake_hands

HANDSHAKE_SECONDS = 10
_BACKLOG = 1024


@attrs.frozen
class Reached:
    """A connected socket, and the address at its other end."""

    sock: socket.socket
    peer: str


def endpoint_of(url: str, transport: Transport) -> Endpoint:
    """Take a URL apart; ConfigError says what is wrong with it.

    AudioSocket has `audiosocket://HOST:PORT/UUID`, whose resource is the UUID.
    """
    if transport is Transport.WEBSOCKET:
        return parse_url(url)
    try:
        parts = urlsplit(url)
        hostname, port = parts.hostname, parts.port
    except ValueError as exc:
        raise ConfigError(f"URL {masked_url(url)!r}: {exc}") from None
    if parts.scheme != "audiosocket" or not hostname or not port:
        raise ConfigError(
            f"URL {masked_url(url)!r} must look like audiosocket://host:port/UUID for this carrier"
        )
    bracketed = f"[{hostname}]" if ":" in hostname else hostname
    return Endpoint(False, hostname, port, f"{bracketed}:{port}", parts.path.strip("/"))  # noqa: FBT003


def tls_context(ca_file: Path | None) -> ssl.SSLContext:
    """Return a context that verifies servers; ConfigError when the file cannot be used."""
    try:
        return ssl.create_default_context(cafile=ca_file)
    except OSError as exc:
        raise ConfigError(f"--tls-ca {ca_file}: {exc.strerror or exc}") from exc


async def reach(url: str, endpoint: Endpoint, ca_file: Path | None) -> Reached:
    """Connect; LegLostError when there is nobody, LegRefusedError when there is no trust."""
    shown = masked_url(url)
    context = tls_context(ca_file) if endpoint.tls else None
    with trio.move_on_after(HANDSHAKE_SECONDS):
        try:
            stream = await trio.open_tcp_stream(endpoint.hostname, endpoint.port)
        except OSError as exc:
            raise LegLostError(f"{shown}: {_reason(exc)}") from exc
        reached = own(stream)
        if context is None:
            return reached
        try:
            tls = await shake_hands(
                reached.sock, context, server_hostname=endpoint.hostname, peer=reached.peer
            )
        except LegRefusedError as exc:
            if isinstance(exc.__cause__, ssl.SSLCertVerificationError):
                raise LegRefusedError(
                    f"{shown}: the certificate is not trusted: {exc.__cause__.verify_message};"
                    " name the CA that signed it by --tls-ca"
                ) from exc
            raise
        return Reached(tls, reached.peer)
    raise LegLostError(f"{shown}: no answer within {HANDSHAKE_SECONDS} s")


def own(stream: trio.SocketStream) -> Reached:
    """Take the bare socket out of a stream; LegLostError when it is gone already."""
    sock = socket.socket(fileno=stream.socket.detach())
    try:
        prepare(sock)
        return Reached(sock, host_port(sock.getpeername()[:2]))
    except OSError as exc:
        sock.close()
        raise LegLostError(f"the far end hung up at once: {_reason(exc)}") from exc


async def listen(address: tuple[str, int]) -> trio.SocketListener:
    """Listen at a host and port; LegLostError when that cannot be."""
    host, port = address
    try:
        first, *others = await trio.open_tcp_listeners(port, host=host, backlog=_BACKLOG)
    except OSError as exc:
        raise LegLostError(f"cannot listen at {host}:{port}: {_reason(exc)}") from exc
    for listener in others:  # a name with several addresses: one is enough
        await trio.aclose_forcefully(listener)
    return first


def url_of(listener: trio.SocketListener) -> str:
    """Return the URL at which a listener is dialled."""
    return f"ws://{host_port(listener.socket.getsockname()[:2])}/"


def _reason(exc: BaseException) -> str:
    """Return the operating system's word for why a connection failed."""
    cause = exc.__cause__
    if isinstance(cause, BaseExceptionGroup):
        cause = cause.exceptions[0]
    if isinstance(cause, OSError):
        exc = cause
    if isinstance(exc, OSError):
        return os.strerror(exc.errno) if exc.errno and exc.errno > 0 else str(exc)
    return str(exc)
