from __future__ import annotations

import base64
import json

import pytest

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import ConfigError
from trioaudio.simulators.dialect import (
    Action,
    Audio,
    CallFacts,
    Credentials,
    Handshake,
    Malformed,
    MarkAsked,
)
from trioaudio.simulators.dialects.twilio import DIALECT

STREAM = "MZ18ad3ab5a668481ce02b83e7395059f0"
CALL = "CA1234567890abcdef1234567890abcdef"
ACCOUNT = "AC0123456789abcdef0123456789abcdef"
AUDIO = bytes(range(160))
PAYLOAD = base64.b64encode(AUDIO).decode()
URL = "wss://voice.example.com/twilio/9f86d081?callref=42"


def facts(**options: str) -> CallFacts:
    return CallFacts(
        MediaFormat(Encoding.MULAW, 8000),
        "18AD3AB5-A668-481C-E02B-83E7395059F0",
        "12345678-90ab-cdef-1234-567890abcdef",
        "+15550100",
        "+15550199",
        {name.replace("_", "-"): value for name, value in options.items()},
    )


# https://www.twilio.com/docs/voice/media-streams/websocket-messages
CONNECTED = {"event": "connected", "protocol": "Call", "version": "1.0.0"}
START = {
    "event": "start",
    "sequenceNumber": "1",
    "start": {
        "accountSid": ACCOUNT,
        "streamSid": STREAM,
        "callSid": CALL,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "customParameters": {"FirstName": "Jane", "LastName": "Doe"},
    },
    "streamSid": STREAM,
}


def media(number: int, chunk: int, timestamp: int) -> dict[str, object]:
    return {
        "event": "media",
        "sequenceNumber": str(number),
        "media": {
            "track": "inbound",
            "chunk": str(chunk),
            "timestamp": str(timestamp),
            "payload": PAYLOAD,
        },
        "streamSid": STREAM,
    }


DTMF = {
    "event": "dtmf",
    "streamSid": STREAM,
    "sequenceNumber": "4",
    "dtmf": {"track": "inbound_track", "digit": "1"},
}
MARK = {"event": "mark", "sequenceNumber": "5", "streamSid": STREAM, "mark": {"name": "m1"}}
STOP = {
    "event": "stop",
    "sequenceNumber": "8",
    "stop": {"accountSid": ACCOUNT, "callSid": CALL},
    "streamSid": STREAM,
}


def test_a_call_is_told_as_documented() -> None:
    dialect = DIALECT.new(facts(start_parameters="FirstName:Jane,LastName:Doe"))
    said = [
        *dialect.opening(),
        *dialect.late_opening(),
        dialect.caller_audio(AUDIO),
        dialect.caller_audio(AUDIO),
        *dialect.dtmf("1"),
        *dialect.mark_played("m1"),
        *dialect.flow(paused=True),
        *dialect.drained(),
        *dialect.cleared(["m2", "m3"]),
        *dialect.closing("callee"),
    ]
    cleared = [
        {**MARK, "sequenceNumber": "6", "mark": {"name": "m2"}},
        {**MARK, "sequenceNumber": "7", "mark": {"name": "m3"}},
    ]
    expected = [CONNECTED, START, media(2, 1, 0), media(3, 2, 20), DTMF, MARK, *cleared, STOP]
    assert [json.loads(each) for each in said] == expected


def test_ids_look_like_twilios() -> None:
    for each in (STREAM, CALL, ACCOUNT):
        assert len(each) == 34
    start = json.loads(DIALECT.new(facts()).opening()[1])
    assert start["streamSid"] == STREAM
    assert start["start"]["customParameters"] == {}


def test_marks_may_be_dropped_by_a_clear() -> None:
    dialect = DIALECT.new(facts(cleared_marks="dropped"))
    assert dialect.cleared(["m1"]) == ()
    assert dialect.mark_played("m2")


def test_the_callers_track_has_a_name() -> None:
    dialect = DIALECT.new(facts(track="outbound"))
    assert json.loads(dialect.opening()[1])["start"]["tracks"] == ["outbound"]
    assert json.loads(dialect.caller_audio(AUDIO))["media"]["track"] == "outbound"
    assert json.loads(dialect.dtmf("#")[0])["dtmf"] == {"track": "outbound_track", "digit": "#"}


# The same page, "Send messages back to Twilio".
TAKEN = [
    ({"event": "media", "streamSid": STREAM, "media": {"payload": PAYLOAD}}, Audio(AUDIO)),
    ({"event": "mark", "streamSid": STREAM, "mark": {"name": "my label"}}, MarkAsked("my label")),
    ({"event": "clear", "streamSid": STREAM}, Action.CLEAR),
]


@pytest.mark.parametrize(("message", "reading"), TAKEN)
@pytest.mark.parametrize("indent", [None, 2])
def test_what_is_documented_is_taken(
    message: dict[str, object], reading: object, indent: int | None
) -> None:
    assert DIALECT.new(facts()).read(json.dumps(message, indent=indent)) == [reading]


@pytest.mark.parametrize("size", [1, 160, 480, 80_000])
def test_audio_may_have_any_size(size: int) -> None:
    payload = base64.b64encode(b"\xff" * size).decode()
    message = {"event": "media", "streamSid": STREAM, "media": {"payload": payload}}
    assert DIALECT.new(facts()).read(json.dumps(message)) == [Audio(b"\xff" * size)]


