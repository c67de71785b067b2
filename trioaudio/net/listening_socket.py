"""A listening socket, and accepting from it whatever the machine says."""

from __future__ import annotations

import errno
import resource
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

from trioaudio.core.errors import ConfigError

BACKLOG: Final = 1024
DESCRIPTORS: Final = 16 * 1024
"""As many as are asked for. Not all there may be: some programs we may start walk through them."""
_AT_ONCE = 64
# Linux's accept also reports what happened to the connection it would return (accept(2)).
_NOT_OURS: Final = frozenset(
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
_CAPACITY: Final = frozenset({errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS})


def allow_descriptors() -> None:
    """Raise how many descriptors the process may have, as far as it may: the usual 1024 are few."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return
    with suppress(OSError, ValueError):  # a sandbox may forbid it; then it is as it was
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


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


def accept_waiting(sock: socket.socket, take: Callable[[socket.socket, Any], None]) -> bool:
    """Give `take` the connections that wait, with the far ends' names; a bounded number of them.

    False when the machine has no room for them. OSError when the listening socket is of no use.
    """
    try:
        for _ in range(_AT_ONCE):
            take(*sock.accept())
    except BlockingIOError:
        return True
    except OSError as exc:
        if exc.errno not in _CAPACITY | _NOT_OURS:
            raise
        return exc.errno in _NOT_OURS
    return True
