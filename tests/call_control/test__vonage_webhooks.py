"""Vonage's signed webhooks, and what they tell."""

from __future__ import annotations

import hashlib
import warnings

import attrs
import jwt
import pytest

from call_control.webhooks import NOW, check, read, webhook, with_headers
from trioaudio.carriers.vonage import VonageSettings
from trioaudio.core.secret import Secret
from trioaudio.core.upgrade import FORBIDDEN, UNAUTHORIZED
from trioaudio.core.webhook import CallStage, WebhookRefusedError, WebhookRequest

SECRET = "a-signature-secret-of-thirty-two-bytes"
OURS = VonageSettings(signature_secret=Secret(SECRET))
ASKED = {"to": "442079460000", "from": "447700900000", "uuid": "u-1", "conversation_uuid": "CON-1"}
QUERY = "&".join(f"{name}={value}" for name, value in ASKED.items())


def signed(request: WebhookRequest, secret: str = SECRET, **claims: object) -> WebhookRequest:
    usual: dict[str, object] = {"iat": int(NOW), "iss": "Vonage", "jti": "1"}
    if request.body:
        usual["payload_hash"] = hashlib.sha256(request.body).hexdigest()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        token = jwt.encode({**usual, **claims}, secret, algorithm="HS256")
    return with_headers(request, Authorization=f"Bearer {token}")


def test_a_token_that_fits() -> None:
    check(signed(webhook("vonage", query=QUERY)), OURS)
    check(signed(webhook("vonage", told=ASKED)), OURS)


def test_a_body_must_be_the_one_that_was_hashed() -> None:
    request = signed(webhook("vonage", told=ASKED))
    with pytest.raises(WebhookRefusedError, match="is not for the body"):
        check(attrs.evolve(request, body=request.body + b" "), OURS)
    for claim in (None, 7, "00"):
        with pytest.raises(WebhookRefusedError):
            check(signed(webhook("vonage", told=ASKED), payload_hash=claim), OURS)


def test_a_token_that_does_not() -> None:
    asked = webhook("vonage", query=QUERY)
    with pytest.raises(WebhookRefusedError, match="is signature_secret right") as caught:
        check(signed(asked, "another-signature-secret-of-some-length"), OURS)
    assert caught.value.status == FORBIDDEN
    with pytest.raises(WebhookRefusedError, match="too old"):
        check(signed(asked, iat=int(NOW) - 3600), OURS)
    with pytest.raises(WebhookRefusedError) as caught:
        check(asked, OURS)
    assert caught.value.status == UNAUTHORIZED
    with pytest.raises(WebhookRefusedError):
        check(signed(asked), VonageSettings())


@pytest.mark.parametrize(
    ("told", "stage"),
    [
        (ASKED, CallStage.ASKS),
        ({**ASKED, "status": "ringing", "direction": "inbound"}, CallStage.GOES_ON),
        ({**ASKED, "type": "transfer"}, CallStage.GOES_ON),
        ({"conversation_uuid": "u-1", "reason": "Syntax error"}, CallStage.GOES_ON),
        ({**ASKED, "status": "completed", "direction": "outbound"}, CallStage.OVER),
        ({**ASKED, "status": "unanswered"}, CallStage.OVER),
    ],
)
def test_what_is_told(told: dict[str, str], stage: CallStage) -> None:
    call = read(webhook("vonage", told=told))
    assert (call.call_id, call.stage) == ("u-1", stage)
    assert call.inbound is (told.get("direction") != "outbound")
    assert call.caller == told.get("from")


def test_it_may_stand_in_the_query() -> None:
    call = read(webhook("vonage", query=QUERY))
    assert (call.call_id, call.stage, call.called) == ("u-1", CallStage.ASKS, "442079460000")
