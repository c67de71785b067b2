"""Serve one answer document at one path, for carriers that fetch what to do with a call.

Its own small server beside the media listener: GET of the path nobody can guess is answered,
everything else is refused, and every connection is closed after one answer.
"""

from __future__ import annotations

import secrets
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus

import attrs
import h11
import trio

from trioaudio.core.call_control import AnswerDocument
from trioaudio.net.listening_socket import bind
from trioaudio.net.media_socket import host_port

PATIENCE_S = 10.0
"""How long a connection may take for all of it."""
HEAD_LIMIT = 16 * 1024
MOST_CONNECTIONS = 64
_TOKEN_BYTES = 24


@attrs.define(eq=False)
class AnswerPage:
    """Where the document is, and what it says; nothing before it is told."""

    path: str
    address: str
    """HOST:PORT as bound."""
    document: AnswerDocument | None = None
    fetched: int = 0


@asynccontextmanager
async def open_answer_page(
    host: str, port: int, tls_context: ssl.SSLContext | None = None
) -> AsyncIterator[AnswerPage]:
    """Serve a document while the block runs; port 0 is any. ConfigError when it cannot listen."""
    with bind(host, port) as sock:
        page = AnswerPage(
            f"/answer/{secrets.token_urlsafe(_TOKEN_BYTES)}", host_port(sock.getsockname()[:2])
        )
        room = trio.CapacityLimiter(MOST_CONNECTIONS)
        listener: trio.abc.Listener[trio.abc.Stream] = trio.SocketListener(
            trio.socket.from_stdlib_socket(sock)
        )
        if tls_context is not None:
            listener = trio.SSLListener(listener, tls_context)
        async with trio.open_nursery() as nursery:
            serve = partial(_serve, page, room)
            await nursery.start(trio.serve_listeners, serve, [listener])
            yield page
            nursery.cancel_scope.cancel()


async def _serve(page: AnswerPage, room: trio.CapacityLimiter, stream: trio.abc.Stream) -> None:
    """Live one connection; what a client does wrong is its own affair."""
    async with stream, room:
        with trio.move_on_after(PATIENCE_S):
            try:
                await _answer(page, stream)
            except (trio.BrokenResourceError, h11.RemoteProtocolError):
                return


async def _answer(page: AnswerPage, stream: trio.abc.Stream) -> None:
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
    while (event := connection.next_event()) is h11.NEED_DATA:
        connection.receive_data(bytes(await stream.receive_some(HEAD_LIMIT)))
    if not isinstance(event, h11.Request):
        return
    status, content_type, body = _choose(page, event)
    head = h11.Response(
        status_code=status.value,
        headers=[
            ("Content-Type", content_type),
            ("Content-Length", str(len(body))),
            ("Connection", "close"),
            ("Cache-Control", "no-store"),
        ],
        reason=status.phrase.encode(),
    )
    data = connection.send(head) or b""
    if event.method != b"HEAD":
        data += connection.send(h11.Data(data=body)) or b""
    await stream.send_all(data)


def _choose(page: AnswerPage, request: h11.Request) -> tuple[HTTPStatus, str, bytes]:
    """Return the answer to a request: what it is, its type, and its body."""
    path = request.target.decode("ascii", "replace").partition("?")[0]
    plain = "text/plain; charset=utf-8"
    if page.document is None or not secrets.compare_digest(path.encode(), page.path.encode()):
        return HTTPStatus.NOT_FOUND, plain, b"no answer document is here\n"
    if request.method not in (b"GET", b"HEAD"):
        return HTTPStatus.METHOD_NOT_ALLOWED, plain, b"it is fetched by GET\n"
    page.fetched += 1
    return HTTPStatus.OK, page.document.content_type, page.document.body.encode()