def say(event: str, **members: object) -> str:
    return json.dumps({"event": event, "streamSid": STREAM, **members})


@pytest.mark.parametrize(
    ("message", "problems"),
    [
        (AUDIO, ["binary message of 160 bytes; the carrier takes text only"]),
        ("{", ["text that is no JSON: Expecting property name enclosed in double quotes"]),
        ("NaN", ["text that is no JSON: NaN is no JSON"]),
        ("[]", ["JSON that is no object: []"]),
        ("{}", ["message without event"]),
        ('{"event":7}', ["unknown event 7"]),
        (say("stop"), ['unknown event "stop"']),
        (say("end", call_sid=CALL), ['unknown event "end"']),
        (say("media"), ["message without media"]),
        (say("media", media=PAYLOAD), ['message: media is "AAECAwQFBg']),
        (say("media", media={}), ["media without payload"]),
        (say("media", media={"payload": None}), ["media: payload is null, must be a text"]),
        (say("media", media={"payload": ""}), ["media: payload is empty"]),
        (say("media", media={"payload": "AAA"}), ["media: payload is no strict base64: "]),
        (say("media", media={"payload": "AA=A"}), ["media: payload is no strict base64: "]),
        (say("media", media={"payload": "AAAA\n"}), ["media: payload is no strict base64: "]),
        (say("media", media={"payload": "é"}), ["media: payload is no strict base64: "]),
        (
            say("media", media={"payload": PAYLOAD, "track": "inbound"}),
            ["media with 'track', which is not documented"],
        ),
        (
            say("media", media={"payload": PAYLOAD}, sequenceNumber="1"),
            ["message with 'sequenceNumber', which is not documented"],
        ),
        (
            json.dumps({"event": "media", "media": {"payload": PAYLOAD}}),
            ["message without streamSid"],
        ),
        (
            json.dumps({"event": "media", "streamSid": "MZ1", "media": {"payload": ""}, "x": 1}),
            [
                "message with 'x', which is not documented",
                'message: streamSid "MZ1" is another stream\'s',
                "media: payload is empty",
            ],
        ),
        (say("mark"), ["message without mark"]),
        (say("mark", mark="m1"), ['message: mark is "m1", must be an object']),
        (say("mark", mark={}), ["mark without name"]),
        (say("mark", mark={"name": 1}), ["mark: name is 1, must be a text"]),
        (say("mark", mark={"name": ""}), ["mark: name is empty"]),
        (say("mark", mark={"name": "m" * 257}), ["mark: name has 257 characters; at most 256"]),
        (say("mark", mark={"name": "m", "at": 1}), ["mark with 'at', which is not documented"]),
        (say("clear", mark={}), ["message with 'mark', which is not documented"]),
        ('{"event":"clear"}', ["message without streamSid"]),
        ('{"event":"clear","streamSid":5}', ["message: streamSid is 5, must be a text"]),
        (
            '{"event":"clear","event":"clear"}',
            ["text that is no JSON: a member is twice in the object with 'event'"],
        ),
    ],
)
def test_every_deviation_is_named(message: str | bytes, problems: list[str]) -> None:
    readings = DIALECT.new(facts()).read(message)
    assert len(readings) == len(problems)
    for reading, problem in zip(readings, problems, strict=True):
        assert isinstance(reading, Malformed)
        assert reading.problem.startswith(problem)
        assert reading.replies == ()


def test_ten_minutes_may_wait() -> None:
    assert DIALECT.backlog is not None
    assert DIALECT.backlog.most_ms == 10 * 60 * 1000


# The signatures were made by RequestValidator of Twilio's Python library, version 9.13.0.
def test_the_upgrade_is_signed() -> None:
    assert DIALECT.handshake(URL, facts(), Credentials("12345")) == Handshake(
        URL, (("X-Twilio-Signature", "A7A5GYFGrw1MIy/vdzZQLCWVw/0="),)
    )


def test_the_upgrade_is_signed_with_sha256() -> None:
    shake = DIALECT.handshake(URL, facts(signature="sha256"), Credentials("12345"))
    assert dict(shake.headers) == {
        "X-Twilio-Signature": "mQvMjX3bv53P9IvXof23H8/tX1XMINxE/db5XGfaKMw=",
        "X-Twilio-Webhooks-Signature-Settings": (
            "key=webhooks_sharedkey_1234567890abcdef1234567890abcdef,algorithm=HMAC_SHA256"
        ),
    }


@pytest.mark.parametrize("signature", ["sha1", "sha256"])
def test_without_a_secret_nothing_is_signed(signature: str) -> None:
    shake = DIALECT.handshake(URL, facts(signature=signature), Credentials())
    assert shake == Handshake(URL)


@pytest.mark.parametrize(
    ("name", "value"),
    [("track", "sideways"), ("cleared-marks", "lost"), ("start-parameters", "callref")],
)
def test_an_option_that_cannot_be_followed_is_refused(name: str, value: str) -> None:
    with pytest.raises(ConfigError, match=f"option {name}"):
        DIALECT.new(facts(**{name: value}))


def test_an_unknown_signature_is_refused() -> None:
    with pytest.raises(ConfigError, match="option signature=md5"):
        DIALECT.handshake(URL, facts(signature="md5"), Credentials())
