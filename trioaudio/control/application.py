"""The ASGI application: Litestar's routes, made of the operations and the stream."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import Any, Final

import h11
from litestar import Litestar, Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import HTTPException
from litestar.handlers import HTTPRouteHandler, asgi
from litestar.types import ASGIApp, Receive, Scope, Send

from trioaudio.control.http_body import AskerGoneError
from trioaudio.control.http_reception import HttpReception, problem_answer
from trioaudio.control.idempotency import HttpAnswer
from trioaudio.control.operation import Operation
from trioaudio.control.problems import a_bug, describe
from trioaudio.control.stream_reception import StreamReception

logger = logging.getLogger("trioaudio.control")
_BY_STATUS: Final = {404: "not-found", 405: "method", 413: "too-large", 415: "media-type"}


def build_application(
    operations: Iterable[Operation], reception: HttpReception, streams: StreamReception
) -> Litestar:
    """Return the application; it keeps no log and documents nothing by itself."""

    @asgi("/v1/stream", copy_scope=False)
    async def stream(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == ScopeType.WEBSOCKET:
            try:
                await streams.serve(scope, receive, send)
            except h11.LocalProtocolError:  # hypercorn's answer to a broken handshake
                logger.debug("a stream broke off while it was opened", exc_info=True)
            return
        problem = describe("upgrade", "this is a WebSocket: connect with one")
        problem.instance = scope["path"]
        await _as_app(problem_answer(problem, (("Upgrade", "websocket"),)))(scope, receive, send)

    return Litestar(
        [stream, *(_route(each, reception) for each in operations)],
        openapi_config=None,
        logging_config=None,
        debug=False,
        after_exception=[_log],
        exception_handlers={Exception: _explain},
        request_max_body_size=None,
    )


def _route(operation: Operation, reception: HttpReception) -> HTTPRouteHandler:
    async def answer(request: Request[Any, Any, Any]) -> ASGIApp:
        try:
            given = await reception.answer(operation, request.scope, request.receive)
        except AskerGoneError:
            return _say_nothing
        return _as_app(given)

    path = operation.path.replace("{call}", "{call:str}").replace("{utterance}", "{utterance:str}")
    methods = (operation.method, *(("HEAD",) if operation.head else ()))
    route = HTTPRouteHandler(
        path, http_method=methods, name=operation.name, status_code=operation.status
    )
    return route(answer)


def _as_app(answer: HttpAnswer) -> ASGIApp:
    headers = [
        (b"content-type", answer.content_type.encode("latin-1")),
        (b"content-length", b"%d" % len(answer.body)),
        (b"cache-control", b"no-store"),
        *(
            (name.lower().encode("latin-1"), value.encode("latin-1"))
            for name, value in answer.headers
        ),
    ]

    async def send_it(scope: Scope, _receive: Receive, send: Send) -> None:
        body = b"" if scope.get("method") == "HEAD" else answer.body
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": body, "more_body": False})

    return send_it


async def _say_nothing(_scope: Scope, _receive: Receive, _send: Send) -> None:
    """Leave it to the connection, which is being closed."""


def _log(exc: Exception, scope: Scope) -> None:
    if not isinstance(exc, HTTPException):
        logger.error("a request failed by a bug: %s", scope["path"], exc_info=exc)


def _explain(request: Request[Any, Any, Any], exc: Exception) -> Response[bytes]:
    """Answer what Litestar refused, or what nobody foresaw."""
    headers: tuple[tuple[str, str], ...] = ()
    if not isinstance(exc, HTTPException):
        problem = a_bug()
    elif exc.status_code == 405:
        allowed = (exc.headers or {}).get("allow", "")
        problem = describe("method", f"{request.url.path} takes {allowed or 'other methods'}")
        headers = (("Allow", allowed),) if allowed else ()
    elif exc.status_code == 404:
        problem = describe("not-found", "there is no such path; see /openapi.json")
    else:
        problem = describe(_BY_STATUS.get(exc.status_code, "bad-request"), exc.detail)
    problem.instance = request.scope["path"]
    answer = problem_answer(problem, headers)
    return Response(
        answer.body,
        status_code=answer.status,
        media_type=answer.content_type,
        headers=dict(answer.headers),
    )
