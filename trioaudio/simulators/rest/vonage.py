"""Vonage, simulated: https://developer.vonage.com/en/api/voice.

Every request brings a JSON Web Token signed with the application's key.
"""

from __future__ import annotations

import json
import re

import jwt

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
    members,
    number,
    stream_url,
    text,
)
from trioaudio.simulators.services.http import Request

_NUMBER = "[1-9][0-9]{6,14}"
_CONTENT_TYPE = re.compile(r"audio/l16;rate=(8000|16000|24000)")
_CLAIMS = ("application_id", "iat", "exp", "jti")


def _error(title: str, detail: str) -> dict[str, object]:
    kind = "https://developer.vonage.com/api-errors"
    return {"type": kind, "title": title, "detail": detail, "instance": "simulated"}


def _check_account(desk: RestDesk, request: Request) -> None:
    key = desk.account.public_key
    try:
        claims = jwt.decode(
            bearer_of(request),
            key or "",
            algorithms=["RS256"],
            options={"require": list(_CLAIMS), "verify_signature": key is not None},
        )
    except jwt.PyJWTError:
        claims = {}
    if claims.get("application_id") != desk.account.id:
        raise RefusedError(401, _error("Unauthorized", "You did not provide correct credentials."))


def _show(desk: RestDesk, request: Request) -> Outcome:
    _check_account(desk, request)
    return Outcome(200, {"count": 0, "_embedded": {"calls": []}})


def _place(desk: RestDesk, request: Request) -> Outcome:
    _check_account(desk, request)
    try:
        body = json_of(request, ("to", "from", "ringing_timer", "length_timer", "ncco"))
        to = _only(body.get("to"), "to", ("type", "number"))
        caller = members(body.get("from"), "from", ("type", "number"))
        for each in (to, caller):
            text(each, "type", "phone")
            text(each, "number", _NUMBER)
        number(body, "ringing_timer", 1, 120)
        number(body, "length_timer", 1, 7200)
        target = _target(_only(body.get("ncco"), "ncco", ("action", "endpoint")))
    except FieldError as exc:
        raise RefusedError(400, _error("Bad Request", str(exc))) from None
    call_id = desk.new_call(dashes=True)
    reply = {"uuid": call_id, "status": "started", "direction": "outbound"}
    return Outcome(201, reply, call_id, target)


def _only(value: object, name: str, known: tuple[str, ...]) -> dict[str, object]:
    if not isinstance(value, list) or len(value) != 1:
        raise FieldError(name, "is no list of one")
    return members(value[0], name, known)


def _target(action: dict[str, object]) -> MediaTarget:
    text(action, "action", "connect")
    known = ("type", "uri", "content-type", "headers", "authorization")
    endpoint = _only(action.get("endpoint"), "endpoint", known)
    text(endpoint, "type", "websocket")
    found = _CONTENT_TYPE.fullmatch(text(endpoint, "content-type"))
    if found is None:
        raise FieldError("content-type", "is invalid")
    if "authorization" in endpoint:
        text(members(endpoint["authorization"], "authorization", ("type",)), "type", "vonage")
    return MediaTarget(stream_url("uri", endpoint.get("uri")), media(Encoding.PCM16, found[1]))


def _change(desk: RestDesk, request: Request) -> Outcome:
    _check_account(desk, request)
    call_id = request.parameters["call"]
    if not desk.is_live(call_id):
        raise RefusedError(404, _error("Not Found", "No such call."))
    try:
        body = json_of(request, ("action", "destination"))
        if text(body, "action", "hangup|transfer") == "hangup":
            return Outcome(204, ended=call_id)
        destination = members(body.get("destination"), "destination", ("type", "ncco"))
        text(destination, "type", "ncco")
        known = ("action", "from", "timeout", "limit", "endpoint")
        connect = _only(destination.get("ncco"), "ncco", known)
        text(connect, "action", "connect")
        endpoint = _only(connect.get("endpoint"), "endpoint", ("type", "number"))
        text(endpoint, "type", "phone")
        text(endpoint, "number", _NUMBER)
    except FieldError as exc:
        raise RefusedError(400, _error("Bad Request", str(exc))) from None
    return Outcome(204, transferred=call_id)


def _read_document(document: str) -> MediaTarget:
    try:
        ncco = json.loads(document)
    except ValueError:
        raise FieldError("ncco", "is no JSON") from None
    return _target(_only(ncco, "ncco", ("action", "endpoint")))


REST = RestKind(
    "vonage",
    (
        ("GET", "/v1/calls", _show),
        ("POST", "/v1/calls", _place),
        ("PUT", "/v1/calls/{call}", _change),
    ),
    lambda status: _error(f"Simulated {status}", "simulated refusal"),
    read_document=_read_document,
)
