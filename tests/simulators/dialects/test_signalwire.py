from __future__ import annotations

import base64
import json

import pytest

from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.simulators.dialect import Audio, CallFacts, Credentials, Handshake, Malformed
from trioaudio.simulators.dialects.signalwire import DIALECT

STREAM = "6f1a3cf6-7e5c-4a3f-8d0e-0a6a3f0f5c11"
CALL = "e9a53a2b-5bd0-4f69-b6d5-2a2d9b1f0c77"
URL = "wss://voice.example.com/signalwire"


def facts(encoding: Encoding = Encoding.MULAW, rate: int = 8000) -> CallFacts:
    return CallFacts(MediaFormat(encoding, rate), STREAM, CALL, "+15550100", "+15550199")


@pytest.mark.parametrize(
    ("encoding", "rate", "name"),
    # https://signalwire.com/docs/compatibility-api/cxml/reference/voice/stream
    [
        (Encoding.MULAW, 8000, "audio/x-mulaw"),
        (Encoding.PCM16, 16000, "audio/L16"),
        (Encoding.PCM16, 24000, "audio/L16"),
        (Encoding.PCM16_BE, 24000, "audio/L16"),
        (Encoding.ALAW, 8000, "audio/x-alaw"),
    ],
)
def test_the_start_tells_the_codec(encoding: Encoding, rate: int, name: str) -> None:
    connected, start = map(json.loads, DIALECT.new(facts(encoding, rate)).opening())
    assert connected == {"event": "connected", "protocol": "Call", "version": "1.0.0"}
    assert start["streamSid"] == start["start"]["streamSid"] == STREAM
    assert start["start"]["callSid"] == CALL
    assert start["start"]["mediaFormat"] == {"encoding": name, "sampleRate": rate, "channels": 1}


def test_the_usual_codec_is_mulaw() -> None:
    usual = [next(e for e in DIALECT.encodings if e.carries(r)) for r in DIALECT.sample_rates]
    assert usual == [Encoding.MULAW, Encoding.PCM16, Encoding.PCM16]


def test_audio_is_whole_samples() -> None:
    dialect = DIALECT.new(facts(Encoding.PCM16, 16000))

    def media(audio: bytes) -> str:
        payload = base64.b64encode(audio).decode()
        return json.dumps({"event": "media", "streamSid": STREAM, "media": {"payload": payload}})

    assert dialect.read(media(bytes(1920))) == [Audio(bytes(1920))]
    assert dialect.read(media(bytes(3))) == [Malformed("3 bytes of audio are no whole samples")]


def test_the_timestamp_is_milliseconds_at_any_rate() -> None:
    dialect = DIALECT.new(facts(Encoding.PCM16, 24000))
    stamps = [json.loads(dialect.caller_audio(bytes(960)))["media"]["timestamp"] for _ in range(3)]
    assert stamps == ["0", "20", "40"]


def test_the_upgrade_bears_a_token() -> None:
    shake = DIALECT.handshake(URL, facts(), Credentials("s3cret"))
    assert shake == Handshake(URL, (("Authorization", "Bearer s3cret"),))
    assert DIALECT.handshake(URL, facts(), Credentials()) == Handshake(URL)
