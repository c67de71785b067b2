from __future__ import annotations

import base64
import io
import json
import wave

import pytest

from trioaudio.core.carrier import MarksAfterClear
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.simulators.dialect import (
    Audio,
    CallFacts,
    Control,
    Credentials,
    Dialect,
    Handshake,
    Malformed,
    MarkAsked,
)
from trioaudio.simulators.dialects.kazoo import DIALECT

STREAM = "18ad3ab5a668481ce02b83e7395059f0"
CALL = "1234567890abcdef1234567890abcdef"
TONE = bytes(range(240)) * 4


def facts(encoding: Encoding = Encoding.PCM16, rate: int = 8000) -> CallFacts:
    return CallFacts(
        MediaFormat(encoding, rate),
        "18ad3ab5-a668-481c-e02b-83e7395059f0",
        "12345678-90ab-cdef-1234-567890abcdef",
        "+15550100",
        "+15550199",
    )


def say(event: str, **members: object) -> str:
    return json.dumps({"event": event, "streamSid": STREAM, **members})


def media(data: bytes, kind: object = "audio/wav", **more: object) -> str:
    shape = {} if kind is None else {"format": {"encoding": kind}}
    return say("media", media={"payload": base64.b64encode(data).decode(), **shape, **more})


def mark(name: str = "m1") -> str:
    return say("mark", mark={"name": name})


def wav(data: bytes = TONE, rate: int = 8000) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((1, 2, rate, 0, "NONE", ""))
        writer.writeframes(data)
    return file.getvalue()


def problems(dialect: Dialect, message: str) -> list[str]:
    readings = dialect.read(message)
    found = [each.problem for each in readings if isinstance(each, Malformed)]
    assert found
    assert len(found) == len(readings)
    return found


# https://docs.2600hz.com/developers/pivot/streams/pivot-stream-web-socket-messages
@pytest.mark.parametrize(
    ("encoding", "name"), [(Encoding.PCM16, "audio/L16"), (Encoding.MULAW, "audio/x-mulaw")]
)
def test_a_call_opens_as_documented(encoding: Encoding, name: str) -> None:
    dialect = DIALECT.new(facts(encoding))
    connected, start = map(json.loads, dialect.opening())
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert start["event"] == "start"
    assert start["streamSid"] == STREAM
    assert start["start"]["callSid"] == CALL
    assert start["start"]["mediaFormat"]["encoding"] == name


def test_every_message_but_connected_has_a_number_and_the_stream() -> None:
    dialect = DIALECT.new(facts())
    said = [
        *dialect.opening()[1:],
        dialect.caller_audio(bytes(320)),
        *dialect.dtmf("5"),
        *dialect.mark_played("a"),
        *dialect.closing("callee"),
    ]
    messages = [json.loads(each) for each in said]
    assert [each["sequenceNumber"] for each in messages] == ["1", "2", "3", "4", "5"]
    assert {each["streamSid"] for each in messages} == {STREAM}
    assert all(each["event"] in each for each in messages)
    assert messages[3]["mark"] == {"name": "a"}


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
def test_a_file_is_held_until_its_mark(rate: int) -> None:
    dialect = DIALECT.new(facts(rate=rate))
    for name in ("m1", "m2"):
        assert dialect.read(media(wav(rate=rate))) == ()
        assert dialect.read(mark(name)) == [Audio(TONE), MarkAsked(name)]


@pytest.mark.parametrize("kind", [None, "audio/wav"])
def test_a_file_may_come_in_pieces_of_any_size(kind: str | None) -> None:
    dialect = DIALECT.new(facts())
    file = wav()
    assert dialect.read(media(file[:11])) == ()
    for start in range(11, len(file), 333):
        assert dialect.read(media(file[start : start + 333], kind)) == ()
    assert dialect.read(mark()) == [Audio(TONE), MarkAsked("m1")]


def test_only_what_has_no_mark_can_be_cleared() -> None:
    dialect = DIALECT.new(facts())
    file = wav()
    dialect.read(media(file))
    clear = say("clear")
    assert dialect.read(clear) == [Control("clear", {"bytes of a file dropped": len(file)})]
    assert dialect.read(clear) == [Control("clear", {"bytes of a file dropped": 0})]
    assert problems(dialect, mark()) == ["mark without media before it"]
    assert DIALECT.marks_after_clear is MarksAfterClear.NONE_EXIST


@pytest.mark.parametrize(
    ("message", "wrong"),
    [
        (media(wav(), None), ["media without format, and it is the first of a file"]),
        (media(wav(), "audio/L16"), ['media format: encoding "audio/L16" cannot be played']),
        (media(wav(), 7), ["media format: encoding is 7, must be a text"]),
        (media(wav(), None, format={}), ["media format without encoding"]),
        (media(wav(), None, format="audio/wav"), ['media: format is "audio/wav", must be an ob']),
        (media(wav(), None, format={"encoding": "audio/wav", "rate": 1}), ["media format with 'r"]),
        (media(wav(), track="inbound"), ["media with 'track', which is not documented"]),
        (media(b""), ["media: payload is empty"]),
        (mark(), ["mark without media before it"]),
        (mark(""), ["mark: name is empty"]),
        (say("stop"), ['unknown event "stop"']),
    ],
)
def test_every_deviation_is_named(message: str, wrong: list[str]) -> None:
    found = problems(DIALECT.new(facts()), message)
    assert len(found) == len(wrong)
    assert all(each.startswith(start) for each, start in zip(found, wrong, strict=True))


def test_what_is_refused_is_not_part_of_a_file() -> None:
    dialect = DIALECT.new(facts())
    dialect.read(media(wav()))
    assert problems(dialect, media(TONE, "audio/mp3")) == [
        'media format: encoding "audio/mp3" in a file of audio/wav'
    ]
    assert problems(dialect, mark("")) == ["mark: name is empty"]
    assert dialect.read(mark()) == [Audio(TONE), MarkAsked("m1")]


@pytest.mark.parametrize(
    ("data", "kind", "wrong"),
    [
        (TONE, "audio/wav", "no WAV file"),
        (wav(rate=16000), "audio/wav", "WAV file with sample rate 16000, must be 8000"),
        (wav()[:-2], "audio/wav", "WAV file says"),
        (b"ID3", "audio/mp3", "a file of audio/mp3, which this simulation cannot decode"),
    ],
)
def test_a_file_that_cannot_be_played_is_blamed_at_its_mark(
    data: bytes, kind: str, wrong: str
) -> None:
    dialect = DIALECT.new(facts())
    assert dialect.read(media(data, kind)) == ()
    assert problems(dialect, mark())[0].startswith(wrong)
    dialect.read(media(wav()))
    assert dialect.read(mark()) == [Audio(TONE), MarkAsked("m1")]


def test_linear_audio_is_usual_and_nothing_proves_who_calls() -> None:
    assert DIALECT.encodings[0] is Encoding.PCM16
    url = "wss://voice.example.com/kazoo"
    assert DIALECT.handshake(url, facts(), Credentials("s3cret")) == Handshake(url)
