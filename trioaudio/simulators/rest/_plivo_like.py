"""Plivo's Call resource: https://docs.plivo.com/docs/voice/api/calls; its XML is fetched."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from trioaudio.core.encoding import Encoding
from trioaudio.simulators.rest.desk import (
    FieldError,
    MediaTarget,
    Outcome,
    RefusedError,
    RestAccount,
    RestDesk,
    RestKind,
    has_basic,
    json_of,
    media,
    number,
    one_element,
    response_in,
    stream_url,
    text,
)
from trioaudio.simulators.services.http import Request

_NUMBER = "[1-9][0-9]{6,14}"
_CALLS = "/Account/{account}/Call/"
_FIELDS = ("from", "to", "answer_url", "answer_method", "ring_timeout", "time_limit")
_CONTENT_TYPE = re.compile(r"audio/x-(?:l16;rate=(8000|16000)|(mulaw);rate=8000)")
_ATTRIBUTES = ("bidirectional", "keepCallAlive", "contentType", "extraHeaders", "streamTimeout")


Proof = Callable[[RestAccount, Request], bool]
"""Says whether a request holds the account's credentials."""


def _basic(account: RestAccount, request: Request) -> bool:
    return has_basic(request, account.id, account.secret)


def plivo_like(
    name: str, *, signs: bool, root: str = "/v1", proof: Proof | None = None
) -> RestKind:
    """Return a member of the family; `root` is what stands before the account in a path."""
    proof = proof or _basic
    return RestKind(
        name,
        (
            ("GET", f"{root}/Account/{{account}}/", partial(_show, proof)),
            ("POST", f"{root}{_CALLS}", partial(_place, proof)),
            ("DELETE", f"{root}{_CALLS}{{call}}/", partial(_hang_up, proof)),
            ("DELETE", f"{root}/Account/{{account}}/Request/{{call}}/", partial(_hang_up, proof)),
            ("POST", f"{root}{_CALLS}{{call}}/", partial(_transfer, proof)),
        ),
        lambda status: error(f"simulated refusal {status}"),
        signs,
        read_document,
    )


def error(message: str) -> dict[str, object]:
    """Return the body of an error."""
    return {"api_id": "00000000-0000-4000-8000-000000000000", "error": message}


def _check_account(proof: Proof, desk: RestDesk, request: Request) -> None:
    account = desk.account
    right = proof(account, request)
    if not right or request.parameters["account"] != account.id:
        raise RefusedError(401, "Could not verify your access level for that URL.")


def _show(proof: Proof, desk: RestDesk, request: Request) -> Outcome:
    _check_account(proof, desk, request)
    return Outcome(200, {"auth_id": desk.account.id, "state": "active"})


def _place(proof: Proof, desk: RestDesk, request: Request) -> Outcome:
    _check_account(proof, desk, request)
    try:
        body = json_of(request, _FIELDS)
        text(body, "from", _NUMBER)
        text(body, "to", _NUMBER)
        text(body, "answer_method", "GET|POST")
        number(body, "ring_timeout", 1, 600)
        number(body, "time_limit", 1, 86_400)
        url = text(body, "answer_url", "https?://.+")
    except FieldError as exc:
        raise RefusedError(400, error(f"{exc.field} parameter: {exc}")) from None
    call_id = desk.new_call(dashes=True)
    reply = {"message": "call fired", "request_uuid": call_id, "api_id": error("")["api_id"]}
    return Outcome(201, reply, call_id, answer_url=url)


def _known(proof: Proof, desk: RestDesk, request: Request) -> str:
    _check_account(proof, desk, request)
    call_id = request.parameters["call"]
    if not desk.is_live(call_id):
        raise RefusedError(404, error("not found"))
    return call_id


def _hang_up(proof: Proof, desk: RestDesk, request: Request) -> Outcome:
    return Outcome(204, ended=_known(proof, desk, request))


def _transfer(proof: Proof, desk: RestDesk, request: Request) -> Outcome:
    call_id = _known(proof, desk, request)
    try:
        body = json_of(request, ("legs", "aleg_url", "aleg_method"))
        text(body, "legs", "aleg")
        text(body, "aleg_url", "https?://.+")
        text(body, "aleg_method", "GET|POST")
    except FieldError as exc:
        raise RefusedError(400, error(str(exc))) from None
    reply = {"message": "transfer executed", "call_uuids": [call_id]}
    return Outcome(202, reply, transferred=call_id)


def read_document(document: str) -> MediaTarget:
    """Return what `<Stream>` names; FieldError."""
    stream = one_element(response_in(document), "Stream", _ATTRIBUTES)
    if stream.get("bidirectional") != "true":
        raise FieldError("bidirectional", "is not true: nothing we send would be heard")
    content_type = _CONTENT_TYPE.fullmatch(stream.get("contentType") or "")
    if content_type is None:
        raise FieldError("contentType", "is invalid")
    rate = content_type[1]
    form = media(Encoding.PCM16, rate) if rate else media(Encoding.MULAW, 8000)
    return MediaTarget(stream_url("Stream", (stream.text or "").strip()), form)
