"""The carrier's process: how it listens, is told what to dial, and comes to its end."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trio_websocket
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from trioaudio.simulators.carrier import main

if TYPE_CHECKING:
    from simulators.conftest import CarrierProcess, WebSocket

pytestmark = pytest.mark.system
LISTEN = ("--carrier", "raw", "--listen", "127.0.0.1:0")


async def read_line(stream: trio.abc.ReceiveStream) -> str:
    line = b""
    while not line.endswith(b"\n"):
        byte = await stream.receive_some(1)
        assert byte, f"ended after {line!r}"
        line += byte
    return line.decode().strip()


async def read_all(stream: trio.abc.ReceiveStream) -> bytes:
    return b"".join([chunk async for chunk in stream])


async def test_a_media_endpoint_for_any_client(carrier: CarrierProcess, tmp_path: Path) -> None:
    out = tmp_path / "heard.wav"

    def send(url: str) -> None:
        with connect(url) as websocket:
            assert len(websocket.recv(timeout=2)) == 960
            for frame in carrier.tone(2):
                websocket.send(frame)
            websocket.send("clear")
            websocket.send("end")
            for _ in websocket:
                pass
            assert websocket.close_code == 1000

    arguments = (
        "--option",
        "clear-message=clear",
        "--option",
        "end-message=end",
        "--out",
        str(out),
    )
    async with carrier.started(*LISTEN, *arguments) as process:
        url = await read_line(process.stderr)
        await trio.to_thread.run_sync(send, url)
        stdout = await read_all(process.stdout)
        code = await process.wait()
    outcome = carrier.outcome(code, stdout, b"")
    assert outcome.code == 0
    assert outcome.problems == []
    assert outcome.commands == ["clear", "stop"]
    assert outcome.report["frames"] == 2
    assert outcome.report["closed"] == {"code": 1000, "reason": "stop", "by": "carrier"}


async def test_a_dialler_may_come_again_after_a_reset(carrier: CarrierProcess) -> None:
    arguments = ("--fault", "reset-after=1", "--events", "--caller", "none")
    async with carrier.started(*LISTEN, *arguments) as process:
        first = carrier.outcome(0, (await read_line(process.stdout)).encode(), b"")
        url = first.events[0]["url"]
        stranger = await trio.open_tcp_stream("127.0.0.1", int(url.split(":")[2].strip("/")))
        await stranger.aclose()
        async with carrier.dialled(url) as websocket:
            await websocket.send_message(carrier.tone(1)[0])
            with pytest.raises(trio_websocket.ConnectionClosed):
                await websocket.get_message()
        async with trio_websocket.open_websocket_url(url) as websocket:
            await websocket.send_message(carrier.tone(1)[0])
        stdout = await read_all(process.stdout)
        code = await process.wait()
    outcome = carrier.outcome(code, stdout, b"")
    assert outcome.code == 0
    assert outcome.report["connections"] == 2
    assert outcome.report["frames"] == 2
    assert outcome.report["closed"]["by"] == "peer"


async def test_a_dialler_without_the_header_is_refused(carrier: CarrierProcess) -> None:
    def dial(url: str) -> None:
        with pytest.raises(InvalidStatus, match="401"), connect(url):
            pass
        with connect(url, additional_headers={"Authorization": "Bearer 1"}):
            pass

    header = ("--header", "Authorization: Bearer 1")
    async with carrier.started(*LISTEN, *header) as process:
        url = await read_line(process.stderr)
        await trio.to_thread.run_sync(dial, url)
        assert await process.wait() == 0


async def test_a_port_in_use(carrier: CarrierProcess) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    outcome = await carrier.run("--carrier", "raw", "--listen", f"127.0.0.1:{port}")
    await listener.aclose()
    assert outcome.code == 5
    assert "Address already in use" in outcome.errors


async def test_the_url_may_come_late_on_stdin(carrier: CarrierProcess) -> None:
    async def answer(request: trio_websocket.WebSocketRequest) -> None:
        websocket = await request.accept()
        await websocket.send_message(carrier.stream_audio(carrier.tone(1)[0]))
        await trio.sleep(0.1)
        await websocket.aclose()

    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_websocket.serve_websocket, answer, "127.0.0.1", 0, None)
        async with carrier.started("--url-from-stdin", "--child") as process:
            assert process.stdin is not None
            await process.stdin.send_all(f"ws://127.0.0.1:{server.port}/".encode())
            await trio.sleep(0.3)
            await process.stdin.send_all(b"a/b\n")
            stdout = await read_all(process.stdout)
            code = await process.wait()
        nursery.cancel_scope.cancel()
    assert code == 0
    assert carrier.outcome(code, stdout, b"").report["frames"] == 1


@pytest.mark.parametrize(
    ("line", "problem"),
    [(b"", "stdin ended without a URL"), (b"http://x/\n", "URL 'http://x/' must look like ws://")],
)
async def test_no_url_on_stdin(carrier: CarrierProcess, line: bytes, problem: str) -> None:
    async with carrier.started("--url-from-stdin") as process:
        await process.stdin.send_all(line)
        await process.stdin.aclose()
        errors = (await read_all(process.stderr)).decode()
        assert await process.wait() == 2
    assert problem in errors


async def code_at_end(websocket: WebSocket) -> int:
    try:
        while True:
            await websocket.get_message()
    except trio_websocket.ConnectionClosed as exc:
        return exc.reason.code if exc.reason else 0


async def in_call(carrier: CarrierProcess, *arguments: str) -> tuple[int, bytes, float]:
    """Start a call, end it by what `arguments` begin with; return code, stdout and seconds."""
    how, *rest = arguments
    async with carrier.started(*LISTEN, "--events", *rest) as process:
        url = carrier.outcome(0, (await read_line(process.stdout)).encode(), b"").events[0]["url"]
        async with carrier.dialled(url) as websocket:
            await websocket.send_message(carrier.tone(1)[0])
            await read_line(process.stdout)  # connected
            await read_line(process.stdout)  # first audio
            began = time.monotonic()
            if how == "stdin":
                await process.stdin.aclose()
            else:
                process.send_signal(signal.Signals[how])
                if "--child" in rest and how == "SIGINT":
                    await trio.sleep(0.2)
                    assert process.poll() is None
                    process.send_signal(signal.SIGTERM)
            assert await code_at_end(websocket) == (1006 if how == "stdin" else 1000)
        stdout = await read_all(process.stdout)
        return await process.wait(), stdout, time.monotonic() - began


async def test_it_leaves_when_its_parent_is_gone(carrier: CarrierProcess, tmp_path: Path) -> None:
    out = tmp_path / "heard.wav"
    code, stdout, seconds = await in_call(carrier, "stdin", "--out", str(out))
    assert code == 0
    assert seconds < 1
    report = carrier.outcome(code, stdout, b"").report
    assert report["frames"] == 1
    assert report["closed"]["reason"] == "stdin was closed"
    assert [each.name for each in tmp_path.glob("*")] == ["heard.wav"]  # noqa: ASYNC240


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
async def test_a_signal_ends_it_politely(carrier: CarrierProcess, name: str) -> None:
    code, stdout, _ = await in_call(carrier, name)
    assert code == 128 + signal.Signals[name]
    report = carrier.outcome(code, stdout, b"").report
    assert report["closed"]["code"] == 1000
    assert report["frames"] == 1


async def test_a_child_leaves_sigint_to_its_parent(carrier: CarrierProcess) -> None:
    code, stdout, _ = await in_call(carrier, "SIGINT", "--child")
    assert code == 128 + signal.SIGTERM
    assert carrier.outcome(code, stdout, b"").report["frames"] == 1


async def test_a_signal_before_any_call(carrier: CarrierProcess, tmp_path: Path) -> None:
    async with carrier.started(*LISTEN, "--out", str(tmp_path / "heard.wav")) as process:
        await read_line(process.stderr)
        process.send_signal(signal.SIGINT)
        stdout = await read_all(process.stdout)
        assert await process.wait() == 130
    assert carrier.outcome(130, stdout, b"").report["out"] is None
    assert list(tmp_path.glob("*")) == []  # noqa: ASYNC240


async def test_a_parent_that_does_not_listen(carrier: CarrierProcess) -> None:
    async with carrier.started(*LISTEN) as process:
        await read_line(process.stderr)
        await process.stdout.aclose()
        await process.stdin.aclose()
        assert await process.wait() == 0
        assert await read_all(process.stderr) == b""


def test_start_up_is_light() -> None:
    code = "import sys, trioaudio.simulators.process; print('numpy' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
    assert done.stdout == b"False\n"


def test_main_returns_its_exit_code(capsys: pytest.CaptureFixture[str]) -> None:
    before = signal.getsignal(signal.SIGINT)
    try:
        assert main(["--dial", "ws://127.0.0.1:1/"]) == 5
    finally:
        signal.signal(signal.SIGINT, before)
    assert "Connection refused" in capsys.readouterr().err
