"""A small HTTP/1.1 server for simulated services: keep-alive, streamed answers, upgrades.

A service gives routes; each request is read whole, with a bound, and answered by its route in the
connection's own task. What a client does wrong ends its connection and no other. Knows h11.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from http import HTTPStatus
from typing import TypeAlias
from urllib.parse import parse_qsl, unquote

import attrs
import h11
import trio

from trioaudio.simulators.services.websocket import (
    LOST,
    PeerGoneError,
    WebSocket,
    accept_websocket,
    reset,
    upgrade_problem,
)

HEAD_LIMIT = 16 << 10
BODY_LIMIT = 1 << 20
KEEP_ALIVE_SECONDS = 300
_READ_BYTES = 64 << 10
Headers: TypeAlias = Sequence[tuple[str, str]]


@attrs.frozen
class Request:
    """A request, its body read."""

    method: str
    path: str
    query: Mapping[str, str]
    """The last value of each name."""
    headers: Mapping[str, str]
    """Names in lower case; several of one name are joined by commas."""
    body: bytes = attrs.field(default=b"", repr=False)
    parameters: Mapping[str, str] = attrs.field(factory=dict)
    """What stood in the place of a route's `{name}`."""

    @property
    def wants_upgrade(self) -> bool:
        """Whether it asks for another protocol."""
        return "upgrade" in self.headers


@attrs.frozen
class Route:
    """What answers a method and a path; `{name}` in the path takes one segment.

    The method `WEBSOCKET` is a GET that asks for an upgrade.
    """

    method: str
    path: str
    answer: Callable[[Exchange], Awaitable[None]]

    def match(self, path: str) -> dict[str, str] | None:
        """Return what stands in the places of the names; None when it is another path."""
        wanted, given = self.path.split("/"), path.split("/")
        if len(wanted) != len(given):
            return None
        found: dict[str, str] = {}
        for want, is_given in zip(wanted, given, strict=True):
            if want.startswith("{"):
                found[want.strip("{}")] = unquote(is_given)
            elif want != is_given:
                return None
        return found


@attrs.define(eq=False)
class Exchange:
    """One request and the means to answer it: at once, bit by bit, by an upgrade, or rudely.

    All of them raise PeerGoneError when the client is gone.
    """

    request: Request
    _connection: h11.Connection
    _stream: trio.SocketStream

    async def respond(
        self,
        status: int,
        body: bytes | str = b"",
        *,
        content_type: str = "text/plain; charset=utf-8",
        headers: Headers = (),
    ) -> None:
        """Answer at once."""
        data = body.encode() if isinstance(body, str) else body
        length = ("Content-Length", str(len(data)))
        await self._start(status, [("Content-Type", content_type), length, *headers])
        if self.request.method != "HEAD":
            await self.send(data)
        await self.finish()

    async def respond_json(self, status: int, value: object, *, headers: Headers = ()) -> None:
        """Answer with a JSON value."""
        text = json.dumps(value)
        await self.respond(status, text, content_type="application/json", headers=headers)

    async def begin(self, status: int, *, content_type: str, headers: Headers = ()) -> None:
        """Begin a chunked answer: `send` as often as wanted, then `finish`.

        An answer that is begun and never finished ends with the connection, cut short.
        """
        chunked = ("Transfer-Encoding", "chunked")
        await self._start(status, [("Content-Type", content_type), chunked, *headers])

    async def send(self, data: bytes) -> None:
        """Send a part of the body; each call is a chunk."""
        if data:
            await self._write(h11.Data(data=data))

    async def finish(self) -> None:
        """End the body."""
        await self._write(h11.EndOfMessage())

    def accept_websocket(
        self, *, headers: Headers = (), subprotocol: str | None = None
    ) -> AbstractAsyncContextManager[WebSocket]:
        """Upgrade, and hold the WebSocket for a block; only for routes with WEBSOCKET."""
        early = self._connection.trailing_data[0]
        return accept_websocket(self._stream, self.request.headers, early, headers, subprotocol)

    def reset(self) -> None:
        """Reset the TCP connection."""
        reset(self._stream)

    async def _start(self, status: int, headers: list[tuple[str, str]]) -> None:
        try:
            reason = HTTPStatus(status).phrase
        except ValueError:
            reason = ""
        encoded = [(name.encode(), value.encode("latin-1")) for name, value in headers]
        await self._write(h11.Response(status_code=status, headers=encoded, reason=reason.encode()))

    async def _write(self, event: h11.Event) -> None:
        data = self._connection.send(event)
        if data:
            try:
                await self._stream.send_all(data)
            except (trio.BrokenResourceError, trio.ClosedResourceError) as exc:
                raise PeerGoneError("the client is gone while it was answered") from exc


