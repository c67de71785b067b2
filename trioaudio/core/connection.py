"""What a call needs from outside: a media connection, and ways to get one.

`net` implements these; `call` and `pacer` know only this file, so nothing above assumes a
WebSocket.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

import attrs

from trioaudio.core.carrier import PREFIX_LENGTH, Message, Transfer


@attrs.frozen
class Closing:
    """How the far end closed a connection in good order."""

    code: int | None = None
    reason: str | None = None

    def __str__(self) -> str:
        """Read well in a log line."""
        return " ".join(str(each) for each in (self.code, self.reason) if each) or "no code"


class Inbound(Protocol):
    """A message received, not looked at yet: unmasking and decoding cost, so they are asked for."""

    def prefix(self, length: int = PREFIX_LENGTH) -> Message:
        """Return its beginning: enough to tell media from the rest."""
        ...

    def kind(self) -> int:
        """Return a number that messages have in common which begin alike, cheaply.

        Those of one number have the same `beginning`.
        """
        ...

    def beginning(self) -> Message:
        """Return what the `kind` is a number of."""
        ...

    def message(self) -> Message:
        """Return it whole; UnicodeDecodeError if a text message is no UTF-8."""
        ...


class Outlet(Protocol):
    """The sending side of a connection as the pacer uses it: nothing here waits."""

    @property
    def stalled(self) -> bool:
        """Whether bytes accepted earlier still wait for the socket to take them."""
        ...

    def try_send(self, data: bytes) -> bool:
        """Send whole wire units now, or say False and take nothing if the socket is stalled.

        What is taken is never torn: what the kernel does not take at once is kept and goes
        before anything else. Raises LegLostError when the connection is gone.
        """
        ...


class Inlet(Protocol):
    """The receiving side of a connection as the pacer uses it: nothing here waits."""

    @property
    def ended(self) -> bool:
        """Whether nothing more can be read."""
        ...

    def fileno(self) -> int:
        """Return the descriptor the kernel can be asked about."""
        ...

    def fetch(self) -> bytes | None:
        """Read what has come: one system call or a few. None when there is nothing to `push`."""
        ...

    def push(self, data: bytes) -> None:
        """Take apart what was fetched, and hand its messages on to whom `receive` was told.

        Raises what that raises.
        """
        ...


class MediaConnection(Protocol):
    """One open media connection. Sending never waits; receiving never waits for playout."""

    @property
    def peer(self) -> str:
        """The far end's address, for logs."""
        ...

    @property
    def outlet(self) -> Outlet:
        """Where the pacer sends; the same object for the connection's life."""
        ...

    @property
    def inlet(self) -> Inlet | None:
        """What `receive` leaves to others to read, if it is told to; None: it always reads."""
        ...

    def wire(self, message: Message) -> bytes:
        """Return a message as the bytes that go on the wire: WebSocket header and mask, or TLV."""
        ...

    def send_control(self, data: bytes) -> None:
        """Send wire units in order, even while stalled.

        Raises LegLostError when the connection is gone or too much waits already.
        """
        ...

    async def wait_flushed(self) -> None:
        """Wait until the socket has taken everything; LegLostError when it is gone."""
        ...

    def start_soon(self, serve: Callable[[], Awaitable[None]]) -> None:
        """Run a task while the connection is open; what it raises ends the connection."""
        ...

    async def receive(
        self, on_message: Callable[[Inbound], None], *, polled: bool = False
    ) -> Closing:
        """Hand every message to `on_message` until the far end closes in good order.

        `polled`: somebody reads the `inlet` until this returns. A task that does it for each of a
        thousand legs costs four times as much. `on_message` must not wait. Raises LegLostError when
        the connection breaks, RemoteProtocolError when the far end breaks the protocol.
        """
        ...

    def ping(self) -> None:
        """Ask the far end for a sign of life; LegLostError when the connection is gone.

        Nothing is waited for: whatever is heard afterwards is a sign of life.
        """
        ...

    @property
    def heard(self) -> int:
        """A count that grows whenever anything comes from the far end."""
        ...

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        """Close in good order; the caller bounds it in time."""
        ...


class CallControlLink(Protocol):
    """The way round the media connection to the telephone call: the carrier's REST interface.

    `call_id` is what the carrier called the call on the media stream, None if it did not. Both
    are bounded in time, and raise a TrioaudioError when the carrier does not do it.
    """

    @property
    def transfers(self) -> bool:
        """Whether it can connect the callee to somebody else."""
        ...

    async def hang_up(self, call_id: str | None) -> None:
        """End the telephone call."""
        ...

    async def transfer(self, call_id: str | None, transfer: Transfer) -> None:
        """Connect the callee to somebody else."""
        ...


Connect: TypeAlias = Callable[[float | None], AbstractAsyncContextManager[MediaConnection]]
"""Opens a connection: dials (client role), or waits for the carrier to come (server role).

The argument is how many seconds a carrier may take to come, None for ever. LegLostError when
there is no connection to be had, LegRefusedError when the far end says no.
"""
