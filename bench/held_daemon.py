"""A daemon whose sockets its parent holds, as systemd does: started, told to leave, started anew.

systemd-socket-activate cannot be the parent: it becomes the daemon when the first connection
comes, so that its sockets go with that. Here it can only be who starts it.
"""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import attrs
import trio

FIRST = 3
START_S = 30.0
END_S = 30.0
BACKLOG = 4096

# Only the process itself knows its number, and its sockets are to be 3 and 4.
_LAUNCH = """
import os, sys
numbers = [int(each) for each in sys.argv[1].split(",") if each]
high = [os.dup2(each, 200 + at) for at, each in enumerate(numbers)]
for at, each in enumerate(high):
    os.dup2(each, 3 + at)
    os.close(each)
os.environ["LISTEN_PID"] = str(os.getpid())
os.execv(sys.executable, [sys.executable, "-m", "trioaudio", "serve"])
"""


class HeldDaemonError(Exception):
    """The daemon did not start or end as it should."""


@attrs.define(eq=False)
class HeldDaemon:
    """Holds the sockets, and starts and ends the daemon that serves them."""

    folder: Path
    environ: dict[str, str]
    media: socket.socket
    control: socket.socket
    notify: socket.socket
    log: IO[bytes]
    address: tuple[str, int]
    """Where carriers dial in."""
    process: subprocess.Popen[bytes] | None = None

    def let_go(self) -> None:
        """Hold the sockets no more: the daemon is to listen by itself."""
        host, port = self.address
        self.environ["TRIOAUDIO_MEDIA_LISTEN"] = f"{host}:{port}"
        self.environ["TRIOAUDIO_CONTROL_LISTEN"] = self.control.getsockname()
        self.media.close()
        self.control.close()

    async def start(self) -> None:
        """Start it, and wait until it says that it is ready."""
        numbers = [each.fileno() for each in (self.media, self.control) if each.fileno() >= 0]
        environ = {**self.environ, "NOTIFY_SOCKET": self.notify.getsockname()}
        if numbers:
            environ |= {"LISTEN_FDS": str(len(numbers)), "LISTEN_FDNAMES": "media:control"}
        self.process = subprocess.Popen(  # noqa: ASYNC220  it takes a millisecond
            [sys.executable, "-c", _LAUNCH, ",".join(map(str, numbers))],
            env=environ,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
            pass_fds=numbers,
        )
        await self.until_told(b"READY=1")

    async def start_by_systemd_socket_activate(self) -> None:
        """Have systemd's own tool listen and start it, instead of us."""
        host, port = self.address
        control = self.folder / "control.sock"
        self.let_go()
        control.unlink()
        given = [f"--setenv={name}" for name in (*self.environ, "NOTIFY_SOCKET")]
        self.process = subprocess.Popen(  # noqa: ASYNC220  see above
            [
                *("systemd-socket-activate", *given, "--fdname=media:control"),
                *(f"--listen={host}:{port}", f"--listen={control}"),
                *(sys.executable, "-m", "trioaudio", "serve"),
            ],
            env={**self.environ, "NOTIFY_SOCKET": self.notify.getsockname()},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )
        with trio.fail_after(START_S):
            while not await _knock(host, port):  # noqa: ASYNC110  nothing tells of it
                await trio.sleep(0.02)
        await self.until_told(b"READY=1")

    async def until_told(self, words: bytes) -> None:
        """Wait for what it tells its service manager; HeldDaemonError if that does not come."""
        assert self.process is not None
        sock = trio.socket.from_stdlib_socket(self.notify.dup())
        with sock, trio.move_on_after(START_S):
            while words not in (await sock.recv(65536)).split(b"\n"):
                if self.process.poll() is not None:
                    break
            else:
                return
        raise HeldDaemonError(f"the daemon did not say {words.decode()}; see {self.log.name}")

    async def leave(self) -> int:
        """Tell it to drain, wait until it is gone, and return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        with trio.move_on_after(END_S):
            while (code := self.process.poll()) is None:  # noqa: ASYNC110  see above
                await trio.sleep(0.005)
            return code
        raise HeldDaemonError("the daemon did not leave")

    def close(self) -> None:
        """End all of it."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


async def _knock(host: str, port: int) -> bool:
    try:
        stream = await trio.open_tcp_stream(host, port)
    except OSError:
        return False
    await stream.aclose()
    return True


def has_systemd_socket_activate() -> bool:
    """Say whether systemd's tool is there."""
    return shutil.which("systemd-socket-activate") is not None


@contextmanager
def held_daemon(folder: Path, **settings: str) -> Iterator[HeldDaemon]:
    """Listen in a daemon's place while the block runs; settings are without TRIOAUDIO_."""
    environ = {name: value for name, value in os.environ.items() if "TRIOAUDIO" not in name}
    environ |= {
        "TRIOAUDIO_STATE_FOLDER": str(folder / "state"),
        "TRIOAUDIO_CACHE_FOLDER": str(folder / "cache"),
        **{f"TRIOAUDIO_{name.upper()}": value for name, value in settings.items()},
    }
    notify = folder / "notify"
    control = folder / "control.sock"
    with (
        socket.create_server(("127.0.0.1", 0), backlog=BACKLOG) as media,
        socket.socket(socket.AF_UNIX) as held_control,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as told,
        (folder / "daemon.log").open("wb") as log,
    ):
        held_control.bind(str(control))
        held_control.listen(BACKLOG)
        told.bind(str(notify))
        daemon = HeldDaemon(folder, environ, media, held_control, told, log, media.getsockname())
        try:
            yield daemon
        finally:
            daemon.close()
