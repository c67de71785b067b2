"""Warm WebSockets to a service, and who may speak over which of them, in the order they came.

A guest is an utterance. It enters with a key, which is all that stands in a socket's URL, and is
seated as soon as a socket of that key has a place for it and the service's limit allows; what is
said over a socket is the affair of its `Conversation`. Everything here is decided without
waiting, so a guest can enter, leave or lose its socket at any moment and is always in one place.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter, deque
from collections.abc import Callable, Hashable
from typing import Generic, Protocol, TypeVar

import attrs
import trio

from trioaudio.core.backoff import Backoff
from trioaudio.core.engine import EngineLoad
from trioaudio.core.errors import EngineError
from trioaudio.engines._service_socket import (
    ServiceAddress,
    ServiceSocket,
    open_service_socket,
)
from trioaudio.engines._status import unavailable

TICK_S = 0.5
_SHORT_LIFE_S = 5.0
"""A socket that ends sooner by itself was of no use: the next warm one is not dialled at once."""
_MOST_UNSENT = 1024
"""Messages; a socket that does not take them is as good as lost."""
_WARM_BACKOFF = Backoff(first=0.5, cap=30.0, attempts=8)


class Guest(Protocol):
    """Who wants to speak."""

    def lost(self, error: EngineError) -> bool:
        """Learn that the socket is gone; True: wants a place at another one, before others."""
        ...

    def refuse(self, error: EngineError) -> None:
        """Learn that there will be no place."""
        ...

    def unheard_since(self) -> float | None:
        """Return since when it has waited for a sign of the service; None if it does not."""
        ...


G = TypeVar("G", bound=Guest)
K = TypeVar("K", bound=Hashable)


class Conversation(Protocol[G]):
    """What is said over one socket; nothing in it waits."""

    def places(self, now: float) -> int:
        """Return how many guests more may be seated; of two sockets the one with more is used."""
        ...

    def guests(self) -> list[G]:
        """Return who is seated."""
        ...

    def is_over(self) -> bool:
        """Say whether no guest is to be seated here any more."""
        ...

    def is_quiet(self) -> bool:
        """Say whether nobody is seated and nothing is to come: it could be closed."""
        ...

    def seat(self, guest: G, now: float) -> None:
        """Take a guest in."""
        ...

    def leave(self, guest: G, now: float) -> None:
        """Let a guest go, in the middle of its speech or after it."""
        ...

    def take(self, message: str | bytes, now: float) -> None:
        """Take what the service says. EngineError: nothing it says can be believed any more."""
        ...

    def tick(self, now: float) -> None:
        """Do what is due; called every TICK_S."""
        ...

    def explain(self, error: EngineError) -> EngineError:
        """Return what the end of the connection means: a close frame has the service's words."""
        ...


class Outbox:
    """What is to be sent over one socket; putting never waits."""

    def __init__(self) -> None:
        self._messages: deque[str] = deque()
        self._changed = trio.lowlevel.ParkingLot()
        self.sent_at = trio.current_time()
        """When something was last put here."""

    def __len__(self) -> int:
        """Return how much waits to be sent."""
        return len(self._messages)

    def put(self, message: str) -> None:
        """Send a message in its turn."""
        self._messages.append(message)
        self.sent_at = trio.current_time()
        self._changed.unpark_all()

    async def next(self) -> str:
        """Wait for the next message."""
        while not self._messages:
            await self._changed.park()
        return self._messages.popleft()


@attrs.define(eq=False)
class _Line(Generic[K, G]):
    """One socket, from the wish for it to its end."""

    key: K
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    outbox: Outbox = attrs.field(factory=Outbox)
    conversation: Conversation[G] | None = None
    """None while it is being opened."""
    is_worn: bool = False
    """Nobody more is to be seated here."""
    opened_at: float = 0.0
    heard_at: float = 0.0
    busy_at: float = 0.0

    def open(self, conversation: Conversation[G], now: float) -> None:
        self.conversation = conversation
        self.opened_at = self.heard_at = self.busy_at = now

    def places(self, now: float) -> int:
        return 0 if self.conversation is None or self.is_over else self.conversation.places(now)

    @property
    def conversation_now(self) -> Conversation[G]:
        assert self.conversation is not None
        return self.conversation

    @property
    def is_quiet(self) -> bool:
        return self.conversation is not None and self.conversation.is_quiet()

    @property
    def is_over(self) -> bool:
        return self.is_worn or (self.conversation is not None and self.conversation.is_over())


