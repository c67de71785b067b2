"""jambonz: what its webhook is answered with, the `listen` verb. It places calls by its own means.

https://docs.jambonz.org/verbs/verbs/listen (documented; not tried live). `streaming` must be asked
for: without it jambonz drops the binary audio we send.
"""

from __future__ import annotations

from trioaudio.call_control._wanted import media_url, own
from trioaudio.carriers.jambonz import JambonzSettings
from trioaudio.core.call_control import AnswerDocument, CallControl, Placing
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.wire_json import JsonObject, compact


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


CALL_CONTROL = CallControl(
    name="jambonz",
    documentation="https://docs.jambonz.org/verbs/verbs/listen",
    answer_document=_answer_document,
)
