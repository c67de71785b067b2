"""A carrier's REST interface on this machine: answers requests, and is the calls they place.

A call that is placed is answered at once: the simulated carrier dials the media URL in a process of
its own. Ending the call ends that process, as ending a telephone call ends its stream.
"""

from __future__ import annotations

import json
import os
import random
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path

import attrs
import trio

from trioaudio.simulators.rest import load_rest
from trioaudio.simulators.rest.desk import (
    Answer,
    FieldError,
    MediaTarget,
    Outcome,
    RefusedError,
    RestAccount,
    RestDesk,
    RestKind,
)
from trioaudio.simulators.rest_calling import CallIn, call_in, fetch, read_document
from trioaudio.simulators.ringing import Ringing
from trioaudio.simulators.services.faults import (
    AskedFault,
    FaultKind,
    Faults,
    Scope,
    Strikes,
    read_faults,
)
from trioaudio.simulators.services.http import Exchange, Route, serve_http

_REFUSE = FaultKind("refuse", Scope.UTTERANCE, "refused with HTTP status N", 400, (400, 599))
_RETRY_AFTER = FaultKind(
    "retry-after", Scope.UTTERANCE, "refused with 429 and Retry-After: N s", 1, (0, 3600)
)
_SILENT = FaultKind("silent", Scope.UTTERANCE, "read, and never answered")
_DROP = FaultKind("drop", Scope.UTTERANCE, "read, and the connection closed without an answer")
_DROP_AFTER = FaultKind("drop-after", Scope.UTTERANCE, "done, and the connection closed then")
_SLOW = FaultKind("slow", Scope.UTTERANCE, "answered after N ms", 1000, (0, 600_000))
_REDIRECT = FaultKind("redirect", Scope.UTTERANCE, "redirected to another URL")
_GARBAGE = FaultKind("garbage", Scope.UTTERANCE, "done, and answered 200 with no JSON")
_ECHO = FaultKind("echo", Scope.UTTERANCE, "refused with 400, all of the request in the message")
_UNANSWERED = FaultKind("unanswered", Scope.UTTERANCE, "the call rings and nobody answers")
FAULTS = (
    *(_REFUSE, _RETRY_AFTER, _SILENT, _DROP, _DROP_AFTER),
    *(_SLOW, _REDIRECT, _GARBAGE, _ECHO, _UNANSWERED),
)
_OK = 200
_SECRET = "TRIOAUDIO_SIMULATED_SECRET"  # noqa: S105  a variable's name


@attrs.frozen
class RestOptions:
    """All that was asked for."""

    carrier: str
    host: str = "127.0.0.1"
    port: int = 0
    account: RestAccount = RestAccount()
    faults: tuple[str, ...] = ()
    seed: int = 0
    dials: bool = True
    """Whether a placed call's media URL is dialled."""
    stream_secret: str = attrs.field(default="", repr=False)
    """What the media stream is proved with; empty: the account's secret, where that is so."""
    ring_s: float = 0.0
    out: Path | None = None
    """Folder of what each callee heard."""


@attrs.define(eq=False)
class OpenRest:
    """A REST interface that listens."""

    url: str
    """The base of all paths."""
    desk: RestDesk
    requests: Counter[str] = attrs.field(factory=Counter)
    """By method and route."""
    placed: list[MediaTarget] = attrs.field(factory=list)
    ended: list[str] = attrs.field(factory=list)
    transferred: list[str] = attrs.field(factory=list)
    call_in: Callable[[str], None] = lambda _url: None
    """Has a call come in: the URL of a webhook is asked what to do with it. ConfigError."""


@asynccontextmanager
async def open_rest(
    options: RestOptions, tell: Callable[[dict[str, object]], None] = lambda _event: None
) -> AsyncIterator[OpenRest]:
    """Serve while the block runs; calls still up are ended at its end. ConfigError."""
    kind = load_rest(options.carrier)
    asked = read_faults(options.faults, FAULTS)
    listeners = await trio.open_tcp_listeners(options.port, host=options.host)
    host, port, *_ = listeners[0].socket.getsockname()
    shown = f"[{host}]" if ":" in host else host
    async with trio.open_nursery() as nursery:
        opened = OpenRest(f"http://{shown}:{port}", RestDesk(options.account))
        counter = _Counter(kind, options, opened, tell, nursery, asked)
        opened.call_in = counter.call_in
        serve = partial(serve_http, routes=counter.routes())
        await nursery.start(trio.serve_listeners, serve, listeners)
        try:
            yield opened
        finally:
            nursery.cancel_scope.cancel()


