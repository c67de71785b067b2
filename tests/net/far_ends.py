"""Far ends: the `websockets` library, and bare TCP for what that never does."""

from __future__ import annotations

import base64
import hashlib
import itertools
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from functools import partial
from typing import TypeAlias

import attrs
import trio
import trustme
from websockets.trio.client import connect as dial_websocket
from websockets.trio.connection import Connection
from websockets.trio.server import ServerConnection, serve

from trioaudio.core.carrier import Message
from trioaudio.core.connection import Closing, Inbound, Inlet, MediaConnection
from trioaudio.core.errors import TrioaudioError
from trioaudio.core.facts import Fact
from trioaudio.core.websocket_frame import Opcode, mask
from trioaudio.net.admission import Admission
from trioaudio.net.dialler import Dialler, parse_url
from trioaudio.net.door import Door, DoorPlan
from trioaudio.net.listener import Listener, open_listener
from trioaudio.net.media_socket import MediaSocket
from trioaudio.net.websocket import WebSocketMedia
from trioaudio.pacer import Pacer
from trioaudio.reading import Reading

PATIENCE = 8.0
"""Seconds until a test that waits is taken to hang."""

PATH = "/media/secret"
LARGEST = 1 << 20
KEY = b"\x01\x80\x7f\xfe"
ACCEPT_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

RawStream: TypeAlias = trio.SocketStream


@attrs.frozen
class Certificates:
    """What a TLS server shows, and what a client needs to trust it."""

    server: ssl.SSLContext
    client: ssl.SSLContext


def issue_certificates() -> Certificates:
    authority = trustme.CA()
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1", "localhost").configure_cert(server)
    client = ssl.create_default_context()
    authority.configure_trust(client)
    return Certificates(server, client)


async def until(condition: Callable[[], bool]) -> None:
    """Let the other tasks run until something is so."""
    for _ in itertools.count():
        if condition():
            return
        await trio.lowlevel.checkpoint()


# --- What our end hears -------------------------------------------------------------------


class Inbox:
    """Takes what `receive` hands on, and how it ended."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.closing: Closing | None = None
        self._news = trio.Event()

    def __call__(self, inbound: Inbound) -> None:
        self.messages.append(inbound.message())
        self._news.set()

    async def wait_for(self, count: int) -> list[Message]:
        while len(self.messages) < count:
            self._news = trio.Event()
            await self._news.wait()
        return self.messages


@asynccontextmanager
async def receiving(ours: MediaConnection) -> AsyncIterator[Inbox]:
    """Receive in the background while the block runs, and then until the far end has closed."""
    inbox = Inbox()

    async def receive() -> None:
        inbox.closing = await ours.receive(inbox)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(receive)
        yield inbox


@asynccontextmanager
async def read_by_a_pacer(inlet: Inlet) -> AsyncIterator[None]:
    """Have a pacer read, as a leg does, and raise what goes wrong in it."""
    pacer = Pacer()
    failures: list[Exception] = []
    failed = trio.Event()

    def fail(exc: Exception) -> None:
        failures.append(exc)
        failed.set()

    async def watch() -> None:
        await failed.wait()
        raise failures[0]

    reading = Reading(inlet, pacer.rounds, lambda _now: True, fail)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pacer.run)
        nursery.start_soon(watch)
        reading.start()
        try:
            yield
        finally:
            reading.stop()
            nursery.cancel_scope.cancel()


class PolledMedia(WebSocketMedia):
    """Our end of a WebSocket that a pacer reads, whoever asks it to receive."""

    __slots__ = ()

    async def receive(
        self, on_message: Callable[[Inbound], None], *, polled: bool = False
    ) -> Closing:
        del polled
        ended: Closing | TrioaudioError
        async with read_by_a_pacer(self._socket):
            try:
                ended = await super().receive(on_message, polled=True)
            except TrioaudioError as exc:  # as it is, without a group round it
                ended = exc
        if isinstance(ended, TrioaudioError):
            raise ended
        return ended


# --- A conversation with the websockets library -------------------------------------------


@attrs.frozen
class Conversation:
    ours: WebSocketMedia
    theirs: Connection

    @property
    def socket(self) -> MediaSocket:
        return self.ours.outlet


@attrs.frozen
class Role:
    """Which end we are, with TLS or without."""

    dialling: bool
    certificates: Certificates | None
    polled: bool = False
    """Whether a pacer reads, as it does for calls, in place of a task."""

    def converse(
        self, *, largest: int = LARGEST, max_queue: int | None = 16
    ) -> AbstractAsyncContextManager[Conversation]:
        return (
            _dialling(self, largest, max_queue)
            if self.dialling
            else _answering(self, largest, max_queue)
        )

    def take(self, ours: MediaConnection) -> WebSocketMedia:
        """Have our end read as this role says."""
        assert isinstance(ours, WebSocketMedia)
        if self.polled:
            ours.__class__ = PolledMedia
        return ours

    def shake_raw(
        self, *, largest: int = LARGEST
    ) -> AbstractAsyncContextManager[tuple[WebSocketMedia, RawStream]]:
        return _dialling_raw(self, largest) if self.dialling else _answering_raw(self, largest)

    def frame(self, first: int, payload: bytes) -> bytes:
        """Return a frame as this role's far end has to send it."""
        return frame(first, payload, None if self.dialling else KEY)


