"""One utterance: clauses into contexts, one context at a time, until all of it is spoken.

A context goes on while its author keeps up. One that falls silent is ended before the service
forgets it, so an author who thinks holds no lease, and what comes next begins a new one. What a
context leaves unspoken is said again in another, if nobody has heard any of it.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import AsyncIterable, Callable

import attrs
import trio

from trioaudio.core.backoff import Backoff
from trioaudio.core.engine import PcmSink
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.engines._cartesia_connection import Connection
from trioaudio.engines._cartesia_context import Context, ContextPlace
from trioaudio.engines._cartesia_messages import Fields
from trioaudio.engines._cartesia_pool import Pool, copied
from trioaudio.engines._inbox import Inbox
from trioaudio.engines._leases import Leases
from trioaudio.lone_error import lone_error

DONE_S = 1.0
"""How long the end of a context that has said everything is waited for."""
REPEATS = 1
"""How often text that nobody heard is said again after a failure."""

MOST_TURNED_AWAY = 6
"""How often an utterance waits again after it was refused for the plan's limit."""

_TURNED_AWAY = Backoff(first=0.2, cap=2.0, attempts=MOST_TURNED_AWAY)
_PASSING = frozenset((EngineFault.TIMEOUT, EngineFault.UNAVAILABLE))


@attrs.frozen
class Ways:
    """What utterances share, and what they are asked to do."""

    pool: Pool
    leases: Leases
    draw: Callable[[], float]
    ahead_ms: float
    expiry_s: float


class Utterance:
    """The state of one `synthesize`; `speak` lives it."""

    def __init__(self, ways: Ways, fields: Fields, sample_rate: int) -> None:
        self.inbox = Inbox(sample_rate)
        self._ways = ways
        self._fields = fields
        self._sample_rate = sample_rate
        self._ticket = ways.leases.ticket()
        self._unsent: deque[str] = deque()
        self._author_ended = False
        self._place = ContextPlace(0, 0.0)
        self._context: Context | None = None
        self._connection: Connection | None = None
        self._repeats_left = REPEATS
        self._turned_away = 0
        self._changed = trio.Event()
        self._sent = trio.lowlevel.ParkingLot()

    async def speak(self, clauses: AsyncIterable[str], sink: PcmSink) -> None:
        """Speak all clauses into the sink. EngineError, after what came before it is written."""
        error: EngineError | None = None
        try:
            with lone_error():
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._read, clauses)
                    nursery.start_soon(self._converse)
                    try:
                        await self.inbox.deliver(sink)
                    except EngineError as exc:  # raised out there: cancelled as well, it is moot
                        error = exc
                    nursery.cancel_scope.cancel()
        finally:
            if self._context is not None and self._connection is not None:
                self._connection.cancel(self._context)
        if error is not None:
            raise error

    async def _read(self, clauses: AsyncIterable[str]) -> None:
        """Take the author's clauses, each when little of those before it is unwritten."""
        async for clause in clauses:
            self._unsent.append(clause)
            self._wake()
            await self._wait_hungry()
            if self.inbox.over:
                return
        self._author_ended = True
        self._wake()

    async def _wait_hungry(self) -> None:
        """Wait until all clauses taken are sent, and little of their audio is unwritten."""
        while not self.inbox.over:
            if self._unsent:
                await self._sent.park()
                continue
            await self.inbox.wait_below(self._ways.ahead_ms)
            if not self._unsent:  # no clause came back to be said again meanwhile
                return

    async def _converse(self) -> None:
        """Do what is due, one thing after the other, until all is spoken or an error is."""
        try:
            while not self._is_all_spoken():
                await self._step()
        except EngineError as exc:
            self.inbox.fail(exc)
        else:
            self.inbox.end()

    def _is_all_spoken(self) -> bool:
        return self._author_ended and not self._unsent and self._context is None

    async def _step(self) -> None:
        context, connection = self._context, self._connection
        if context is None or connection is None:
            if self._unsent:
                await self._begin_context()
            else:
                await self._wait(None)
        elif context.over:
            await self._conclude(context)
        elif context.ended_at is not None:
            await self._wait_done(context, connection)
        elif self._is_silent(context):
            context.expect_nothing()
            connection.end(context)
        elif self._unsent:
            self._send(context, connection)
        elif self._author_ended:
            connection.end(context)
        else:
            await self._wait(context.silent_at(self._ways.expiry_s))

    async def _begin_context(self) -> None:
        """Wait for a lease and a socket, and send the first clause of a new context."""
        ways = self._ways
        if self._turned_away > 1:  # the first time it is enough that somebody makes room
            await trio.sleep(_TURNED_AWAY.delay(self._turned_away - 2, ways.draw()) or 0.0)
        lease = await ways.leases.acquire(self._ticket)
        placed = False
        try:
            connection = await ways.pool.place()
            placed = True
        finally:
            if not placed:
                lease.release()
        self._connection = connection
        self._context = Context(
            str(uuid.uuid4()), self._fields, self._place, self.inbox, self._sample_rate, self._wake
        )
        connection.begin(self._context, lease)
        self._send(self._context, connection)

    def _send(self, context: Context, connection: Connection) -> None:
        connection.speak(context, self._unsent.popleft())
        if not self._unsent:
            self._sent.unpark_all()

    def _is_silent(self, context: Context) -> bool:
        silent_at = context.silent_at(self._ways.expiry_s)
        return silent_at is not None and trio.current_time() >= silent_at

    async def _conclude(self, context: Context) -> None:
        """Take up what a context that is over has left unspoken; EngineError if that cannot be."""
        await trio.lowlevel.checkpoint()
        if context.flushed:
            self._repeats_left, self._turned_away = REPEATS, 0
        unspoken = context.unspoken
        if context.error is not None and (unspoken is None or not self._may_repeat(context.error)):
            raise copied(context.error)  # others may raise it too
        self._context = None
        self._place = ContextPlace(
            self._place.clause + context.flushed, self._place.at_ms + context.audio_ms
        )
        self._unsent.extendleft(reversed(unspoken or ()))

    def _may_repeat(self, error: EngineError) -> bool:
        """Count that text nobody has heard is said again; False when that was often enough."""
        if error.kind is EngineFault.RATE:
            self._turned_away += 1
            return self._turned_away <= MOST_TURNED_AWAY
        self._repeats_left -= 1
        return error.kind in _PASSING and self._repeats_left >= 0

    async def _wait_done(self, context: Context, connection: Connection) -> None:
        """Wait for the end of a context that gets no more text.

        One that has said everything is waited for a moment only: another may begin meanwhile.
        """
        if not context.settled:
            await self._wait(None)
            return
        quiet_at = max(context.ended_at or 0.0, context.heard_at or 0.0) + DONE_S
        if self._unsent or trio.current_time() >= quiet_at:
            connection.leave(context)
            context.over = True
        else:
            await self._wait(quiet_at)

    async def _wait(self, until: float | None) -> None:
        """Wait until something has changed, or a time has come."""
        self._changed = trio.Event()
        with trio.CancelScope() as scope:
            if until is not None:
                scope.deadline = until
            await self._changed.wait()

    def _wake(self) -> None:
        self._changed.set()
