"""Exotel, simulated: https://developer.exotel.com/docs/agentstream/connect-voice-ai.

The account's SID is also the API key here.
"""

from __future__ import annotations

import base64
from urllib.parse import parse_qsl, unquote, urlsplit

from trioaudio.core.encoding import Encoding
from trioaudio.simulators.rest.desk import (
    FieldError,
    MediaTarget,
    Outcome,
    RefusedError,
    RestDesk,
    RestKind,
    form_of,
    has_basic,
    media,
    number_text,
    stream_url,
    text,
)
from trioaudio.simulators.services.http import Request

_FIELDS = ("From", "CallerId", "StreamUrl", "StreamType", "TimeOut", "TimeLimit")
_LONGEST = 600


def _error(status: int, message: str) -> dict[str, object]:
    return {"RestException": {"Status": status, "Message": message, "Code": 34000 + status}}


def _check_account(desk: RestDesk, request: Request) -> None:
    account = desk.account
    right = has_basic(request, account.id, account.secret)
    if not right or request.parameters["account"] != account.id:
        raise RefusedError(401, _error(401, "Authentication failed"))


def _show(desk: RestDesk, request: Request) -> Outcome:
    _check_account(desk, request)
    return Outcome(200, {"Metadata": {"Total": 0}, "Calls": []})


def _place(desk: RestDesk, request: Request) -> Outcome:
    _check_account(desk, request)
    try:
        form = form_of(request, _FIELDS)
        text(form, "From", r"\+?[0-9]{7,15}")
        text(form, "CallerId", r"\+?[0-9]{6,15}")
        text(form, "StreamType", "bidirectional")
        number_text(form, "TimeOut", 1, 600)
        number_text(form, "TimeLimit", 1, 14_400)
        target = _target(text(form, "StreamUrl"))
    except FieldError as exc:
        raise RefusedError(400, _error(400, str(exc))) from None
    call_id = desk.new_call()
    return Outcome(200, {"Call": {"Sid": call_id, "Status": "in-progress"}}, call_id, target)


def _target(url: str) -> MediaTarget:
    if len(url) > _LONGEST:
        raise FieldError("StreamUrl", f"is longer than {_LONGEST}")
    parts = urlsplit(stream_url("StreamUrl", url))
    query = dict(parse_qsl(parts.query))
    rate = query.pop("sample-rate", "8000")
    if rate not in ("8000", "16000", "24000"):
        raise FieldError("sample-rate", "is invalid")
    if len(query) > 3 or len(parts.query) > 256:
        raise FieldError("StreamUrl", "has too many parameters")
    headers: tuple[tuple[str, str], ...] = ()
    if parts.username is not None:
        pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
        headers = (("Authorization", f"Basic {base64.b64encode(pair.encode()).decode()}"),)
    bare = parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
    return MediaTarget(bare, media(Encoding.PCM16, rate), headers)


REST = RestKind(
    "exotel",
    (
        ("GET", "/v1/Accounts/{account}/Calls.json", _show),
        ("POST", "/v1/Accounts/{account}/Calls/connect.json", _place),
    ),
    lambda status: _error(status, "simulated refusal"),
)
