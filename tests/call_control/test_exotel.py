"""https://developer.exotel.com/docs/agentstream/connect-voice-ai."""

from __future__ import annotations

import json

import attrs
import pytest

from call_control.placings import PCM, URL, WIDE, form_of, placing, reply
from trioaudio.call_control.exotel import CALL_CONTROL
from trioaudio.carriers.exotel import ExotelSettings
from trioaudio.core.call_control import CallControlError, PlacedCall
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret

SETTINGS = ExotelSettings(account_sid="acme1", api_key="key-1", api_token=Secret("the-token"))


def test_a_call_is_placed_by_a_form() -> None:
    assert CALL_CONTROL.place is not None
    request = CALL_CONTROL.place(SETTINGS, placing(PCM, caller_id="08040000000"))
    assert request.url == "https://api.in.exotel.com/v1/Accounts/acme1/Calls/connect.json"
    assert request.basic == ("key-1", Secret("the-token"))
    assert form_of(request) == {
        "From": "+919800000000",
        "CallerId": "08040000000",
        "StreamUrl": URL,
        "StreamType": "bidirectional",
        "TimeOut": "40",
        "TimeLimit": "5400",
    }


def test_rate_and_credentials_go_with_the_url() -> None:
    assert CALL_CONTROL.place is not None
    own = attrs.evolve(SETTINGS, user="us:er", password=Secret("p@ss/w"))
    request = CALL_CONTROL.place(own, placing(WIDE, media_url="wss://h.example/m?a=b"))
    url = "wss://us%3Aer:p%40ss%2Fw@h.example/m?a=b&sample-rate=16000"
    assert form_of(request)["StreamUrl"] == url
    assert "p%40ss" not in repr(request)
    assert CALL_CONTROL.answer_document is not None
    document = CALL_CONTROL.answer_document(own, placing(WIDE))
    assert json.loads(document.body)["url"].endswith("guesses?sample-rate=16000")


def test_a_url_is_at_most_600_characters_with_all_that() -> None:
    assert CALL_CONTROL.place is not None
    fits = "wss://h.example/".ljust(600, "x")
    assert form_of(CALL_CONTROL.place(SETTINGS, placing(PCM, media_url=fits)))["StreamUrl"] == fits
    with pytest.raises(ConfigError, match="600"):
        CALL_CONTROL.place(SETTINGS, placing(WIDE, media_url=fits))


def test_no_hang_up_is_known() -> None:
    assert CALL_CONTROL.hang_up is None
    assert CALL_CONTROL.transfer is None


def test_the_reply_to_a_placement() -> None:
    assert CALL_CONTROL.read_placed is not None
    body = {"Call": {"Sid": "b6cef", "Status": "in-progress", "From": "09800000000"}}
    assert CALL_CONTROL.read_placed(reply(200, body)) == PlacedCall("b6cef", "in-progress")


@pytest.mark.parametrize(
    "body",
    [
        '{"RestException":{"Status":403,"Message":"Account not active","Code":34010}}',
        (
            "<?xml version='1.0'?><TwilioResponse><RestException><Status>403</Status><Message>"
            "Account not active</Message><Code>34010</Code></RestException></TwilioResponse>"
        ),
    ],
)
def test_a_refusal_is_read_in_json_and_xml(body: str) -> None:
    assert CALL_CONTROL.check_reply is not None
    with pytest.raises(
        CallControlError, match=r"code 34010\): Account not active; check"
    ) as refused:
        CALL_CONTROL.check_reply(reply(403, body))
    assert refused.value.code == "34010"
