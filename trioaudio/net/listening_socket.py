"""Accepting connections from a listening socket, whatever the machine says."""

from __future__ import annotations

import errno
import fcntl
import os
import resource
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final, TypeAlias

import trio

from trioaudio.turnstile import wait_turn

Take: TypeAlias = Callable[[socket.socket, Any], None]
"""Is given each connection, and the far end's name."""

DESCRIPTORS: Final = 16 * 1024
"""As many as are asked for. Not all there may be: some programs we may start walk through them."""
_AT_ONCE: Final = 2
"""The others wait in the system's queue for the next turn: only there do they cost nothing."""
_CAPACITY_WAIT_S = 0.1
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
    """Raise how many descriptors the process may have, as far as it may: the usual 1024 are few.

    And have the kernel make room for them now. It doubles its table whenever one no longer fits,
    and in a process with threads that takes 10 to 30 ms each time (a grace period of RCU), in
    which no call is sent anything: at the 64th descriptor, the 128th, and so on.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = DESCRIPTORS if hard == resource.RLIM_INFINITY else min(DESCRIPTORS, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with suppress(OSError, ValueError):  # a sandbox may forbid it; then it is as it was
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    _make_room()


def _make_room() -> None:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = DESCRIPTORS if soft == resource.RLIM_INFINITY else min(DESCRIPTORS, soft)
    with suppress(OSError):  # nearly all are taken: then there is room
        some = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.close(fcntl.fcntl(some, fcntl.F_DUPFD_CLOEXEC, most - 1))
        finally:
            os.close(some)


def accept_waiting(sock: socket.socket, take: Take) -> bool:
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


class Accepting:
    """Accepts from a listening socket until it is told not to."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock = sock
        self._scope = trio.CancelScope()
        self._held_until = -1.0
        self._take: Take | None = None

    async def run(self, take: Take) -> None:
        """Accept until `stop` or `leave`; OSError when the socket is of no use."""
        self._take = take
        with self._scope:
            while True:
                await trio.lowlevel.wait_readable(self._sock)
                if trio.current_time() < self._held_until:
                    await trio.sleep_until(self._held_until)
                await wait_turn()
                if not accept_waiting(self._sock, take):
                    await trio.sleep(_CAPACITY_WAIT_S)

    def hold(self, seconds: float) -> None:
        """Accept nobody for so long: who comes waits in the system's queue."""
        self._held_until = trio.current_time() + seconds

    def stop(self) -> None:
        """Accept nobody any more."""
        self._scope.cancel()

    def leave(self) -> None:
        """Accept all that wait, and close: who comes then is theirs who share the port."""
        self._scope.cancel()
        if self._take is not None:
            with suppress(OSError):  # nobody waits any more, or there is no room for them
                while True:
                    self._take(*self._sock.accept())
        trio.lowlevel.notify_closing(self._sock)
        self._sock.close()
