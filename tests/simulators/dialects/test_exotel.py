from __future__ import annotations

import base64
import json
from collections.abc import Mapping

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
from trioaudio.simulators.dialects.exotel import DIALECT

STREAM = "MZ18ad3ab5a668481ce02b83e7395059f0"
CALL = "CA1234567890abcdef1234567890abcdef"
AUDIO = bytes(range(160)) * 10
URL = "wss://voice.example.com/exotel"


def facts(rate: int = 8000, **options: str) -> CallFacts:
    return CallFacts(
        MediaFormat(Encoding.PCM16, rate),
        "18ad3ab5-a668-481c-e02b-83e7395059f0",
        "12345678-90ab-cdef-1234-567890abcdef",
        "+919876543210",
        "+918047491899",
        {name.replace("_", "-"): value for name, value in options.items()},
    )


# https://developer.exotel.com/docs/agentstream/websocket-protocol
SNAKE = [
    {"event": "connected"},
    {
        "event": "start",
        "sequence_number": "1",
        "stream_sid": STREAM,
        "start": {
            "stream_sid": STREAM,
            "call_sid": CALL,
            "account_sid": "example1",
            "from": "+919876543210",
            "to": "+918047491899",
            "custom_parameters": {"my_key": "value1"},
            "media_format": {"encoding": "audio/x-raw", "sample_rate": "8000", "bit_rate": "16"},
        },
    },
    {
        "event": "media",
        "sequence_number": "2",
        "stream_sid": STREAM,
        "media": {"chunk": "1", "timestamp": "0", "payload": base64.b64encode(AUDIO).decode()},
    },
    {
        "event": "media",
        "sequence_number": "3",
        "stream_sid": STREAM,
        "media": {"chunk": "2", "timestamp": "100", "payload": base64.b64encode(AUDIO).decode()},
    },
    {
        "event": "dtmf",
        "sequence_number": "4",
        "stream_sid": STREAM,
        "dtmf": {"digit": "5", "duration": "100"},
    },
    {"event": "mark", "sequence_number": "5", "stream_sid": STREAM, "mark": {"name": "m1"}},
    {
        "event": "stop",
        "sequence_number": "6",
        "stream_sid": STREAM,
        "stop": {"call_sid": CALL, "account_sid": "example1", "reason": "callended"},
    },
]
# Exotel's own sample repository spells the same members so.
CAMEL_NAMES = {
    "sequence_number": "sequenceNumber",
    "stream_sid": "streamSid",
    "call_sid": "callSid",
    "account_sid": "accountSid",
    "custom_parameters": "customParameters",
    "media_format": "mediaFormat",
    "sample_rate": "sampleRate",
    "bit_rate": "bitRate",
}


def respelt(value: object) -> object:
    if not isinstance(value, dict):
        return value
    return {CAMEL_NAMES.get(name, name): respelt(each) for name, each in value.items()}


@pytest.mark.parametrize(
    ("casing", "expected"), [("snake", SNAKE), ("camel", [respelt(each) for each in SNAKE])]
)
def test_a_call_is_told_as_documented(casing: str, expected: list[object]) -> None:
    dialect = DIALECT.new(facts(casing=casing, start_parameters="my_key:value1"))
    said = [
        *dialect.opening(),
        dialect.caller_audio(AUDIO),
        dialect.caller_audio(AUDIO),
        *dialect.dtmf("5"),
        *dialect.mark_played("m1"),
        *dialect.cleared(["m2"]),
        *dialect.closing("callended"),
    ]
    assert [json.loads(each) for each in said] == expected


def media(
    count: int = 1,
    milliseconds: int = 0,
    size: int = 3200,
    changes: Mapping[str, object] | None = None,
) -> dict[str, object]:
    return {
        "event": "media",
        "stream_sid": STREAM,
        "sequence_number": str(count),
        "media": {
            "chunk": str(count),
            "timestamp": str(milliseconds),
            "payload": base64.b64encode(bytes(size)).decode(),
            **(changes or {}),
        },
    }


@pytest.mark.parametrize(
    ("message", "reading"),
    [
        (media(), Audio(bytes(3200))),
        ({"event": "mark", "stream_sid": STREAM, "mark": {"name": "m1"}}, MarkAsked("m1")),
        ({"event": "clear", "stream_sid": STREAM}, Action.CLEAR),
    ],
)
def test_what_is_documented_is_taken_in_the_streams_casing(
    message: dict[str, object], reading: object
) -> None:
    snake, camel = json.dumps(message), json.dumps(respelt(message))
    assert DIALECT.new(facts()).read(snake) == [reading]
    assert DIALECT.new(facts(casing="camel")).read(camel) == [reading]
    refused = DIALECT.new(facts(casing="camel")).read(snake)
    assert Malformed("message without streamSid") in refused
    assert Malformed("message with 'stream_sid', which is not documented") in refused


