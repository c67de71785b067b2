"""Signatures of Twilio and SignalWire; the vectors are those of Twilio's own libraries' tests."""

from __future__ import annotations

import base64
import hashlib
import hmac

import attrs
import pytest

from call_control.webhooks import check, given, read, webhook, with_headers
from trioaudio.call_control import load_call_control
from trioaudio.carriers.signalwire import SignalwireSettings
from trioaudio.carriers.twilio import TwilioSettings
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import FORBIDDEN, UNAUTHORIZED
from trioaudio.core.webhook import (
    CallStage,
    UnreadableWebhookError,
    WebhookRefusedError,
    WebhookRequest,
)

OURS = TwilioSettings(auth_token=Secret("12345"))
URL = "https://mycompany.com/myapp.php?foo=1&bar=2"
FORM = {
    "CallSid": "CA1234567890ABCDE",
    "Caller": "+14158675309",
    "Digits": "1234",
    "From": "+14158675309",
    "To": "+18005551212",
}
BODY = b'{"property": "value", "boolean": true}'
BODY_HASH = "0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620"


def signed(signature: str, url: str = URL, form: dict[str, str] | None = None) -> WebhookRequest:
    request = webhook("twilio", FORM if form is None else form, url=url)
    return with_headers(request, X_Twilio_Signature=signature)


