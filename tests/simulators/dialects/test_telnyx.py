from __future__ import annotations

import base64
import json

import pytest

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.simulators.dialect import (
    Action,
    Audio,
    CallFacts,
    Credentials,
    Handshake,
    Malformed,
    MarkAsked,
)
from trioaudio.simulators.dialects.telnyx import DIALECT

STREAM = "32DE0DEA-53CB-4B21-89A4-9E1819C043BC"
SESSION = "ff55a038-6f5d-11ef-9692-02420aeffb1f"
URL = "wss://voice.example.com/telnyx"


def facts(encoding: Encoding = Encoding.MULAW, rate: int = 8000, **options: str) -> CallFacts:
    return CallFacts(
        MediaFormat(encoding, rate),
        STREAM.lower(),
        SESSION,
        "+13122010094",
        "+13122123456",
        {name.replace("_", "-"): value for name, value in options.items()},
    )


def b64(audio: bytes) -> str:
    return base64.b64encode(audio).decode()


# https://developers.telnyx.com/api-reference/websockets/stream-call-media-over-websocket
USER = "3E6F995F-85F7-4705-9741-53B116D28237"
CONTROL = "v3:ff55a0386f5d11ef969202420aeffb1f"
EXPECTED = [
    {"event": "connected", "version": "1.0.0"},
    {
        "event": "start",
        "sequence_number": "1",
        "start": {
            "user_id": USER,
            "call_control_id": CONTROL,
            "call_session_id": SESSION,
            "from": "+13122010094",
            "to": "+13122123456",
            "tags": [],
            "client_state": "",
            "custom_parameters": {"callref": "42"},
            "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
        },
        "stream_id": STREAM,
    },
    {
        "event": "media",
        "sequence_number": "2",
        "media": {
            "track": "inbound",
            "chunk": "1",
            "timestamp": "0",
            "payload": b64(b"\xff" * 160),
        },
        "stream_id": STREAM,
    },
    {
        "event": "dtmf",
        "stream_id": STREAM,
        "occurred_at": "2026-01-01T00:00:00.020Z",
        "sequence_number": "3",
        "dtmf": {"digit": "1"},
    },
    {"event": "mark", "sequence_number": "4", "mark": {"name": "m1"}, "stream_id": STREAM},
    {
        "event": "stop",
        "sequence_number": "5",
        "stop": {"user_id": USER, "call_control_id": CONTROL},
        "stream_id": STREAM,
    },
]


def test_a_call_is_told_as_documented() -> None:
    dialect = DIALECT.new(facts(start_parameters="callref:42"))
    said = [
        *dialect.opening(),
        dialect.caller_audio(b"\xff" * 160),
        *dialect.dtmf("1"),
        *dialect.cleared(["m1"]),
        *dialect.closing("callee"),
    ]
    assert [json.loads(each) for each in said] == EXPECTED


@pytest.mark.parametrize(
    ("encoding", "rate", "name"),
    [
        (Encoding.ALAW, 8000, "PCMA"),
        (Encoding.PCM16, 16000, "L16"),
        (Encoding.PCM16_BE, 24000, "L16"),
    ],
)
def test_the_start_tells_the_codec(encoding: Encoding, rate: int, name: str) -> None:
    start = json.loads(DIALECT.new(facts(encoding, rate)).opening()[1])["start"]
    assert start["media_format"] == {"encoding": name, "sample_rate": rate, "channels": 1}


@pytest.mark.parametrize("stream", [{}, {"stream_id": STREAM}])
@pytest.mark.parametrize(
    ("message", "reading"),
    [
        ({"event": "media", "media": {"payload": b64(bytes(160))}}, Audio(bytes(160))),
        ({"event": "media", "media": {"payload": b64(bytes(240_000))}}, Audio(bytes(240_000))),
        ({"event": "mark", "mark": {"name": "m1"}}, MarkAsked("m1")),
        ({"event": "clear"}, Action.CLEAR),
    ],
)
def test_what_is_documented_is_taken_with_and_without_the_stream(
    message: dict[str, object], reading: object, stream: dict[str, str]
) -> None:
    assert DIALECT.new(facts()).read(json.dumps({**message, **stream})) == [reading]


@pytest.mark.parametrize(
    ("message", "problem", "code", "title"),
    [
        ("hello", "text that is no JSON: ", 100003, "malformed_frame"),
        (b"\xff" * 160, "binary message", 100003, "malformed_frame"),
        ('{"event":"hangup"}', 'unknown event "hangup"', 100003, "malformed_frame"),
        ('{"event":"media"}', "message without media", 100003, "malformed_frame"),
        (
            json.dumps({"event": "clear", "stream_id": "32DE"}),
            'message: stream_id "32DE" is another stream\'s',
            100003,
            "malformed_frame",
        ),
        (
            json.dumps({"event": "media", "media": {"payload": "!"}}),
            "media: payload is no strict base64",
            100004,
            "invalid_media",
        ),
        (
            json.dumps({"event": "media", "media": {"payload": b64(bytes(159))}}),
            "159 bytes of audio last less than 20 ms",
            100004,
            "invalid_media",
        ),
        (
            json.dumps({"event": "media", "media": {"payload": b64(bytes(240_001))}}),
            "240001 bytes of audio last more than 30000 ms",
            100004,
            "invalid_media",
        ),
    ],
)
def test_an_error_is_said_to_what_is_wrong(
    message: str | bytes, problem: str, code: int, title: str
) -> None:
    (reading,) = DIALECT.new(facts()).read(message)
    assert isinstance(reading, Malformed)
    assert reading.problem.startswith(problem)
    (reply,) = reading.replies
    assert json.loads(reply) == {
        "event": "error",
        "stream_id": STREAM,
        "payload": {"code": code, "title": title, "detail": reading.problem},
    }


def test_one_error_is_said_to_one_message() -> None:
    first, second = DIALECT.new(facts()).read('{"event":"mark","mark":{},"x":1}')
    assert isinstance(first, Malformed)
    assert isinstance(second, Malformed)
    assert second.replies == ()
    detail = json.loads(first.replies[0])["payload"]["detail"]
    assert detail == "message with 'x', which is not documented; mark without name"


def test_the_upgrade_bears_the_streams_token() -> None:
    shake = DIALECT.handshake(URL, facts(), Credentials("s3cret"))
    assert shake == Handshake(URL, (("x-telnyx-streaming-auth-token", "s3cret"),))
    assert DIALECT.handshake(URL, facts(), Credentials()) == Handshake(URL)
