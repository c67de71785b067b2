from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from trioaudio.core.pcm import PcmFormat
from trioaudio.simulators import dialect
from trioaudio.simulators.arrivals import Arrivals
from trioaudio.simulators.call import Closed, SimulatedCall
from trioaudio.simulators.callee import Callee
from trioaudio.simulators.playout import Playout

PCM = PcmFormat(8000)
START = 500.25


def new_call(events: list[tuple[str, dict[str, Any]]], *, plays: bool = True) -> SimulatedCall:
    callee = Callee()
    return SimulatedCall(
        dialect="telecmi",
        pcm=PCM,
        read=dialect.telecmi(PCM),
        arrivals=Arrivals(8000, 0.0),
        callee=callee,
        playout=Playout(8000, callee),
        tell=lambda name, more: events.append((name, more)),
        plays=plays,
    )


def stream_audio(frames: int) -> str:
    audio = base64.b64encode(bytes(960 * frames)).decode()
    data = {"audioDataType": "raw", "sampleRate": 8000, "audioData": audio}
    return json.dumps({"type": "streamAudio", "data": data})


def test_a_call_from_beginning_to_end() -> None:
    events: list[tuple[str, dict[str, Any]]] = []
    call = new_call(events)
    call.connected(START, "127.0.0.1:9")
    for n in range(10):
        assert call.take(stream_audio(1), START + 1 + n * 0.06) is None
    assert call.take('{"action":"break"}', START + 1.56) is None
    assert call.take("?", START + 1.6) is None
    assert call.take('[{"action":"speak","text":"bye"},{"action":"hangup"}]', START + 2) == "hangup"
    call.disconnected(START + 2, Closed(1000, "hangup", "carrier"))
    report = call.report()
    assert [name for name, _ in events] == ["connected", "first-audio", "break", "closed"]
    assert (report["frames"], report["messages"], report["bytes"]) == (10, 10, 9600)
    assert (report["played_ms"], report["dropped_ms"]) == (560, 40)
    assert report["first_audio_at"] == START + 1
    assert [each["command"] for each in report["commands"]] == ["break", "speak", "hangup"]
    assert report["protocol_errors"][0]["at"] == START + 1.6
    assert report["protocol_errors"][0]["excerpt"] == "?"
    assert report["spacing_ms"]["p50"] == pytest.approx(60)
    assert json.loads(json.dumps(report)) == report


@pytest.mark.parametrize("action", ["pause", "resume", "stop"])
def test_actions(action: str) -> None:
    call = new_call([])
    ending = call.take(json.dumps({"action": action}), START)
    assert ending == ("stop" if action == "stop" else None)
    assert call.report()["commands"] == [{"at": START, "command": action}]


def test_a_pause_is_silence() -> None:
    call = new_call([])
    call.take(stream_audio(2), START)
    call.take('{"action":"pause"}', START + 0.06)
    call.take('{"action":"resume"}', START + 1)
    call.playout.finish(START + 1.03)
    assert call.report()["played_ms"] == 90
    assert call.report()["dropped_ms"] == 30


def test_audio_that_is_never_played() -> None:
    call = new_call([], plays=False)
    call.take(stream_audio(3), START)
    call.playout.finish(START + 5)
    assert (call.report()["played_ms"], call.report()["dropped_ms"]) == (0, 180)


def test_memory_is_bounded_whatever_is_sent() -> None:
    call = new_call([])
    for _ in range(500):
        call.take("x" * 10_000, START)
        call.take(b"x" * 10_000, START)
        call.take(json.dumps([{"action": "y" * 10_000}]), START)
    report = call.report()
    assert report["protocol_error_count"] == 1000
    assert report["command_count"] == 500
    assert len(json.dumps(report)) < 64 << 10


@pytest.mark.parametrize(
    ("code", "in_order"), [(1000, True), (1001, True), (1002, False), (1006, False)]
)
def test_what_is_an_end_in_order(*, code: int, in_order: bool) -> None:
    assert Closed(code, "", "peer").in_order is in_order
