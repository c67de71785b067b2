from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import LegLostError
from trioaudio.simulators.call import Closed, SimulatedCall
from trioaudio.simulators.call_report import report, total
from trioaudio.simulators.dialect import Audio
from trioaudio.simulators.options import parse
from trioaudio.simulators.place import decoder, new_place

START = 500.25
FRAME = b"\x01\x02" * 480


def new_call(
    events: list[tuple[str, dict[str, Any]]] | None = None, *arguments: str
) -> SimulatedCall:
    options = parse(["--dial", "ws://127.0.0.1:1/", "--jitter-ms", "0", *arguments])
    heard = [] if events is None else events
    return new_place(options, 1, None, lambda name, more: heard.append((name, more))).call


def take(call: SimulatedCall, data: bytes, at: float, problem: str | None = None) -> None:
    call.take_audio(Audio(data, problem), data, at)


def test_a_call_from_beginning_to_end() -> None:
    events: list[tuple[str, dict[str, Any]]] = []
    call = new_call(events)
    call.connected(START, "127.0.0.1:9")
    for n in range(10):
        take(call, FRAME, START + 1 + n * 0.06)
    call.list_command(START + 1.56, "clear")
    call.playout.clear(START + 1.56)
    call.list_error(START + 1.6, "no JSON", "?")
    call.list_control(START + 2, "speak", {"text": "bye"})
    call.disconnected(START + 2, Closed(1000, "hang-up", "carrier"))
    call.playout.finish(START + 2)
    told = report(call)
    assert [name for name, _ in events] == ["connected", "first-audio", "closed"]
    assert (told["frames"], told["messages"], told["bytes"]) == (10, 10, 9600)
    assert (told["played_ms"], told["dropped_ms"], told["unplayed_ms"]) == (560, 40, 0)
    assert told["played_samples"] == 560 * 8
    assert told["played_sha256"] == hashlib.sha256((FRAME * 10)[: 560 * 16]).hexdigest()
    assert told["first_audio_at"] == START + 1
    assert [each["command"] for each in told["commands"]] == ["clear", "speak"]
    assert told["controls"] == [{"name": "speak", "count": 1}]
    assert told["protocol_errors"][0]["at"] == START + 1.6
    assert told["protocol_errors"][0]["excerpt"] == "?"
    assert told["spacing_ms"]["p50"] == pytest.approx(60)
    assert told["burst_ms"] == 60
    assert told["depth_ms"]["max"] == 60
    assert told["closed"]["by"] == "carrier"
    assert (told["encoding"], told["error"]) == ("pcm16", None)
    assert json.loads(json.dumps(told)) == told


def test_what_waits_at_the_end_of_a_connection_is_unplayed_and_dropped() -> None:
    call = new_call()
    take(call, FRAME * 2, START)
    call.disconnected(START + 0.03, Closed(1006, "", "network"))
    told = report(call)
    assert (told["played_ms"], told["dropped_ms"], told["unplayed_ms"]) == (30, 90, 90)


def test_audio_that_is_never_played() -> None:
    call = new_call(None, "--fault", "reject-silently")
    take(call, FRAME * 3, START)
    call.playout.finish(START + 5)
    assert (report(call)["played_ms"], report(call)["dropped_ms"]) == (0, 180)


def test_half_a_sample_is_left_out_and_blamed() -> None:
    call = new_call()
    take(call, FRAME + b"\1", START)
    take(call, b"\1", START)
    assert (call.audio_bytes, call.messages, call.protocol_error_count) == (960, 1, 2)


@pytest.mark.parametrize("encoding", list(Encoding))
def test_audio_is_counted_and_kept_as_pcm(encoding: Encoding) -> None:
    decode = decoder(MediaFormat(encoding, 8000))
    assert len(decode(encoding.silence * 480)) == 960


def test_mulaw_on_the_wire() -> None:
    call = new_call(None, "--carrier", "twilio")
    take(call, b"\x80" * 480, START)
    call.playout.finish(START + 1)
    told = report(call)
    assert (told["frames"], told["bytes"], told["played_ms"]) == (1, 960, 60)
    assert told["peak"] == 32124


def test_memory_is_bounded_whatever_is_sent() -> None:
    call = new_call()
    for n in range(500):
        call.list_error(START, "x" * 10_000, "x" * 10_000)
        call.list_error(START, "x" * 10_000, b"x" * 10_000)
        call.list_control(START, f"{n}" * 10_000, {"y": "z" * 10_000})
    for n in range(100_000):
        take(call, FRAME, START + n * 0.06)
    told = report(call)
    assert told["protocol_error_count"] == 1000
    assert told["command_count"] == 500
    assert len(told["controls"]) == 20
    assert len(json.dumps(told)) < 64 << 10


def test_the_total_of_several_calls() -> None:
    calls = [new_call() for _ in range(3)]
    for n, call in enumerate(calls[:2]):
        call.connected(START, "peer")
        for at in (0.0, 0.06 + n / 100):
            take(call, FRAME, START + at)
        call.playout.finish(START + 1)
    calls[2].failure = LegLostError("nobody there")
    told = total(calls, [report(call) for call in calls])
    assert (told["calls"], told["connected"], told["failed"]) == (3, 2, 1)
    assert (told["frames"], told["played_ms"], told["connections"]) == (4, 240, 2)
    assert told["spacing_ms"]["p50"] == pytest.approx(60)
    assert told["spacing_ms"]["max"] == pytest.approx(70)
    assert told["lateness_ms"]["max"] == pytest.approx(10)
    assert told["marks"] == {"asked": 0, "played": 0, "cleared": 0, "lost": 0}


@pytest.mark.parametrize(
    ("code", "in_order"), [(1000, True), (1001, True), (1002, False), (1006, False)]
)
def test_what_is_an_end_in_order(*, code: int, in_order: bool) -> None:
    assert Closed(code, "", "peer").in_order is in_order
