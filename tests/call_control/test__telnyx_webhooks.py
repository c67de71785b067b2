"""Telnyx's signatures, made with a key of our own, and what its two interfaces tell."""

from __future__ import annotations

import base64

import attrs
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from call_control.placings import placing
from call_control.webhooks import NOW, check, given, read, webhook, with_headers
from trioaudio.call_control import load_call_control
from trioaudio.carriers.telnyx import TelnyxSettings
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import UNAUTHORIZED
from trioaudio.core.webhook import CallStage, WebhookRefusedError, WebhookRequest

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
PUBLIC = base64.b64encode(KEY.public_key().public_bytes_raw()).decode()
OURS = given(TelnyxSettings(), public_key=PUBLIC)
CALL = {
    "call_control_id": "v3:abc",
    "direction": "incoming",
    "from": "+35319605860",
    "to": "+13129457420",
    "state": "parked",
}


def event(kind: str, **more: str) -> WebhookRequest:
    return webhook("telnyx", told={"data": {"event_type": kind, "payload": {**CALL, **more}}})


def signed(request: WebhookRequest, at: float = NOW) -> WebhookRequest:
    time = str(int(at))
    signature = base64.b64encode(KEY.sign(f"{time}|".encode() + request.body)).decode()
    return with_headers(request, telnyx_signature_ed25519=signature, telnyx_timestamp=time)


def test_a_signature_that_fits() -> None:
    check(signed(event("call.initiated")), OURS)
    check(signed(webhook("telnyx", {"CallSid": "v3:abc"})), OURS)
    check(signed(event("call.initiated"), NOW - 299), OURS)


@pytest.mark.parametrize("at", [NOW - 301, NOW + 301])
def test_a_signature_that_was_kept(at: float) -> None:
    with pytest.raises(WebhookRefusedError, match="more than 300 s from now"):
        check(signed(event("call.initiated"), at), OURS)


@pytest.mark.parametrize(
    "change",
    [
        {"telnyx_signature_ed25519": base64.b64encode(bytes(64)).decode()},
        {"telnyx_signature_ed25519": base64.b64encode(bytes(3)).decode()},
        {"telnyx_signature_ed25519": "?"},
        {"telnyx_timestamp": str(int(NOW) + 1)},
        {"telnyx_timestamp": "\udcff"},
    ],
)
def test_a_signature_that_does_not(change: dict[str, str]) -> None:
    with pytest.raises(WebhookRefusedError, match="does not fit"):
        check(with_headers(signed(event("call.initiated")), **change), OURS)


def test_another_body() -> None:
    request = signed(event("call.initiated"))
    with pytest.raises(WebhookRefusedError):
        check(attrs.evolve(request, body=request.body + b" "), OURS)


@pytest.mark.parametrize("key", ["", "hush", base64.b64encode(bytes(31)).decode()])
def test_a_key_that_is_none(key: str) -> None:
    with pytest.raises(WebhookRefusedError, match="is public_key the account's"):
        check(signed(event("call.initiated")), given(TelnyxSettings(), public_key=Secret(key)))


def test_without_a_signature() -> None:
    with pytest.raises(WebhookRefusedError, match="no telnyx-signature-ed25519") as caught:
        check(event("call.initiated"), OURS)
    assert caught.value.status == UNAUTHORIZED


@pytest.mark.parametrize(
    ("request_", "stage"),
    [
        (event("call.initiated"), CallStage.ASKS),
        (event("call.initiated", direction="outgoing"), CallStage.GOES_ON),
        (event("call.answered"), CallStage.GOES_ON),
        (event("call.hangup", hangup_cause="normal_clearing"), CallStage.OVER),
    ],
)
def test_what_call_control_tells(request_: WebhookRequest, stage: CallStage) -> None:
    call = read(request_)
    assert (call.call_id, call.stage) == ("v3:abc", stage)
    assert (call.caller, call.called) == ("+35319605860", "+13129457420")
    assert call.facts["state"] == "parked"


@pytest.mark.parametrize(
    ("status", "stage"), [("ringing", CallStage.GOES_ON), ("completed", CallStage.OVER)]
)
def test_what_texml_tells(status: str, stage: CallStage) -> None:
    call = read(webhook("telnyx", {"CallSid": "v3:abc", "CallStatus": status, "From": "+1"}))
    assert (call.call_id, call.stage, call.caller) == ("v3:abc", stage, "+1")


def test_a_call_is_answered_by_a_command() -> None:
    control = load_call_control("telnyx")
    assert control.answer is not None
    ours = TelnyxSettings(api_key=Secret("the-key"), stream_token=Secret("the-token"))
    request = control.answer(ours, "v3:abc", placing())
    assert request.url == "https://api.telnyx.com/v2/calls/v3:abc/actions/answer"
    assert request.json is not None
    assert request.json["stream_url"] == placing().media_url
    assert request.json["stream_auth_token"] == Secret("the-token")
    assert request.safe_to_repeat
