"""A daemon at work in this process, on real loopback sockets, with the real embedded engine."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit

import attrs
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, wrap_client_stream

from trioaudio.api.events import Event
from trioaudio.calls.hub import Subscription
from trioaudio.client import Client
from trioaudio.configuration import load_configuration
from trioaudio.daemon.front_desk import FrontDesk
from trioaudio.daemon.notify import Notifier
from trioaudio.daemon.passed_sockets import PassedSockets
from trioaudio.daemon.tree import Addresses, Daemon

FRAME = 960
PATIENCE_S = 20.0


@attrs.define(eq=False)
class Node:
    """A daemon, where it listens, and what it tells."""

    daemon: Daemon
    addresses: Addresses
    client: Client
    environ: dict[str, str]
    exit_code: list[int]
    told: Subscription
    events: list[Event] = attrs.field(factory=list)

    @property
    def desk(self) -> FrontDesk:
        assert self.daemon.switchboard is not None
        return self.daemon.desk_of(self.daemon.switchboard)

    async def event(self, name: str, **facts: object) -> Event:
        """Wait for an event with such facts, and take it and those before it."""
        with trio.fail_after(PATIENCE_S):
            while True:
                for number, each in enumerate(self.events):
                    if each.__struct_config__.tag == name and all(
                        getattr(each, key) == value for key, value in facts.items()
                    ):
                        del self.events[: number + 1]
                        return each
                self.events += await self.told.inbox.take()

    async def ready(self) -> None:
        await wait_for(lambda: self.daemon.admission.readiness().ready)

    async def gone(self) -> None:
        """Wait until no call is up."""
        with trio.fail_after(PATIENCE_S):
            await self.daemon.roll.wait_empty()


@attrs.frozen
class Given:
    """What a service manager gives a daemon."""

    notifier: Notifier = attrs.field(factory=Notifier)
    passed: PassedSockets = attrs.field(factory=PassedSockets)


@asynccontextmanager
async def node(
    folder: Path,
    manager: Given | None = None,
    /,
    **settings: str,
) -> AsyncIterator[Node]:
    """Settings are given by their names without TRIOAUDIO_, in any case."""
    given = manager or Given()
    environ = {
        "TRIOAUDIO_STATE_FOLDER": str(folder / "state"),
        "TRIOAUDIO_CACHE_FOLDER": str(folder / "cache"),
        "TRIOAUDIO_MEDIA_LISTEN": "127.0.0.1:0",
        "TRIOAUDIO_CONTROL_LISTEN": "127.0.0.1:0",
        "TRIOAUDIO_MEDIA_AUTH": "off",
        "TRIOAUDIO_CARRIERS": "raw,twilio",
        "TRIOAUDIO_CPU_MOST": "0",
        "TRIOAUDIO_LATENESS_MOST_MS": "0",
        "TRIOAUDIO_LOOP_LAG_MOST_MS": "0",
        **{f"TRIOAUDIO_{name.upper()}": value for name, value in settings.items()},
    }

    def read() -> object:
        return load_configuration(environ, folder)

    daemon = Daemon(
        load_configuration(environ, folder),
        read,  # type: ignore[arg-type]
        notifier=given.notifier,
        passed=given.passed,
    )
    codes: list[int] = []

    async def run() -> None:
        codes.append(await daemon.run())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await daemon.listening.wait()
        addresses = daemon.addresses
        assert addresses is not None
        token = (folder / "state" / "control.token").read_text().strip()
        control = addresses.control
        url = control if control.startswith("http") else f"unix://{control}"
        with daemon.hub.subscribed() as told:
            async with Client(url, token) as client:
                made = Node(daemon, addresses, client, environ, codes, told)
                await made.ready()
                yield made
        nursery.cancel_scope.cancel()


@asynccontextmanager
async def raw_carrier(url: str) -> AsyncIterator[WebSocketConnection]:
    """A carrier that dials in, and leaves no socket behind however it ends."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    async with (
        await trio.open_tcp_stream(parts.hostname, parts.port) as stream,
        trio.open_nursery() as nursery,
    ):
        connection = await wrap_client_stream(nursery, stream, parts.netloc, parts.path)
        async with connection:
            yield connection
        nursery.cancel_scope.cancel()


async def knock(url: str) -> int:
    """Ask for an upgrade; return the HTTP status."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    async with await trio.open_tcp_stream(parts.hostname, parts.port) as stream:
        await stream.send_all(
            f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nConnection: Upgrade\r\n"
            "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
        )
        head = await stream.receive_some(4096)
    return int(head.split()[1])


async def wait_closed(connection: WebSocketConnection) -> int:
    """Read until the far end closes; return its code."""
    with trio.fail_after(PATIENCE_S):
        while True:
            try:
                await connection.get_message()
            except ConnectionClosed as exc:
                return 0 if exc.reason is None else int(exc.reason.code)


async def wait_for(condition: Callable[[], bool]) -> None:
    """Wait until something is so that nobody tells of."""
    with trio.fail_after(PATIENCE_S):
        while not condition():  # noqa: ASYNC110  see above
            await trio.sleep(0.02)


async def hear(connection: WebSocketConnection, frames: int) -> list[bytes]:
    """Receive so many frames of speech."""
    heard: list[bytes] = []
    with trio.fail_after(PATIENCE_S):
        while len(heard) < frames:
            message = await connection.get_message()
            if isinstance(message, bytes) and any(message):
                heard.append(message)
    return heard
