"""Telnyx, simulated: https://developers.telnyx.com/api-reference/call-commands/dial.

The account's id is the connection's here, and its secret the API key.
"""

from __future__ import annotations

import re

from trioaudio.core.encoding import Encoding
from trioaudio.simulators.rest.desk import (
    FieldError,
    MediaTarget,
    Outcome,
    RefusedError,
    RestDesk,
    RestKind,
    bearer_of,
    json_of,
    media,
    number,
    stream_url,
    text,
)
from trioaudio.simulators.services.http import Request

_E164 = r"\+[1-9][0-9]{6,14}"
_FIELDS = (
    *("connection_id", "to", "from", "timeout_secs", "time_limit_secs"),
    *("stream_url", "stream_track", "stream_codec", "stream_auth_token"),
    *("stream_bidirectional_mode", "stream_bidirectional_codec"),
    *("stream_bidirectional_sampling_rate", "stream_bidirectional_target_legs"),
)
_ENCODINGS = {"PCMU": Encoding.MULAW, "PCMA": Encoding.ALAW, "L16": Encoding.PCM16}


def _error(code: str, title: str, detail: str) -> dict[str, object]:
    return {"errors": [{"code": code, "title": title, "detail": detail}]}


def _check_account(desk: RestDesk, request: Request) -> None:
    if bearer_of(request) != desk.account.secret:
        raise RefusedError(401, _error("10009", "Authentication failed", "Could not find the key."))


def _show(desk: RestDesk, request: Request) -> Outcome:
    _check_account(desk, request)
    if request.parameters["application"] != desk.account.id:
        raise RefusedError(404, _error("10005", "Resource not found", "No such application."))
    return Outcome(200, {"data": {"id": desk.account.id, "active": True}})


def _place(desk: RestDesk, request: Request) -> Outcome:
    _check_account(desk, request)
    try:
        body = json_of(request, _FIELDS)
        text(body, "to", _E164)
        text(body, "from", _E164)
        number(body, "timeout_secs", 5, 600)
        number(body, "time_limit_secs", 30, 14_400)
        text(body, "connection_id", re.escape(desk.account.id))
        target = _target(body)
    except FieldError as exc:
        raise RefusedError(422, _error("10015", "Invalid parameter", str(exc))) from None
    call_id = desk.new_call("v3:")
    data = {"call_control_id": call_id, "is_alive": False, "record_type": "call"}
    return Outcome(200, {"data": data}, call_id, target)


def _answer(desk: RestDesk, request: Request) -> Outcome:
    """Answer a call that came in: https://developers.telnyx.com/api-reference/call-commands."""
    call_id = _known(desk, request)
    try:
        target = _target(json_of(request, _FIELDS))
    except FieldError as exc:
        raise RefusedError(422, _error("10015", "Invalid parameter", str(exc))) from None
    return Outcome(200, {"data": {"result": "ok"}}, call_id, target)


def _target(body: dict[str, object]) -> MediaTarget:
    text(body, "stream_track", "inbound_track|outbound_track|both_tracks")
    text(body, "stream_bidirectional_mode", "rtp")
    text(body, "stream_bidirectional_target_legs", "both|self|opposite")
    codec = text(body, "stream_bidirectional_codec", "PCMU|PCMA|L16")
    if text(body, "stream_codec") != codec:
        raise FieldError("stream_codec", "is another one than we are to send")
    rate = number(body, "stream_bidirectional_sampling_rate", 8000, 48_000)
    headers: tuple[tuple[str, str], ...] = ()
    if "stream_auth_token" in body:
        token = text(body, "stream_auth_token", ".{1,4000}")
        headers = (("x-telnyx-streaming-auth-token", token),)
    url = stream_url("stream_url", body.get("stream_url"))
    return MediaTarget(url, media(_ENCODINGS[codec], rate), headers)


def _known(desk: RestDesk, request: Request) -> str:
    _check_account(desk, request)
    call_id = request.parameters["call"]
    if desk.was_live(call_id):
        detail = "This call is no longer active and can't receive commands."
        raise RefusedError(422, _error("90018", "Call has already ended", detail))
    if not desk.is_live(call_id):
        raise RefusedError(404, _error("10005", "Resource not found", "No such call."))
    return call_id


def _hang_up(desk: RestDesk, request: Request) -> Outcome:
    call_id = _known(desk, request)
    return Outcome(200, {"data": {"result": "ok"}}, ended=call_id)


def _transfer(desk: RestDesk, request: Request) -> Outcome:
    call_id = _known(desk, request)
    try:
        body = json_of(request, ("to", "from", "timeout_secs", "time_limit_secs"))
        text(body, "to", rf"{_E164}|sip:.+@.+")
        number(body, "timeout_secs", 5, 600)
        number(body, "time_limit_secs", 30, 14_400)
    except FieldError as exc:
        raise RefusedError(422, _error("10015", "Invalid parameter", str(exc))) from None
    return Outcome(200, {"data": {"result": "ok"}}, transferred=call_id)


REST = RestKind(
    "telnyx",
    (
        ("GET", "/v2/call_control_applications/{application}", _show),
        ("POST", "/v2/calls", _place),
        ("POST", "/v2/calls/{call}/actions/answer", _answer),
        ("POST", "/v2/calls/{call}/actions/hangup", _hang_up),
        ("POST", "/v2/calls/{call}/actions/transfer", _transfer),
    ),
    lambda status: _error(str(10_000 + status), "Simulated", "simulated refusal"),
    call_prefix="v3:",
)
