"""Answers an HTTP request: admits it, reads it, has it carried out, and notes what became of it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Mapping
from typing import Any, Final

import attrs
import trio
from msgspec.structs import asdict

from trioaudio.api.encoding import encode
from trioaudio.api.request_error import RequestError
from trioaudio.api.views import Problem
from trioaudio.control.desk import Desk
from trioaudio.control.gate import Gate
from trioaudio.control.guests import keep_place
from trioaudio.control.http_body import AskerGoneError, HttpBody, Receive
from trioaudio.control.idempotency import LONGEST_KEY, HttpAnswer, KeptAnswers, RequestKey
from trioaudio.control.operation import Asked, Guard, Operation, Outcome
from trioaudio.control.problems import PROBLEM_TYPE, ProblemError, problem_of, read_json
from trioaudio.control.queries import read_query
from trioaudio.control.tokens import Holder

NOBODY: Final = "-"
"""Who is said to have asked when no good token came."""
ASKER_GONE: Final = 499
"""The status noted when the asker went before all of the request had come; nginx's number."""
_JSON: Final = re.compile(r"application/([\w.+-]+\+)?json\s*(;.*)?", re.IGNORECASE)
# https://www.w3.org/TR/trace-context/#traceparent-header: later versions may append to it
_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?"
)


def problem_answer(problem: Problem, headers: tuple[tuple[str, str], ...] = ()) -> HttpAnswer:
    """Return a problem as an answer; Retry-After is in whole seconds, rounded up."""
    if problem.retry_after_s is not None:
        headers = (*headers, ("Retry-After", str(max(1, -int(-problem.retry_after_s // 1)))))
    members = {name: value for name, value in asdict(problem).items() if value is not None}
    return HttpAnswer(problem.status, encode(members), PROBLEM_TYPE, headers)


@attrs.define(eq=False)
class HttpReception:
    """Has what is asked by HTTP carried out by the desk."""

    desk: Desk
    gate: Gate
    _kept: KeptAnswers = attrs.field(factory=KeptAnswers, init=False)

    async def answer(
        self, operation: Operation, scope: Mapping[str, Any], receive: Receive
    ) -> HttpAnswer:
        """Return what to answer; AskerGoneError. What nobody foresaw goes through."""
        body = HttpBody(receive)
        told = Telling(operation, scope)
        try:
            answer = await self._answer(told, body)
        except (RequestError, ProblemError) as exc:
            answer = told.refuse(exc)
        except AskerGoneError:
            told.status = ASKER_GONE
            raise
        finally:
            if operation.method != "GET":
                self._audit(told)
        if not await body.pass_over():
            raise AskerGoneError
        return answer

    async def _answer(self, told: Telling, body: HttpBody) -> HttpAnswer:
        operation, options = told.operation, self.gate.options
        told.holder = self._admit(operation.guard, told)
        audio = operation.form == "audio"
        content = await body.read(options.upload_bytes if audio else options.body_bytes)
        key = told.headers.get(b"idempotency-key")
        if key is None or operation.method != "POST":
            return told.note(await self._carry_out(told, content))
        return told.note(await self._carry_out_once(told, content, key))

    def _admit(self, guard: Guard, told: Telling) -> Holder | None:
        if guard == "open" or (guard == "near" and self.gate.options.near):
            return None
        holder = self.gate.admit(told.scope["headers"], told.peer)
        told.who = holder.name
        self.gate.spend(holder)
        self.gate.require(holder, "read-only" if guard == "near" else guard)
        keep_place(told.scope)
        return holder

    async def _carry_out_once(self, told: Telling, content: bytes, key: bytes) -> HttpAnswer:
        if not 0 < len(key) <= LONGEST_KEY:
            raise ProblemError("invalid", f"an Idempotency-Key has 1 to {LONGEST_KEY} characters")
        path = f"{told.path}?{told.raw_query}"
        request = RequestKey(told.who, path, key.decode("latin-1"))
        before = self._kept.begin(request, content, trio.current_time())
        if before is not None:
            replayed = (*before.headers, ("Idempotent-Replay", "true"))
            return attrs.evolve(before, headers=replayed)
        answer: HttpAnswer | None = None
        try:
            answer = await self._carry_out(told, content)
        except (RequestError, ProblemError) as exc:
            answer = told.refuse(exc)
        finally:
            self._kept.finish(request, answer, trio.current_time())
        return answer

    async def _carry_out(self, told: Telling, content: bytes) -> HttpAnswer:
        operation = told.operation
        asked = Asked(
            desk=self.desk,
            options=self.gate.options,
            holder=told.holder,
            path=told.path,
            path_values=told.scope["path_params"],
            query=read_query(told.raw_query, operation.query),
            body=_read(operation, told.content_type, content),
            content_type=told.content_type,
            raw_query=told.raw_query,
            traceparent=told.traceparent,
        )
        outcome = operation.run(asked)
        if isinstance(outcome, Awaitable):
            outcome = await outcome
        if isinstance(outcome, Outcome):
            return HttpAnswer(operation.status, encode(outcome.content), headers=outcome.headers)
        return outcome

    def _audit(self, told: Telling) -> None:
        call = told.scope["path_params"].get("call")
        self.desk.audit(told.who, told.operation.name, call, told.status)


class Telling:
    """One request while it is being answered."""

    __slots__ = ("headers", "holder", "operation", "scope", "status", "who")

    def __init__(self, operation: Operation, scope: Mapping[str, Any]) -> None:
        self.operation = operation
        self.scope = scope
        self.headers: dict[bytes, bytes] = dict(scope["headers"])
        self.holder: Holder | None = None
        self.who = NOBODY
        self.status = 500
        """What stays when nobody foresaw how it ended."""

    @property
    def path(self) -> str:
        """Return the path as it was asked for."""
        return str(self.scope["path"])

    @property
    def raw_query(self) -> str:
        """Return what stands behind the question mark."""
        return bytes(self.scope["query_string"]).decode("latin-1")

    @property
    def peer(self) -> str:
        """Return the far end's address."""
        return peer_of(self.scope)

    @property
    def content_type(self) -> str:
        """Return the body's type, or an empty string."""
        return self.headers.get(b"content-type", b"").decode("latin-1")

    @property
    def traceparent(self) -> str | None:
        """Return the W3C trace context, unless it is malformed."""
        given = self.headers.get(b"traceparent", b"").decode("latin-1")
        return given if _TRACEPARENT.fullmatch(given) else None

    def note(self, answer: HttpAnswer) -> HttpAnswer:
        """Remember how it ended."""
        self.status = answer.status
        return answer

    def refuse(self, error: RequestError | ProblemError) -> HttpAnswer:
        """Return why this request was not carried out as an answer."""
        problem = problem_of(error)
        problem.instance = self.path
        headers = error.headers if isinstance(error, ProblemError) else ()
        return self.note(problem_answer(problem, headers))


def peer_of(scope: Mapping[str, Any]) -> str:
    """Return the far end's address; all that come by a Unix socket are one."""
    client = scope.get("client")
    return str(client[0]) if client else "unix"


def _read(operation: Operation, content_type: str, content: bytes) -> Any:
    if operation.form == "audio":
        return content
    if operation.form == "none":
        return None
    if not content.strip():
        if operation.body_needed:
            raise ProblemError("invalid", f"{operation.name} needs a body, a JSON object")
        return operation.body()
    if content_type and not _JSON.fullmatch(content_type):
        raise ProblemError("media-type", "send application/json")
    return read_json(content, operation.body)
