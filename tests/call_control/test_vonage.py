"""https://developer.vonage.com/en/api/voice and .../voice/voice-api/guides/websockets."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from call_control.placings import PCM, URL, WIDE, placing, reply
from trioaudio.call_control.vonage import CALL_CONTROL
from trioaudio.carriers.vonage import VonageSettings
from trioaudio.core.call_control import CallControlError, PlacedCall, SignedToken
from trioaudio.core.carrier import Transfer
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret

SETTINGS = VonageSettings(application_id="app-1", private_key_file=Path("private.key"))
ENDPOINT = {"type": "websocket", "uri": URL, "content-type": "audio/l16;rate=8000"}


def test_a_call_is_placed_with_its_ncco() -> None:
    assert CALL_CONTROL.place is not None
    request = CALL_CONTROL.place(SETTINGS, placing(PCM))
    assert request.url == "https://api.nexmo.com/v1/calls"
    assert request.bearer == SignedToken(Path("private.key"), {"application_id": "app-1"})
    assert request.json == {
        "to": [{"type": "phone", "number": "919800000000"}],
        "from": {"type": "phone", "number": "918040000000"},
        "ringing_timer": 40,
        "length_timer": 5400,
        "ncco": [{"action": "connect", "endpoint": [ENDPOINT]}],
    }
    most = CALL_CONTROL.place(SETTINGS, placing(PCM, ring_s=999, most_s=99_999)).json
    assert most is not None
    assert (most["ringing_timer"], most["length_timer"]) == (120, 7200)


def test_the_ncco_asks_for_the_proof_that_the_door_checks() -> None:
    assert CALL_CONTROL.answer_document is not None
    own = attrs.evolve(SETTINGS, signature_secret=Secret("the-secret"))
    document = CALL_CONTROL.answer_document(own, placing(WIDE))
    assert "the-secret" not in document.body
    assert json.loads(document.body) == [
        {
            "action": "connect",
            "endpoint": [
                {
                    **ENDPOINT,
                    "content-type": "audio/l16;rate=16000",
                    "authorization": {"type": "vonage"},
                }
            ],
        }
    ]


def test_hanging_up_and_transferring() -> None:
    assert CALL_CONTROL.hang_up is not None
    assert CALL_CONTROL.transfer is not None
    url = "https://api.nexmo.com/v1/calls/uuid-1"
    request = CALL_CONTROL.hang_up(SETTINGS, "uuid-1")
    assert (request.method, request.url, request.json) == ("PUT", url, {"action": "hangup"})
    transfer = Transfer(("+919811111111",), caller_id="+918040000000", duration_s=99_999)
    request = CALL_CONTROL.transfer(SETTINGS, "uuid-1", transfer)
    connect = {
        "action": "connect",
        "from": "918040000000",
        "timeout": 40,
        "limit": 7200,
        "endpoint": [{"type": "phone", "number": "919811111111"}],
    }
    destination = {"type": "ncco", "ncco": [connect]}
    assert (request.method, request.url) == ("PUT", url)
    assert request.json == {"action": "transfer", "destination": destination}
    bare = CALL_CONTROL.transfer(SETTINGS, "uuid-1", Transfer(("911234567",)))
    assert "from" not in json.dumps(bare.json)


def test_without_a_key_nothing_is_asked() -> None:
    assert CALL_CONTROL.hang_up is not None
    with pytest.raises(ConfigError, match=r"^private_key_file"):
        CALL_CONTROL.hang_up(VonageSettings(application_id="app-1"), "uuid-1")


def test_replies() -> None:
    assert CALL_CONTROL.read_placed is not None
    assert CALL_CONTROL.check_reply is not None
    documented = {"uuid": "63f61863", "status": "started", "direction": "outbound"}
    assert CALL_CONTROL.read_placed(reply(201, documented)) == PlacedCall("63f61863", "started")
    unauthorized = {"type": "UNAUTHORIZED", "error_title": "Unauthorized"}
    with pytest.raises(CallControlError, match=r"Unauthorized; check TRIOAUDIO_VONAGE_APPLICATION"):
        CALL_CONTROL.check_reply(reply(401, unauthorized))
