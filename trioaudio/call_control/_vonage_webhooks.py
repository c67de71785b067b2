"""Vonage's webhooks: a JSON Web Token in front, and the call they tell of.

https://developer.vonage.com/en/getting-started/concepts/webhooks (documented): signed as the
upgrade of a media stream is, with the account's signature secret; of a request with a body, the
claim `payload_hash` is its SHA-256. The answer webhook tells `to`, `from`, `uuid`, in the query or
as JSON, the event webhook also `status`:
https://developer.vonage.com/en/voice/voice-api/webhook-reference (documented).
"""

from __future__ import annotations

import hashlib
import hmac

import jwt

from trioaudio.call_control._webhooks import read_call
from trioaudio.carriers._door_checks import AUTHORIZATION, as_bytes, missing_setting
from trioaudio.carriers._vonage_door import ALGORITHM, check_token
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.upgrade import UpgradeRefusedError, UpgradeRequest
from trioaudio.core.webhook import (
    CallStage,
    IncomingCall,
    WebhookCheck,
    WebhookRefusedError,
    WebhookRequest,
)
from trioaudio.core.wire_json import JsonObject, text_of

_OVER = frozenset(
    {
        "completed",
        "failed",
        "rejected",
        "unanswered",
        "busy",
        "timeout",
        "cancelled",
        "disconnected",
    }
)


def _check(settings: CarrierSettings, request: WebhookRequest) -> None:
    asked = UpgradeRequest(
        request.origin, request.path, request.query, request.headers, request.peer, request.at
    )
    try:
        check_token(settings, asked)
    except UpgradeRefusedError as exc:
        raise WebhookRefusedError(str(exc), status=exc.status) from exc
    if request.body and not hmac.compare_digest(
        as_bytes(text_of(_claims(request).get("payload_hash")) or "").lower(),
        hashlib.sha256(request.body).hexdigest().encode(),
    ):
        raise WebhookRefusedError(
            f"the token from {request.peer} is not for the body that came with it"
        )


def _claims(request: WebhookRequest) -> JsonObject:
    """Return the claims of a token whose signature has been checked."""
    token = request.headers[AUTHORIZATION].partition(" ")[2].strip(" ")
    claims: JsonObject = jwt.decode(as_bytes(token), options={"verify_signature": False})
    return claims


CHECK = WebhookCheck(
    _check,
    missing_setting("signature_secret"),
    f"Authorization: Bearer, a JWT signed with {ALGORITHM}",
)


def read_webhook(request: WebhookRequest) -> IncomingCall:
    """Read what the answer webhook tells, or the event webhook."""
    status = request.text("status")
    numbers = (request.text("from"), request.text("to"))
    stage = CallStage.GOES_ON
    if status in _OVER:
        stage = CallStage.OVER
    elif status is None and request.text("type") is None and numbers[1] is not None:
        stage = CallStage.ASKS  # what has a type tells of a transfer
    return read_call(
        request,
        request.text("uuid", "conversation_uuid"),
        stage,
        numbers=numbers,
        inbound=request.text("direction") != "outbound",
        status=status,
    )
