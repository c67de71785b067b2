"""A receiver of webhooks on loopback: an HTTP server that answers as a test wants."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import attrs
import h11
import trio

Header = tuple[str, str]


@attrs.frozen
class Request:
    """One that was received whole."""

    method: str
    target: str
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def told(self) -> dict[str, Any]:
        """The body, decoded."""
        found: dict[str, Any] = json.loads(self.body)
        return found


@attrs.define(eq=False)
class Reply:
    """What is answered; `hangs` never does, `drops` closes instead."""

    status: int = 204
    headers: Sequence[Header] = ()
    body: bytes = b""
    hangs: bool = False
    drops: bool = False


def _well(_request: Request) -> Reply:
    return Reply()


@attrs.define(eq=False)
class WebhookReceiver:
    """Answers each request by `reply`, and keeps it."""

    reply: Callable[[Request], Reply] = _well
    requests: list[Request] = attrs.field(factory=list)
    url: str = ""
    connections: int = 0
    _came: trio.Event = attrs.field(factory=trio.Event)

    async def wait_requests(self, count: int) -> list[Request]:
        """Wait until so many have come."""
        with trio.fail_after(10):
            while len(self.requests) < count:
                self._came = trio.Event()
                await self._came.wait()
        return self.requests

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serve one connection."""
        self.connections += 1
        number = self.connections
        connection = h11.Connection(h11.SERVER)
        async with stream:
            while await self._serve_one(stream, connection, number):
                connection.start_next_cycle()

    async def _serve_one(
        self, stream: trio.abc.Stream, connection: h11.Connection, number: int
    ) -> bool:
        request = await _read(stream, connection, number)
        if request is None:
            return False
        reply = self.reply(request)
        self.requests.append(request)
        self._came.set()
        if reply.drops:
            return False
        if reply.hangs:
            await trio.sleep_forever()
        length = [] if reply.status == 204 else [("Content-Length", str(len(reply.body)))]
        response = h11.Response(status_code=reply.status, headers=[*reply.headers, *length])
        data = connection.send(response) or b""
        data += connection.send(h11.Data(data=reply.body)) or b""
        data += connection.send(h11.EndOfMessage()) or b""
        try:
            await stream.send_all(data)
        except trio.BrokenResourceError:
            return False
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE


async def _read(stream: trio.abc.Stream, connection: h11.Connection, number: int) -> Request | None:
    """Read a whole request; None when there is none any more."""
    head: h11.Request | None = None
    body = b""
    while not isinstance(event := connection.next_event(), h11.EndOfMessage):
        if event is h11.NEED_DATA:
            try:
                connection.receive_data(bytes(await stream.receive_some()))
            except trio.BrokenResourceError:
                return None
        elif isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        else:
            return None
    assert head is not None
    headers = {name.decode(): value.decode() for name, value in head.headers}
    return Request(head.method.decode(), head.target.decode(), headers, body, number)


@asynccontextmanager
async def a_receiver(
    reply: Callable[[Request], Reply] = _well, port: int = 0
) -> AsyncIterator[WebhookReceiver]:
    """Receive while the block runs."""
    receiver = WebhookReceiver(reply)
    async with trio.open_nursery() as nursery:
        serve = partial(trio.serve_tcp, receiver.serve, port, host="127.0.0.1")
        (listener,) = await nursery.start(serve)
        port = listener.socket.getsockname()[1]
        receiver.url = f"http://127.0.0.1:{port}/events?token=hush"
        yield receiver
        nursery.cancel_scope.cancel()
