"""Connections to a Wyoming server: one text at a time on each, kept for the next one.

Plain TCP, no key and no TLS: https://github.com/OHF-Voice/wyoming
"""

from __future__ import annotations

import select
from collections import deque

import attrs
import trio

from trioaudio.core.errors import EngineError, EngineFault, FaultScope
from trioaudio.core.wyoming_event import Event, EventError, EventReader
from trioaudio.engines._cause_words import cause_words
from trioaudio.engines._status import broke_protocol, unavailable

NAME = "wyoming"
CONNECT_S = 5.0

_READ_BYTES = 64 << 10


class WyomingConnection:
    """A connection; one task uses it at a time."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self._stream = stream
        self._reader = EventReader()
        self._events: deque[Event] = deque()

    @property
    def quiet(self) -> bool:
        """Whether nothing came that nobody asked for, its end included."""
        if self._events or self._reader.midway:
            return False
        readable = select.poll()
        readable.register(self._stream.socket.fileno(), select.POLLIN)
        return not readable.poll(0)

    async def send(self, *events: Event) -> None:
        """Send events. EngineError of connection scope when the server is gone."""
        try:
            await self._stream.send_all(b"".join(event.encode() for event in events))
        except trio.BrokenResourceError as exc:
            raise unavailable(NAME, f"the connection was lost: {cause_words(exc)}") from None

    async def receive(self) -> Event:
        """Return the next event. EngineError: of connection scope when the server is gone."""
        while not self._events:
            try:
                data = await self._stream.receive_some(_READ_BYTES)
            except trio.BrokenResourceError as exc:
                raise unavailable(NAME, f"the connection was lost: {cause_words(exc)}") from None
            if not data:
                raise unavailable(NAME, "it closed the connection")
            try:
                self._events.extend(self._reader.push(bytes(data)))
            except EventError as exc:
                raise broke_protocol(NAME, f"it sent {exc}") from None
        return self._events.popleft()

    def close(self) -> None:
        """Close at once: it is how the server learns that nobody listens any more."""
        self._stream.socket.close()


@attrs.define(eq=False)
class WyomingPool:
    """Where connections come from, and where those that may be used again wait."""

    host: str
    port: int
    keep_s: float
    """Seconds after which a connection nobody used is not used again."""
    opened: int = 0
    """All there ever were."""
    open_now: int = 0
    _idle: list[tuple[float, WyomingConnection]] = attrs.field(factory=list)

    @property
    def idle(self) -> int:
        """Connections that wait for a text."""
        return len(self._idle)

    def take_idle(self) -> WyomingConnection | None:
        """Return the connection used last; None when none is as it was left."""
        while self._idle:
            since, connection = self._idle.pop()
            if connection.quiet and trio.current_time() - since <= self.keep_s:
                return connection
            self.discard(connection)
        return None

    async def connect(self) -> WyomingConnection:
        """Return a new connection. EngineError when nobody answers."""
        where = f"tcp://{self.host}:{self.port}"
        try:
            with trio.fail_after(CONNECT_S):
                stream = await trio.open_tcp_stream(self.host, self.port)
        except trio.TooSlowError:
            raise EngineError(
                f"{NAME} cannot be reached at {where} within {CONNECT_S:g} s",
                kind=EngineFault.TIMEOUT,
                retryable=True,
                scope=FaultScope.CONNECTION,
            ) from None
        except OSError as exc:
            raise unavailable(NAME, f"{where} cannot be reached: {cause_words(exc)}") from None
        self.opened += 1
        self.open_now += 1
        return WyomingConnection(stream)

    def keep(self, connection: WyomingConnection) -> None:
        """Keep a connection whose text is over for another one."""
        self._idle.append((trio.current_time(), connection))

    def discard(self, connection: WyomingConnection) -> None:
        """Close a connection that cannot be used again."""
        connection.close()
        self.open_now -= 1

    def discard_idle(self) -> None:
        """Close all that wait: what one of them met, the others will."""
        while self._idle:
            self.discard(self._idle.pop()[1])