@pytest.mark.parametrize(
    ("size", "reading"),
    [
        (320, Audio(bytes(320), "320 bytes of audio; at least 3200 advised")),
        (2880, Audio(bytes(2880), "2880 bytes of audio; at least 3200 advised")),
        (3200, Audio(bytes(3200))),
        (3520, Audio(bytes(3520))),
        (99_840, Audio(bytes(99_840))),
        (3300, Malformed("3300 bytes of audio are no multiple of 320")),
        (100_160, Malformed("100160 bytes of audio are more than 100000")),
    ],
)
def test_sizes(size: int, reading: object) -> None:
    assert DIALECT.new(facts()).read(json.dumps(media(size=size))) == [reading]


@pytest.mark.parametrize(("rate", "step"), [(8000, 200), (16000, 100), (24000, 66)])
def test_numbers_count_on(rate: int, step: int) -> None:
    dialect = DIALECT.new(facts(rate))
    for count in range(4):
        rounded = count * 3200 * 1000 // (2 * rate)
        assert count * step <= rounded <= count * step + 3
        assert dialect.read(json.dumps(media(count + 1, rounded))) == [Audio(bytes(3200))]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"chunk": "3"}, "media.chunk is 3, and should be 2"),
        ({"chunk": 2}, "media.chunk 2 is no whole number written as text"),
        ({"chunk": "02"}, 'media.chunk "02" is no whole number written as text'),
        ({"chunk": "two"}, 'media.chunk "two" is no whole number written as text'),
        ({"chunk": "9" * 40}, f'media.chunk "{"9" * 39}… is no whole number written as text'),
        ({"timestamp": "0"}, "media.timestamp is 0, and should be 200"),
        ({"timestamp": "-5"}, 'media.timestamp "-5" is no whole number written as text'),
        (
            {"chunk": "9", "timestamp": 200},
            (
                "media.chunk is 9, and should be 2; "
                "media.timestamp 200 is no whole number written as text"
            ),
        ),
    ],
)
def test_audio_that_is_misnumbered_is_played_and_blamed(
    change: dict[str, object], problem: str
) -> None:
    dialect = DIALECT.new(facts())
    assert dialect.read(json.dumps(media())) == [Audio(bytes(3200))]
    assert dialect.read(json.dumps(media(2, 200, changes=change))) == [Audio(bytes(3200), problem)]


def test_missing_numbers_are_blamed() -> None:
    message = media()
    del message["sequence_number"]
    message["media"] = {"payload": base64.b64encode(bytes(320)).decode()}
    problem = (
        "sequence_number is missing; media.chunk is missing; media.timestamp is missing; "
        "320 bytes of audio; at least 3200 advised"
    )
    assert DIALECT.new(facts()).read(json.dumps(message)) == [Audio(bytes(320), problem)]


def test_a_jump_is_blamed_once_and_refused_audio_counts() -> None:
    dialect = DIALECT.new(facts())
    dialect.read(json.dumps(media(size=100)))
    assert dialect.read(json.dumps(media(2, 6))) == [Audio(bytes(3200))]
    (jumped,) = dialect.read(json.dumps(media(3, 1000)))
    assert jumped == Audio(bytes(3200), "media.timestamp is 1000, and should be 206")
    assert dialect.read(json.dumps(media(4, 1200))) == [Audio(bytes(3200))]


def test_a_clear_may_return_marks() -> None:
    dialect = DIALECT.new(facts(cleared_marks="returned"))
    assert [json.loads(each)["mark"]["name"] for each in dialect.cleared(["a", "b"])] == ["a", "b"]


@pytest.mark.parametrize(
    ("url", "query", "dialled"),
    [
        (URL, "no", URL),
        (URL, "yes", f"{URL}?sample-rate=16000"),
        (f"{URL}?a=b", "yes", f"{URL}?a=b&sample-rate=16000"),
    ],
)
def test_the_sample_rate_is_asked_for_in_the_url(url: str, query: str, dialled: str) -> None:
    shake = DIALECT.handshake(url, facts(16000, sample_rate_query=query), Credentials())
    assert shake == Handshake(dialled)


@pytest.mark.parametrize(
    ("secret", "headers"),
    [
        ("Aladdin:open sesame", (("Authorization", "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),)),
        ("", ()),
        ("token", ()),
        (":open sesame", ()),
    ],
)
def test_the_upgrade_bears_user_and_password(
    secret: str, headers: tuple[tuple[str, str], ...]
) -> None:
    assert DIALECT.handshake(URL, facts(), Credentials(secret)) == Handshake(URL, headers)


def test_an_unknown_option_value_is_refused() -> None:
    with pytest.raises(ConfigError, match="option casing=kebab"):
        DIALECT.new(facts(casing="kebab"))
    with pytest.raises(ConfigError, match="option cleared-marks=kept"):
        DIALECT.new(facts(cleared_marks="kept"))


def test_an_unknown_query_option_is_refused() -> None:
    with pytest.raises(ConfigError, match="option sample-rate-query=maybe"):
        DIALECT.handshake(URL, facts(sample_rate_query="maybe"), Credentials())
