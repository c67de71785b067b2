"""Who may open a stream, and how many there are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final, TypeAlias

import attrs
import trio
from msgspec import Struct

from trioaudio.control.desk import Desk
from trioaudio.control.gate import Gate, bearer
from trioaudio.control.guests import keep_place
from trioaudio.control.http_body import Receive
from trioaudio.control.http_reception import peer_of, problem_answer
from trioaudio.control.problems import ProblemError, read_json
from trioaudio.control.stream import Stream, receive_text
from trioaudio.control.stream_events import EventTelling, EventTexts
from trioaudio.control.stream_out import CloseCode, StreamClosedError, StreamOut
from trioaudio.control.tokens import Holder

TOKEN_S: Final = 5.0
"""How long the token may take to come when it is not in the handshake."""
_RETRY_S: Final = 30.0

Send: TypeAlias = Callable[[Any], Awaitable[None]]


class _TokenMessage(Struct, tag_field="kind", tag="token", forbid_unknown_fields=True):
    token: str


@attrs.define(eq=False)
class StreamReception:
    """Serves streams until `stopping` is set, a bounded number at a time."""

    desk: Desk
    gate: Gate
    stopping: trio.Event
    _open: int = attrs.field(default=0, init=False)
    _texts: EventTexts = attrs.field(factory=EventTexts, init=False)

    async def serve(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one stream to its end."""
        await receive()  # websocket.connect
        peer = peer_of(scope)
        if bearer(scope["headers"]) is None:
            await self._serve_unknown(scope, peer, receive, send)
            return
        try:
            holder = self.gate.admit(scope["headers"], peer)
            if self._full:
                raise self._too_many()
        except ProblemError as exc:
            exc.problem.instance = scope["path"]
            await _refuse(exc, send)
            return
        with self._counted(scope):
            await send({"type": "websocket.accept"})
            await self._serve(holder, receive, StreamOut(send))

    async def _serve_unknown(
        self, scope: Mapping[str, Any], peer: str, receive: Receive, send: Send
    ) -> None:
        await send({"type": "websocket.accept"})
        out = StreamOut(send)
        try:
            holder = await self._wait_for_token(receive, peer)
        except ProblemError as exc:
            await out.close(CloseCode.POLICY, exc.problem.detail)
            return
        except StreamClosedError:
            return
        if self._full:
            await out.close(CloseCode.TRY_AGAIN_LATER, self._too_many().problem.detail)
            return
        with self._counted(scope):
            await self._serve(holder, receive, out)

    @property
    def _full(self) -> bool:
        return self._open >= self.gate.options.streams

    def _too_many(self) -> ProblemError:
        detail = f"{self._open} streams are open, and no more are taken; close one that is not used"
        return ProblemError("streams", detail, retry_after_s=_RETRY_S)

    @contextmanager
    def _counted(self, scope: Mapping[str, Any]) -> Iterator[None]:
        keep_place(scope)
        self._open += 1
        try:
            yield
        finally:
            self._open -= 1

    async def _serve(self, holder: Holder, receive: Receive, out: StreamOut) -> None:
        with self.desk.hub.subscribed(calls=()) as subscription:
            events = EventTelling(subscription, self._texts, self.gate.options.tokens, holder, out)
            await Stream(self.desk, self.gate, holder, out, events).run(receive, self.stopping)

    async def _wait_for_token(self, receive: Receive, peer: str) -> Holder:
        with trio.move_on_after(TOKEN_S):
            text = await receive_text(receive)
            try:
                token = read_json(text, _TokenMessage).token
            except ProblemError:
                raise ProblemError(
                    "token", 'the first message has to be {"kind":"token","token":"ta_…"}'
                ) from None
            return self.gate.admit_token(token, peer)
        raise ProblemError("token", f"no token came within {TOKEN_S:g} s")


async def _refuse(error: ProblemError, send: Send) -> None:
    answer = problem_answer(error.problem, error.headers)
    headers = [
        (b"content-type", answer.content_type.encode()),
        (b"content-length", b"%d" % len(answer.body)),
        *((name.lower().encode(), value.encode("latin-1")) for name, value in answer.headers),
    ]
    start = {"type": "websocket.http.response.start", "status": answer.status, "headers": headers}
    await send(start)
    await send({"type": "websocket.http.response.body", "body": answer.body, "more_body": False})