@pytest.mark.parametrize(
    ("url", "signature"),
    [
        (URL, "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (URL.replace(".com", ".com:1234"), "RSOYDt4T1cUTdK1PDd93/VVr8B8="),
        (
            URL.replace(".com", ".com:1234").replace("https", "http"),
            "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=",
        ),
        (URL, "kvajT1Ptam85bY51eRf/AJRuM3w="),
        (URL.replace("https", "http"), "0ZXoZLH/DfblKGATFgpif+LLRf4="),
        (URL.replace("mycompany", "MyCompany"), "g9IN/x4Cft2g517EjYvEvM/W7LU="),
    ],
)
def test_the_vendors_vectors(url: str, signature: str) -> None:
    check(signed(signature, url), OURS)


def test_a_name_that_comes_twice_counts_once_for_each_value() -> None:
    pairs = (("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"))
    request = attrs.evolve(signed("IK+Dwps556ElfBT0I3Rgjkr1wJU="), form=(*pairs, pairs[-1]))
    check(request, OURS)


def test_a_body_that_is_no_form_is_hashed_into_the_query() -> None:
    request = attrs.evolve(
        signed("a9nBmqA0ju/hNViExpshrM61xv4=", f"{URL}&bodySHA256={BODY_HASH}"), form=(), body=BODY
    )
    check(request, OURS)
    with pytest.raises(WebhookRefusedError):
        check(attrs.evolve(request, body=BODY + b" "), OURS)


def test_a_body_that_nothing_signs_is_refused() -> None:
    mac = hmac.digest(b"12345", URL.encode(), "sha1")
    request = attrs.evolve(signed(base64.b64encode(mac).decode()), form=(), body=b"")
    check(request, OURS)  # there is none
    with pytest.raises(WebhookRefusedError):
        check(attrs.evolve(request, body=BODY), OURS)


def test_another_hash_is_announced() -> None:
    signed_text = URL + "".join(name + FORM[name] for name in sorted(FORM))
    mac = base64.b64encode(hmac.digest(b"12345", signed_text.encode(), "sha256")).decode()
    header = "key=webhooks_1, algorithm=hmac_sha256"
    check(with_headers(signed(mac), X_Twilio_Webhooks_Signature_Settings=header), OURS)
    for other in ("algorithm=HMAC_MD5", "algorithm="):
        with pytest.raises(WebhookRefusedError):
            check(with_headers(signed(mac), X_Twilio_Webhooks_Signature_Settings=other), OURS)


@pytest.mark.parametrize(
    "signature", ["", "RSOYDt4T1cUTdK1PDd93/VVr8B9=", "\xe4\udcff", "x" * 9000]
)
def test_any_other_signature_is_refused(signature: str) -> None:
    with pytest.raises(WebhookRefusedError, match="X-Twilio-Signature from") as caught:
        check(signed(signature), OURS)
    assert caught.value.status == FORBIDDEN
    assert "12345" not in str(caught.value)


def test_a_changed_field_is_refused() -> None:
    with pytest.raises(WebhookRefusedError):
        check(signed("RSOYDt4T1cUTdK1PDd93/VVr8B8=", form={**FORM, "To": "+1900"}), OURS)


def test_without_signature_or_key() -> None:
    with pytest.raises(WebhookRefusedError, match="no X-Twilio-Signature") as caught:
        check(webhook("twilio", FORM, url=URL), OURS)
    assert caught.value.status == UNAUTHORIZED
    mac = base64.b64encode(hmac.digest(b"", URL.encode(), "sha1")).decode()
    with pytest.raises(WebhookRefusedError):
        check(attrs.evolve(signed(mac), form=(), body=b""), TwilioSettings())
    proof = load_call_control("twilio").webhook_check
    assert proof is not None
    assert proof.missing(TwilioSettings()) == "auth_token"
    assert proof.missing(OURS) is None


# --- SignalWire ---------------------------------------------------------------------------


def test_signalwire_signs_forms_as_twilio_does_and_bodies_behind_the_url() -> None:
    ours = given(SignalwireSettings(), signing_key=Secret("12345"))
    request = webhook("signalwire", FORM, url=URL)
    check(with_headers(request, X_SignalWire_Signature="RSOYDt4T1cUTdK1PDd93/VVr8B8="), ours)
    told = attrs.evolve(request, form=(), body=BODY)
    mac = hmac.new(b"12345", URL.encode() + BODY, hashlib.sha1).hexdigest()
    check(with_headers(told, X_SignalWire_Signature=mac), ours)
    changed = attrs.evolve(told, body=BODY + b" ")
    with pytest.raises(WebhookRefusedError):
        check(with_headers(changed, X_SignalWire_Signature=mac), ours)
    url_only = base64.b64encode(hmac.digest(b"12345", URL.encode(), "sha1")).decode()
    with pytest.raises(WebhookRefusedError):
        check(with_headers(told, X_SignalWire_Signature=url_only), ours)


# --- What they tell -----------------------------------------------------------------------


@pytest.mark.parametrize("carrier", ["twilio", "signalwire"])
@pytest.mark.parametrize(
    ("more", "stage"),
    [
        ({"CallStatus": "ringing", "Direction": "inbound"}, CallStage.ASKS),
        ({}, CallStage.ASKS),
        ({"CallStatus": "in-progress", "Direction": "outbound-api"}, CallStage.ASKS),
        ({"CallStatus": "ringing", "CallbackSource": "call-progress-events"}, CallStage.GOES_ON),
        ({"StreamEvent": "stream-started"}, CallStage.GOES_ON),
        ({"CallStatus": "initiated"}, CallStage.GOES_ON),
        ({"CallStatus": "completed", "CallDuration": "3"}, CallStage.OVER),
        ({"CallStatus": "no-answer", "CallbackSource": "call-progress-events"}, CallStage.OVER),
    ],
)
def test_what_is_told(carrier: str, more: dict[str, str], stage: CallStage) -> None:
    call = read(webhook(carrier, {"CallSid": "CA1", "From": "+1", "To": "+2", **more}))
    assert (call.call_id, call.stage, call.caller, call.called) == ("CA1", stage, "+1", "+2")
    assert call.status == more.get("CallStatus")
    assert call.inbound is not more.get("Direction", "").startswith("outbound")
    assert call.facts["CallSid"] == "CA1"


@pytest.mark.parametrize("form", [{}, {"CallSid": ""}, {"CallSid": "x" * 300}])
def test_no_call_is_named(form: dict[str, str]) -> None:
    with pytest.raises(UnreadableWebhookError, match="twilio sent a webhook that names no call"):
        read(webhook("twilio", form))
