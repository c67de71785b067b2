"""TeleCMI v2, simulated: https://doc.telecmi.com/piopiy/docs/outbound-call.

A refusal is an HTTP 200 whose body says otherwise, which is what its users report.
"""

from __future__ import annotations

import json
from typing import Final

from trioaudio.core.encoding import Encoding
from trioaudio.simulators.rest.desk import (
    FieldError,
    MediaTarget,
    Outcome,
    RefusedError,
    RestDesk,
    RestKind,
    json_of,
    media,
    members,
    number,
    stream_url,
    text,
)
from trioaudio.simulators.services.http import Request

_FIELDS = ("appid", "secret", "from", "to", "duration", "extra_params", "pcmo")
_STREAM = ("action", "ws_url", "listen_mode", "voice_quality", "stream_on_answer")
_LEAST, _MOST = 10**6, 10**15
_INDIA: Final = "91"


def _refuse(code: int, message: str) -> RefusedError:
    return RefusedError(200, {"code": code, "msg": message})


def _place(desk: RestDesk, request: Request) -> Outcome:
    try:
        body = json_of(request, _FIELDS)
        _check_account(desk, body)
        to = number(body, "to", _LEAST, _MOST)
        number(body, "from", _LEAST, _MOST)
        number(body, "duration", 1, 86_400)
        members(body.get("extra_params", {}), "extra_params", ())
        target = _target(body.get("pcmo"))
    except FieldError as exc:
        raise _refuse(422 if "missing" in str(exc) else 501, str(exc)) from None
    if request.path.endswith("/ind_pcmo_make_call") and not str(to).startswith(_INDIA):
        raise _refuse(502, "to is not in India")
    call_id = desk.new_call(dashes=True)
    progress = {"status": "progress", "request_id": call_id}
    return Outcome(200, {"data": progress, **progress, "code": 200}, call_id, target)


def _check_account(desk: RestDesk, body: dict[str, object]) -> None:
    # Of the two, the id is a number and the secret is text.
    if body.get("appid") != int(desk.account.id) or body.get("secret") != desk.account.secret:
        raise _refuse(420, "invalid appid or secret")


def _target(pcmo: object) -> MediaTarget:
    if not isinstance(pcmo, list) or len(pcmo) != 1:
        raise FieldError("pcmo", "is missing, or is no list with one action")
    action = members(pcmo[0], "pcmo", _STREAM)
    text(action, "action", "stream")
    text(action, "listen_mode", "caller|callee|both")
    rate = text(action, "voice_quality", "8000|16000")
    if action.get("stream_on_answer") is not True:
        raise FieldError("stream_on_answer", "is not true: nothing is streamed")
    return MediaTarget(stream_url("ws_url", action.get("ws_url")), media(Encoding.PCM16, rate))


def _act(desk: RestDesk, request: Request) -> Outcome:
    try:
        body = json_of(request, ("appid", "secret", "cmiuuid", "action"))
        _check_account(desk, body)
        text(body, "action", "hangup")
        call_id = text(body, "cmiuuid")
    except FieldError as exc:
        raise _refuse(422, str(exc)) from None
    if not desk.is_live(call_id):
        raise _refuse(404, "no such call")
    return Outcome(200, {"code": 200, "status": "success"}, ended=call_id)


def _read_document(document: str) -> MediaTarget:
    try:
        return _target(json.loads(document))
    except ValueError:
        raise FieldError("pcmo", "is no JSON") from None


REST = RestKind(
    "telecmi",
    (
        ("POST", "/v2/ind_pcmo_make_call", _place),
        ("POST", "/v2/global_pcmo_make_call", _place),
        ("POST", "/v2/call/action", _act),
    ),
    lambda status: {"code": status, "msg": "simulated refusal"},
    read_document=_read_document,
)
