"""Where carriers ask what to do with a call, beside the doors: `/answer/{carrier}[/{key}]`.

It reads a request whole, within a bound, has it answered by a function it was given, and closes.
What the request means, and whether its sender may ask, is that function's affair; what a stranger
can make us do before is this file's.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Final, TypeAlias
from urllib.parse import parse_qsl

import attrs
import outcome

from trioaudio.core.webhook import HttpAnswer, Pairs, WebhookRequest
from trioaudio.core.wire_json import JsonValue, read_json
from trioaudio.net.media_socket import MediaSocket
from trioaudio.net.refusal import Refusal
from trioaudio.net.upgrade_head import PublicUrl, RequestHead

LARGEST_BODY: Final = 64 * 1024
MOST_FIELDS: Final = 400
"""Of a form or a query; carriers send some thirty."""

AnswerFunction: TypeAlias = Callable[[WebhookRequest], Awaitable[HttpAnswer | Refusal]]
"""Answers a carrier's request; a `Refusal` whose status is a guess counts as one."""

_PATH = re.compile(r"/answer/([a-z0-9_]{1,40})(?:/([A-Za-z0-9_~.-]{1,200}))?/?")
_LENGTH = re.compile(r"[0-9]{1,9}")
_FORM: Final = "application/x-www-form-urlencoded"
_GO_ON: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_HTTP: Final = {"wss": "https", "ws": "http"}


@attrs.frozen
class Question:
    """A head that asks at the desk; its body, if it has one, has not been read."""

    carrier: str
    key: str | None = attrs.field(repr=False)
    origin: str
    path: str = attrs.field(repr=False)
    head: RequestHead = attrs.field(repr=False)
    length: int
    peer: str
    at: float


def is_question(path: str) -> bool:
    """Say whether a path, without a proxy's prefix, leads to the desk."""
    return path.startswith("/answer/")


def read_question(
    head: RequestHead, public: PublicUrl | None, *, here: str, peer: str, at: float
) -> Question | Refusal:
    """Find out what is asked, as far as the head says it.

    The URL is what the carrier signed: see `upgrade_head.upgrade_request`.
    """
    inner = head.path if public is None else public.inner(head.path)
    found = _PATH.fullmatch(inner)
    if found is None:
        return Refusal(HTTPStatus.NOT_FOUND, "nobody answers at this path below /answer/")
    if head.method not in ("GET", "POST"):
        allow = {"Allow": "GET, POST"}
        return Refusal(HTTPStatus.METHOD_NOT_ALLOWED, "neither GET nor POST at /answer/", allow)
    length = _length_of(head)
    if isinstance(length, Refusal):
        return length
    ours = here if public is None else public.origin
    scheme, _, address = ours.partition("://")
    host = head.headers.get("host", address) if public is None else address
    return Question(
        carrier=found[1],
        key=found[2],
        origin=f"{_HTTP[scheme]}://{host}",
        path=head.path if public is None else public.prefix + inner,
        head=head,
        length=length,
        peer=peer,
        at=at,
    )


def _length_of(head: RequestHead) -> int | Refusal:
    """Return how long the body is."""
    told = head.headers.get("content-length")
    if "transfer-encoding" in head.headers or (told is None and head.method == "POST"):
        return Refusal(HTTPStatus.LENGTH_REQUIRED, "a webhook whose body has no Content-Length")
    if told is None:
        return 0
    if not _LENGTH.fullmatch(told) or int(told) > LARGEST_BODY:
        return Refusal(
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"a webhook of more than {LARGEST_BODY} bytes"
        )
    return int(told)


async def answer_question(
    question: Question, stream: MediaSocket, answer: AnswerFunction
) -> Refusal | None:
    """Read the rest, have it answered, and send that; or return why not.

    LegLostError when the connection breaks or ends before. The caller bounds the time, and closes.
    """
    if question.length and question.head.headers.get("expect", "").lower() == "100-continue":
        stream.send_control(_GO_ON)
    request = _whole(question, await stream.read_body(question.length))
    if isinstance(request, Refusal):
        return request
    # What the function raises that it should not is a bug of ours. It must not end the listener.
    match await outcome.acapture(answer, request):
        case outcome.Error(error=Exception() as exc):
            reason = f"internal error in answering {question.carrier}: {type(exc).__name__}"
            return Refusal(HTTPStatus.INTERNAL_SERVER_ERROR, reason, bug=exc)
        case result:
            answered = result.unwrap()
    if isinstance(answered, Refusal):
        return answered
    stream.send_control(response(answered))
    await stream.wait_flushed()
    return None


def _whole(question: Question, body: bytes) -> WebhookRequest | Refusal:
    head = question.head
    kind = head.headers.get("content-type", "").partition(";")[0].strip().lower()
    try:
        query = _pairs(head.query)
        form = _pairs(body.decode("utf-8", "replace")) if kind == _FORM else ()
    except ValueError:
        return Refusal(HTTPStatus.BAD_REQUEST, f"more than {MOST_FIELDS} fields in a webhook")
    return WebhookRequest(
        carrier=question.carrier,
        key=question.key,
        method=head.method,
        origin=question.origin,
        path=question.path,
        query=head.query,
        headers=head.headers,
        query_pairs=query,
        form=form,
        body=body,
        json=_json_in(body) if kind != _FORM else None,
        peer=question.peer,
        at=question.at,
    )


def _pairs(text: str) -> Pairs:
    """Return the fields of a query or a form; ValueError if they are too many."""
    return tuple(parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_FIELDS))


def _json_in(body: bytes) -> JsonValue:
    """Return the value a body holds; None if it is no JSON. Carriers' content types vary."""
    try:
        return read_json(body)
    except ValueError:
        return None


def response(answer: HttpAnswer) -> bytes:
    """Return the whole HTTP response."""
    status = HTTPStatus(answer.status)
    body = answer.body.encode()
    lines = [f"HTTP/1.1 {status.value} {status.phrase}", "Connection: close"]
    if answer.content_type:
        lines.append(f"Content-Type: {answer.content_type}")
    if status is not HTTPStatus.NO_CONTENT:
        lines.append(f"Content-Length: {len(body)}")
    # It holds a URL that opens a door, once.
    lines.append("Cache-Control: no-store")
    return "\r\n".join((*lines, "", "")).encode() + body
