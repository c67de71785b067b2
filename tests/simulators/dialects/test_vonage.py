from __future__ import annotations

import json

import jwt
import pytest

from dialect_kit import TONE, blame_of, facts, only, parsed, problem_of, said
from trioaudio.core.errors import ConfigError
from trioaudio.simulators.dialect import Action, Audio, Credentials, Dialect, MarkAsked
from trioaudio.simulators.dialects import load_dialect

VONAGE = load_dialect("vonage")
# Messages from https://developer.vonage.com/en/voice/voice-api/guides/websockets
NOTIFY = '{"action":"notify","payload":{"id":"m1"}}'
SECRET = "a signature secret of at least 32 bytes"


def test_connected_has_the_content_type_and_the_endpoints_headers() -> None:
    connected = {"event": "websocket:connected", "content-type": "audio/l16;rate=16000"}
    assert said(*VONAGE.new(facts(16000)).opening()) == connected
    vonage = VONAGE.new(facts(16000, options={"headers": "ref:42"}))
    assert said(*vonage.opening()) == {**connected, "ref": "42"}


def test_audio_is_binary_in_both_directions() -> None:
    vonage = VONAGE.new(facts(16000))
    assert vonage.caller_audio(TONE[:640]) == TONE[:640]
    assert only(vonage.read(TONE[:640])) == Audio(TONE[:640])


@pytest.mark.parametrize("length", [2, 638, 642, 1280, 1920])
def test_a_packet_is_exactly_20_ms(length: int) -> None:
    problem = blame_of(VONAGE.new(facts(16000)), TONE[:length])
    assert problem == f"{length} bytes of audio; must be one packet of 640"


def test_a_notify_comes_back_as_it_was_sent() -> None:
    vonage = VONAGE.new(facts())
    payload = {"b": [1, None], "a": "é"}
    asked = only(vonage.read(json.dumps({"action": "notify", "payload": payload})))
    assert isinstance(asked, MarkAsked)
    told = said(*vonage.mark_played(asked.name))
    assert told == {"event": "websocket:notify", "payload": payload}
    assert list(told["payload"]) == ["b", "a"]


def _two_marks(vonage: Dialect) -> list[str]:
    readings = [only(vonage.read(NOTIFY.replace("m1", name))) for name in ("m1", "m2")]
    return [reading.name for reading in readings if isinstance(reading, MarkAsked)]


def test_a_clear_drops_notifies() -> None:
    vonage = VONAGE.new(facts())
    assert only(vonage.read('{"action":"clear"}')) is Action.CLEAR
    assert parsed(vonage.cleared(_two_marks(vonage))) == [{"event": "websocket:cleared"}]


def test_or_returns_them() -> None:
    vonage = VONAGE.new(facts(options={"notifies-after-clear": "returned"}))
    assert parsed(vonage.cleared(_two_marks(vonage))) == [
        {"event": "websocket:cleared"},
        {"event": "websocket:notify", "payload": {"id": "m1"}},
        {"event": "websocket:notify", "payload": {"id": "m2"}},
    ]


def test_dtmf() -> None:
    assert said(*VONAGE.new(facts()).dtmf("5")) == {
        "event": "websocket:dtmf",
        "digit": "5",
        "duration": 260,
    }


@pytest.mark.parametrize(
    ("message", "problem"),
    [
        (b"", "0 bytes of audio are no whole"),
        (b"\x01", "1 bytes of audio are no whole"),
        (b"\x01" * 319, "319 bytes of audio are no whole"),
        ("clear", "no JSON"),
        ("null", "no object"),
        ('{"action":Infinity}', "Infinity"),
        ('{"event":"websocket:clear"}', "without action"),
        ('{"action":["clear"]}', "must be a text"),
        ('{"action":"stop"}', "'stop' is unknown to Vonage"),
        ('{"action":"clear","payload":{}}', "clear with 'payload'"),
        ('{"action":"notify"}', "notify without payload"),
        ('{"action":"notify","payload":"m1"}', "must be an object"),
        ('{"action":"notify","payload":{},"id":1}', "notify with 'id'"),
    ],
)
def test_every_deviation_has_a_name(message: str | bytes, problem: str) -> None:
    assert problem in problem_of(VONAGE.new(facts()), message)


def test_the_buffer_holds_3072_packets() -> None:
    assert VONAGE.backlog is not None
    assert VONAGE.backlog.most_ms == 61_440
    assert VONAGE.backlog.pause_at_ms is None


def test_the_request_is_signed_by_a_jwt() -> None:
    proof = Credentials(secret=SECRET, at=1_700_000_000.9, nonce="n-1")
    [(name, value)] = VONAGE.handshake("wss://h/vonage", facts(), proof).headers
    assert name == "Authorization"
    scheme, token = value.split(" ")
    assert scheme == "Bearer"
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    claims = jwt.decode(token, SECRET, algorithms=["HS256"], options={"verify_exp": False})
    assert claims == {"iss": "Vonage", "iat": 1_700_000_000, "exp": 1_700_000_300, "jti": "n-1"}


def test_or_not_at_all() -> None:
    shaken = VONAGE.handshake("wss://h/vonage", facts(), Credentials())
    assert (shaken.url, shaken.headers, shaken.subprotocols) == ("wss://h/vonage", (), ())


def test_an_option_that_is_no_choice_is_refused() -> None:
    with pytest.raises(ConfigError, match="did you mean returned"):
        VONAGE.new(facts(options={"notifies-after-clear": "return"}))
