from __future__ import annotations

import json
from typing import Any

import pytest

from dialect_kit import CALL, facts, only, problem_of, said
from trioaudio.simulators.dialect import Action, Audio
from trioaudio.simulators.dialects import load_dialect

# The messages of rajeshganji/ai-agent-portal, agent-login-app/src/services/STREAM_CLIENT.md
OZONETEL = load_dialect("ozonetel")


def media(top: dict[str, Any] | None = None, **changes: Any) -> str:
    data = {
        "samples": [8, -8, 32767, -32768],
        "bitsPerSample": 16,
        "sampleRate": 8000,
        "channelCount": 1,
        "numberOfFrames": 4,
        "type": "data",
    }
    told = {k: v for k, v in {**data, **changes}.items() if v != "left out"}
    return json.dumps(
        {"event": "media", "type": "media", "ucid": CALL, "data": told, **(top or {})}
    )


def test_start_and_stop() -> None:
    ozonetel = OZONETEL.new(facts())
    event = {"type": "text", "ucid": CALL, "did": "+15550101"}
    assert said(*ozonetel.opening()) == {"event": "start", **event}
    assert said(*ozonetel.closing("callee")) == {"event": "stop", **event}


def test_the_first_packet_claims_16_khz() -> None:
    ozonetel = OZONETEL.new(facts())
    audio = b"\x08\x00\xfb\xff" * 40
    first = said(ozonetel.caller_audio(audio))
    assert first == {
        "event": "media",
        "type": "media",
        "ucid": CALL,
        "data": {
            "samples": [8, 8, -5, -5] * 40,
            "bitsPerSample": 16,
            "sampleRate": 16000,
            "channelCount": 1,
            "numberOfFrames": 160,
            "type": "data",
        },
    }
    second = said(ozonetel.caller_audio(audio))["data"]
    assert second["samples"] == [8, -5] * 40
    assert (second["sampleRate"], second["numberOfFrames"]) == (8000, 80)
    assert OZONETEL.caller_ptime_ms == 10


def test_numbers_become_samples() -> None:
    reading = only(OZONETEL.new(facts()).read(media()))
    assert reading == Audio(b"\x08\x00\xf8\xff\xff\x7f\x00\x80")


def test_commands() -> None:
    ozonetel = OZONETEL.new(facts())
    assert only(ozonetel.read('{"command":"clearBuffer"}')) is Action.CLEAR
    assert only(ozonetel.read('{"command":"callDisconnect"}')) is Action.HANG_UP


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"\x08\x00", "Ozonetel takes text only"),
        ("{}", "without command"),
        ('{"command":"stop"}', "'stop' is unknown to Ozonetel"),
        ('{"command":"clearBuffer","ucid":"1"}', "message with 'ucid'"),
        ('{"command":1}', "must be a text"),
        ('{"event":"clearBuffer"}', "media without type, ucid, data"),
        (media({"event": "start"}), 'event is "start", must be "media"'),
        (media({"type": "text"}), 'type is "text"'),
        (media({"ucid": "other"}), 'ucid is "other"'),
        (media({"did": "1"}), "media with 'did'"),
        (media({"data": []}), "must be an object"),
        (media(samples="left out"), "media data without samples"),
        (media(timestamp=1), "media data with 'timestamp'"),
        (media(samples=[], numberOfFrames=0), "must be an array, and not empty"),
        (media(samples="AAAA"), "must be an array"),
        (media(samples=[1, 2, 3, 4.0]), "no 16-bit number"),
        (media(samples=[1, 2, 3, True]), "no 16-bit number"),
        (media(samples=[1, 2, 3, 32768]), "no 16-bit number"),
        (media(samples=[1, 2, 3, -32769]), "no 16-bit number"),
        (media(numberOfFrames=5), "numberOfFrames is 5, must be 4"),
        (media(sampleRate=16000), "sampleRate is 16000, must be 8000"),
        (media(bitsPerSample="16"), 'bitsPerSample is "16"'),
        (media(channelCount=2), "channelCount is 2"),
        (media(type="audio"), 'type is "audio"'),
    ],
)
def test_every_deviation_has_a_name(message: str | bytes, problem: str) -> None:
    assert problem in problem_of(OZONETEL.new(facts()), message)
