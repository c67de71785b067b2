"""https://developers.telnyx.com/api-reference/call-commands/dial and its neighbours."""

from __future__ import annotations

import json

import attrs
import pytest

from call_control.placings import MULAW, URL, WIDE, placing, reply
from trioaudio.call_control.telnyx import CALL_CONTROL
from trioaudio.carriers.telnyx import TelnyxSettings
from trioaudio.core.call_control import CallControlError, PlacedCall, RestValue
from trioaudio.core.carrier import Transfer
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret

SETTINGS = TelnyxSettings(
    api_key=Secret("the-key"), connection_id="c-1", stream_token=Secret("the-token")
)


def test_a_call_is_placed_with_its_stream() -> None:
    assert CALL_CONTROL.place is not None
    request = CALL_CONTROL.place(SETTINGS, placing())
    assert request.url == "https://api.telnyx.com/v2/calls"
    assert request.bearer == Secret("the-key")
    assert request.json == {
        "connection_id": "c-1",
        "to": "+919800000000",
        "from": "+918040000000",
        "timeout_secs": 40,
        "time_limit_secs": 5400,
        "stream_url": URL,
        "stream_track": "inbound_track",
        "stream_codec": "PCMU",
        "stream_bidirectional_mode": "rtp",
        "stream_bidirectional_codec": "PCMU",
        "stream_bidirectional_sampling_rate": 8000,
        "stream_bidirectional_target_legs": "both",
        "stream_auth_token": Secret("the-token"),
    }


@pytest.mark.parametrize(
    ("media", "codec", "rate"),
    [
        (WIDE, "L16", 16000),
        (MediaFormat(Encoding.PCM16_BE, 16000), "L16", 16000),
        (MediaFormat(Encoding.ALAW, 8000), "PCMA", 8000),
    ],
)
def test_the_codec_is_the_streams(media: MediaFormat, codec: str, rate: int) -> None:
    assert CALL_CONTROL.answer_document is not None
    document = CALL_CONTROL.answer_document(SETTINGS, placing(media))
    command = json.loads(document.body)
    assert command["stream_codec"] == command["stream_bidirectional_codec"] == codec
    assert command["stream_bidirectional_sampling_rate"] == rate


def test_the_answer_is_the_command_with_this_calls_token() -> None:
    assert CALL_CONTROL.answer_document is not None
    document = CALL_CONTROL.answer_document(SETTINGS, placing(stream_token=Secret("this-call")))
    command = json.loads(document.body)
    assert command["stream_auth_token"] == "this-call"
    assert "to" not in command
    bare = attrs.evolve(SETTINGS, stream_token=Secret())
    without = CALL_CONTROL.answer_document(bare, placing())
    assert "stream_auth_token" not in without.body


def test_a_token_has_its_limit() -> None:
    assert CALL_CONTROL.place is not None
    longest = Secret("x" * 4000)
    body = CALL_CONTROL.place(SETTINGS, placing(stream_token=longest)).json
    assert body is not None
    assert body["stream_auth_token"] == longest
    with pytest.raises(ConfigError, match="4000"):
        CALL_CONTROL.place(SETTINGS, placing(stream_token=Secret("x" * 4001)))


def test_times_are_kept_within_its_limits() -> None:
    assert CALL_CONTROL.place is not None
    body = CALL_CONTROL.place(SETTINGS, placing(MULAW, ring_s=1, most_s=100_000)).json
    assert body is not None
    assert (body["timeout_secs"], body["time_limit_secs"]) == (5, 14_400)


def test_hanging_up_and_transferring() -> None:
    assert CALL_CONTROL.hang_up is not None
    assert CALL_CONTROL.transfer is not None
    calls = "https://api.telnyx.com/v2/calls/v3:abc/actions"
    assert CALL_CONTROL.hang_up(SETTINGS, "v3:abc").url == f"{calls}/hangup"
    request = CALL_CONTROL.transfer(
        SETTINGS, "v3:abc", Transfer(("919811111111",), caller_id="918040000000")
    )
    assert request.url == f"{calls}/transfer"
    assert request.json == {
        "to": "+919811111111",
        "from": "+918040000000",
        "timeout_secs": 40,
        "time_limit_secs": 5400,
    }
    sip = CALL_CONTROL.transfer(SETTINGS, "v3:abc", Transfer(("sip:agent@example.com",)))
    assert sip.json is not None
    assert sip.json["to"] == "sip:agent@example.com"
    assert "from" not in sip.json
    with pytest.raises(ConfigError, match="one number at once"):
        CALL_CONTROL.transfer(SETTINGS, "v3:abc", Transfer(("911234567", "911234568")))


def test_replies() -> None:
    assert CALL_CONTROL.read_placed is not None
    assert CALL_CONTROL.check_reply is not None
    data: RestValue = {"call_control_id": "v3:abc", "is_alive": False, "record_type": "call"}
    assert CALL_CONTROL.read_placed(reply(200, {"data": data})) == PlacedCall("v3:abc")
    error = {"code": "90018", "title": "Call has already ended", "detail": "It is over."}
    with pytest.raises(CallControlError, match=r"HTTP 422, code 90018\): It is over\.") as refused:
        CALL_CONTROL.check_reply(reply(422, {"errors": [error]}))
    assert CALL_CONTROL.is_over(refused.value)
