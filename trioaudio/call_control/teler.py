"""FreJun Teler: what its flow URL is answered with.

https://frejun.ai/docs/call-flows (documented; not tried live). Calls are placed with a flow URL by
an interface that is not described there, so not by us.

Webhooks are not signed, as far as is documented. The flow URL is asked with `call_id`,
`from_number` and `to_number` (read in the vendor's bridges at https://github.com/frejun-tech); that
a status callback has a `status` or an `event` is inferred.
"""

from __future__ import annotations

from trioaudio.call_control._twilio_webhooks import OVER
from trioaudio.call_control._wanted import media_url
from trioaudio.call_control._webhooks import read_call
from trioaudio.core.call_control import AnswerDocument, CallControl, Placing
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.webhook import CallStage, IncomingCall, WebhookRequest
from trioaudio.core.wire_json import JsonObject, compact

_CHUNK_MS = 100
"""Caller audio in one message: a multiple of 20 from 20 to 2000; what is usual, 400, is late."""


def _answer_document(settings: CarrierSettings, placing: Placing) -> AnswerDocument:
    del settings
    flow: JsonObject = {
        "action": "stream",
        "ws_url": media_url("teler", placing.media_url),
        "chunk_size": _CHUNK_MS,
        "sample_rate": f"{placing.media.sample_rate // 1000}k",
    }
    return AnswerDocument("application/json", compact(flow))


def _read_webhook(request: WebhookRequest) -> IncomingCall:
    status = request.text("status", "event")
    stage = CallStage.ASKS
    if status is not None:
        # It may be named `call.completed`.
        over = status.lower().rpartition(".")[2].replace("_", "-") in OVER
        stage = CallStage.OVER if over else CallStage.GOES_ON
    return read_call(
        request,
        request.text("call_id"),
        stage,
        numbers=(request.text("from_number", "from"), request.text("to_number", "to")),
        inbound=not (request.text("direction") or "inbound").startswith("out"),
        status=status,
    )


CALL_CONTROL = CallControl(
    name="teler",
    documentation="https://frejun.ai/docs/call-flows",
    answer_document=_answer_document,
    read_webhook=_read_webhook,
)
