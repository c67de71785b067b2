"""Let carriers dial us: the server role.

A *door* is a path that somebody waits behind. The listener reads a connection's HTTP head, finds
the door, and hands the stream over untouched: the WebSocket handshake and all that follows run in
the call's own tasks, so what a carrier does wrong is that call's trouble alone. Everything
without a door is refused in plain HTTP before any upgrade.
"""

from __future__ import annotations

import errno
import socket
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from http import HTTPStatus

import attrs
import h11
import trio

from trioaudio.core.connection import MediaConnection
from trioaudio.core.errors import ConfigError, LegLostError, TrioaudioError
from trioaudio.net.media_socket import MediaSocket, host_port, prepare
from trioaudio.net.tls import shake_hands
from trioaudio.net.websocket import websocket_server

HEAD_LIMIT = 16 * 1024
BACKLOG = 1024
_ACCEPT_AT_ONCE = 64
# Linux's accept also reports what happened to the connection it would return (accept(2)).
_NOT_OURS = frozenset(
    {
        errno.EPERM,  # a firewall rule
        errno.ECONNABORTED,
        errno.EPROTO,
        errno.ENETDOWN,
        errno.ENETUNREACH,
        errno.ENOPROTOOPT,
        errno.EHOSTDOWN,
        errno.EHOSTUNREACH,
        errno.ENONET,
        errno.EOPNOTSUPP,
    }
)
# Out of descriptors or memory: not this connection's fault, and it may pass.
_CAPACITY = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})
_CAPACITY_WAIT_S = 0.1


@attrs.frozen
class Admission:
    """What holds for every connection a listener accepts."""

    handshake_s: float = 10.0
    """For TLS, for the HTTP head and for the WebSocket handshake, each at most this long."""
    largest_message: int = 1 << 20
    tls_context: ssl.SSLContext | None = None


class Door:
    """One path a carrier may dial; `connect` is a `core.connection.Connect`.

    The newest connection wins: a carrier that comes back while we still believe in its old,
    half-dead connection gets in, and the old one is closed.
    """

    __slots__ = ("_admission", "_came", "_current", "_newest", "_subprotocols")

    def __init__(self, subprotocols: Sequence[str], admission: Admission) -> None:
        self._subprotocols = subprotocols
        self._admission = admission
        self._newest: MediaSocket | None = None
        self._current: MediaSocket | None = None
        self._came = trio.Event()

    def offer(self, stream: MediaSocket) -> None:
        """Hand over a connection whose head has been read."""
        for older in (self._newest, self._current):
            if older is not None:
                older.close_now(f"a newer connection took the place of {older.peer}")
        self._newest = stream
        self._came.set()

    def connect(self, wait_s: float | None) -> AbstractAsyncContextManager[MediaConnection]:
        """Wait for the carrier and accept its WebSocket; LegLostError if it does not come.

        One task at a time.
        """
        return self._connect(wait_s)

    @asynccontextmanager
    async def _connect(self, wait_s: float | None) -> AsyncIterator[MediaConnection]:
        opened = False
        while not opened:
            stream = self._current = await self._next(wait_s)
            try:
                async with websocket_server(
                    stream, subprotocols=self._subprotocols, handshake_s=self._admission.handshake_s
                ) as connection:
                    opened = True
                    yield connection
            except* LegLostError:
                if opened or self._newest is None:
                    raise
                # The carrier has dialled anew in the middle of the handshake.
            finally:
                self._current = None

    async def _next(self, wait_s: float | None) -> MediaSocket:
        with trio.CancelScope() as patience:
            if wait_s is not None:
                patience.deadline = trio.current_time() + wait_s
            while self._newest is None:
                self._came = trio.Event()
                await self._came.wait()
            stream, self._newest = self._newest, None
            return stream
        raise LegLostError(f"no carrier connected within {wait_s:g} s")

    def close(self) -> None:
        """Close a connection nobody has taken."""
        if self._newest is not None:
            self._newest.close_now()
            self._newest = None


