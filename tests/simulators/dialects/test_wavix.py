from __future__ import annotations

import base64
import json

import pytest

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import ConfigError
from trioaudio.simulators.dialect import Action, Audio, CallFacts, Malformed, MarkAsked
from trioaudio.simulators.dialects.wavix import DIALECT

AUDIO = bytes(range(240)) * 4
PAYLOAD = base64.b64encode(AUDIO).decode()


def facts(**options: str) -> CallFacts:
    return CallFacts(
        MediaFormat(Encoding.PCM16, 24000),
        "str-456",
        "abc-123",
        "+15550100",
        "+15550199",
        {name.replace("_", "-"): value for name, value in options.items()},
    )


# https://docs.wavix.com/api-reference/websocket/websockets/callstreaming
COMMON = {"call_id": "abc-123", "stream_id": "str-456"}
EXPECTED = [
    {"event": "connected", "event_time": "2026-01-01T00:00:00.000Z"},
    {
        "event": "start",
        "event_time": "2026-01-01T00:00:00.000Z",
        **COMMON,
        "stream_type": "twoway",
        "channel": "inbound",
        "sequence_number": 1,
    },
    {
        "event": "media",
        "event_time": "2026-01-01T00:00:00.000Z",
        **COMMON,
        "sequence_number": 2,
        "media": {"payload": PAYLOAD, "track": "inbound", "timestamp": 0, "chunk": 1},
    },
    {
        "event": "media",
        "event_time": "2026-01-01T00:00:00.020Z",
        **COMMON,
        "sequence_number": 3,
        "media": {"payload": PAYLOAD, "track": "inbound", "timestamp": 20, "chunk": 2},
    },
    {
        "event": "mark",
        "event_time": "2026-01-01T00:00:00.040Z",
        **COMMON,
        "sequence_number": 4,
        "mark": {"name": "end-of-greeting"},
    },
    {
        "event": "stop",
        "event_time": "2026-01-01T00:00:00.040Z",
        **COMMON,
        "sequence_number": 5,
    },
]


def test_a_call_is_told_as_documented() -> None:
    dialect = DIALECT.new(facts())
    said = [
        *dialect.opening(),
        dialect.caller_audio(AUDIO),
        dialect.caller_audio(AUDIO),
        *dialect.dtmf("1"),
        *dialect.mark_played("end-of-greeting"),
        *dialect.closing("callee"),
    ]
    assert [json.loads(each) for each in said] == EXPECTED


@pytest.mark.parametrize(
    ("message", "reading"),
    [
        ({"event": "media", "stream_id": "str-456", "media": {"payload": PAYLOAD}}, Audio(AUDIO)),
        (
            {"event": "mark", "stream_id": "str-456", "mark": {"name": "mark-1"}},
            MarkAsked("mark-1"),
        ),
        ({"event": "clear", "stream_id": "str-456"}, Action.CLEAR),
        (
            {"event": "clear", "streamSid": "str-456"},
            [
                Malformed("message without stream_id"),
                Malformed("message with 'streamSid', which is not documented"),
            ],
        ),
    ],
)
def test_only_what_is_documented_is_taken(message: dict[str, object], reading: object) -> None:
    wanted = reading if isinstance(reading, list) else [reading]
    assert DIALECT.new(facts()).read(json.dumps(message)) == wanted


def test_a_clear_returns_marks_or_drops_them() -> None:
    assert len(DIALECT.new(facts()).cleared(["a", "b"])) == 2
    assert DIALECT.new(facts(cleared_marks="dropped")).cleared(["a", "b"]) == ()
    with pytest.raises(ConfigError, match="option cleared-marks=kept"):
        DIALECT.new(facts(cleared_marks="kept"))


# https://wavix.github.io/wavix-openapi/wavix-asyncapi.yaml
def test_audio_is_linear_at_24_khz() -> None:
    assert DIALECT.encodings == (Encoding.PCM16,)
    assert DIALECT.sample_rates == (24000,)
