"""A carrier made of the `websockets` library, told frame by frame what to say and when to read."""

from __future__ import annotations

import socket
import struct
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from functools import partial

import trio
from websockets.exceptions import ConnectionClosed
from websockets.frames import Close, Frame
from websockets.frames import Opcode as FrameKind
from websockets.http11 import Request, Response
from websockets.trio.client import connect as dial_websocket
from websockets.trio.connection import Connection
from websockets.trio.server import ServerConnection, serve

from net.far_ends import PATH, Role, dialler
from trioaudio.core.connection import Connect
from trioaudio.net.admission import Admission
from trioaudio.net.listener import open_listener

LARGEST = 100_000
"""Bytes: the longest message it may send."""


class FarEnd:
    """A carrier that says what it is told, and reads only when it is told to.

    What is to be said is collected, and goes out in one piece with `utter`.
    """

    def __init__(self, role: Role) -> None:
        self.role = role
        self.came = trio.Event()
        self.gone = trio.Event()
        self.heard: list[str | bytes] = []
        self.pongs: list[bytes] = []
        self._reads = trio.Event()
        self._unsaid = bytearray()
        self._theirs: Connection | None = None

    async def hold(self, theirs: Connection) -> None:
        """Be this connection until told to go."""
        self._theirs = theirs
        process = theirs.process_event

        def note(event: Frame | Request | Response) -> None:
            if isinstance(event, Frame) and event.opcode is FrameKind.PONG:
                self.pongs.append(bytes(event.data))
            process(event)

        theirs.process_event = note  # type: ignore[method-assign]
        self.came.set()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._listen)
            await self.gone.wait()
            nursery.cancel_scope.cancel()

    @property
    def theirs(self) -> Connection:
        assert self._theirs is not None
        return self._theirs

    async def _listen(self) -> None:
        with suppress(ConnectionClosed):
            while True:
                await self._reads.wait()
                self.heard.append(await self.theirs.recv())

    def read(self) -> None:
        """Read from now on."""
        self._reads.set()

    def pause(self) -> None:
        """Read no more, but for the little that the library has room for."""
        if self._reads.is_set():
            self._reads = trio.Event()

    # What it says.

    def _take(self) -> None:
        self._unsaid += b"".join(self.theirs.protocol.data_to_send())

    def say(self, message: str | bytes) -> None:
        if isinstance(message, str):
            self.theirs.protocol.send_text(message.encode())
        else:
            self.theirs.protocol.send_binary(message)
        self._take()

    def say_part(self, text: str, *, last: bool = False) -> None:
        """Say a piece of a fragmented message."""
        protocol = self.theirs.protocol
        if protocol.expect_continuation_frame:
            protocol.send_continuation(text.encode(), fin=last)
        else:
            protocol.send_text(text.encode(), fin=last)
        self._take()

    def ping(self, payload: bytes) -> None:
        self.theirs.protocol.send_ping(payload)
        self._take()

    def close(self, code: int, reason: str) -> None:
        self.theirs.protocol.send_close(code, reason)
        self._take()

    def blurt(self, data: bytes) -> None:
        """Say what the library would never say."""
        self._unsaid += data

    async def utter(self) -> None:
        await self.utter_some(len(self._unsaid))

    async def utter_some(self, most: int) -> bool:
        """Put no more than so many bytes on the wire; say whether there were any."""
        data = bytes(self._unsaid[:most])
        del self._unsaid[:most]
        async with self.theirs.send_lock:
            await self.theirs.stream.send_all(data)
        return bool(data)

    # How it goes.

    async def abort(self) -> None:
        """Be gone with an RST."""
        stream = self.theirs.stream
        if isinstance(stream, trio.SSLStream):
            stream = stream.transport_stream
        assert isinstance(stream, trio.SocketStream)
        stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        await trio.aclose_forcefully(stream)

    async def close_half(self) -> None:
        stream = self.theirs.stream
        assert isinstance(stream, trio.SocketStream)
        await stream.send_eof()

    async def wait_closed(self) -> None:
        await self.theirs.wait_closed()

    # What it saw.

    @property
    def farewell(self) -> Close | None:
        """The close frame our end sent."""
        return self.theirs.protocol.close_rcvd

    @property
    def disgust(self) -> Exception | None:
        """What the library found wrong with what our end sent, if it was not merely cut off."""
        wrong = self.theirs.protocol.parser_exc
        return None if wrong is None or isinstance(wrong, EOFError) else wrong

    @property
    def cut_off(self) -> bool:
        """Whether the connection ended without a close frame."""
        return isinstance(self.theirs.protocol.parser_exc, EOFError)


def carrier_at(role: Role) -> AbstractAsyncContextManager[tuple[Connect, FarEnd]]:
    """Give what our end connects with, and the far end it comes to."""
    return _dialled(role) if role.dialling else _dialling(role)


@asynccontextmanager
async def _dialling(role: Role) -> AsyncIterator[tuple[Connect, FarEnd]]:
    tls, far = role.certificates, FarEnd(role)
    admission = Admission(largest_message=LARGEST, tls_context=tls.server if tls else None)
    async with open_listener("127.0.0.1", 0, admission) as listener:
        door = listener.open_door(PATH)

        async def dial() -> None:
            async with dial_websocket(
                listener.url(PATH),
                ssl=tls.client if tls else None,
                proxy=None,
                ping_interval=None,
                max_queue=1,
                compression=None,
                close_timeout=1,
            ) as theirs:
                await far.hold(theirs)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(dial)
            yield door.connect, far
            far.gone.set()
            nursery.cancel_scope.cancel()


@asynccontextmanager
async def _dialled(role: Role) -> AsyncIterator[tuple[Connect, FarEnd]]:
    tls, far = role.certificates, FarEnd(role)

    async def answer(theirs: ServerConnection) -> None:
        await far.hold(theirs)

    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            partial(
                serve,
                answer,
                0,
                host="127.0.0.1",
                ssl=tls.server if tls else None,
                ping_interval=None,
                max_queue=1,
                compression=None,
                close_timeout=1,
            )
        )
        port = server.listeners[0].socket.getsockname()[1]
        url = f"{'wss' if tls else 'ws'}://127.0.0.1:{port}{PATH}"
        yield dialler(url, tls=tls.client if tls else None, largest=LARGEST).connect, far
        far.gone.set()
        nursery.cancel_scope.cancel()
