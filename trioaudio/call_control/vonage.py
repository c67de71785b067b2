"""Vonage Voice API: a call is placed with its NCCO in the request, in the name of an application.

https://developer.vonage.com/en/api/voice (documented; not tried live): POST /v1/calls with `to`,
`from`, `ncco`; PUT /v1/calls/{uuid} with `{"action":"hangup"}` or a transfer to another NCCO. Every
request carries a JSON Web Token signed with the application's private key:
https://developer.vonage.com/en/getting-started/concepts/authentication. The WebSocket endpoint of
an NCCO: https://developer.vonage.com/en/voice/voice-api/guides/websockets.
"""

from __future__ import annotations

import attrs

from trioaudio.call_control._replies import Replies
from trioaudio.call_control._vonage_webhooks import CHECK, read_webhook
from trioaudio.call_control._wanted import digits, media_url, one_target, own, rest_url, segment
from trioaudio.carriers.vonage import VonageSettings
from trioaudio.core.call_control import (
    AnswerDocument,
    CallControl,
    PlacedCall,
    Placing,
    RestReply,
    RestRequest,
    SignedToken,
)
from trioaudio.core.carrier import CarrierSettings, Transfer
from trioaudio.core.errors import ConfigError
from trioaudio.core.wire_json import JsonObject, compact, text_of

_LONGEST_RING_S = 120
_LONGEST_CALL_S = 7200

_CREDENTIALS = ("application_id", "private_key_file")
_REPLIES = Replies(
    "vonage",
    codes=(("type",),),
    words=(("detail",), ("title",), ("error_title",), ("message",)),
    credentials=_CREDENTIALS,
)


def _place(settings: CarrierSettings, placing: Placing) -> RestRequest:
    ours = own(settings, VonageSettings)
    return _request(
        ours,
        "POST",
        "",
        {
            "to": [{"type": "phone", "number": digits("to", placing.to)}],
            "from": {"type": "phone", "number": digits("caller_id", placing.caller_id)},
            "ringing_timer": min(placing.ring_s, _LONGEST_RING_S),
            "length_timer": min(placing.most_s, _LONGEST_CALL_S),
            "ncco": [_connect(ours, placing)],
        },
    )


def _connect(ours: VonageSettings, placing: Placing) -> JsonObject:
    # Otherwise Vonage brings no token along, and the door has nothing to check.
    proof: JsonObject = {"authorization": {"type": "vonage"}} if ours.signature_secret else {}
    endpoint: JsonObject = {
        "type": "websocket",
        "uri": media_url("vonage", placing.media_url),
        "content-type": f"audio/l16;rate={placing.media.sample_rate}",
        **proof,
    }
    return {"action": "connect", "endpoint": [endpoint]}


def _request(
    ours: VonageSettings, method: str, path: str, json: JsonObject, *, safe: bool = False
) -> RestRequest:
    if ours.private_key_file is None:
        raise ConfigError("private_key_file: vonage takes no request without the application's key")
    return RestRequest(
        method,
        f"{rest_url('rest_url', ours.rest_url)}/v1/calls{path}",
        json=json,
        bearer=SignedToken(ours.private_key_file, {"application_id": ours.application_id}),
        safe_to_repeat=safe,
    )


def _read_placed(reply: RestReply) -> PlacedCall:
    call_id = _REPLIES.text(reply, "uuid")
    return PlacedCall(call_id, text_of(_REPLIES.object_in(reply).get("status")))


def _hang_up(settings: CarrierSettings, call_id: str) -> RestRequest:
    path = f"/{segment('call_id', call_id)}"
    return _request(own(settings, VonageSettings), "PUT", path, {"action": "hangup"}, safe=True)


def _transfer(settings: CarrierSettings, call_id: str, transfer: Transfer) -> RestRequest:
    target: JsonObject = {
        "type": "phone",
        "number": digits("to", one_target("vonage", transfer)),
    }
    connect: JsonObject = {
        "action": "connect",
        "timeout": transfer.timeout_s,
        "limit": min(transfer.duration_s, _LONGEST_CALL_S),
        "endpoint": [target],
    }
    if transfer.caller_id is not None:
        connect["from"] = digits("caller_id", transfer.caller_id)
    destination: JsonObject = {"type": "ncco", "ncco": [connect]}
    return _request(
        own(settings, VonageSettings),
        "PUT",
        f"/{segment('call_id', call_id)}",
        {"action": "transfer", "destination": destination},
    )


def _probe(settings: CarrierSettings) -> RestRequest:
    """Ask for one of the calls of late: https://developer.vonage.com/en/api/voice#getCalls."""
    ours = own(settings, VonageSettings)
    return attrs.evolve(_request(ours, "GET", "?page_size=1", {}, safe=True), json=None)


def _answer_document(settings: CarrierSettings, placing: Placing) -> AnswerDocument:
    ncco = [_connect(own(settings, VonageSettings), placing)]
    return AnswerDocument("application/json", compact(ncco))


CALL_CONTROL = CallControl(
    name="vonage",
    documentation="https://developer.vonage.com/en/api/voice",
    credentials=_CREDENTIALS,
    place=_place,
    read_placed=_read_placed,
    hang_up=_hang_up,
    probe=_probe,
    transfer=_transfer,
    check_reply=_REPLIES.check,
    over=frozenset({"404"}),
    answer_document=_answer_document,
    webhook_check=CHECK,
    read_webhook=read_webhook,
)
