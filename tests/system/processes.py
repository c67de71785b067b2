"""The command as its users have it: a process, its streams, its exit code, what is left of it."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
import wave
from array import array
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import attrs

COMMAND = (sys.executable, "-m", "trioaudio")
CARRIER = (sys.executable, "-m", "trioaudio.simulators.carrier")
MARK = "SYSTEM_TEST_MARK"
MOST_SECONDS = 30.0
GONE_SECONDS = 2.0
SHORT = "Hi."
LONG = "One two three four five six seven eight nine ten, and then a few more words. " * 4
LOG_LINE = re.compile(r"^\d{4}-\d\d-\d\dT")


@attrs.frozen
class Done:
    """How a process ended."""

    code: int
    out: str
    err: str
    seconds: float

    @property
    def complaints(self) -> list[str]:
        """Standard error without log lines."""
        return [line for line in self.err.splitlines() if not LOG_LINE.match(line)]

    def fails(self, code: int, *words: str) -> None:
        """Assert an exit code and one clear line on standard error."""
        assert self.code == code, self
        assert "Traceback" not in self.err, self.err
        errors = [line for line in self.complaints if line.startswith("trioaudio: error: ")]
        assert len(errors) == 1, self
        assert len(self.complaints) == 1, self
        for word in words:
            assert word in errors[0], errors[0]


@attrs.define(eq=False)
class Running:
    """A process that was started; its output is collected by threads."""

    process: subprocess.Popen[bytes]
    mark: str
    started: float = attrs.field(factory=time.monotonic)
    _out: bytearray = attrs.field(factory=bytearray)
    _err: bytearray = attrs.field(factory=bytearray)
    _threads: list[threading.Thread] = attrs.field(factory=list)

    def __attrs_post_init__(self) -> None:
        for pipe, into in ((self.process.stdout, self._out), (self.process.stderr, self._err)):
            assert pipe is not None
            thread = threading.Thread(target=_collect, args=(pipe.fileno(), into), daemon=True)
            thread.start()
            self._threads.append(thread)

    @property
    def out(self) -> str:
        return self._out.decode(errors="replace")

    @property
    def err(self) -> str:
        return self._err.decode(errors="replace")

    def write(self, data: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data.encode())
        self.process.stdin.flush()

    def close_stdin(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def until(self, said: Callable[[], bool], seconds: float = MOST_SECONDS) -> None:
        """Wait for something to be so."""
        end = time.monotonic() + seconds
        while not said():
            if time.monotonic() > end or self.process.poll() is not None:
                assert said(), (self.process.poll(), self.out, self.err)
            wait(0.005)

    def until_err(self, words: str) -> None:
        self.until(lambda: words in self.err)

    def url(self) -> str:
        """Return the URL it prints on a line of its own."""
        self.until(lambda: self.out.startswith("ws") and "\n" in self.out)
        return self.out.splitlines()[0]

    def signal(self, number: int) -> None:
        self.process.send_signal(number)

    def wait(self, seconds: float = MOST_SECONDS) -> Done:
        code = self.process.wait(seconds)
        took = time.monotonic() - self.started
        for thread in self._threads:
            thread.join(5)
        return Done(code, self.out, self.err, took)

    def relatives(self) -> list[str]:
        """Return the command lines of all processes that come from this one, itself included."""
        return marked(self.mark)

    def until_alone(self) -> None:
        """Assert that nothing it started outlives it."""
        end = time.monotonic() + GONE_SECONDS
        while left := self.relatives():
            assert time.monotonic() < end, left
            wait(0.02)


def wait(seconds: float) -> None:
    """Let real time pass for processes that live in it."""
    threading.Event().wait(seconds)


def _collect(pipe: int, into: bytearray) -> None:
    with contextlib.suppress(OSError):
        while data := os.read(pipe, 65536):
            into += data


def marked(mark: str) -> list[str]:
    """Return the command lines of the living processes whose environment holds a mark."""
    wanted = f"{MARK}={mark}".encode()
    found = []
    for each in Path("/proc").iterdir():
        if not each.name.isdigit():
            continue
        with contextlib.suppress(OSError):
            if wanted in (each / "environ").read_bytes().split(b"\0"):
                command = (each / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                if command:  # none: a zombie
                    found.append(f"{each.name} {command}")
    return found


@attrs.define(eq=False)
class Runner:
    """Starts processes in a folder of their own, and sees them gone at the end."""

    folder: Path
    _all: list[Running] = attrs.field(factory=list)

    def run(
        self,
        *arguments: str,
        stdin: bytes = b"",
        env: dict[str, str] | None = None,
        command: Sequence[str] = COMMAND,
    ) -> Done:
        """Run the command to its end, and assert that it leaves nothing behind."""
        running = self.start(*arguments, env=env, command=command)
        assert running.process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            running.process.stdin.write(stdin)
            running.process.stdin.close()
        done = running.wait()
        running.until_alone()
        self.nothing_half_written()
        return done

    def start(
        self,
        *arguments: str,
        env: dict[str, str] | None = None,
        command: Sequence[str] = COMMAND,
        stdin: int = subprocess.PIPE,
        **more: Any,
    ) -> Running:
        mark = uuid.uuid4().hex
        process = subprocess.Popen(
            [*command, *arguments],
            stdin=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=self.folder,
            env=self.environment(mark, env),
            start_new_session=True,
            **more,
        )
        running = Running(process, mark)
        self._all.append(running)
        return running

    def environment(self, mark: str, more: dict[str, str] | None = None) -> dict[str, str]:
        """Return the test's environment, without settings of whoever runs the tests."""
        clean = {name: value for name, value in os.environ.items() if "TRIOAUDIO" not in name}
        return {**clean, MARK: mark, **(more or {})}

    def carrier(self, *arguments: str) -> Running:
        """Start a simulated carrier that lives on its own; its stdin is not watched."""
        return self.start(*arguments, command=(*CARRIER, "--no-watch-stdin"))

    def listening_carrier(self, *arguments: str) -> tuple[Running, str]:
        """Start a carrier that is dialled, and return its URL."""
        carrier = self.carrier("--carrier", "raw", "--listen", "127.0.0.1:0", *arguments)
        carrier.until(lambda: carrier.err.startswith("ws://") and "\n" in carrier.err)
        return carrier, carrier.err.splitlines()[0]

    def files(self) -> list[str]:
        return sorted(each.name for each in self.folder.iterdir())

    def nothing_half_written(self) -> None:
        assert not [name for name in self.files() if name.endswith(".part")]

    def report(self, name: str = "report.json") -> dict[str, Any]:
        return read_report((self.folder / name).read_text())

    def close(self) -> None:
        for running in self._all:
            if running.process.poll() is None:
                running.process.kill()
            running.process.wait(MOST_SECONDS)
            for thread in running._threads:
                thread.join(5)
            for pipe in (running.process.stdin, running.process.stdout, running.process.stderr):
                if pipe is not None:
                    with contextlib.suppress(BrokenPipeError):
                        pipe.close()