@attrs.frozen(kw_only=True)
class PoolLimits:
    """How many sockets there may be, and for how long."""

    concurrency: int
    """Guests seated at once over all sockets."""
    per_socket: int
    """Guests a fresh socket has places for."""
    sockets: int
    """Open at once, those being dialled included."""
    idle_s: float
    """A socket nobody uses is closed after so long, before the service does."""
    suspect_s: float
    """One that was silent for so long to a guest who left is given to nobody else."""
    longest_s: float = 3000.0
    """One older than this is given to nobody; services end sockets after an hour or so."""


@attrs.frozen
class PoolStatistics:
    """A snapshot of a pool."""

    sockets: int
    opening: int
    seated: int
    waiting: int
    unsent: int


class SeatPool(Generic[K, G]):
    """The sockets to one service, kept by `run`."""

    def __init__(
        self,
        engine: str,
        address: Callable[[K], ServiceAddress],
        converse: Callable[[K, Outbox], Conversation[G]],
        limits: PoolLimits,
    ) -> None:
        self._engine = engine
        self._address = address
        self._converse = converse
        self._limits = limits
        self._lines: set[_Line[K, G]] = set()
        self._to_open: deque[_Line[K, G]] = deque()
        self._begun: dict[G, K] = {}  # these wait for a place in the middle of their speech
        self._waiting: dict[G, K] = {}
        self._seats: dict[G, _Line[K, G]] = {}
        self._changed = trio.lowlevel.ParkingLot()
        self._warm: K | None = None
        self._failures = 0
        self._closed = False

    def statistics(self) -> PoolStatistics:
        """Return what it holds now."""
        return PoolStatistics(
            sockets=sum(each.conversation is not None for each in self._lines),
            opening=sum(each.conversation is None for each in self._lines),
            seated=len(self._seats),
            waiting=len(self._begun) + len(self._waiting),
            unsent=sum(len(each.outbox) for each in self._lines),
        )

    def load(self) -> EngineLoad:
        """Return what an engine on this pool holds."""
        now = self.statistics()
        return EngineLoad(
            open=now.sockets,
            opening=now.opening,
            speaking=now.seated,
            waiting=now.waiting,
            most=self._limits.concurrency,
        )

    def enter(self, guest: G, key: K, *, begun: bool = False) -> None:
        """Have a guest seated when its turn comes; one that has `begun` before all who have not."""
        if self._closed:
            guest.refuse(unavailable(self._engine, "it is being closed"))
            return
        (self._begun if begun else self._waiting)[guest] = key
        self._serve()

    def leave(self, guest: G) -> None:
        """Let a guest go, wherever it is."""
        self._begun.pop(guest, None)
        self._waiting.pop(guest, None)
        line = self._seats.pop(guest, None)
        if line is None or line.conversation is None:
            return
        now = trio.current_time()
        since = guest.unheard_since()
        if since is not None:
            # Not the guest's fault alone: nobody on this socket heard anything for too long.
            line.is_worn |= now - max(since, line.heard_at) >= self._limits.suspect_s
        line.conversation.leave(guest, now)
        self._serve()

    async def run(self, warm: K) -> None:
        """Open sockets as they are needed, and one for `warm` before it is."""
        self._warm = warm
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._keep_warm, warm)
                while True:
                    while self._to_open:
                        nursery.start_soon(self._live, self._to_open.popleft())
                    await self._changed.park()
        finally:
            self._close()

    def _close(self) -> None:
        self._closed = True
        gone = unavailable(self._engine, "it is being closed")
        for guest in [*self._begun, *self._waiting, *self._seats]:
            guest.refuse(gone)
        self._begun.clear()
        self._waiting.clear()
        self._seats.clear()

    async def _keep_warm(self, key: K) -> None:
        draw = random.Random()
        while True:
            if self._failures and not self._has(key):
                attempt = min(self._failures, _WARM_BACKOFF.attempts) - 1
                await trio.sleep(_WARM_BACKOFF.delay(attempt, draw.random()) or 0.0)
            if not self._has(key) and len(self._lines) < self._limits.sockets:
                self._open(key)
            await self._changed.park()

    def _has(self, key: K) -> bool:
        return any(each.key == key and not each.is_over for each in self._lines)

    def _open(self, key: K) -> None:
        line = _Line[K, G](key)
        self._lines.add(line)
        self._to_open.append(line)
        self._changed.unpark_all()

    def _serve(self) -> None:
        """Seat who can be seated, and open sockets for those who have none to come."""
        free = self._limits.concurrency - len(self._seats)
        if free <= 0 or not (self._begun or self._waiting):
            return
        now = trio.current_time()
        coming: Counter[K] = Counter()
        for line in self._lines:
            if line.conversation is None:
                coming[line.key] += self._limits.per_socket
        in_turn = itertools.chain(self._begun.items(), self._waiting.items())
        for guest, key in list(itertools.islice(in_turn, free)):
            best = self._best(key, now)
            if best is not None:
                self._begun.pop(guest, None)
                self._waiting.pop(guest, None)
                self._seats[guest] = best
                best.busy_at = now
                best.conversation_now.seat(guest, now)
                continue
            if coming[key] <= 0 and self._make_room(key, now):
                self._open(key)
                coming[key] = self._limits.per_socket
            coming[key] -= 1

    def _make_room(self, key: K, now: float) -> bool:
        """Say whether one more socket may be dialled for a key whose sockets have no place left.

        One that nobody uses may have to go for it: of the same key when it has no places, though
        the number is not reached, for a fresh one has; of another key when the number is.
        """
        spare = [each for each in self._lines if each.is_quiet]
        going = [each for each in spare if each.key == key and each.places(now) <= 0]
        if not going and len(self._lines) < self._limits.sockets:
            return True
        going += [each for each in spare if each.key != key]
        for line in going[:1]:
            self._lines.discard(line)
            line.scope.cancel()
        return bool(going)

    def _best(self, key: K, now: float) -> _Line[K, G] | None:
        """Return the socket with the most places."""
        fitting = [each for each in self._lines if each.key == key and each.places(now) > 0]
        return max(fitting, key=lambda each: each.places(now), default=None)

    async def _live(self, line: _Line[K, G]) -> None:
        """Live one socket, from the dialling to its end."""
        error: EngineError | None = None
        try:
            with line.scope:
                async with open_service_socket(self._address(line.key)) as socket:
                    line.open(self._converse(line.key, line.outbox), trio.current_time())
                    self._serve()
                    async with trio.open_nursery() as nursery:
                        nursery.start_soon(self._send, line, socket)
                        nursery.start_soon(self._tick, line)
                        await self._listen(line, socket)
        except EngineError as exc:
            error = exc
        finally:
            self._end(line, error)

    async def _send(self, line: _Line[K, G], socket: ServiceSocket) -> None:
        try:
            while True:
                await socket.send(await line.outbox.next())
        except EngineError as exc:
            # What the service said before it went says more than that it is gone.
            await trio.sleep(TICK_S)
            self._end(line, exc)

    async def _listen(self, line: _Line[K, G], socket: ServiceSocket) -> None:
        conversation = line.conversation_now
        try:
            while True:
                message = await socket.receive()
                line.heard_at = trio.current_time()
                conversation.take(message, line.heard_at)
                self._serve()
        except EngineError as exc:
            self._end(line, conversation.explain(exc))

    async def _tick(self, line: _Line[K, G]) -> None:
        """Do what is due on a socket until it is of no more use."""
        conversation = line.conversation_now
        while True:
            await trio.sleep(TICK_S)
            now = trio.current_time()
            conversation.tick(now)
            line.is_worn |= now - line.opened_at > self._limits.longest_s
            if len(line.outbox) > _MOST_UNSENT:
                self._end(line, unavailable(self._engine, "the connection takes nothing any more"))
            elif not conversation.is_quiet():
                line.busy_at = now
            elif line.is_over or now - line.busy_at >= self._limits.idle_s:
                self._end(line, None)
            self._changed.unpark_all()  # one that is over is replaced before it is gone
            self._serve()

    def _end(self, line: _Line[K, G], error: EngineError | None) -> None:
        """Give a socket up; its guests are told now, and go elsewhere or nowhere."""
        if line not in self._lines:
            return
        self._lines.discard(line)
        line.scope.cancel()
        self._count_failure(line, error)
        error = error or unavailable(self._engine, "the connection was closed")
        if line.conversation is None:
            in_turn = itertools.chain(self._begun.items(), self._waiting.items())
            counting = [guest for guest, key in in_turn if key == line.key]
            for guest in counting[: self._limits.per_socket]:
                self._begun.pop(guest, None)
                self._waiting.pop(guest, None)
                guest.refuse(error)
        for guest in [each for each, seat in self._seats.items() if seat is line]:
            del self._seats[guest]
            if not self._closed and guest.lost(error):
                self._begun[guest] = line.key
        self._changed.unpark_all()
        self._serve()

    def _count_failure(self, line: _Line[K, G], error: EngineError | None) -> None:
        if line.key != self._warm:
            return
        lived_s = trio.current_time() - line.opened_at if line.conversation is not None else 0.0
        failed = error is not None and lived_s < _SHORT_LIFE_S
        self._failures = self._failures + 1 if failed else 0
