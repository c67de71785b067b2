from __future__ import annotations

import json
from typing import Any

import pytest

from dialect_kit import CALL, STREAM, TONE, b64, facts, only, problem_of, said
from trioaudio.core.encoding import Encoding
from trioaudio.core.errors import ConfigError
from trioaudio.simulators.dialect import Action, Audio, Credentials, MarkAsked
from trioaudio.simulators.dialects import load_dialect

PLIVO = load_dialect("plivo")
URL = "ws://daemon.example.com/plivo/aB3?ref=42&a=b%20c&a=a&empty="


def play_audio(top: dict[str, Any] | None = None, **changes: Any) -> str:
    # https://www.plivo.com/docs/voice/xml/audio-stream/stream-events-to-plivo
    media = {"contentType": "audio/x-l16", "sampleRate": 8000, "payload": b64(TONE[:320])}
    told = {k: v for k, v in {**media, **changes}.items() if v != "left out"}
    return json.dumps({"event": "playAudio", "media": told, **(top or {})})


def test_the_start_event_is_the_documented_one() -> None:
    # The sample of plivo-stream-sdk 0.1.1 and of the page above, with our ids.
    [start] = PLIVO.new(facts(16000, options={"extra-headers": '{"ref":"42"}'})).opening()
    assert json.loads(start) == {
        "sequenceNumber": 0,
        "event": "start",
        "start": {
            "callId": CALL,
            "streamId": STREAM,
            "accountId": "MATRIOAUDIOSIMULATED",
            "tracks": ["inbound"],
            "mediaFormat": {"encoding": "audio/x-l16", "sampleRate": 16000},
        },
        "extra_headers": '{"ref":"42"}',
    }
    [start] = PLIVO.new(facts(8000, Encoding.MULAW)).opening()
    assert json.loads(start)["start"]["mediaFormat"] == {
        "encoding": "audio/x-mulaw",
        "sampleRate": 8000,
    }


def test_numbers_are_numbers_and_timestamps_are_texts() -> None:
    plivo = PLIVO.new(facts())
    plivo.opening()
    assert said(plivo.caller_audio(TONE[:320])) == {
        "sequenceNumber": 1,
        "streamId": STREAM,
        "event": "media",
        "media": {
            "track": "inbound",
            "timestamp": "1700000000000",
            "chunk": 1,
            "payload": b64(TONE[:320]),
        },
        "extra_headers": "",
    }
    second = said(plivo.caller_audio(TONE[:320]))
    assert second["media"]["chunk"] == 2
    assert second["media"]["timestamp"] == "1700000000020"
    assert said(*plivo.dtmf("2")) == {
        "event": "dtmf",
        "sequenceNumber": 3,
        "streamId": STREAM,
        "dtmf": {"track": "inbound", "digit": "2", "timestamp": "1700000000040"},
        "extra_headers": "",
    }
    assert said(*plivo.mark_played("cp1")) == {
        "event": "playedStream",
        "sequenceNumber": 4,
        "streamId": STREAM,
        "name": "cp1",
    }
    assert said(*plivo.cleared(["cp2"])) == {
        "sequenceNumber": 5,
        "event": "clearedAudio",
        "streamId": STREAM,
    }
    assert plivo.closing("callee") == ()


def test_the_documented_messages_are_understood() -> None:
    plivo = PLIVO.new(facts())
    assert only(plivo.read(play_audio())) == Audio(TONE[:320])
    assert only(plivo.read(play_audio({"streamId": STREAM}))) == Audio(TONE[:320])
    checkpoint = {"event": "checkpoint", "streamId": STREAM, "name": "cp1"}
    assert only(plivo.read(json.dumps(checkpoint))) == MarkAsked("cp1")
    clear = {"event": "clearAudio", "streamId": STREAM}
    assert only(plivo.read(json.dumps(clear, indent=2))) is Action.CLEAR


