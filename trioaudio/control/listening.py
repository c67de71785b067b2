"""The socket the control server listens on: its own, or one it was given."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from trioaudio.listening_place import Place, listening

BACKLOG: Final = 256
_UNHEARD_MS: Final = 30_000
"""What a far end has not acknowledged for so long, a ping say, breaks the connection: tcp(7)."""


@contextmanager
def listening_socket(listen: Place, given: socket.socket | None = None) -> Iterator[socket.socket]:
    """Listen while the block runs; ConfigError when it cannot.

    A file is removed after. What was `given` listens already: it is closed after, and its file,
    which is whose socket it is, stays.
    """
    with listening(listen, backlog=BACKLOG) if given is None else given as sock:
        if sock.family != socket.AF_UNIX:  # accepted ones inherit these
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNHEARD_MS)
        yield sock


def address_of(sock: socket.socket, *, tls: bool) -> str:
    """Return the URL of a TCP socket, or the path of a Unix socket."""
    if sock.family == socket.AF_UNIX:
        return str(sock.getsockname())
    host, port = sock.getsockname()[:2]
    if sock.family == socket.AF_INET6:
        host = f"[{host}]"
    return f"{'https' if tls else 'http'}://{host}:{port}"
