from __future__ import annotations

import base64
import hashlib
import hmac
import json

import pytest

from dialect_kit import CALL, STREAM, TONE, b64, facts, only, problem_of, said
from trioaudio.core.encoding import Encoding
from trioaudio.simulators.dialect import Action, Audio, Credentials, MarkAsked
from trioaudio.simulators.dialects import load_dialect

VOBIZ = load_dialect("vobiz")
MULAW = Encoding.MULAW


def test_ids_stand_in_the_start_object() -> None:
    # https://docs.vobiz.ai/xml/stream/stream-events
    start = said(*VOBIZ.new(facts(8000, MULAW)).opening())
    assert start["event"] == "start"
    assert start["start"]["streamId"] == STREAM
    assert start["start"]["callId"] == CALL
    assert start["start"]["mediaFormat"] == {"encoding": "audio/x-mulaw", "sampleRate": 8000}


def test_linear_audio_from_the_caller_is_big_endian() -> None:
    vobiz = VOBIZ.new(facts(16000))
    assert said(vobiz.caller_audio(b"\x01\x02\x03\x04"))["media"]["payload"] == b64(
        b"\x02\x01\x04\x03"
    )
    vobiz = VOBIZ.new(facts(16000, options={"caller-byte-order": "little"}))
    assert said(vobiz.caller_audio(b"\x01\x02"))["media"]["payload"] == b64(b"\x01\x02")


def test_companded_audio_has_no_byte_order() -> None:
    vobiz = VOBIZ.new(facts(8000, MULAW))
    assert said(vobiz.caller_audio(b"\x01\x02"))["media"]["payload"] == b64(b"\x01\x02")


def test_audio_to_the_caller_is_little_endian() -> None:
    media = {"contentType": "audio/x-l16", "sampleRate": 16000, "payload": b64(TONE[:640])}
    message = json.dumps({"event": "playAudio", "media": media})
    assert only(VOBIZ.new(facts(16000)).read(message)) == Audio(TONE[:640])


def test_played_stream_is_only_a_name() -> None:
    vobiz = VOBIZ.new(facts(8000, MULAW))
    checkpoint = {"event": "checkpoint", "streamId": STREAM, "name": "greeting"}
    assert only(vobiz.read(json.dumps(checkpoint))) == MarkAsked("greeting")
    assert said(*vobiz.mark_played("greeting")) == {"event": "playedStream", "name": "greeting"}


def test_stop_ends_the_stream() -> None:
    # https://docs.vobiz.ai/xml/stream/stop-event
    vobiz = VOBIZ.new(facts(8000, MULAW))
    stop = {"event": "stop", "streamId": STREAM}
    assert only(vobiz.read(json.dumps(stop))) is Action.STOP


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        ('{"event":"stop"}', "stop without streamId"),
        ('{"event":"stop","streamId":"x"}', 'streamId is "x"'),
        ('{"event":"hangup"}', "'hangup' is unknown to Vobiz"),
        (b"\xff", "Vobiz takes text only"),
    ],
)
def test_every_deviation_has_a_name(message: str | bytes, problem: str) -> None:
    assert problem in problem_of(VOBIZ.new(facts(8000, MULAW)), message)


def test_the_signature_has_its_own_header() -> None:
    # https://docs.vobiz.ai/concepts/validating-callbacks: base URL + "." + nonce.
    proof = Credentials(secret="vobiz-token", nonce="nonce-1")
    shaken = VOBIZ.handshake(
        "wss://daemon.example.com/vobiz/aB3?a=b",
        facts(options={"signed-url": "https-no-query"}),
        proof,
    )
    signed = b"https://daemon.example.com/vobiz/aB3.nonce-1"
    digest = hmac.new(b"vobiz-token", signed, hashlib.sha256).digest()
    assert dict(shaken.headers) == {
        "X-Vobiz-Signature-V3": base64.b64encode(digest).decode(),
        "X-Vobiz-Signature-V3-Nonce": "nonce-1",
    }
