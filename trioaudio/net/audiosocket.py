"""AudioSocket media connections: bare TCP, which Asterisk opens to us, and no handshake.

https://docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket/. The first unit says which
call it is. It is looked at here to find whom the call is for, and left to be read again, so that
the carrier codec sees the whole conversation.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Final

import trio

from trioaudio.core.audiosocket_unit import (
    HEADER_BYTES,
    IDENTITY_BYTES,
    Kind,
    UnitSplitter,
    header,
    identity_text,
)
from trioaudio.core.carrier import Message
from trioaudio.core.connection import Closing, Inbound
from trioaudio.core.errors import LegLostError, LocalProtocolError, RemoteProtocolError
from trioaudio.net.media_socket import MediaSocket

CLOSE_S = 2.0
"""How long the far end may take to close after we did."""

_IDENTITY_HEADER: Final = header(Kind.IDENTITY, IDENTITY_BYTES)


def new_stream(sock: socket.socket, peer: str, largest: int) -> MediaSocket:
    """Own a connected non-blocking socket on which AudioSocket is spoken.

    `peer` names the far end in errors, `largest` is the longest unit in bytes it may send.
    """
    return MediaSocket(sock, peer, largest_message=largest, splitter=UnitSplitter())


async def read_id(stream: MediaSocket) -> str:
    """Return the UUID a connection begins with, as people write it; everything stays to be read.

    RemoteProtocolError when it begins with anything else, LegLostError when it ends or breaks
    before. Reads no more than it needs, but waits for ever: the caller bounds it in time.
    """
    start = await stream.peek(HEADER_BYTES)
    if start != _IDENTITY_HEADER:
        raise RemoteProtocolError(
            f"{stream.peer} does not speak AudioSocket: its first bytes are {start.hex(' ')},"
            f" where {_IDENTITY_HEADER.hex(' ')} and a UUID are due"
        )
    return identity_text((await stream.peek(HEADER_BYTES + IDENTITY_BYTES))[HEADER_BYTES:])


class AudioSocketMedia:
    """A MediaConnection over AudioSocket; messages are whole units, headers included."""

    __slots__ = (
        "_closed",
        "_closing_here",
        "_hung_up",
        "_receiving",
        "_socket",
        "inlet",
        "outlet",
        "peer",
        "send_control",
        "start_soon",
        "wait_flushed",
        "wire",
    )

    def __init__(self, media_socket: MediaSocket, nursery: trio.Nursery) -> None:
        self.start_soon = nursery.start_soon
        self._socket = media_socket
        self._closed = trio.Event()
        self._receiving = False
        self._closing_here = False
        self._hung_up = False
        self.peer = media_socket.peer
        self.wire: Callable[[Message], bytes] = _as_it_is
        # The hot path asks the socket itself, without a method of ours in between.
        self.outlet = self.inlet = media_socket
        self.send_control: Callable[[bytes], None] = media_socket.send_control
        self.wait_flushed = media_socket.wait_flushed

    async def receive(
        self, on_message: Callable[[Inbound], None], *, polled: bool = False
    ) -> Closing:
        """Hand on units until the far end hangs up or closes. See MediaConnection."""
        self._receiving = True

        def hand_on(unit: Inbound) -> None:
            if self._hung_up:
                return  # what stands behind a hang-up is for nobody
            message = unit.message()
            if len(message) > self._socket.largest_message:
                raise RemoteProtocolError(
                    f"{self.peer} sent a unit of {len(message)} bytes; the limit is"
                    f" {self._socket.largest_message}"
                )
            on_message(unit)
            if message[0] == Kind.HANG_UP:
                self._hung_up = True
                reading.cancel()

        with trio.CancelScope() as reading:
            if polled:
                self._socket.take_over(hand_on)
                await self._socket.wait_ended()
            else:
                await self._socket.pump(hand_on)
        if self._closing_here:
            self._socket.close_now()  # `close` waits for the end that has come
            await self._closed.wait()
            return Closing(reason="closed here")
        return self._closing()

    def _closing(self) -> Closing:
        """Tell an orderly end from a lost connection."""
        if self._hung_up:
            return Closing(reason="the far end hung up")
        if self._socket.failure is not None:
            raise LegLostError(self._socket.failure)
        if self._socket.closed:
            raise LegLostError(f"connection to {self.peer} was closed")
        return Closing(reason="the far end closed")

    def ping(self) -> None:
        """Ask nothing: there is no ping here, and Asterisk sends audio all the time."""

    @property
    def heard(self) -> int:
        """A count that grows whenever anything comes."""
        return self._socket.reads

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Send what was given before, and close; what is sent from now on is dropped."""
        del code, reason  # nothing here could carry them
        if self._closing_here:
            await self._closed.wait()
            return
        self._closing_here = True
        self._socket.end_media()
        self.send_control = _drop
        self.wait_flushed = self._wait_closed
        try:
            with trio.move_on_after(CLOSE_S):
                await self._wait_for_their_end()
        finally:
            self._socket.close_now()
            self._closed.set()

    async def _wait_closed(self) -> None:
        await self._closed.wait()
        raise LegLostError(f"connection to {self.peer} was closed")

    async def _wait_for_their_end(self) -> None:
        """Say that nothing more comes, and read until the far end says the same.

        To close with caller audio unread is a reset to TCP, and Asterisk hangs the call up over
        one, even when our hang-up unit, after which it would go on in its dialplan, came before.
        """
        with suppress(LegLostError, trio.BrokenResourceError, trio.ClosedResourceError):
            await self._socket.wait_flushed()
            await self._socket.send_eof()
        if self._receiving:
            await self._socket.wait_ended()
        else:
            await self._socket.pump(_ignore)


def _as_it_is(message: Message) -> bytes:
    if isinstance(message, str):
        raise LocalProtocolError("AudioSocket carries units, and no text")
    return message


def _drop(data: bytes) -> None:
    """Send nothing behind the end."""


def _ignore(unit: Inbound) -> None:
    """Take no interest in what is said after the end."""


@asynccontextmanager
async def audiosocket_media(stream: MediaSocket) -> AsyncIterator[AudioSocketMedia]:
    """Hold the connection Asterisk opened on `stream`, made by `new_stream`; closed on the way out.

    There is no handshake, so nothing can go wrong here.
    """
    try:
        async with trio.open_nursery() as nursery:
            yield AudioSocketMedia(stream, nursery)
            nursery.cancel_scope.cancel()
    finally:
        stream.close_now()
