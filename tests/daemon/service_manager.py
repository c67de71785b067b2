"""A service manager's end of sd_notify: a real datagram socket, and what came to it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import attrs
import trio

from daemon.daemon_rig import PATIENCE_S


@attrs.define(eq=False)
class ServiceManager:
    """Hears what it is told; `told` has all of it."""

    sock: socket.socket
    address: str
    told: list[dict[str, str]] = attrs.field(factory=list)

    def hear(self) -> list[dict[str, str]]:
        """Return what has come since it was asked last."""
        came: list[dict[str, str]] = []
        while True:
            try:
                text = self.sock.recv(65536).decode()
            except BlockingIOError:
                self.told += came
                return came
            came.append(dict(line.split("=", 1) for line in text.splitlines()))

    def statuses(self) -> list[str]:
        self.hear()
        return [each["STATUS"] for each in self.told if "STATUS" in each]

    def pings(self) -> int:
        """Return how many pings have come so far."""
        self.hear()
        return sum("WATCHDOG" in each for each in self.told)

    async def keep_hearing(self) -> None:
        """Read on, for ever: the system keeps ten datagrams, and refuses more."""
        while True:
            self.hear()
            await trio.sleep(0.5)

    async def until(self, name: str, value: str = "1") -> dict[str, str]:
        """Wait, on the real clock, until it is told something."""
        with trio.fail_after(PATIENCE_S):
            seen = 0
            while True:
                self.hear()
                for each in self.told[seen:]:
                    seen += 1
                    if each.get(name) == value:
                        return each
                await trio.lowlevel.wait_readable(self.sock)


@contextmanager
def service_manager(address: str) -> Iterator[ServiceManager]:
    """Listen at a path, or an abstract name that begins with @, while the block runs."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK) as sock:
        sock.bind(f"\0{address[1:]}" if address.startswith("@") else address)
        yield ServiceManager(sock, address)
