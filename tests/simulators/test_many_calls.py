"""Many calls in one process: each its own, and none the other's trouble."""

from __future__ import annotations

import itertools
import signal
import wave
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio_websocket

if TYPE_CHECKING:
    from simulators.conftest import CarrierProcess, WebSocket

pytestmark = pytest.mark.system
QUIET = ("--caller", "none", "--option", "metadata=none")


def frame_of(n: int) -> bytes:
    """Return a frame that says whose it is."""
    return n.to_bytes(2, "little") * 480


async def test_every_call_has_its_own_audio(carrier: CarrierProcess, tmp_path: Path) -> None:
    async def sender(websocket: WebSocket) -> None:
        n = int(str(websocket.path).rpartition("/")[2])
        assert isinstance(await websocket.get_message(), str)
        for _ in range(n % 5 + 1):
            await websocket.send_message(carrier.stream_audio(frame_of(n)))
        await trio.sleep(0.4)
        await websocket.send_message('{"action":"stop"}')

    outcome = await serve_many(carrier, sender, "--calls", "30", "--out", str(tmp_path))
    report = outcome.report
    assert (outcome.code, outcome.errors) == (0, "")
    assert len(report["calls"]) == 30
    for n, call in enumerate(report["calls"], 1):
        assert call["frames"] == n % 5 + 1
        assert call["peak"] == n
        assert call["closed"]["reason"] == "stop"
        assert call["protocol_errors"] == []
        with wave.open(call["out"]) as file:
            assert file.readframes(9999) == frame_of(n) * (n % 5 + 1)
    assert len({call["call_id"] for call in report["calls"]}) == 30
    total = report["total"]
    assert (total["calls"], total["connected"], total["failed"]) == (30, 30, 0)
    assert total["frames"] == sum(n % 5 + 1 for n in range(1, 31))
    assert len(list(tmp_path.iterdir())) == 30  # noqa: ASYNC240


async def test_one_calls_failure_is_not_the_others(carrier: CarrierProcess, tmp_path: Path) -> None:
    (tmp_path / "2.wav.part").symlink_to("/dev/full")

    async def sender(websocket: WebSocket) -> None:
        if str(websocket.path).endswith("/3"):
            await websocket.send_message(b"\xff")
            await websocket._stream.aclose()
            return
        for _ in range(3):
            await websocket.send_message(carrier.stream_audio(frame_of(1) * 20))
        await trio.sleep(0.4)
        await websocket.send_message('{"action":"stop"}')

    arguments = (*QUIET, "--calls", "4", "--out", str(tmp_path / "{n}.wav"))
    outcome = await serve_many(carrier, sender, *arguments, refuse=("/4",))
    assert outcome.code == 6
    assert "No space left on device" in outcome.errors
    first, second, third, fourth = outcome.report["calls"]
    assert (first["played_ms"] > 300, first["error"], first["out"] is None) == (True, None, False)
    assert "No space left" in second["error"]
    assert second["out"] is None
    assert third["closed"]["by"] == "network"
    assert "HTTP status 404" in fourth["error"]
    assert outcome.report["total"]["failed"] == 2
    assert sorted(each.name for each in tmp_path.iterdir()) == ["1.wav", "3.wav"]  # noqa: ASYNC240


async def test_calls_arrive_one_after_the_other(carrier: CarrierProcess) -> None:
    arrived: list[float] = []

    async def sender(websocket: WebSocket) -> None:
        arrived.append(trio.current_time())
        await websocket.aclose()

    outcome = await serve_many(
        carrier, sender, *QUIET, "--calls", "4", "--call-every", "0.15", "--events"
    )
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrived)]
    assert all(0.05 < gap < 0.3 for gap in gaps)
    assert 0.4 < arrived[-1] - arrived[0] < 0.6
    assert sorted({event["call"] for event in outcome.events}) == [1, 2, 3, 4]


async def test_urls_come_on_stdin_line_by_line(carrier: CarrierProcess) -> None:
    came = {"/a": trio.Event(), "/b": trio.Event()}

    async def answer(request: trio_websocket.WebSocketRequest) -> None:
        came[request.path].set()
        websocket = await request.accept()
        await websocket.get_message()
        for each in came.values():
            await each.wait()
        await websocket.aclose()

    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_websocket.serve_websocket, answer, "127.0.0.1", 0, None)
        async with carrier.started("--url-from-stdin", "--calls", "2", "--child") as process:
            for name in ("a", "b"):
                line = f"ws://127.0.0.1:{server.port}/{name}\n"
                await process.stdin.send_all(line.encode())
                await came[f"/{name}"].wait()
            stdout = b"".join([chunk async for chunk in process.stdout])
            assert await process.wait() == 0
        nursery.cancel_scope.cancel()
    calls = carrier.outcome(0, stdout, b"").report["calls"]
    assert [each["connections"] for each in calls] == [1, 1]


