"""Telnyx's webhooks: signed with its private key, of Call Control and of TeXML.

https://developers.telnyx.com/docs/development/api-fundamentals/webhooks and
https://developers.telnyx.com/docs/development/sdk/python/webhooks (documented): Ed25519 over time,
`|` and body, in `telnyx-signature-ed25519` and `telnyx-timestamp`; the account's public key checks
it. Call Control tells `data.event_type` and `data.payload`; a call that came in is `call.initiated`
with the direction `incoming`, and is answered by a command. TeXML tells what Twilio tells
(https://developers.telnyx.com/api-reference/callbacks/texml-call-initiated); it asks for a document
that we do not make, so it only tells.
"""

from __future__ import annotations

import attrs
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from trioaudio.call_control import _twilio_webhooks
from trioaudio.call_control._webhooks import check_age, read_call, signed_header, unlike
from trioaudio.carriers._door_checks import as_bytes, missing_setting, text_setting
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.webhook import CallStage, IncomingCall, WebhookCheck, WebhookRequest
from trioaudio.core.wire_json import base64_of, member, object_of, text_of

_SIGNATURE = "telnyx-signature-ed25519"
_TIME = "telnyx-timestamp"
_KEY_BYTES = 32


def _check(settings: CarrierSettings, request: WebhookRequest) -> None:
    signature = base64_of(signed_header(request, _SIGNATURE))
    time = signed_header(request, _TIME)
    key = base64_of(text_setting(settings, "public_key").strip())
    if not _is_signed(key, signature, as_bytes(f"{time}|") + request.body):
        raise unlike(_SIGNATURE, request, "is public_key the account's, in base64?")
    check_age(_SIGNATURE, request, time)


def _is_signed(key: bytes | None, signature: bytes | None, signed: bytes) -> bool:
    if key is None or len(key) != _KEY_BYTES or signature is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, signed)
    except (InvalidSignature, ValueError):
        return False
    return True


CHECK = WebhookCheck(_check, missing_setting("public_key"), _SIGNATURE)


def read_webhook(request: WebhookRequest) -> IncomingCall:
    """Read what Call Control tells, or TeXML."""
    if request.form:
        return _texml(request)
    event = text_of(member(request.json, "data", "event_type"))
    payload = object_of(member(request.json, "data", "payload"))
    inbound = payload.get("direction") == "incoming"
    stage = CallStage.GOES_ON
    if event == "call.hangup":
        stage = CallStage.OVER
    elif event == "call.initiated" and inbound:
        stage = CallStage.ASKS
    told = {name: text for name in payload if (text := text_of(payload[name])) is not None}
    call = read_call(
        request,
        text_of(payload.get("call_control_id")),
        stage,
        numbers=(text_of(payload.get("from")), text_of(payload.get("to"))),
        inbound=inbound,
        status=event,
    )
    return attrs.evolve(call, facts=told)


def _texml(request: WebhookRequest) -> IncomingCall:
    call = _twilio_webhooks.read_webhook(request)
    stage = CallStage.OVER if call.stage is CallStage.OVER else CallStage.GOES_ON
    return attrs.evolve(call, stage=stage)