@contextmanager
def patience() -> Iterator[None]:
    with trio.fail_after(PATIENCE):
        yield


def dialler(
    url: str,
    *,
    tls: ssl.SSLContext | None = None,
    handshake_s: float = PATIENCE / 2,
    largest: int = LARGEST,
    subprotocols: tuple[str, ...] = (),
) -> Dialler:
    return Dialler(parse_url(url), (), subprotocols, tls, handshake_s, largest)


@asynccontextmanager
async def _answering(
    role: Role, largest: int, max_queue: int | None
) -> AsyncIterator[Conversation]:
    tls = role.certificates
    admission = Admission(largest_message=largest, tls_context=tls.server if tls else None)
    with patience():
        async with open_listener("127.0.0.1", 0, admission) as listener:
            door = listener.open_door(PATH)
            async with trio.open_nursery() as nursery:
                came = trio.Event()
                gone = trio.Event()
                theirs: list[Connection] = []

                async def dial() -> None:
                    async with dial_websocket(
                        listener.url(PATH),
                        ssl=tls.client if tls else None,
                        proxy=None,
                        ping_interval=None,
                        max_queue=max_queue,
                        close_timeout=1,
                    ) as websocket:
                        theirs.append(websocket)
                        came.set()
                        await gone.wait()

                nursery.start_soon(dial)
                async with door.connect(None) as ours:
                    await came.wait()
                    yield Conversation(role.take(ours), theirs[0])
                gone.set()
                nursery.cancel_scope.cancel()


@asynccontextmanager
async def _dialling(role: Role, largest: int, max_queue: int | None) -> AsyncIterator[Conversation]:
    tls = role.certificates
    with patience():
        async with trio.open_nursery() as nursery:
            came = trio.Event()
            gone = trio.Event()
            theirs: list[Connection] = []

            async def answer(websocket: ServerConnection) -> None:
                theirs.append(websocket)
                came.set()
                await gone.wait()

            server = await nursery.start(
                partial(
                    serve,
                    answer,
                    0,
                    host="127.0.0.1",
                    ssl=tls.server if tls else None,
                    ping_interval=None,
                    max_queue=max_queue,
                    close_timeout=1,
                )
            )
            port = server.listeners[0].socket.getsockname()[1]
            url = f"{'wss' if tls else 'ws'}://127.0.0.1:{port}{PATH}"
            dial = dialler(url, tls=tls.client if tls else None, largest=largest)
            async with dial.connect(None) as ours:
                await came.wait()
                yield Conversation(role.take(ours), theirs[0])
            gone.set()
            nursery.cancel_scope.cancel()


# --- Bare TCP -----------------------------------------------------------------------------


def frame(first: int, payload: bytes, key: bytes | None = None) -> bytes:
    """Return any frame, however wrong; `first` is its first byte."""
    bit = 0x80 if key else 0
    if len(payload) < 126:
        length = bytes((bit | len(payload),))
    elif len(payload) < 65536:
        length = bytes((bit | 126,)) + struct.pack("!H", len(payload))
    else:
        length = bytes((bit | 127,)) + struct.pack("!Q", len(payload))
    return bytes((first,)) + length + (key + mask(payload, key) if key else payload)


