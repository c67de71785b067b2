from __future__ import annotations

import base64
import json

import pytest

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.simulators.dialect import Action, Audio, CallFacts, Malformed
from trioaudio.simulators.dialects.acefone import DIALECT

STREAM = "MZ18ad3ab5a668481ce02b83e7395059f0"


def facts(encoding: Encoding, rate: int) -> CallFacts:
    return CallFacts(
        MediaFormat(encoding, rate),
        "18ad3ab5-a668-481c-e02b-83e7395059f0",
        "12345678-90ab-cdef-1234-567890abcdef",
        "918069651149",
        "919876543210",
    )


@pytest.mark.parametrize(
    ("encoding", "rate", "media_format"),
    # https://docs.acefone.in/docs/bi-directional-audio-streaming-integration-document
    [
        (Encoding.MULAW, 8000, ("audio/x-mulaw", 8000, 64, 8)),
        (Encoding.PCM16, 8000, ("audio/x-slin16", 8000, 128, 16)),
        (Encoding.PCM16, 16000, ("audio/x-slin16", 16000, 256, 16)),
    ],
)
def test_the_start_tells_the_format(
    encoding: Encoding, rate: int, media_format: tuple[object, ...]
) -> None:
    connected, start = map(json.loads, DIALECT.new(facts(encoding, rate)).opening())
    assert connected == {"event": "connected"}
    names = ("encoding", "sampleRate", "bitRate", "bitDepth")
    assert start["start"]["mediaFormat"] == dict(zip(names, media_format, strict=True))


# pipecat-acefone 0.1.3
def test_what_its_own_client_sends_is_taken() -> None:
    dialect = DIALECT.new(facts(Encoding.MULAW, 8000))
    payload = base64.b64encode(bytes(320)).decode()
    for message, reading in (
        ({"event": "media", "streamSid": STREAM, "media": {"payload": payload}}, Audio(bytes(320))),
        ({"event": "clear", "streamSid": STREAM}, Action.CLEAR),
        (
            {
                "event": "end",
                "streamSid": STREAM,
                "call_sid": "CA1234567890abcdef1234567890abcdef",
            },
            Action.HANG_UP,
        ),
    ):
        assert dialect.read(json.dumps(message)) == [reading]


def test_linear_audio_is_in_multiples_of_160_bytes_too() -> None:
    dialect = DIALECT.new(facts(Encoding.PCM16, 8000))
    payload = base64.b64encode(bytes(161)).decode()
    message = {"event": "media", "streamSid": STREAM, "media": {"payload": payload}}
    assert dialect.read(json.dumps(message)) == [
        Malformed("161 bytes of audio are no whole samples"),
        Malformed("161 bytes of audio are no multiple of 160"),
    ]
