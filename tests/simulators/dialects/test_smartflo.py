from __future__ import annotations

import base64
import json

import pytest

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import ConfigError
from trioaudio.simulators.dialect import Action, Audio, CallFacts, Malformed
from trioaudio.simulators.dialects.smartflo import DIALECT

STREAM = "MZ18ad3ab5a668481ce02b83e7395059f0"
CALL = "CA1234567890abcdef1234567890abcdef"
ACCOUNT = "AC89abcdef0123456789abcdef01234567"
AUDIO = bytes(range(160)) * 5


def facts(**options: str) -> CallFacts:
    return CallFacts(
        MediaFormat(Encoding.MULAW, 8000),
        "18ad3ab5-a668-481c-e02b-83e7395059f0",
        "12345678-90ab-cdef-1234-567890abcdef",
        "918069651149",
        "919876543210",
        {name.replace("_", "-"): value for name, value in options.items()},
    )


# https://docs.smartflo.tatatelebusiness.com/docs/bi-directional-audio-streaming-integration-document
EXPECTED = [
    {"event": "connected"},
    {
        "event": "start",
        "sequenceNumber": "1",
        "streamSid": STREAM,
        "start": {
            "streamSid": STREAM,
            "accountSid": ACCOUNT,
            "callSid": CALL,
            "from": "918069651149",
            "to": "919876543210",
            "direction": "inbound",
            "mediaFormat": {
                "encoding": "audio/x-mulaw",
                "sampleRate": 8000,
                "bitRate": 64,
                "bitDepth": 8,
            },
            "customParameters": {"FirstName": "Jane"},
        },
    },
    {
        "event": "media",
        "sequenceNumber": "2",
        "streamSid": STREAM,
        "media": {"chunk": "1", "timestamp": "0", "payload": base64.b64encode(AUDIO).decode()},
    },
    {
        "event": "media",
        "sequenceNumber": "3",
        "streamSid": STREAM,
        "media": {"chunk": "2", "timestamp": "100", "payload": base64.b64encode(AUDIO).decode()},
    },
    {"event": "dtmf", "sequenceNumber": "4", "streamSid": STREAM, "dtmf": {"digit": "1"}},
    {"event": "mark", "sequenceNumber": "5", "streamSid": STREAM, "mark": {"name": "m1"}},
    {
        "event": "stop",
        "sequenceNumber": "6",
        "streamSid": STREAM,
        "stop": {"accountSid": ACCOUNT, "callSid": CALL, "reason": "callee hung up"},
    },
]


def test_a_call_is_told_as_documented() -> None:
    dialect = DIALECT.new(facts(direction="inbound", start_parameters="FirstName:Jane"))
    said = [
        *dialect.opening(),
        dialect.caller_audio(AUDIO),
        dialect.caller_audio(AUDIO),
        *dialect.dtmf("1"),
        *dialect.cleared(["m1"]),
        *dialect.closing("callee hung up"),
    ]
    assert [json.loads(each) for each in said] == EXPECTED
    assert DIALECT.caller_ptime_ms == 100


def media(size: int, **more: object) -> str:
    payload = base64.b64encode(bytes(size)).decode()
    members = {"payload": payload, **more}
    return json.dumps({"event": "media", "streamSid": STREAM, "media": members})


@pytest.mark.parametrize("size", [160, 480, 4000])
def test_multiples_of_160_bytes_are_played(size: int) -> None:
    assert DIALECT.new(facts()).read(media(size)) == [Audio(bytes(size))]


@pytest.mark.parametrize("size", [1, 159, 161, 1000])
def test_anything_else_leaves_gaps(size: int) -> None:
    problem = f"{size} bytes of audio are no multiple of 160"
    assert DIALECT.new(facts()).read(media(size)) == [Malformed(problem)]


def test_a_chunk_counts_if_it_is_there() -> None:
    dialect = DIALECT.new(facts())
    for more in ({"chunk": 1}, {}, {"chunk": "3"}):
        assert dialect.read(media(160, **more)) == [Audio(bytes(160))]
    for wrong, problem in (
        (6, "media.chunk is 6, and should be 4"),
        (7, None),
        (7.0, "media.chunk 7.0 is no whole number written as number or text"),
        (None, "media.chunk null is no whole number written as number or text"),
    ):
        assert dialect.read(media(160, chunk=wrong)) == [Audio(bytes(160), problem)]


def test_the_call_can_be_ended() -> None:
    dialect = DIALECT.new(facts())
    end = {"event": "end", "streamSid": STREAM, "call_sid": CALL}
    assert dialect.read(json.dumps(end)) == [Action.HANG_UP]
    for change, problem in (
        ({"call_sid": "CA1"}, 'message: call_sid "CA1" is another call\'s'),
        ({"call_sid": 1}, "message: call_sid is 1, must be a text"),
        ({"streamSid": "MZ1"}, 'message: streamSid "MZ1" is another stream\'s'),
        ({"reason": "done"}, "message with 'reason', which is not documented"),
    ):
        assert dialect.read(json.dumps({**end, **change})) == [Malformed(problem)]
    del end["call_sid"]
    assert dialect.read(json.dumps(end)) == [Malformed("message without call_sid")]


def test_a_clear_may_drop_marks() -> None:
    assert DIALECT.new(facts(cleared_marks="dropped")).cleared(["m1"]) == ()


def test_an_unknown_direction_is_refused() -> None:
    with pytest.raises(ConfigError, match="option direction=up"):
        DIALECT.new(facts(direction="up"))
