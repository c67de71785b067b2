"""A socket that listens: on an address, or on a file that nobody else serves."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias

from trioaudio.core.errors import ConfigError

Place: TypeAlias = tuple[str, int] | Path
"""Host and port, or the path of a Unix socket."""

BACKLOG: Final = 1024
SOCKET_MODE: Final = 0o660
_PROBE_S: Final = 1.0


class PlaceTakenError(ConfigError):
    """Another process has it."""


@contextmanager
def listening(
    place: Place, *, backlog: int = BACKLOG, reuse_port: bool = False
) -> Iterator[socket.socket]:
    """Listen without blocking while the block runs; ConfigError when that cannot be.

    A file is removed after. `reuse_port` lets other processes of the same user listen on the same
    port: see SO_REUSEPORT in https://man7.org/linux/man-pages/man7/socket.7.html
    """
    if not isinstance(place, Path):
        with bind(*place, backlog=backlog, reuse_port=reuse_port) as sock:
            yield sock
        return
    sock = bind_file(place, backlog)
    made = place.stat().st_ino
    try:
        yield sock
    finally:
        sock.close()
        with suppress(OSError):
            if place.stat().st_ino == made:  # another one may have taken its place
                place.unlink()


def bind(
    host: str, port: int, *, backlog: int | None = BACKLOG, reuse_port: bool = False
) -> socket.socket:
    """Return a listening non-blocking socket; ConfigError when the address cannot be had.

    With no backlog it has the address and does not listen: nobody is let in by it.
    """
    if not 0 <= port <= 65535:
        raise ConfigError(f"cannot listen on {host}:{port}: a port is 0 to 65535")
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
        if reuse_port:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.bind(address)
        if backlog is not None:
            sock.listen(backlog)
        sock.settimeout(0)
    except OSError as exc:
        sock.close()
        error = PlaceTakenError if exc.errno == errno.EADDRINUSE else ConfigError
        raise error(f"cannot listen on {host}:{port}: {exc.strerror or exc}") from exc
    return sock


def bind_file(path: Path, backlog: int = BACKLOG) -> socket.socket:
    """Listen on a Unix socket; a file that nobody answers at is replaced; ConfigError."""
    _clear(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        path.chmod(SOCKET_MODE)  # nobody can connect before `listen`
        sock.listen(backlog)
        sock.settimeout(0)
    except OSError as exc:
        sock.close()
        raise ConfigError(f"cannot listen on {path}: {exc.strerror or exc}") from exc
    return sock


def _clear(path: Path) -> None:
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    except OSError as exc:
        raise ConfigError(f"cannot listen on {path}: {exc.strerror}") from exc
    if not stat.S_ISSOCK(mode):
        raise ConfigError(f"cannot listen on {path}: it is no socket; name another path")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(_PROBE_S)
        answer = probe.connect_ex(os.fspath(path))
    if answer not in {errno.ECONNREFUSED, errno.ENOENT}:
        raise PlaceTakenError(f"cannot listen on {path}: another process serves it")
    with suppress(FileNotFoundError):
        path.unlink()
