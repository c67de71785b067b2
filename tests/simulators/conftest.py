"""Run the simulated carrier as the process it is, with a sender in the test."""

from __future__ import annotations

import base64
import contextlib
import json
import math
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs
import pytest
import trio
import trio_websocket

if TYPE_CHECKING:
    import ssl

WebSocket: TypeAlias = trio_websocket.WebSocketConnection
Sender: TypeAlias = Callable[[WebSocket], Awaitable[None]]

COMMAND = (sys.executable, "-m", "trioaudio.simulators.carrier")
PTIME = 0.06
MOST_SECONDS = 10  # for a process that must end by itself


@attrs.frozen
class Outcome:
    """What a process left behind."""

    code: int
    report: dict[str, Any]
    events: list[dict[str, Any]]
    errors: str

    @property
    def problems(self) -> list[str]:
        return [each["problem"] for each in self.report["protocol_errors"]]

    @property
    def commands(self) -> list[str]:
        return [each["command"] for each in self.report["commands"]]


@attrs.define
class CarrierProcess:
    """Starts simulated carriers, and speaks to them as a sender of 60 ms frames."""

    requests: list[trio_websocket.WebSocketRequest] = attrs.field(factory=list)
    """The handshakes seen by `dialling`."""
    url: str = ""
    """What `dialling` had dialled last."""

    async def dialling(
        self, sender: Sender, *arguments: str, tls: ssl.SSLContext | None = None
    ) -> Outcome:
        """Let the carrier dial a server here; `sender` speaks on each connection it makes."""

        async def answer(request: trio_websocket.WebSocketRequest) -> None:
            self.requests.append(request)
            done.append(trio.Event())
            websocket = await request.accept()
            with contextlib.suppress(trio_websocket.ConnectionClosed):
                await sender(websocket)
            done[-1].set()

        done: list[trio.Event] = []
        async with trio.open_nursery() as nursery:
            serve = partial(trio_websocket.serve_websocket, disconnect_timeout=0.2)
            server = await nursery.start(serve, answer, "127.0.0.1", 0, tls)
            base = "ws://127.0.0.1" if tls is None else "wss://localhost"
            self.url = f"{base}:{server.port}/call?token=1"
            outcome = await self.run("--dial", self.url, *arguments)
            with trio.move_on_after(1):
                for each in done:
                    await each.wait()
            nursery.cancel_scope.cancel()
        return outcome

    async def run(self, *arguments: str, command: Sequence[str] = COMMAND) -> Outcome:
        """Run a carrier that ends by itself."""
        with trio.fail_after(MOST_SECONDS):
            done = await trio.run_process(
                [*command, *arguments],
                stdin=subprocess.DEVNULL,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
            )
        return self.outcome(done.returncode, done.stdout, done.stderr)

    @contextlib.asynccontextmanager
    async def dialled(self, url: str) -> AsyncIterator[WebSocket]:
        """Dial a carrier that listens.

        trio-websocket's own way to dial leaves the TCP connection open when the far end closes.
        """
        host, port = url.removeprefix("ws://").removesuffix("/").split(":")
        tcp = await trio.open_tcp_stream(host, int(port))
        async with tcp, trio.open_nursery() as nursery:
            yield await trio_websocket.wrap_client_stream(nursery, tcp, host, "/")
            nursery.cancel_scope.cancel()

    @contextlib.asynccontextmanager
    async def started(self, *arguments: str) -> AsyncIterator[Any]:
        """Start a carrier with all its ends in hand; it is killed if it does not end."""
        process = await trio.lowlevel.open_process(
            [*COMMAND, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        try:
            with trio.fail_after(MOST_SECONDS):
                yield process
        finally:
            process.kill()
            with trio.move_on_after(1, shield=True):
                await process.wait()
                for end in (process.stdin, process.stdout, process.stderr):
                    if end is not None:
                        await end.aclose()

    @staticmethod
    def outcome(code: int, stdout: bytes, stderr: bytes) -> Outcome:
        lines = [json.loads(line) for line in stdout.splitlines()]
        report = lines.pop() if lines and "event" not in lines[-1] else {}
        return Outcome(code, report, lines, stderr.decode())

    @staticmethod
    def tone(frames: int, rate: int = 8000) -> list[bytes]:
        """Return frames of 60 ms in which no sample is zero, so that silence can be told."""
        samples = rate * 60 // 1000
        wave = [
            round(9000 * math.sin(2 * math.pi * 440 * n / rate)) | 1
            for n in range(frames * samples)
        ]
        data = struct.pack(f"<{len(wave)}h", *wave)
        return [data[start : start + 2 * samples] for start in range(0, len(data), 2 * samples)]

    @staticmethod
    def stream_audio(audio: bytes, rate: int = 8000) -> str:
        data = {
            "audioDataType": "raw",
            "sampleRate": rate,
            "audioData": base64.b64encode(audio).decode(),
        }
        return json.dumps({"type": "streamAudio", "data": data})

    @staticmethod
    async def pace(
        messages: Sequence[str | bytes],
        send: Callable[[str | bytes], Awaitable[None]],
        interval: float = PTIME,
    ) -> None:
        """Send messages at absolute deadlines, and wait until the last is played."""
        epoch = trio.current_time()
        for n, message in enumerate(messages):
            await trio.sleep_until(epoch + n * interval)
            await send(message)
        await trio.sleep_until(epoch + len(messages) * interval + 0.1)


@pytest.fixture
def carrier() -> CarrierProcess:
    return CarrierProcess()