def test_mulaw_may_be_of_any_length() -> None:
    plivo = PLIVO.new(facts(8000, Encoding.MULAW))
    message = play_audio(contentType="audio/x-mulaw", payload=b64(b"\xff" * 161))
    assert only(plivo.read(message)) == Audio(b"\xff" * 161)


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"\0" * 320, "binary message of 320 bytes; Plivo takes text only"),
        ("", "no JSON"),
        ("hello", "no JSON"),
        ("[]", "no object"),
        ('{"event":NaN}', "no JSON: NaN"),
        ('{"event":"clearAudio","event":"checkpoint"}', "a member is twice"),
        ("[" * 100_000, "nested too deeply"),
        ("{}", "without event"),
        ('{"event":7}', "event is 7, must be a text"),
        ('{"event":"media"}', "'media' is unknown to Plivo"),
        ('{"event":"stop","streamId":"x"}', "'stop' is unknown"),
        ('{"event":"playAudio"}', "playAudio without media"),
        ('{"event":"playAudio","media":[]}', "media is [], must be an object"),
        (play_audio({"track": "outbound"}), "with 'track', which is not documented"),
        (play_audio({"streamId": "other"}), 'streamId is "other"'),
        (play_audio(chunk=1), "with 'chunk'"),
        (play_audio(payload="left out"), "media without payload"),
        (play_audio(contentType="audio/x-mulaw"), 'contentType is "audio/x-mulaw"'),
        (play_audio(contentType="audio/x-l16;rate=8000"), "contentType is"),
        (play_audio(sampleRate="8000"), 'sampleRate is "8000", must be 8000'),
        (play_audio(sampleRate=16000), "sampleRate is 16000, must be 8000"),
        (play_audio(sampleRate=8000.0), "sampleRate is 8000.0"),
        (play_audio(sampleRate=True), "sampleRate is true"),
        (play_audio(payload=None), "payload is null, must be a text"),
        (play_audio(payload=""), 'payload is "", must be a text'),
        (play_audio(payload="AAA"), "no strict base64"),
        (play_audio(payload="AA AA"), "no strict base64"),
        (play_audio(payload="AA=="), "1 bytes of audio are no whole pcm16 samples"),
        (play_audio(payload=b64(b"RIFF" + bytes(40))), "WAV header"),
        ('{"event":"checkpoint","name":"cp1"}', "checkpoint without streamId"),
        (json.dumps({"event": "checkpoint", "streamId": STREAM, "name": ""}), 'name is ""'),
        (json.dumps({"event": "checkpoint", "streamId": STREAM, "name": 1}), "name is 1"),
        ('{"event":"checkpoint","streamId":"x","name":"cp1"}', 'streamId is "x"'),
        ('{"event":"clearAudio"}', "clearAudio without streamId"),
        ('{"event":"clearAudio","streamId":null}', "streamId is null"),
        (
            json.dumps({"event": "clearAudio", "streamId": STREAM, "name": "cp1"}),
            "clearAudio with 'name'",
        ),
    ],
)
def test_every_deviation_has_a_name(message: str | bytes, problem: str) -> None:
    assert problem in problem_of(PLIVO.new(facts()), message)


def test_the_signature_is_what_the_vendors_package_computes() -> None:
    # Computed with get_signature_v3 and construct_get_url of plivo 4.63.0, utils/signature_v3.py.
    proof = Credentials(secret="plivo-auth-token", nonce="nonce-1")
    shaken = PLIVO.handshake(URL, facts(), proof)
    assert shaken.url == URL
    assert shaken.subprotocols == ()
    assert dict(shaken.headers) == {
        "X-Plivo-Signature-V3": "qY9XS0tcJMWsUMPO5ieZxbJmBh3l3c673YFj53e08Ko=",
        "X-Plivo-Signature-V3-Nonce": "nonce-1",
    }
    shaken = PLIVO.handshake(URL, facts(options={"signed-url": "http-websocket-no-query"}), proof)
    signature = dict(shaken.headers)["X-Plivo-Signature-V3"]
    assert signature == "xOvXgWzdwxZha7NJjEpe20PRWFXEMAUVXGWvmAozGcI="


def test_each_signed_url_is_another() -> None:
    proof = Credentials(secret="plivo-auth-token", nonce="nonce-1")
    choices = [
        f"{scheme}{path}{query}"
        for scheme in ("https", "http", "wss")
        for path in ("", "-websocket")
        for query in ("", "-no-query")
    ]
    signatures = {
        PLIVO.handshake(URL, facts(options={"signed-url": choice}), proof).headers
        for choice in choices
    }
    assert len(signatures) == len(choices)


def test_no_secret_no_signature() -> None:
    assert PLIVO.handshake(URL, facts(), Credentials()).headers == ()


def test_the_subprotocol_is_an_option() -> None:
    shaken = PLIVO.handshake(URL, facts(options={"subprotocol": "drachtio"}), Credentials())
    assert shaken.subprotocols == ("audio.drachtio.org",)


@pytest.mark.parametrize("option", ["signed-url", "subprotocol"])
def test_an_option_that_is_no_choice_is_refused(option: str) -> None:
    with pytest.raises(ConfigError, match=f"option {option}=htps"):
        PLIVO.handshake(URL, facts(options={option: "htps"}), Credentials())
