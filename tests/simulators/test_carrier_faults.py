"""Faults of the simulated carrier on a real clock and a real socket."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio
import trio_websocket

if TYPE_CHECKING:
    from simulators.conftest import CarrierProcess, WebSocket

pytestmark = pytest.mark.system
QUIET = ("--caller", "none", "--option", "metadata=none")


def read_wav(path: Path) -> tuple[int, bytes]:
    with wave.open(str(path)) as read:
        return read.getframerate(), read.readframes(read.getnframes())


@pytest.mark.parametrize("arguments", [("--fault", "reset-after=3"), ("--fault", "close-after=3")])
async def test_connections_ended_by_a_fault(
    carrier: CarrierProcess, arguments: tuple[str, ...]
) -> None:
    codes: list[int] = []

    async def sender(websocket: WebSocket) -> None:
        try:
            for frame in carrier.tone(3):
                await websocket.send_message(carrier.stream_audio(frame))
            while True:
                await websocket.get_message()
        except trio_websocket.ConnectionClosed as exc:
            codes.append(exc.reason.code if exc.reason else 0)

    outcome = await carrier.dialling(sender, *arguments)
    assert outcome.code == 0
    assert outcome.report["frames"] == 3
    if "reset" in arguments[1]:
        assert outcome.report["closed"]["by"] == "fault"
        assert codes == [1006]
    else:
        assert outcome.report["closed"]["code"] == 1000
        assert codes == [1000]


async def test_reset_and_redial(carrier: CarrierProcess, tmp_path: Path) -> None:
    begun: list[float] = []

    async def sender(websocket: WebSocket) -> None:
        begun.append(trio.current_time())
        messages = [carrier.stream_audio(frame) for frame in carrier.tone(5)]
        await carrier.pace(messages, websocket.send_message)
        await websocket.aclose()

    out = tmp_path / "heard.wav"
    faults = ("--fault", "reset-after=3", "--fault", "redial-after=0.3")
    outcome = await carrier.dialling(sender, *faults, "--out", str(out), "--events")
    assert outcome.code == 0
    assert outcome.report["connections"] == 2
    assert outcome.report["frames"] == 8
    assert begun[1] - begun[0] > 0.4
    names = [event["event"] for event in outcome.events]
    assert names == ["connected", "first-audio", "closed", "connected", "closed"]
    assert outcome.report["played_ms"] + outcome.report["dropped_ms"] == 480
    _, heard = read_wav(out)
    assert heard.endswith(b"".join(carrier.tone(5)))


async def test_garbage_is_sent(carrier: CarrierProcess) -> None:
    async def sender(websocket: WebSocket) -> None:
        await websocket.send_message(carrier.stream_audio(carrier.tone(1)[0]))
        while True:
            await websocket.get_message()

    outcome = await carrier.dialling(sender, "--fault", "garbage-after=1")
    assert outcome.code == 0
    assert outcome.report["closed"]["code"] != 1000
    assert outcome.report["frames"] == 1


async def test_reading_stops(carrier: CarrierProcess) -> None:
    stalled: list[bool] = []

    async def sender(websocket: WebSocket) -> None:
        with trio.move_on_after(0.5) as scope:
            while True:
                await websocket.send_message(carrier.stream_audio(bytes(960 * 1000)))
        stalled.append(scope.cancelled_caught)

    outcome = await carrier.dialling(sender, "--fault", "stop-reading-after=1")
    assert stalled == [True]
    assert outcome.report["frames"] == 1000
    assert outcome.report["closed"]["by"] == "network"


async def test_audio_rejected_in_silence(carrier: CarrierProcess, tmp_path: Path) -> None:
    async def sender(websocket: WebSocket) -> None:
        messages = [carrier.stream_audio(frame) for frame in carrier.tone(3)]
        await carrier.pace(messages, websocket.send_message)
        await websocket.aclose()

    out = tmp_path / "heard.wav"
    outcome = await carrier.dialling(sender, "--fault", "reject-silently", "--out", str(out))
    assert outcome.problems == []
    assert outcome.report["frames"] == 3
    assert outcome.report["played_ms"] == 0
    assert outcome.report["dropped_ms"] == 180
    assert read_wav(out) == (8000, b"")


async def test_a_flood(carrier: CarrierProcess) -> None:
    sizes: list[int] = []

    async def sender(websocket: WebSocket) -> None:
        with trio.move_on_after(0.3):
            while True:
                sizes.append(len(await websocket.get_message()))

    outcome = await carrier.dialling(sender, "--fault", "flood")
    assert sum(sizes) > 5 * 4800  # five times what 0.3 s hold
    assert outcome.code == 0


async def test_a_big_message(carrier: CarrierProcess) -> None:
    async def sender(websocket: WebSocket) -> None:
        while True:
            await websocket.get_message()

    outcome = await carrier.dialling(sender, "--fault", "big-message")
    assert outcome.code == 0
    # Larger than what that server takes; its close may be lost behind what it does not read.
    assert outcome.report["closed"]["code"] in (1006, 1009)


async def test_a_slow_reader(carrier: CarrierProcess) -> None:
    stalled: list[bool] = []

    async def sender(websocket: WebSocket) -> None:
        begun = trio.current_time()
        with trio.move_on_after(1.2) as scope:
            for _ in range(400):
                await websocket.send_message(carrier.stream_audio(bytes(960 * 10)))
        stalled.append(scope.cancelled_caught)
        assert trio.current_time() - begun > 1.1

    outcome = await carrier.dialling(sender, "--fault", "slow-reader=20000", *QUIET)
    assert stalled == [True]
    assert 0 < outcome.report["bytes"] < 200_000


async def test_a_half_open_connection_says_nothing_and_stays(carrier: CarrierProcess) -> None:
    received: list[float] = []

    async def sender(websocket: WebSocket) -> None:
        await websocket.get_message()
        await websocket.send_message(carrier.stream_audio(bytes(960)))
        begun = trio.current_time()
        with trio.move_on_after(0.6):
            while True:
                await websocket.get_message()
                received.append(trio.current_time() - begun)
        with trio.move_on_after(0.3) as pinging:
            await websocket.ping()
        assert pinging.cancelled_caught
        # The far end does not answer a close either.
        await websocket._stream.aclose()

    outcome = await carrier.dialling(sender, "--fault", "half-open-after=1")
    assert outcome.code == 0
    assert all(at < 0.2 for at in received)
    assert outcome.report["closed"]["by"] == "network"
    assert outcome.report["frames"] == 1
