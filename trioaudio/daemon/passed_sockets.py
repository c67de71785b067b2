"""Sockets that whoever started us listens on already, and has passed to us.

They stay open while we are started anew, so that nobody is refused meanwhile. The protocol is
https://www.freedesktop.org/software/systemd/man/252/sd_listen_fds.html
"""

from __future__ import annotations

import socket
from collections.abc import MutableMapping
from pathlib import Path
from typing import Final

import attrs

from trioaudio.core.errors import ConfigError
from trioaudio.settings_values import Address

FIRST: Final = 3
"""Descriptor of the first one: SD_LISTEN_FDS_START."""
ROLES: Final = ("media", "control")
"""Names of sockets, and their order where they have other names."""
_VARIABLES: Final = ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES")


@attrs.frozen
class PassedSockets:
    """What was passed; each listens, does not block, and is inherited by no child."""

    media: socket.socket | None = None
    control: socket.socket | None = None

    def places(self) -> dict[str, Address | Path]:
        """Return where they listen, by the settings that say so else."""
        found = {"media_listen": self.media, "control_listen": self.control}
        return {name: place_of(sock) for name, sock in found.items() if sock is not None}

    def close(self) -> None:
        """Close them here; who passed them holds them open."""
        for sock in (self.media, self.control):
            if sock is not None:
                sock.close()


def take_passed_sockets(
    environ: MutableMapping[str, str], pid: int, first: int = FIRST
) -> PassedSockets:
    """Return the sockets the environment tells of, if it tells process `pid`.

    The variables are removed, so that no child takes them for its own. ConfigError with a line
    for each descriptor that is of no use.
    """
    of, count, named = (environ.pop(name, "") for name in _VARIABLES)
    if not count or not of or _number("LISTEN_PID", of) != pid:
        return PassedSockets()
    number = _number("LISTEN_FDS", count)
    names = named.split(":") if named else [""] * number
    if len(names) != number:
        raise ConfigError(f"LISTEN_FDNAMES={named}: not as many names as LISTEN_FDS={number} says")
    if number > len(ROLES):
        raise ConfigError(
            f"LISTEN_FDS={number}: at most {len(ROLES)} sockets are of use, {ROLES[0]} and"
            f" {ROLES[1]}; let the socket units listen in one place each"
        )
    taken: dict[str, socket.socket] = {}
    problems: list[str] = []
    for offset, role in enumerate(_roles(names)):
        try:
            taken[role] = _take(first + offset, role)
        except ConfigError as exc:
            problems.extend(exc.problems)
    if problems:
        PassedSockets(**taken).close()
        raise ConfigError(*problems)
    return PassedSockets(**taken)


def place_of(sock: socket.socket) -> Address | Path:
    """Return where a socket listens."""
    name = sock.getsockname()
    return Path(name) if sock.family == socket.AF_UNIX else Address(*name[:2])


def _number(name: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20):
        raise ConfigError(f"{name}={text}: not a number; a service manager sets it")
    return int(text)


def _roles(names: list[str]) -> list[str]:
    """Return what each is for: as it is named, or in the order of roles nobody is named for."""
    for role in ROLES:
        if names.count(role) > 1:
            raise ConfigError(
                f"two sockets are named {role}; let its socket unit listen in one place only"
            )
    left = [role for role in ROLES if role not in names]
    return [name if name in ROLES else left.pop(0) for name in names]


def _take(number: int, role: str) -> socket.socket:
    what = f"the socket passed for {role}, descriptor {number},"
    try:
        sock = socket.socket(fileno=number)
    except OSError as exc:
        raise ConfigError(f"{what} is of no use: {exc.strerror or exc}") from exc
    fault = _fault(sock)
    if fault is not None:
        sock.detach()  # it is not ours
        raise ConfigError(f"{what} {fault}")
    sock.set_inheritable(False)
    sock.settimeout(0)
    return sock


def _fault(sock: socket.socket) -> str | None:
    """Return what keeps a socket from being listened on."""
    if sock.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        return "is neither a TCP nor a Unix socket; set ListenStream= in its unit"
    if sock.type != socket.SOCK_STREAM:
        return "carries no stream; set ListenStream= in its unit"
    if not sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN):
        return "does not listen; set Accept=no in its unit"
    if sock.family == socket.AF_UNIX and not str(sock.getsockname()).startswith("/"):
        return "has no absolute path, so anybody could connect; give its unit one"
    return None
