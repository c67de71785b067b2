"""What keeps trio-websocket's reader from taking its users along when it falls."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

import attrs
import h11
import trio
import trio_websocket
import wsproto.utilities

OPENING_BYTES = 4096
"""So much of what the far end says first is kept, to tell why there is no WebSocket."""


@attrs.define(eq=False)
class Reader:
    """What trio-websocket starts its reader in: the socket's nursery, with a net below.

    The reader falls over what a service says: a refusal, junk in the handshake, a ping that
    crosses our close frame. That ends the socket, and nobody who uses it. And some waits of
    trio-websocket's never end when the reader has.
    """

    nursery: trio.Nursery
    stream: Opening
    ended: trio.Event = attrs.field(factory=trio.Event)
    error: Exception | None = None

    def start_soon(self, reader: Callable[[], Awaitable[None]]) -> None:
        """Start the reader: the one thing trio-websocket does with a nursery."""
        self.nursery.start_soon(self._read, reader)

    async def reads_until(self, wait: Callable[[], Awaitable[None]]) -> bool:
        """Wait for what only reading brings about; False when the socket ended before it."""
        done = False
        async with trio.open_nursery() as race:

            async def give_up_at_the_end() -> None:
                await self.ended.wait()
                race.cancel_scope.cancel()

            race.start_soon(give_up_at_the_end)
            with contextlib.suppress(trio_websocket.ConnectionClosed):
                await wait()
                done = True
            race.cancel_scope.cancel()
        return done

    async def _read(self, reader: Callable[[], Awaitable[None]]) -> None:
        try:
            await reader()
        except (
            trio_websocket.HandshakeError,
            trio_websocket.ConnectionClosed,
            wsproto.utilities.ProtocolError,
            h11.ProtocolError,
            UnicodeError,
        ) as exc:
            self.error = exc
            await trio.aclose_forcefully(self.stream)
        finally:
            self.ended.set()


class Opening(trio.abc.Stream):
    """A stream that keeps the first of what it receives, until `opening` is None.

    trio-websocket forgets the answer of a service that hangs up in the middle of it.
    """

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self.opening: bytearray | None = bytearray()

    async def receive_some(self, max_bytes: int | None = None) -> bytes | bytearray:
        data = await self._stream.receive_some(max_bytes)
        if self.opening is not None:
            self.opening += data[: OPENING_BYTES - len(self.opening)]
        return data

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        await self._stream.send_all(data)

    async def wait_send_all_might_not_block(self) -> None:
        await self._stream.wait_send_all_might_not_block()

    async def aclose(self) -> None:
        await self._stream.aclose()
