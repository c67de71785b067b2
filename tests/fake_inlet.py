"""A connection's receiving side on a socket pair, for what reads it in the pacer's turns."""

from __future__ import annotations

import socket
from collections.abc import Callable

import trio

LARGEST_READ = 4096


class SocketInlet:
    """An `Inlet` whose messages are lines; `say` is what the far end does."""

    def __init__(self, on_line: Callable[[str], None] = lambda _line: None) -> None:
        self.on_line = on_line
        self.ended = False
        self.fetches: list[float] = []
        """When somebody read, whether there was anything or not."""
        self.lines: list[tuple[float, str]] = []
        """What was handed on, and when."""
        self.kept = b""
        """What came before, and is not in the kernel any more."""
        self._near, self._far = socket.socketpair()
        self._near.setblocking(False)
        self._far.setblocking(False)

    def fileno(self) -> int:
        return self._near.fileno()

    def fetch(self) -> bytes | None:
        if self.ended:
            return None
        self.fetches.append(trio.current_time())
        if self.kept:
            kept, self.kept = self.kept, b""
            return kept
        try:
            return self._near.recv(LARGEST_READ)
        except BlockingIOError:
            return None

    def push(self, data: bytes) -> None:
        if not data:
            self.ended = True
        for line in data.decode().splitlines():
            self.lines.append((trio.current_time(), line))
            self.on_line(line)

    @property
    def heard(self) -> list[str]:
        return [line for _, line in self.lines]

    def say(self, line: str) -> None:
        self._far.send(line.encode() + b"\n")

    def hang_up(self) -> None:
        self._far.close()

    def close(self) -> None:
        self.ended = True
        self._near.close()
        self._far.close()
