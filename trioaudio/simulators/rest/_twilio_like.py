"""Twilio's Calls resource: https://www.twilio.com/docs/voice/api/call-resource.

Errors: https://www.twilio.com/docs/api/errors. SignalWire has it at another path, with a codec and
a token in `<Stream>`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import attrs

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
    one_element,
    response_in,
    stream_url,
    text,
)
from trioaudio.simulators.services.http import Request

_E164 = r"\+[1-9][0-9]{6,14}"
_FIELDS = ("To", "From", "Twiml", "Url", "Timeout", "TimeLimit")
_CODES = {"To": 21211, "From": 21212, "Twiml": 21205, "Timeout": 21208}
_CODEC = re.compile(r"(PCMU|PCMA|L16)@(8000|16000|24000)h")
_ENCODINGS = {"PCMU": Encoding.MULAW, "PCMA": Encoding.ALAW, "L16": Encoding.PCM16}


def twilio_like(name: str, prefix: str, *, codec: bool) -> RestKind:
    """Return a member of the family.

    `codec` says whether its stream names one, and a token; else the upgrade is signed.
    """
    here = f"{prefix}/2010-04-01/Accounts/{{account}}"
    reading = _Reading(codec)
    return RestKind(
        name,
        (
            ("GET", here, reading.show),
            ("POST", f"{here}/Calls.json", reading.place),
            ("POST", f"{here}/Calls/{{call}}", reading.change),
        ),
        lambda status: error(status, status * 50, "simulated refusal"),
        signs=not codec,
        read_document=reading.target,
        call_prefix="CA",
    )


def error(status: int, code: int, message: str) -> dict[str, object]:
    """Return the body of an error."""
    more = f"https://www.twilio.com/docs/errors/{code}"
    return {"code": code, "message": message, "more_info": more, "status": status}


@attrs.frozen
class _Reading:
    codec: bool

    def show(self, desk: RestDesk, request: Request) -> Outcome:
        """Accounts/{sid}.json: the account itself."""
        sid = request.parameters["account"].removesuffix(".json")
        if not has_basic(request, desk.account.id, desk.account.secret):
            raise RefusedError(401, error(401, 20003, "Authenticate"))
        if sid != desk.account.id or sid == request.parameters["account"]:
            raise RefusedError(404, error(404, 20404, f"The account {sid} was not found"))
        return Outcome(200, {"sid": sid, "status": "active", "type": "Full"})

    def place(self, desk: RestDesk, request: Request) -> Outcome:
        """Calls.json: a new call."""
        _check_account(desk, request)
        try:
            form = form_of(request, _FIELDS)
            text(form, "To", _E164)
            text(form, "From", _E164)
            number_text(form, "Timeout", 1, 600)
            number_text(form, "TimeLimit", 1, 14_400)
            _check_one(form, "Twiml", "Url")
            target, url = None, None
            if "Url" in form:
                url = text(form, "Url", "https?://.+")
            else:
                target = self.target(form["Twiml"])
        except FieldError as exc:
            raise RefusedError(400, error(400, _CODES.get(exc.field, 20001), str(exc))) from None
        call_id = desk.new_call("CA")
        return Outcome(201, {"sid": call_id, "status": "queued"}, call_id, target, url)

    def target(self, document: str) -> MediaTarget:
        """Return what `<Connect><Stream>` names."""
        connect = one_element(response_in(document), "Connect", ())
        known = ("url", "codec", "authBearerToken") if self.codec else ("url",)
        stream = one_element(connect, "Stream", known)
        url = stream_url("url", stream.get("url"), schemes=("wss",))
        if "?" in url:
            raise FieldError("url", "holds a query")
        form = media(Encoding.MULAW, 8000)
        if codec := stream.get("codec"):
            found = _CODEC.fullmatch(codec)
            if found is None:
                raise FieldError("codec", "is invalid")
            form = media(_ENCODINGS[found[1]], found[2])
        token = stream.get("authBearerToken")
        return MediaTarget(url, form, (("Authorization", f"Bearer {token}"),) if token else ())

    def change(self, desk: RestDesk, request: Request) -> Outcome:
        """Calls/{sid}.json: an end, or another document."""
        _check_account(desk, request)
        name = request.parameters["call"]
        call_id = name.removesuffix(".json")
        if call_id == name or not (desk.is_live(call_id) or desk.was_live(call_id)):
            raise RefusedError(404, error(404, 20404, f"The call {call_id} was not found"))
        if not desk.is_live(call_id):
            raise RefusedError(400, error(400, 21220, "Call is not in-progress. Cannot redirect."))
        try:
            form = form_of(request, ("Status", "Twiml"))
            _check_one(form, "Status", "Twiml")
            if "Status" in form:
                text(form, "Status", "completed|canceled")
                return Outcome(200, {"sid": call_id, "status": "completed"}, ended=call_id)
            _check_dial(form["Twiml"])
        except FieldError as exc:
            raise RefusedError(400, error(400, 20001, str(exc))) from None
        return Outcome(200, {"sid": call_id, "status": "in-progress"}, transferred=call_id)


def _check_one(form: Mapping[str, str], one: str, other: str) -> None:
    if (one in form) == (other in form):
        raise FieldError(one, f"or {other} is needed, and not both")


def _check_dial(document: str) -> None:
    known = ("callerId", "timeout", "timeLimit")
    dial = one_element(response_in(document), "Dial", known)
    for each in dial:
        if each.tag != "Number" or not re.fullmatch(_E164, each.text or ""):
            raise FieldError("Number", "is invalid")
    if not len(dial):
        raise FieldError("Number", "is missing")


def _check_account(desk: RestDesk, request: Request) -> None:
    account = desk.account
    right = has_basic(request, account.id, account.secret)
    if not right or request.parameters["account"] != account.id:
        raise RefusedError(401, error(401, 20003, "Authenticate"))
