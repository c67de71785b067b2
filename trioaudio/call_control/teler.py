"""FreJun Teler: what its flow URL is answered with.

https://frejun.ai/docs/call-flows (documented; not tried live). Calls are placed with a flow URL by
an interface that is not described there, so not by us.
"""

from __future__ import annotations

from trioaudio.call_control._wanted import media_url
from trioaudio.core.call_control import AnswerDocument, CallControl, Placing
from trioaudio.core.carrier import CarrierSettings
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


CALL_CONTROL = CallControl(
    name="teler",
    documentation="https://frejun.ai/docs/call-flows",
    answer_document=_answer_document,
)