class _Counter:
    """Answers requests, and does what they ask for."""

    def __init__(
        self,
        kind: RestKind,
        options: RestOptions,
        opened: OpenRest,
        tell: Callable[[dict[str, object]], None],
        nursery: trio.Nursery,
        asked: Sequence[AskedFault],
    ) -> None:
        self._kind = kind
        self._options = options
        self._opened = opened
        self._tell = tell
        self._nursery = nursery
        self._faults = Faults(asked, random.Random(options.seed))
        self._calls: dict[str, Ringing] = {}

    def routes(self) -> list[Route]:
        """Return what answers what."""
        return [
            Route(method, path, partial(self._answer, f"{method} {path}", answer))
            for method, path, answer in self._kind.routes
        ]

    async def _answer(self, name: str, answer: Answer, exchange: Exchange) -> None:
        self._opened.requests[name] += 1
        strikes = self._faults.strike(Scope.UTTERANCE)
        if await self._fail(strikes, exchange):
            return
        try:
            outcome = answer(self._opened.desk, exchange.request)
        except RefusedError as exc:
            self._tell({"event": "refused", "request": name, "status": exc.status})
            await _respond(exchange, exc.status, exc.body)
            return
        self._follow(outcome, strikes)
        if _DROP_AFTER in strikes:
            exchange.reset()
        elif _GARBAGE in strikes:
            await exchange.respond(200, "<html>Good gateway</html>", content_type="text/html")
        else:
            await _respond(exchange, outcome.status, outcome.body)

    async def _fail(self, strikes: Strikes, exchange: Exchange) -> bool:
        """Do what a fault wants before anything is carried out; say whether that was all."""
        if (slow := strikes.value(_SLOW)) is not None:
            await trio.sleep(slow / 1000)
        status, headers = strikes.value(_REFUSE), []
        if (seconds := strikes.value(_RETRY_AFTER)) is not None:
            status, headers = 429, [("Retry-After", f"{seconds:g}")]
        if _SILENT in strikes:
            await trio.sleep_forever()
        elif _DROP in strikes:
            exchange.reset()
        elif _REDIRECT in strikes:
            elsewhere = [("Location", "http://127.0.0.1:9/elsewhere")]
            await exchange.respond(307, headers=elsewhere)
        elif _ECHO in strikes:
            request = exchange.request
            said = f"no: {dict(request.headers)} {request.body.decode(errors='replace')}"
            body = {"message": said, "error": said, "detail": said, "msg": said}
            nested = {"RestException": {"Message": said}, "errors": [body]}
            await exchange.respond_json(400, {**body, **nested})
        elif status is not None:
            body_of = self._kind.refusal(int(status))
            await exchange.respond_json(int(status), body_of, headers=headers)
        else:
            return False
        return True

    def _follow(self, outcome: Outcome, strikes: Strikes) -> None:
        """Do what an accepted request asks for."""
        opened = self._opened
        if outcome.ended is not None:
            opened.ended.append(outcome.ended)
            self._tell({"event": "ended", "call_id": outcome.ended})
            opened.desk.end(outcome.ended)
            if (ringing := self._calls.pop(outcome.ended, None)) is not None:
                ringing.end()
        if outcome.transferred is not None:
            opened.transferred.append(outcome.transferred)
            self._tell({"event": "transferred", "call_id": outcome.transferred})
        if outcome.placed is not None:
            self._tell({"event": "placed", "call_id": outcome.placed})
            if outcome.target is not None:
                opened.placed.append(outcome.target)
            if self._options.dials and _UNANSWERED not in strikes:
                self._nursery.start_soon(self._call, outcome.placed, outcome)

    def call_in(self, url: str) -> None:
        """Have a call come in; what becomes of it is told."""
        self._nursery.start_soon(self._take_in, call_in(self._kind, self._opened.desk, url))

    async def _take_in(self, call: CallIn) -> None:
        """Ask what to do with a call, do that, and tell its end."""
        told = await call.ask()
        self._tell({"event": "asked", "call_id": call.call_id, "status": told.status})
        try:
            target = call.target(told) if told.status == _OK else None
        except FieldError as exc:
            self._tell({"event": "no-document", "url": call.url, "problem": str(exc)})
            target = None
        if target is not None:
            self._opened.placed.append(target)
            if self._options.dials:
                await self._call(call.call_id, Outcome(_OK, target=target))
            over = await call.ask(over=True)
            self._tell({"event": "told-end", "call_id": call.call_id, "status": over.status})

    async def _call(self, call_id: str, outcome: Outcome) -> None:
        """Be the call: ring, dial the media URL, and end with it."""
        ringing = self._calls[call_id] = Ringing()
        with ringing.scope:
            await trio.sleep(self._options.ring_s)
            target = outcome.target or await self._fetched(outcome.answer_url or "")
            if target is not None:
                report = await self._dial(call_id, target, ringing)
                self._tell({"event": "call-over", "call_id": call_id, "report": report})
        self._calls.pop(call_id, None)
        self._opened.desk.end(call_id)

    async def _fetched(self, url: str) -> MediaTarget | None:
        """Fetch the answer document and read it, as the carrier does when somebody answers."""
        try:
            document = await trio.to_thread.run_sync(fetch, url, abandon_on_cancel=True)
            target = read_document(self._kind, document)
        except (OSError, ValueError, FieldError) as exc:
            self._tell({"event": "no-document", "url": url, "problem": str(exc)})
            return None
        self._opened.placed.append(target)
        return target

    async def _dial(self, call_id: str, target: MediaTarget, ringing: Ringing) -> object:
        """Have the simulated carrier dial the media URL; return its report."""
        command = [
            *(sys.executable, "-m", "trioaudio.simulators.carrier", "--child"),
            *("--carrier", self._kind.name, "--dial", target.url),
            *("--rate", str(target.media.sample_rate)),
            *("--encoding", target.media.encoding.value),
        ]
        for name, value in target.headers:
            command += ["--header", f"{name}: {value}"]
        if self._options.out is not None:
            command += ["--out", str(self._options.out / f"{call_id.replace(':', '-')}.wav")]
        environ = dict(os.environ)
        secret = self._options.stream_secret
        if not secret and self._kind.signs:
            secret = self._options.account.secret
        if secret:
            command += ["--secret-env", _SECRET]
            environ[_SECRET] = secret
        out, err = await ringing.run(command, environ)
        lines = out.splitlines()
        if not lines:
            return {"problem": err.decode(errors="replace").strip()[-500:]}
        return json.loads(lines[-1])


async def _respond(exchange: Exchange, status: int, body: object) -> None:
    match body:
        case None:
            await exchange.respond(status)
        case str():
            await exchange.respond(status, body)
        case _:
            await exchange.respond_json(status, body)
