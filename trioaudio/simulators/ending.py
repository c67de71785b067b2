"""How a simulated carrier is told to end: by a signal politely, by its parent's death at once."""

from __future__ import annotations

import os
import signal
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import attrs
import trio

_STDIN = 0


@attrs.define(eq=False)
class Ending:
    """Interrupts whatever waits under `interrupted`, now and from now on."""

    by_signal: int | None = None
    _scopes: set[trio.CancelScope] = attrs.field(factory=set)

    @contextmanager
    def interrupted(self) -> Iterator[Callable[[], None]]:
        """Run a block that ends early, without an exception, when the process is to end.

        Yields a function after whose call the block is not interrupted any more.
        """
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                if self.by_signal is not None:
                    scope.cancel()
                yield partial(self._scopes.discard, scope)
            finally:
                self._scopes.discard(scope)

    def announce(self, signum: int) -> None:
        """Begin to end."""
        self.by_signal = signum
        for scope in self._scopes:
            scope.cancel()


async def wait_signalled(ending: Ending, signals: tuple[signal.Signals, ...]) -> None:
    """Announce the end at the first of these signals."""
    with trio.open_signal_receiver(*signals) as arrived:
        async for signum in arrived:
            ending.announce(signum)


def stdin_is_watchable() -> bool:
    """Say whether stdin tells of the parent's end: a pipe or a socket does.

    A terminal does so by SIGHUP, and reading it in the background would stop the process; a file
    or /dev/null is at its end from the start.
    """
    try:
        mode = os.fstat(_STDIN).st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


async def wait_stdin_closed() -> None:
    """Wait until nobody holds the other end of stdin."""
    while await _read_stdin(4096):
        pass


async def read_stdin_line() -> str | None:
    """Return stdin's first line; None when it ends before."""
    line = b""
    while not line.endswith(b"\n"):
        # One byte at a time: what follows the line is not ours to take.
        byte = await _read_stdin(1)
        if not byte:
            return None
        line += byte
    return line.decode(errors="replace").strip()


async def _read_stdin(most: int) -> bytes:
    # Not made non-blocking: a terminal's description is shared with the shell.
    try:
        await trio.lowlevel.wait_readable(_STDIN)
    except PermissionError:
        await trio.lowlevel.checkpoint()  # a plain file, which epoll refuses, never blocks
    return os.read(_STDIN, most)
