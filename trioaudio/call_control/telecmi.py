"""TeleCMI / PIOPIY v2: a call is placed with its PCMO actions in the request.

https://doc.telecmi.com/piopiy/docs/outbound-call (documented: fields and error codes) and the
public client piopiy 1.0.7.2 (read in code: the two addresses of v2, and the hang-up). Not tried
live. What is odd about it:

* Numbers and the app id are JSON numbers without +; the secret stands in the body.
* A failure may come as HTTP 200 with `code` or `cmi_code` in the body saying so.
* There is one address for callees in India and one for the rest. The vendor's Python client looks
  at the caller's number, the Node one at the callee's; `auto` does as the latter.
* The hang-up wants the call's `cmiuuid`, which the reply to a placement is not documented to
  hold; without it a call ends by a message on the media stream.
* Webhooks are not signed. The answer URL is asked with `action` inbound, `from`, `to` and `cmiuuid`
  (https://doc.telecmi.com/piopiy/docs/pcmo-overview, documented); events have a `status`, and which
  of them end a call is a third party's word.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import assert_never

from trioaudio.call_control._replies import Replies, at
from trioaudio.call_control._wanted import digits, media_url, own, rest_url
from trioaudio.call_control._webhooks import read_call
from trioaudio.carriers.telecmi import Region, TelecmiSettings
from trioaudio.core.call_control import (
    AnswerDocument,
    CallControl,
    PlacedCall,
    Placing,
    RestReply,
    RestRequest,
    RestValue,
)
from trioaudio.core.carrier import CarrierSettings
from trioaudio.core.errors import ConfigError
from trioaudio.core.webhook import CallStage, IncomingCall, WebhookRequest
from trioaudio.core.wire_json import JsonValue, compact, read_object, text_of, whole_number_of

_INDIA = "91"
_ENDS = frozenset({"hangup", "in_hangup", "out_hangup", "completed", "missed", "failed", "busy"})
_REST_URL = TelecmiSettings().rest_url
_ACTION_URL = "https://piopiy.telecmi.com/v1/call/action"

_REPLIES = Replies(
    "telecmi",
    codes=(("cmi_code",), ("code",), ("data", "code")),
    words=(("msg",), ("message",), ("error",), ("data", "msg"), ("status",)),
    credentials=("app_id", "secret"),
    unknown=frozenset({"401", "403", "420"}),
    explained={
        "420": "the app id or the secret is wrong",
        "422": "a property is missing",
        "501": "a property is not of the right kind",
        "502": "a property is not valid",
    },
)


def _place(settings: CarrierSettings, placing: Placing) -> RestRequest:
    ours = own(settings, TelecmiSettings)
    to = digits("to", placing.to)
    path = "ind_pcmo_make_call" if _is_india(ours.region, to) else "global_pcmo_make_call"
    return RestRequest(
        "POST",
        f"{rest_url('rest_url', ours.rest_url)}/{path}",
        json={
            **_credentials(ours),
            "from": int(digits("caller_id", placing.caller_id)),
            "to": int(to),
            "duration": placing.most_s,
            "extra_params": {},
            "pcmo": [_stream(ours, placing)],
        },
    )


def _credentials(ours: TelecmiSettings) -> Mapping[str, RestValue]:
    if not (ours.app_id.isascii() and ours.app_id.isdigit()):
        raise ConfigError(f"app_id={ours.app_id!r}: telecmi's app ids are numbers")
    return {"appid": int(ours.app_id), "secret": ours.secret}


def _is_india(region: Region, to: str) -> bool:
    match region:
        case Region.INDIA:
            return True
        case Region.GLOBAL:
            return False
        case Region.AUTO:
            return to.startswith(_INDIA)
        case _:
            assert_never(region)


def _stream(ours: TelecmiSettings, placing: Placing) -> dict[str, JsonValue]:
    return {
        "action": "stream",
        "ws_url": media_url("telecmi", placing.media_url),
        "listen_mode": ours.listen_mode.value,
        "voice_quality": str(placing.media.sample_rate),
        # The vendor's pages disagree about its default.
        "stream_on_answer": True,
    }


def _read_placed(reply: RestReply) -> PlacedCall:
    _check_reply(reply)
    value = _REPLIES.object_in(reply)
    if not any(name in value for name in ("request_id", "cmi_code", "code")):
        _REPLIES.text(reply, "request_id")  # says what is missing
    call_id = text_of(value.get("cmiuuid")) or text_of(at(value, ("data", "cmiuuid")))
    return PlacedCall(call_id, text_of(value.get("status")))


def _check_reply(reply: RestReply) -> None:
    """Look into the body as well: HTTP 200 means nothing by itself."""
    _REPLIES.check(reply)
    value = read_object(reply.body) or {}
    for name in ("cmi_code", "code"):
        code = whole_number_of(value.get(name))
        if code is not None and not 200 <= code <= 299:
            raise _REPLIES.refusal(reply)


def _hang_up(settings: CarrierSettings, call_id: str) -> RestRequest:
    ours = own(settings, TelecmiSettings)
    # Another host than the calls', unless there is a stand-in for all of it.
    elsewhere = ours.rest_url != _REST_URL
    url = f"{rest_url('rest_url', ours.rest_url)}/call/action" if elsewhere else _ACTION_URL
    body = {**_credentials(ours), "cmiuuid": call_id, "action": "hangup"}
    return RestRequest("POST", url, json=body, safe_to_repeat=True)


def _answer_document(settings: CarrierSettings, placing: Placing) -> AnswerDocument:
    stream = _stream(own(settings, TelecmiSettings), placing)
    return AnswerDocument("application/json", compact([stream]))


def _read_webhook(request: WebhookRequest) -> IncomingCall:
    action, status = request.text("action"), request.text("status")
    stage = CallStage.ASKS if action == "inbound" and status is None else CallStage.GOES_ON
    if (status or "").lower() in _ENDS:
        stage = CallStage.OVER
    return read_call(
        request,
        request.text("cmiuuid", "call_id"),
        stage,
        numbers=(request.text("from", "callerid"), request.text("to")),
        inbound=(action or request.text("direction") or "inbound") == "inbound",
        status=status,
    )


CALL_CONTROL = CallControl(
    name="telecmi",
    documentation="https://doc.telecmi.com/piopiy/docs/outbound-call",
    credentials=("app_id", "secret"),
    place=_place,
    read_placed=_read_placed,
    hang_up=_hang_up,
    check_reply=_check_reply,
    over=frozenset({"404"}),
    answer_document=_answer_document,
    read_webhook=_read_webhook,
)
