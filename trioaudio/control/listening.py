"""The sockets the control server listens on: TCP, or a file that nobody else serves."""

from __future__ import annotations

import errno
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from trioaudio.core.errors import ConfigError

BACKLOG: Final = 256
SOCKET_MODE: Final = 0o660
_PROBE_S: Final = 1.0
_UNHEARD_MS: Final = 30_000
"""What a far end has not acknowledged for so long, a ping say, breaks the connection: tcp(7)."""


@contextmanager
def listening_socket(listen: tuple[str, int] | Path) -> Iterator[socket.socket]:
    """Listen while the block runs; ConfigError when it cannot. A file is removed after."""
    sock = bind_file(listen) if isinstance(listen, Path) else _bind(*listen)
    made = listen.stat().st_ino if isinstance(listen, Path) else 0
    try:
        yield sock
    finally:
        sock.close()
        if isinstance(listen, Path):
            with suppress(OSError):
                if listen.stat().st_ino == made:  # another one may have taken its place
                    listen.unlink()


def address_of(sock: socket.socket, *, tls: bool) -> str:
    """Return the URL of a TCP socket, or the path of a Unix socket."""
    if sock.family == socket.AF_UNIX:
        return str(sock.getsockname())
    host, port = sock.getsockname()[:2]
    if sock.family == socket.AF_INET6:
        host = f"[{host}]"
    return f"{'https' if tls else 'http'}://{host}:{port}"


def bind_file(path: Path) -> socket.socket:
    """Listen on a Unix socket; a file that nobody answers at is replaced; ConfigError."""
    _clear(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(str(path))
        path.chmod(SOCKET_MODE)  # nobody can connect before `listen`
        sock.listen(BACKLOG)
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
        raise ConfigError(f"cannot listen on {path}: another process serves it")
    with suppress(FileNotFoundError):
        path.unlink()


def _bind(host: str, port: int) -> socket.socket:
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
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # accepted ones inherit these
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _UNHEARD_MS)
        sock.bind(address)
        sock.listen(BACKLOG)
        sock.settimeout(0)
    except OSError as exc:
        sock.close()
        raise ConfigError(f"cannot listen on {host}:{port}: {exc.strerror or exc}") from exc
    return sock
