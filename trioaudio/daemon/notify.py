"""Tells systemd, or whoever speaks its protocol, how we are: one datagram for each thing told.

https://www.freedesktop.org/software/systemd/man/252/sd_notify.html says what the words mean, and
https://www.freedesktop.org/software/systemd/man/252/sd_watchdog_enabled.html when it wants pings.
"""

from __future__ import annotations

import socket
from collections.abc import MutableMapping
from typing import Final

import attrs

from trioaudio.core.errors import ConfigError
from trioaudio.observe.logs import get_logger

NOTIFY_SOCKET: Final = "NOTIFY_SOCKET"
WATCHDOG_USEC: Final = "WATCHDOG_USEC"
WATCHDOG_PID: Final = "WATCHDOG_PID"
_DONT_WAIT: Final = socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL


@attrs.define(eq=False)
class Notifier:
    """Sends to a Unix socket, a file's or an abstract one (`@`); without one it tells nobody."""

    address: str | None = None
    watchdog_s: float | None = None
    """We are killed if we send no ping for so long; None: nobody wants any."""
    failures: int = 0
    """Datagrams that could not be sent. The first is logged."""
    _sock: socket.socket | None = attrs.field(default=None, init=False)

    def tell(self, **assignments: str | int) -> bool:
        """Send assignments, such as READY=1; nothing is waited for, and nothing is raised.

        False when they were not sent; True also when nobody listens.
        """
        if self.address is None:
            return True
        lines = (f"{name}={_one_line(str(value))}" for name, value in assignments.items())
        try:
            if self._sock is None:
                self._sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            self._sock.sendto("\n".join(lines).encode(), _DONT_WAIT, _name_of(self.address))
        except OSError as exc:
            self.failures += 1
            if self.failures == 1:
                get_logger("trioaudio.daemon").warning(
                    "the service manager cannot be told",
                    at=self.address,
                    reason=exc.strerror or str(exc),
                )
            return False
        return True

    def close(self) -> None:
        """Tell nothing more."""
        self.address = None
        if self._sock is not None:
            self._sock.close()


def take_notifier(environ: MutableMapping[str, str], pid: int) -> Notifier:
    """Return whom the environment names; the variables are removed: children have no such task.

    ConfigError when they make no sense. `pid` is our own.
    """
    address = environ.pop(NOTIFY_SOCKET, "") or None
    interval, of = environ.pop(WATCHDOG_USEC, ""), environ.pop(WATCHDOG_PID, "")
    if address is not None and not address.startswith(("/", "@")):
        raise ConfigError(
            f"{NOTIFY_SOCKET}={address}: neither an absolute path nor @NAME; a service manager sets"
            " it, so start the daemon by one, or without the variable"
        )
    watchdog_s = None
    if interval and (not of or _number(WATCHDOG_PID, of) == pid):
        watchdog_s = _number(WATCHDOG_USEC, interval) / 1_000_000
    return Notifier(address, watchdog_s)


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 1 << 63):
        raise ConfigError(f"{name}={text}: not a number above 0; a service manager sets it")
    return int(text)


def _name_of(address: str) -> str:
    return f"\0{address[1:]}" if address.startswith("@") else address


def _one_line(text: str) -> str:
    return " ".join(text.split())
