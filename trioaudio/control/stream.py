"""The stream: one WebSocket a client, for its commands, its events and the audio it listens to.

Requests are carried out in the order they came. One that may wait for somebody outside is begun
in that order, and what follows it is not kept waiting.
"""

from __future__ import annotations

from typing import Final

import trio
from msgspec import Struct

from trioaudio.api.request_error import RequestError
from trioaudio.api.requests import Command, Create, Listen, StreamRequest, Subscribe
from trioaudio.api.views import Answer, Cut, Done, Problem, Reply
from trioaudio.calls.hub import SubscriptionCutError
from trioaudio.control.command_routes import SLOW
from trioaudio.control.desk import Desk
from trioaudio.control.gate import Gate
from trioaudio.control.http_body import Receive
from trioaudio.control.problems import ProblemError, problem_of, read_json
from trioaudio.control.stream_audio import AudioTelling
from trioaudio.control.stream_events import EventTelling
from trioaudio.control.stream_out import CloseCode, StreamClosedError, StreamOut
from trioaudio.control.tokens import Holder

AT_ONCE: Final = 32
"""Slow requests of one stream that may be under way."""
_GOODBYE_S: Final = 1.0


class _Ref(Struct):
    ref: str = ""


class Stream:
    """One client's stream. Whichever of its tasks ends it cancels the others."""

    def __init__(
        self, desk: Desk, gate: Gate, holder: Holder, out: StreamOut, events: EventTelling
    ) -> None:
        self._desk = desk
        self._gate = gate
        self._holder = holder
        self._out = out
        self._slow = 0
        self._events = events
        self._audio = AudioTelling(desk, gate.options.tokens, holder, out)

    async def run(self, receive: Receive, stopping: trio.Event) -> None:
        """Carry out what comes and tell what happens, until either side ends it."""
        code: CloseCode | None = CloseCode.NORMAL
        reason = ""
        cut: Cut | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._events.run)
                nursery.start_soon(self._audio.run)
                nursery.start_soon(_end_when, stopping)
                await self._read_requests(receive, nursery)
                nursery.cancel_scope.cancel()
        except* _StoppingError:
            code, reason = CloseCode.GOING_AWAY, "the node is stopping"
        except* ProblemError as group:
            code, reason = CloseCode.POLICY, _first(group)
        except* SubscriptionCutError as group:
            code, reason = CloseCode.TRY_AGAIN_LATER, "too slow"
            cut = Cut(reason=reason, lost=_lost(group))
        except* StreamClosedError:
            code = None  # there is nobody left to say goodbye to
        if code is None:
            return
        if cut is not None:
            await self._out.try_to_send(cut)
        with trio.move_on_after(_GOODBYE_S, shield=True):
            await self._out.close(code, reason)

    async def _read_requests(self, receive: Receive, nursery: trio.Nursery) -> None:
        while True:
            text = await receive_text(receive)
            try:
                request = read_json(text, StreamRequest)
            except ProblemError as exc:
                await self._answer(_ref_of(text), exc.problem)
                continue
            if _is_slow(request):
                await self._begin(request, nursery)
            else:
                await self._carry_out(request)

    async def _begin(self, request: StreamRequest, nursery: trio.Nursery) -> None:
        if self._slow >= AT_ONCE:
            detail = f"{AT_ONCE} requests are under way on this stream; wait for their answers"
            await self._answer(request.ref, ProblemError("full", detail).problem)
            return
        self._slow += 1
        await nursery.start(self._carry_out_slowly, request)

    async def _carry_out_slowly(
        self, request: StreamRequest, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        task_status.started()  # what follows runs on until it waits, so the order is kept
        try:
            await self._carry_out(request)
        finally:
            self._slow -= 1

    async def _carry_out(self, request: StreamRequest) -> None:
        status = 500
        answer: Answer | None = None
        try:
            answer = await self._do(request)
            status = 200
        except (RequestError, ProblemError) as exc:
            problem = problem_of(exc)
            status = problem.status
            answer = Answer(ref=request.ref, problem=problem)
        finally:
            self._audit(request, status, answer)
        if request.ref or answer.problem is not None:
            await self._out.tell(answer)

    async def _do(self, request: StreamRequest) -> Answer:
        if not self._gate.options.tokens.knows(self._holder):
            raise ProblemError("token", "the token was revoked")
        self._gate.spend(self._holder)
        reply: Reply = Done()
        match request:
            case Command():
                self._gate.require(self._holder, "operator")
                reply = await self._desk.command(request.call, request.command)
            case Create():
                self._gate.require(self._holder, "operator")
                view = await self._desk.create_call(request.call, None)
                return Answer(ref=request.ref, call=view)
            case Subscribe():
                self._events.subscribe(request)
            case Listen():
                self._gate.require(self._holder, "operator")
                await self._audio.listen(request)
        return Answer(ref=request.ref, reply=reply)

    def _audit(self, request: StreamRequest, status: int, answer: Answer | None) -> None:
        match request:
            case Command():
                verb = str(request.command.__struct_config__.tag)
                self._desk.audit(self._holder.name, verb, request.call, status)
            case Create():
                made = None if answer is None or answer.call is None else answer.call.call
                self._desk.audit(self._holder.name, "create-call", made, status)
            case Listen():
                self._desk.audit(self._holder.name, "listen", request.call, status)
            case Subscribe():
                pass

    async def _answer(self, ref: str, problem: Problem) -> None:
        await self._out.tell(Answer(ref=ref, problem=problem))


class _StoppingError(Exception):
    """The node stops."""


async def _end_when(stopping: trio.Event) -> None:
    await stopping.wait()
    raise _StoppingError


async def receive_text(receive: Receive) -> str:
    """Return the next message; StreamClosedError, or ProblemError when it is a binary one."""
    while True:
        message = await receive()
        if message["type"] == "websocket.disconnect":
            raise StreamClosedError
        text = message.get("text")
        if text is not None:
            return str(text)
        raise ProblemError("bad-request", "requests are text messages")


def _is_slow(request: StreamRequest) -> bool:
    return isinstance(request, Create) or (
        isinstance(request, Command) and isinstance(request.command, SLOW)
    )


def _ref_of(text: str) -> str:
    try:
        ref: str = read_json(text, _Ref).ref
    except ProblemError:
        return ""
    return ref[:64]


def _first(group: ExceptionGroup[ProblemError]) -> str:
    error: BaseException = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return str(error)


def _lost(group: BaseExceptionGroup[SubscriptionCutError]) -> int:
    return sum(
        _lost(each) if isinstance(each, BaseExceptionGroup) else each.lost
        for each in group.exceptions
    )