def close_frame(code: int, key: bytes | None = None) -> bytes:
    return frame(0x80 | Opcode.CLOSE, struct.pack("!H", code), key)


def upgrade_request(path: str = PATH, *more: str) -> bytes:
    lines = (
        f"GET {path} HTTP/1.1",
        "Host: localhost",
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Sec-WebSocket-Version: 13",
        *more,
    )
    return "\r\n".join((*lines, "", "")).encode("latin-1")


def upgrade_answer(request: bytes) -> bytes:
    key = request.lower().partition(b"sec-websocket-key: ")[2].split(b"\r\n")[0]
    at = request.lower().index(key)
    key = request[at : at + len(key)]
    token = base64.b64encode(hashlib.sha1(key + ACCEPT_GUID).digest())  # noqa: S324  RFC 6455
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + token + b"\r\n\r\n"
    )


async def read_head(stream: trio.abc.ReceiveStream) -> bytes:
    """Return an HTTP head; fail at the end of the stream."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        data = await stream.receive_some(1)
        assert data, head
        head += data
    return head


async def read_all(stream: trio.abc.ReceiveStream) -> bytes:
    """Return everything up to the end, however the stream ends."""
    parts = []
    try:
        async for part in stream:
            parts.append(part)  # noqa: PERF401  what came before a reset counts too
    except trio.BrokenResourceError:
        pass
    return b"".join(parts)


def port_of(listener: Listener) -> int:
    return int(listener.address.rpartition(":")[2])


def reset(stream: RawStream) -> None:
    """Close with an RST."""
    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


@asynccontextmanager
async def tcp_server(
    serve_one: Callable[[RawStream], Awaitable[None]], *, tls: ssl.SSLContext | None = None
) -> AsyncIterator[str]:
    """Serve bare TCP; gives the URL to dial."""
    with patience():
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(partial(trio.serve_tcp, serve_one, 0, host="127.0.0.1"))
            port = listeners[0].socket.getsockname()[1]
            yield f"{'wss' if tls else 'ws'}://127.0.0.1:{port}/"
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def _dialling_raw(
    role: Role, largest: int
) -> AsyncIterator[tuple[WebSocketMedia, RawStream]]:
    came: list[RawStream] = []
    gone = trio.Event()

    async def answer(stream: RawStream) -> None:
        await stream.send_all(upgrade_answer(await read_head(stream)))
        came.append(stream)
        await gone.wait()

    async with tcp_server(answer) as url, dialler(url, largest=largest).connect(None) as ours:
        await until(lambda: bool(came))  # our end may see the answer first
        yield role.take(ours), came[0]
        gone.set()


@asynccontextmanager
async def _answering_raw(
    role: Role, largest: int
) -> AsyncIterator[tuple[WebSocketMedia, RawStream]]:
    with patience():
        async with open_listener("127.0.0.1", 0, Admission(largest_message=largest)) as listener:
            door = listener.open_door(PATH)
            stream = await trio.open_tcp_stream("127.0.0.1", port_of(listener))
            async with stream:
                await stream.send_all(upgrade_request())
                async with door.connect(None) as ours:
                    await read_head(stream)
                    yield role.take(ours), stream


@attrs.frozen
class Opened:
    listener: Listener
    door: Door
    port: int
    facts: list[Fact] = attrs.field(factory=list)

    async def knock(self) -> RawStream:
        return await trio.open_tcp_stream("127.0.0.1", self.port)


PROBE_S = 0.1
"""Long enough for an answer on this machine, short enough to wait for."""


@asynccontextmanager
async def listening(
    admission: Admission | None = None, plan: DoorPlan | None = None, key: str = PATH
) -> AsyncIterator[Opened]:
    """A listener with one door, at PATH if nothing else is said."""
    plan = plan or DoorPlan(subprotocols=("audio.example",), probe_s=PROBE_S)
    facts: list[Fact] = []
    with patience():
        async with open_listener(
            "127.0.0.1", 0, admission or Admission(), facts.append
        ) as listener:
            yield Opened(listener, listener.open_door(key, plan), port_of(listener), facts)