async def serve_http(stream: trio.SocketStream, routes: Sequence[Route]) -> None:
    """Live one connection, from its first byte to its end; the caller closes the stream."""
    connection = h11.Connection(h11.SERVER, max_incomplete_event_size=HEAD_LIMIT)
    try:
        while await _serve_request(connection, stream, routes):
            connection.start_next_cycle()
    except* LOST:
        pass  # their own affair; the next connection is as good as new


async def _serve_request(
    connection: h11.Connection, stream: trio.SocketStream, routes: Sequence[Route]
) -> bool:
    """Read and answer one request; say whether another may follow on the connection."""
    exchange: Exchange | None = None
    try:
        with trio.move_on_after(KEEP_ALIVE_SECONDS):
            exchange = await _read_request(connection, stream)
    except h11.RemoteProtocolError as exc:
        if connection.our_state in (h11.IDLE, h11.SEND_RESPONSE):
            broken = Exchange(Request("", "", {}, {}), connection, stream)
            await broken.respond(exc.error_status_hint, f"{exc}\n", headers=_CLOSE)
        return False
    if exchange is None:
        return False
    await _answer(exchange, stream, routes)
    return connection.our_state is h11.DONE and connection.their_state is h11.DONE


_CLOSE: Headers = (("Connection", "close"),)


async def _read_request(connection: h11.Connection, stream: trio.SocketStream) -> Exchange | None:
    """Read one request; None when the client has no more."""
    head: h11.Request | None = None
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            if connection.they_are_waiting_for_100_continue:
                go_on = h11.InformationalResponse(status_code=100, headers=[])
                await stream.send_all(connection.send(go_on) or b"")
            connection.receive_data(await stream.receive_some(_READ_BYTES))
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > BODY_LIMIT:
                raise h11.RemoteProtocolError(
                    f"the body is longer than {BODY_LIMIT} bytes", error_status_hint=413
                )
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            return Exchange(_request(head, bytes(body)), connection, stream)
        else:  # ConnectionClosed
            return None


def _request(head: h11.Request, body: bytes) -> Request:
    path, _, query = head.target.decode("ascii").partition("?")
    headers: dict[str, str] = {}
    for raw_name, raw_value in head.headers:
        name, value = raw_name.decode("ascii").lower(), raw_value.decode("latin-1")
        headers[name] = f"{headers[name]}, {value}" if name in headers else value
    found = dict(parse_qsl(query, keep_blank_values=True))
    return Request(head.method.decode("ascii"), path, found, headers, body)


async def _answer(exchange: Exchange, stream: trio.SocketStream, routes: Sequence[Route]) -> None:
    request = exchange.request
    found = _find(request, routes)
    if isinstance(found, tuple):
        status, problem = found
        await exchange.respond(status, f"{problem}\n", headers=_CLOSE)
        return
    exchange.request = attrs.evolve(request, parameters=found.match(request.path) or {})
    if found.method == "WEBSOCKET":
        await found.answer(exchange)
        return
    async with trio.open_nursery() as nursery:
        nursery.start_soon(_watch, exchange, stream)
        await found.answer(exchange)
        nursery.cancel_scope.cancel()


def _find(request: Request, routes: Sequence[Route]) -> Route | tuple[int, str]:
    """Return the route, or the status and the reason why there is none."""
    here = [each for each in routes if each.match(request.path) is not None]
    if not here:
        return 404, f"nothing is at {request.path}"
    method = request.method
    if method == "GET" and request.wants_upgrade:
        problem = upgrade_problem(request.headers)
        if problem is not None:
            return 400, problem
        method = "WEBSOCKET"
    for each in here:
        if each.method == method:
            return each
    if any(each.method == "WEBSOCKET" for each in here):
        return 426, f"{request.path} is a WebSocket"
    return 405, f"{request.path} takes {' or '.join(each.method for each in here)}"


async def _watch(exchange: Exchange, stream: trio.SocketStream) -> None:
    """Notice that the client hangs up while nothing is sent to it."""
    data = await stream.receive_some(_READ_BYTES)
    if not data:
        raise PeerGoneError("the client hung up before the answer was complete")
    exchange._connection.receive_data(data)  # noqa: SLF001  a pipelined request, for later
