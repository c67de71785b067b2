"""Serve one answer document at one path, for carriers that fetch what to do with a call.

Its own small server beside the media listener: GET of the path nobody can guess is answered,
everything else is refused, and every connection is closed after one answer. The carrier asks at
once, strangers may only connect: when there is no room, who has asked nothing for longest goes.
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
from trioaudio.listening_place import bind
from trioaudio.net.far_address import address_of, site_of
from trioaudio.net.media_socket import host_port
from trioaudio.net.upgrade_head import HEAD_LIMIT, has_too_many_lines

PATIENCE_S = 3.0
"""How long a connection may take for all of it."""
MOST_CONNECTIONS = 64
MOST_OF_ONE_ADDRESS = 8
_TOKEN_BYTES = 24
_HEAD_END = b"\r\n\r\n"


@attrs.define(eq=False)
class AnswerPage:
    """Where the document is, and what it says; nothing before it is told."""

    path: str
    address: str
    """HOST:PORT as bound."""
    document: AnswerDocument | None = None
    fetched: int = 0


@attrs.define(eq=False)
class _Visit:
    """One connection, and whether it has asked yet."""

    site: str
    scope: trio.CancelScope
    asked: bool = False


class _Room:
    """Who is here: a bounded number of connections, and fewer of one address."""

    def __init__(self) -> None:
        self._visits: list[_Visit] = []  # the oldest first

    def enter(self, visit: _Visit) -> bool:
        """Let a connection in, if need be in another's place; False if there is none for it."""
        of_its_site = [each for each in self._visits if each.site == visit.site]
        if not self._make_room(of_its_site, MOST_OF_ONE_ADDRESS):
            return False
        if not self._make_room(self._visits, MOST_CONNECTIONS):
            return False
        self._visits.append(visit)
        return True

    def leave(self, visit: _Visit) -> None:
        """Forget a connection, if it is not forgotten yet."""
        if visit in self._visits:
            self._visits.remove(visit)

    def _make_room(self, among: list[_Visit], most: int) -> bool:
        """End the oldest that has asked nothing, if there are too many; False if all have asked."""
        if len(among) < most:
            return True
        silent = next((each for each in among if not each.asked), None)
        if silent is None:
            return False
        silent.scope.cancel()
        self._visits.remove(silent)
        return True


@asynccontextmanager
async def open_answer_page(
    host: str, port: int, tls_context: ssl.SSLContext | None = None
) -> AsyncIterator[AnswerPage]:
    """Serve a document while the block runs; port 0 is any. ConfigError when it cannot listen."""
    with bind(host, port) as sock:
        page = AnswerPage(
            f"/answer/{secrets.token_urlsafe(_TOKEN_BYTES)}", host_port(sock.getsockname()[:2])
        )
        room = _Room()
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


async def _serve(page: AnswerPage, room: _Room, stream: trio.abc.Stream) -> None:
    """Live one connection; what a client does wrong is its own affair."""
    # The closing is within the patience too: a far end that reads nothing could hold it up.
    with trio.move_on_after(PATIENCE_S) as scope:
        async with stream:
            visit = _Visit(_site(stream), scope)
            if not room.enter(visit):
                return
            try:
                await _answer(page, stream, visit)
            except (trio.BrokenResourceError, h11.RemoteProtocolError):
                return
            finally:
                room.leave(visit)


def _site(stream: trio.abc.Stream) -> str:
    """Return what stands for the far end in counts; nothing if it is gone already."""
    inner = stream.transport_stream if isinstance(stream, trio.SSLStream) else stream
    if not isinstance(inner, trio.SocketStream):
        return ""
    try:
        return site_of(address_of(inner.socket.getpeername()[0]))
    except OSError:
        return ""


async def _answer(page: AnswerPage, stream: trio.abc.Stream, visit: _Visit) -> None:
    request = await _read_head(stream)
    if request is None or has_too_many_lines(request):
        return
    visit.asked = True
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
    connection.receive_data(request)
    event = connection.next_event()
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


async def _read_head(stream: trio.abc.Stream) -> bytes | None:
    """Return a request's head and whatever came with it; None if it ends or is too long before."""
    head = b""
    while _HEAD_END not in head:
        data = await stream.receive_some(HEAD_LIMIT - len(head))
        head += data
        if not data or (len(head) == HEAD_LIMIT and _HEAD_END not in head):
            return None
    return head


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