def read_report(text: str) -> dict[str, Any]:
    report = json.loads(text)
    assert isinstance(report, dict)
    return report


def last_report(done: Done) -> dict[str, Any]:
    """Return a carrier's report: the last line it prints."""
    return read_report(done.out.splitlines()[-1])


@attrs.frozen
class Wav:
    """What is in a WAV file."""

    rate: int
    samples: array[int]

    @property
    def ms(self) -> float:
        return len(self.samples) * 1000 / self.rate

    @property
    def peak(self) -> int:
        return max(map(abs, self.samples), default=0)


def read_wav(path: Path) -> Wav:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth()) == (1, 2)
        data = file.readframes(file.getnframes())
        assert len(data) == 2 * file.getnframes(), "the head says more than there is"
        return Wav(file.getframerate(), array("h", data))


Conversation = Callable[[socket.socket], None]


@contextlib.contextmanager
def peer(conversation: Conversation, scheme: str = "ws") -> Iterator[str]:
    """Serve one strange far end on loopback; yields its URL."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(MOST_SECONDS)
        port = server.getsockname()[1]

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    sock, _ = server.accept()
                    sock.settimeout(MOST_SECONDS)
                    with sock, contextlib.suppress(OSError):
                        conversation(sock)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield f"{scheme}://127.0.0.1:{port}/media"
        with contextlib.suppress(OSError):
            server.shutdown(socket.SHUT_RDWR)
    thread.join(MOST_SECONDS)
    assert not thread.is_alive()


def head(sock: socket.socket) -> bytes:
    """Read an HTTP request's head."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = sock.recv(4096)
        if not more:
            return data
        data += more
    return data


def accept_websocket(sock: socket.socket) -> None:
    """Do the server's half of the opening handshake."""
    key = next(
        line.partition(b":")[2].strip()
        for line in head(sock).split(b"\r\n")
        if line.lower().startswith(b"sec-websocket-key:")
    )
    digest = hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()  # noqa: S324
    sock.sendall(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + base64.b64encode(digest) + b"\r\n\r\n"
    )


def read_until_closed(sock: socket.socket) -> None:
    while sock.recv(65536):
        pass


def frozen(running: Running) -> None:
    """Stop a process as a hanging machine would."""
    running.signal(signal.SIGSTOP)