async def test_several_may_dial_one_listener(carrier: CarrierProcess) -> None:
    listen = ("--carrier", "raw", "--listen", "127.0.0.1:0", "--caller", "none", "--calls", "2")
    async with carrier.started(*listen) as process:
        url = (await process.stderr.receive_some(1000)).decode().strip()
        async with (
            trio_websocket.open_websocket_url(f"{url}a") as first,
            trio_websocket.open_websocket_url(f"{url}b") as second,
        ):
            await first.send_message(frame_of(1))
            await second.send_message(frame_of(2))
            await second.send_message(frame_of(2))
            await trio.sleep(0.2)
        stdout = b"".join([chunk async for chunk in process.stdout])
        assert await process.wait() == 0
    calls: list[dict[str, Any]] = carrier.outcome(0, stdout, b"").report["calls"]
    assert {(each["frames"], each["peak"]) for each in calls} == {(1, 1), (2, 2)}


@pytest.mark.parametrize("how", ["SIGTERM", "stdin"])
async def test_all_calls_end_together(carrier: CarrierProcess, how: str) -> None:
    codes: list[int] = []
    audio = carrier.stream_audio(frame_of(1))

    async def answer(request: trio_websocket.WebSocketRequest) -> None:
        websocket = await request.accept()
        try:
            await websocket.send_message(audio)
            while True:
                await websocket.get_message()
        except trio_websocket.ConnectionClosed as exc:
            codes.append(exc.reason.code if exc.reason else 0)

    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_websocket.serve_websocket, answer, "127.0.0.1", 0, None)
        url = f"ws://127.0.0.1:{server.port}/"
        async with carrier.started("--url-from-stdin", "--calls", "3", "--events") as process:
            await process.stdin.send_all(f"{url}\n{url}\n".encode())
            lines = b""
            while lines.count(b"first-audio") < 2:
                lines += await process.stdout.receive_some()
            if how == "stdin":
                await process.stdin.aclose()
            else:
                process.send_signal(signal.SIGTERM)
            stdout = lines + b"".join([chunk async for chunk in process.stdout])
            code = await process.wait()
        nursery.cancel_scope.cancel()
    calls = carrier.outcome(code, stdout, b"").report["calls"]
    assert code == (0 if how == "stdin" else 128 + signal.SIGTERM)
    assert [each["frames"] for each in calls] == [1, 1, 0]
    assert {each["closed"]["by"] for each in calls[:2]} == {"carrier"}
    assert codes == ([1006] * 2 if how == "stdin" else [1000] * 2)


async def test_a_url_that_is_none_is_one_calls_failure(carrier: CarrierProcess) -> None:
    async def answer(request: trio_websocket.WebSocketRequest) -> None:
        await (await request.accept()).aclose()

    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_websocket.serve_websocket, answer, "127.0.0.1", 0, None)
        good = f"ws://127.0.0.1:{server.port}/"
        outcome = await carrier.run("--dial", "http://x/", "--dial", good)
        nursery.cancel_scope.cancel()
    assert outcome.code == 2
    assert [each["connections"] for each in outcome.report["calls"]] == [0, 1]
    assert "must look like ws://" in outcome.report["calls"][0]["error"]


async def serve_many(
    carrier: CarrierProcess, sender: Any, *arguments: str, refuse: tuple[str, ...] = ()
) -> Any:
    """Let several calls dial a server here, each with its number for a path."""

    async def answer(request: trio_websocket.WebSocketRequest) -> None:
        if request.path in refuse:
            await request.reject(404)
            return
        websocket = await request.accept()
        try:
            await sender(websocket)
            while True:
                await websocket.get_message()
        except trio_websocket.ConnectionClosed:
            return

    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_websocket.serve_websocket, answer, "127.0.0.1", 0, None)
        url = f"ws://127.0.0.1:{server.port}/{{n}}"
        outcome = await carrier.run("--dial", url, *arguments)
        nursery.cancel_scope.cancel()
    return outcome
