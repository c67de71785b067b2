"""jambonz: what its webhook is answered with, the `listen` verb. It places calls by its own means.

https://docs.jambonz.org/verbs/verbs/listen (documented; not tried live). `streaming` must be asked
for: without it jambonz drops the binary audio we send.

Webhooks: https://docs.jambonz.org/guides/features/securing-http-endpoints (documented: the hosted
platform signs them), `t=…,v1=…` over time, point and body by jambonz's own SDKs (read in code). A
platform of one's own does not; then leave `webhook_secret` empty and give the path a key. The call
hook comes with `call_status` trying; the status hook tells of the rest, and of trying too, to
which it takes no answer (https://docs.jambonz.org/reference/webhooks/call-hook-post).
"""

from __future__ import annotations

import hashlib
import hmac

from trioaudio.call_control._twilio_webhooks import OVER
from trioaudio.call_control._wanted import media_url, own
from trioaudio.call_control._webhooks import (
    any_fits,
    check_age,
    read_call,
    signed_header,
    unlike,
)
from trioaudio.carriers._door_checks import as_bytes, missing_setting, text_setting
from trioaudio.carriers.jambonz import JambonzSettings
from trioaudio.core.call_control import AnswerDocument, CallControl, Placing
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.webhook import CallStage, IncomingCall, WebhookCheck, WebhookRequest
from trioaudio.core.wire_json import JsonObject, compact

_SIGNATURE = "Jambonz-Signature"
_MOST_PARTS = 16


def _answer_document(settings: CarrierSettings, placing: Placing) -> AnswerDocument:
    ours = own(settings, JambonzSettings)
    rate = placing.media.sample_rate
    proof: JsonObject = {}
    if ours.user or ours.password:
        proof = {"wsAuth": {"username": ours.user, "password": ours.password.get()}}
    listen: JsonObject = {
        "verb": "listen",
        "url": media_url("jambonz", placing.media_url),
        "sampleRate": rate,
        "mixType": "mono",
        "passDtmf": True,
        "bidirectionalAudio": {"enabled": True, "streaming": True, "sampleRate": rate},
        **proof,
    }
    return AnswerDocument("application/json", compact([listen]))


def _check_webhook(settings: CarrierSettings, request: WebhookRequest) -> None:
    header = signed_header(request, _SIGNATURE)
    parts = [each.strip().partition("=") for each in header.split(",", _MOST_PARTS)]
    time = next((value for name, _, value in parts if name == "t"), "")
    given = [as_bytes(value) for name, _, value in parts if name == "v1"]
    key = as_bytes(text_setting(settings, "webhook_secret"))
    signed = as_bytes(f"{time}.") + request.body
    wanted = hmac.new(key, signed, hashlib.sha256).hexdigest().encode()
    if not (any_fits(given, [wanted]) and key):  # anybody can sign with no key
        raise unlike(_SIGNATURE, request, "is webhook_secret right?")
    check_age(_SIGNATURE, request, time)


def _read_webhook(request: WebhookRequest) -> IncomingCall:
    status = request.text("call_status")
    inbound = request.text("direction") != "outbound"
    stage = CallStage.GOES_ON
    if status in OVER:
        stage = CallStage.OVER
    elif inbound and status in (None, "trying"):
        stage = CallStage.ASKS
    return read_call(
        request,
        request.text("call_sid"),
        stage,
        numbers=(request.text("from"), request.text("to")),
        inbound=inbound,
        status=status,
    )


CALL_CONTROL = CallControl(
    name="jambonz",
    documentation="https://docs.jambonz.org/verbs/verbs/listen",
    answer_document=_answer_document,
    webhook_check=WebhookCheck(_check_webhook, missing_setting("webhook_secret"), _SIGNATURE),
    read_webhook=_read_webhook,
)
