"""The routes about the node: what it is, whether it works, and what its operator tells it."""

from __future__ import annotations

import math
from typing import Final

from trioaudio.api.encoding import encode
from trioaudio.api.requests import Precache
from trioaudio.api.shapes import View
from trioaudio.api.views import CarrierView, Done, EngineView, NodeView, Prepared, VoiceView
from trioaudio.control.idempotency import HttpAnswer
from trioaudio.control.operation import Asked, Operation, Outcome
from trioaudio.control.problems import ProblemError
from trioaudio.control.queries import VoicesQuery


class ReadyView(View):
    """Whether new calls are taken, and if not, why."""

    ready: bool
    reason: str
    detail: str


def _live(_: Asked) -> HttpAnswer:
    return HttpAnswer(200, b"ok", "text/plain; charset=utf-8")


def _ready(asked: Asked) -> HttpAnswer:
    state = asked.desk.readiness()
    view = ReadyView(ready=state.ready, reason=state.reason, detail=state.detail)
    wait = max(1, math.ceil(state.retry_after_s or 5.0))
    headers = () if state.ready else (("Retry-After", str(wait)),)
    return HttpAnswer(200 if state.ready else 503, encode(view), headers=headers)


async def _metrics(asked: Asked) -> HttpAnswer:
    text, content_type = await asked.desk.metrics()
    return HttpAnswer(200, text, content_type)


def _node(asked: Asked) -> Outcome:
    return Outcome(asked.desk.node())


def _engines(asked: Asked) -> Outcome:
    return Outcome(asked.desk.engines())


def _carriers(asked: Asked) -> Outcome:
    return Outcome(asked.desk.carriers())


async def _voices(asked: Asked) -> Outcome:
    return Outcome(await asked.desk.voices(asked.query.engine))


async def _precache(asked: Asked) -> Outcome:
    return Outcome(await asked.desk.precache(asked.body))


def _drain(asked: Asked) -> Outcome:
    asked.desk.drain()
    return Outcome(Done())


async def _reload(asked: Asked) -> Outcome:
    if problems := await asked.desk.reload():
        raise ProblemError(
            "invalid",
            f"the configuration is as it was: {problems[0]}",
            errors=[{"field": "", "problem": each} for each in problems],
        )
    return Outcome(Done())


NODE_OPERATIONS: Final = (
    Operation(
        method="GET",
        path="/livez",
        name="live",
        summary="Answer as long as the process does.",
        guard="open",
        run=_live,
        head=True,
        media_type="text/plain",
    ),
    Operation(
        method="GET",
        path="/readyz",
        name="ready",
        summary="Say whether new calls are taken.",
        guard="open",
        run=_ready,
        head=True,
        reply=ReadyView,
        also={503: ReadyView},
    ),
    Operation(
        method="GET",
        path="/metrics",
        name="metrics",
        summary="Return the metrics for Prometheus.",
        guard="near",
        run=_metrics,
        media_type="text/plain",
    ),
    Operation(
        method="GET",
        path="/v1/node",
        name="node",
        summary="Describe the node.",
        guard="read-only",
        run=_node,
        reply=NodeView,
    ),
    Operation(
        method="GET",
        path="/v1/engines",
        name="engines",
        summary="List the engines of the chain, in order.",
        guard="read-only",
        run=_engines,
        reply=list[EngineView],
    ),
    Operation(
        method="GET",
        path="/v1/carriers",
        name="carriers",
        summary="List the carriers whose calls are taken.",
        guard="read-only",
        run=_carriers,
        reply=list[CarrierView],
    ),
    Operation(
        method="GET",
        path="/v1/voices",
        name="voices",
        summary="List voices.",
        guard="read-only",
        run=_voices,
        reply=list[VoiceView],
        query=VoicesQuery,
        faults=("not-found", "unsupported", "busy", "engine"),
    ),
    Operation(
        method="POST",
        path="/v1/precache",
        name="precache",
        summary="Make prompts and keep them; the answer comes when they are there.",
        guard="operator",
        run=_precache,
        reply=Prepared,
        form="json",
        body=Precache,
        body_needed=True,
        faults=("unsupported", "busy", "engine"),
    ),
    Operation(
        method="POST",
        path="/v1/drain",
        name="drain",
        summary="Take no new calls, and leave once those there are have ended.",
        guard="admin",
        run=_drain,
        status=202,
        reply=Done,
    ),
    Operation(
        method="POST",
        path="/v1/reload",
        name="reload",
        summary="Read the configuration anew, for new calls.",
        guard="admin",
        run=_reload,
        reply=Done,
    ),
)