class Listener:
    """Accepts connections on one address and knows the doors."""

    def __init__(self, sock: socket.socket, admission: Admission) -> None:
        self._sock = sock
        self._admission = admission
        self._doors: dict[str, Door] = {}

    @property
    def address(self) -> str:
        """HOST:PORT as bound, IPv6 in brackets."""
        return host_port(self._sock.getsockname()[:2])

    def url(self, path: str) -> str:
        """Return the URL a carrier must dial to come in by `path`."""
        scheme = "ws" if self._admission.tls_context is None else "wss"
        return f"{scheme}://{self.address}{path}"

    def open_door(self, path: str, subprotocols: Sequence[str] = ()) -> Door:
        """Admit connections to `path` from now on."""
        door = Door(subprotocols, self._admission)
        self._doors[path] = door
        return door

    def close_door(self, path: str) -> None:
        """Refuse `path` from now on; a connection already taken stays."""
        self._doors.pop(path).close()

    async def accept(self) -> None:
        """Accept for ever; cancel to stop. Connections handed over outlive this."""
        async with trio.open_nursery() as nursery:
            while True:
                await trio.lowlevel.wait_readable(self._sock)
                if not self._accept_some(nursery):
                    await trio.sleep(_CAPACITY_WAIT_S)

    def _accept_some(self, nursery: trio.Nursery) -> bool:
        """Accept who waits; False when the machine has no room for them."""
        try:
            for _ in range(_ACCEPT_AT_ONCE):
                sock, address = self._sock.accept()
                nursery.start_soon(self._admit, sock, host_port(address[:2]))
        except BlockingIOError:
            return True
        except OSError as exc:
            if exc.errno not in _CAPACITY | _NOT_OURS:
                raise
            return exc.errno in _NOT_OURS
        return True

    async def _admit(self, sock: socket.socket, peer: str) -> None:
        """Find the door for one connection, or refuse it; it is handed over or closed."""
        admission = self._admission
        stream: MediaSocket | None = None
        handed_over = False
        try:
            with trio.move_on_after(admission.handshake_s):
                prepare(sock)
                if admission.tls_context is not None:
                    sock = await shake_hands(
                        sock, admission.tls_context, server_hostname=None, peer=peer
                    )
                stream = MediaSocket(
                    sock, peer, masked=True, largest_message=admission.largest_message
                )
                handed_over = await self._find_door(stream)
        except TrioaudioError:
            # A connection that is nobody's yet: a port scan, a broken TLS client. Not our loss.
            return
        finally:
            if not handed_over:
                _close(stream, sock)

    async def _find_door(self, stream: MediaSocket) -> bool:
        head = await stream.read_head(HEAD_LIMIT)
        request = _parse_head(head)
        if request is None:
            await _refuse(stream, HTTPStatus.BAD_REQUEST)
        elif (door := self._doors.get(request)) is None:
            await _refuse(stream, HTTPStatus.NOT_FOUND)
        else:
            door.offer(stream)
            return True
        return False


def _close(stream: MediaSocket | None, sock: socket.socket) -> None:
    if stream is not None:
        stream.close_now()
    else:
        sock.close()


def _parse_head(head: bytes) -> str | None:
    """Return the path asked for; None when it is no request to upgrade to a WebSocket."""
    parser = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
    try:
        parser.receive_data(head)
        event = parser.next_event()
    except h11.RemoteProtocolError:
        return None
    if not isinstance(event, h11.Request):
        return None
    headers = {name.lower(): value.lower() for name, value in event.headers}
    if event.method != b"GET" or b"websocket" not in headers.get(b"upgrade", b""):
        return None
    return event.target.decode("ascii", "replace").partition("?")[0]


async def _refuse(stream: MediaSocket, status: HTTPStatus) -> None:
    body = f"{status.value} {status.phrase}: no media stream is expected here\n".encode()
    stream.send_control(
        f"HTTP/1.1 {status.value} {status.phrase}\r\n"
        "Content-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n".encode()
        + body
    )
    await stream.wait_flushed()


def bind(host: str, port: int) -> socket.socket:
    """Return a listening non-blocking socket; ConfigError when the address cannot be had."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE | socket.AI_NUMERICSERV
        )[0]
        sock = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as exc:
        reason = getattr(exc, "strerror", None) or exc
        raise ConfigError(f"cannot listen on {host}:{port}: {reason}") from exc
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.settimeout(0)
    except OSError as exc:
        sock.close()
        raise ConfigError(f"cannot listen on {host}:{port}: {exc.strerror or exc}") from exc
    return sock


@asynccontextmanager
async def open_listener(host: str, port: int, admission: Admission) -> AsyncIterator[Listener]:
    """Listen on HOST:PORT (port 0: any) while the block runs."""
    sock = bind(host, port)
    with sock:
        async with trio.open_nursery() as nursery:
            listener = Listener(sock, admission)
            nursery.start_soon(listener.accept)
            yield listener
            nursery.cancel_scope.cancel()
