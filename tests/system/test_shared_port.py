"""Two daemons at one port: both have calls, and one leaves without losing any."""

from __future__ import annotations

import signal
import socket
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import pytest
import trio
from trio_websocket import ConnectionClosed, HandshakeError, wrap_client_stream

from system.processes import Runner, Running
from trioaudio.client import Client

pytestmark = pytest.mark.system

CALLS = 60
EVERY_S = 0.04
GREETING = "One two three."


@attrs.frozen
class Daemon:
    running: Running
    environ: dict[str, str]

    async def calls_total(self) -> int:
        async with Client(environ=self.environ) as client:
            return (await client.node()).calls_total


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return int(sock.getsockname()[1])


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    made = Runner(tmp_path)
    yield made
    made.close()


def start(runner: Runner, name: str, port: int) -> Daemon:
    folder = runner.folder / name
    folder.mkdir()
    environ = {
        "TRIOAUDIO_STATE_FOLDER": str(folder),
        "TRIOAUDIO_CACHE_FOLDER": str(runner.folder / "cache"),
        "TRIOAUDIO_CARRIERS": "raw",
        "TRIOAUDIO_MEDIA_AUTH": "off",
        "TRIOAUDIO_MEDIA_LISTEN": f"127.0.0.1:{port}",
        "TRIOAUDIO_REUSE_PORT": "yes",
        "TRIOAUDIO_CONTROL_LISTEN": f"{folder}/control.sock",
        "TRIOAUDIO_GREETING": GREETING,
        "TRIOAUDIO_CPU_MOST": "0",  # the machine that runs the tests has other things to do
        "TRIOAUDIO_LATENESS_MOST_MS": "0",
        "TRIOAUDIO_LOOP_LAG_MOST_MS": "0",
        "TRIOAUDIO_DRAIN_TIMEOUT_S": "20",
    }
    running = runner.start("serve", env=environ)
    running.until_err(" ready ")
    url = f"unix://{folder}/control.sock"
    token = (folder / "control.token").read_text().strip()
    return Daemon(running, {"TRIOAUDIO_CONTROL_URL": url, "TRIOAUDIO_CONTROL_TOKEN": token})


async def call(url: str, ended: list[str]) -> None:
    """Be a carrier that hears the greeting and hangs up; say what became of it."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    heard = 0
    try:
        async with trio.open_nursery() as nursery:
            stream = await trio.open_tcp_stream(parts.hostname, parts.port)
            carrier = await wrap_client_stream(nursery, stream, parts.netloc, parts.path)
            async with carrier:
                while heard < 10:
                    message = await carrier.get_message()
                    heard += isinstance(message, bytes) and any(message)
            nursery.cancel_scope.cancel()
    except* (OSError, ConnectionClosed, HandshakeError, trio.BrokenResourceError) as group:
        ended.append(f"{group.exceptions[0]!r} after {heard} frames")
    else:
        ended.append("heard it")


async def test_one_leaves_while_carriers_come(runner: Runner) -> None:
    port = free_port()
    first, second = start(runner, "a", port), start(runner, "b", port)
    ended: list[str] = []
    shares = (0, 0)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            for number in range(CALLS):
                nursery.start_soon(call, f"ws://127.0.0.1:{port}/media/raw", ended)
                if number == CALLS // 2:
                    shares = await first.calls_total(), await second.calls_total()
                    assert min(shares) > 0, "the kernel gives each to either"
                    first.running.signal(signal.SIGTERM)
                await trio.sleep(EVERY_S)
        assert Counter(ended) == {"heard it": CALLS}
        done = await trio.to_thread.run_sync(first.running.wait)
        assert (done.code, "Traceback" in done.err) == (0, False), done.err
        assert "calls are cut" not in done.err
        assert await second.calls_total() > shares[1] + CALLS // 3, "all that came after"
    second.running.signal(signal.SIGTERM)
    assert second.running.wait().code == 0
