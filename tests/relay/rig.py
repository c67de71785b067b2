"""A relay between a call that nobody hears and an application on a real loopback WebSocket."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import trio
import trio_websocket

from relay.relay_desk import CALL, FakeDesk
from trioaudio.core.secret import Secret
from trioaudio.relay.runner import run_relay
from trioaudio.relay.terms import RelayEnded, RelayTerms

WAIT_S = 5.0
PATH = "/conversation"


@attrs.define(eq=False)
class App:
    """One connection as the application has it."""

    websocket: trio_websocket.WebSocketConnection
    headers: dict[str, str]
    path: str

    async def heard(self) -> dict[str, Any]:
        """Return the next message."""
        with trio.fail_after(WAIT_S):
            received: dict[str, Any] = json.loads(await self.websocket.get_message())
        return received

    async def say(self, *messages: dict[str, Any] | str | bytes) -> None:
        for each in messages:
            with trio.fail_after(WAIT_S):
                await self.websocket.send_message(
                    json.dumps(each) if isinstance(each, dict) else each
                )

    async def wait_closed(self) -> tuple[int, str | None]:
        """Read to the end; return the close code and reason."""
        with trio.fail_after(WAIT_S), contextlib.suppress(trio_websocket.ConnectionClosed):
            while True:
                await self.websocket.get_message()
        closed = self.websocket.closed
        assert closed is not None
        return closed.code, closed.reason


@attrs.define(eq=False)
class Server:
    """An application that leaves its connections to the test."""

    url: str
    connections: trio.MemoryReceiveChannel[App]

    async def connection(self) -> App:
        with trio.fail_after(WAIT_S):
            return await self.connections.receive()


@asynccontextmanager
async def serving() -> AsyncIterator[Server]:
    send, receive = trio.open_memory_channel[App](10)

    async def handle(request: trio_websocket.WebSocketRequest) -> None:
        websocket = await request.accept()
        headers = {name.decode().lower(): value.decode() for name, value in request.headers}
        send.send_nowait(App(websocket, headers, request.path))
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        server: trio_websocket.WebSocketServer = await nursery.start(
            trio_websocket.serve_websocket, handle, "127.0.0.1", 0, None
        )
        yield Server(f"ws://127.0.0.1:{server.port}{PATH}", receive)
        nursery.cancel_scope.cancel()


@attrs.define(eq=False)
class Relayed:
    """A relay at work."""

    desk: FakeDesk
    ended: RelayEnded | None = None
    over: trio.Event = attrs.field(factory=trio.Event)
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)

    async def run(
        self,
        url: str,
        terms: RelayTerms,
        headers: tuple[tuple[str, str], ...],
        token: Secret | None,
    ) -> None:
        with self.scope:
            self.ended = await run_relay(
                self.desk, CALL, url, headers=headers, auth_token=token, terms=terms
            )
        self.over.set()

    async def wait_ended(self) -> RelayEnded:
        with trio.fail_after(WAIT_S):
            await self.over.wait()
        assert self.ended is not None
        return self.ended


@attrs.define(eq=False)
class Talk:
    """Everything a test of a conversation wants."""

    desk: FakeDesk
    app: App
    relay: Relayed

    async def until(self, condition: Callable[[], object]) -> None:
        """Wait for what the desk comes to."""
        with trio.fail_after(WAIT_S):
            await self.desk.wait_until(condition)


@asynccontextmanager
async def relaying(
    desk: FakeDesk,
    url: str,
    terms: RelayTerms | None = None,
    headers: tuple[tuple[str, str], ...] = (),
    token: Secret | None = None,
) -> AsyncIterator[Relayed]:
    """Run a relay; it is cancelled at the end."""
    relay = Relayed(desk)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(relay.run, url, terms or RelayTerms(), headers, token)
        yield relay
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def talking(
    desk: FakeDesk | None = None, terms: RelayTerms | None = None
) -> AsyncIterator[Talk]:
    """Have an application connected, and its setup read."""
    desk = desk or FakeDesk()
    async with serving() as server, relaying(desk, server.url, terms) as relay:
        app = await server.connection()
        setup = await app.heard()
        assert setup["type"] == "setup"
        yield Talk(desk, app, relay)
