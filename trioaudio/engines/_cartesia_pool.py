"""The sockets to Cartesia: opened ahead of need, replaced before they go stale, never hammered.

A socket carries many contexts, so there are few: as many as the contexts of now fill, and no
fewer than are to be warm. One that was lost is dialled anew at once; one that cannot be dialled
waits for its backoff, and meanwhile utterances that find none open fail at once.
https://docs.cartesia.ai/use-the-api/concurrency-limits-and-timeouts
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import attrs
import trio

from trioaudio.core.backoff import Backoff
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.core.secret import MASK
from trioaudio.engines._cartesia_connection import Connection, Socket
from trioaudio.engines._cartesia_settings import NAME, CartesiaSettings
from trioaudio.engines._leases import Leases
from trioaudio.engines._status import unavailable

OpenSocket: TypeAlias = Callable[[], AbstractAsyncContextManager[Socket]]
"""Dials; EngineError when that fails."""
REST_S = 30.0
"""How long a service that has refused us for good is left alone: its operator has to act."""
STALE_S = 20.0
"""How long an idle socket is kept while its replacement is dialled."""

CROWD_S = 1.0
"""How long a context waits for a socket being dialled when the open ones are full."""

_BACKOFF = Backoff(first=0.5, cap=30.0, attempts=1_000_000)
_LEAST_WAIT_S = 0.1
_LASTING_S = 5.0  # a socket lost sooner, and never answered on, is as good as not dialled
_NEVER_S = 3600.0
_RETRIED = frozenset((EngineFault.TIMEOUT, EngineFault.RATE, EngineFault.UNAVAILABLE))


@attrs.frozen
class PoolStatistics:
    """A snapshot of the sockets."""

    sockets: int
    dialling: int
    contexts: int
    """Spoken, or waiting for a socket."""
    cancelled: int
    """Contexts that were cancelled and may still be spoken."""
    unsent: int
    ignored: int
    """Messages that meant nothing to us, on the sockets of now."""
    dialled: int
    """Dials there ever were."""


@attrs.frozen
class _Refusal:
    """Why nobody dials at the moment, and until when."""

    error: EngineError
    until: float


class Pool:
    """Sockets for contexts; `keep_sockets` is what opens, replaces and closes them."""

    def __init__(
        self,
        open_socket: OpenSocket,
        settings: CartesiaSettings,
        leases: Leases,
        draw: Callable[[], float],
    ) -> None:
        self._open_socket = open_socket
        self._leases = leases
        self._draw = draw
        self._secret = settings.api_key
        self._ping_s = settings.ping_s
        self._idle_s = settings.idle_s
        self._room = settings.contexts_per_socket
        self._warm = settings.warm_sockets
        self._most = max(1, self._warm, math.ceil(settings.concurrency / self._room))
        # All that changes: the open sockets in the order they opened, how many are being
        # dialled, who waits for one, and how dialling goes.
        self._open: list[Connection] = []
        self._dialling = 0
        self._placing = 0
        self._dialled = 0
        self._failures = 0
        self._refusal: _Refusal | None = None
        self._closed: EngineError | None = None
        self._keeper = trio.Event()
        self._placeable = trio.lowlevel.ParkingLot()

    @property
    def _live(self) -> list[Connection]:
        return [each for each in self._open if each.open]

    def statistics(self) -> PoolStatistics:
        """Return the counts of now."""
        each = [connection.statistics() for connection in self._open]
        return PoolStatistics(
            sockets=len(self._live),
            dialling=self._dialling,
            contexts=sum(one.contexts for one in each) + self._placing,
            cancelled=sum(one.cancelled for one in each),
            unsent=sum(one.unsent for one in each),
            ignored=sum(one.ignored for one in each),
            dialled=self._dialled,
        )

    async def place(self) -> Connection:
        """Wait for a socket that takes one more context, to be begun before anything is awaited.

        EngineError as soon as it is known that there will be none for now.
        """
        self._placing += 1
        try:
            await trio.lowlevel.checkpoint()
            crowd_at = trio.current_time() + CROWD_S
            while (connection := self._roomiest(crowd_at)) is None:
                self._raise_refusal()
                self._keeper.set()
                with trio.move_on_at(crowd_at if self._live else crowd_at + _NEVER_S):
                    await self._placeable.park()
            if self._missing(trio.current_time()):
                self._keeper.set()
            return connection
        finally:
            self._placing -= 1

    async def keep_sockets(self) -> None:
        """Keep as many sockets as are needed, until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                while True:
                    now = trio.current_time()
                    self._retire_unused(now)
                    if self._refusal_at(now) is None:
                        for _ in range(self._missing(now)):
                            self._dialling += 1
                            nursery.start_soon(self._live_socket)
                    self._keeper = trio.Event()
                    with trio.move_on_at(self._next_change(now)):
                        await self._keeper.wait()
        finally:
            self._closed = unavailable(NAME, "it has been closed")
            self._placeable.unpark_all()

    async def _live_socket(self) -> None:
        """Dial a socket, and serve it until it is retired or lost."""
        connection = Connection(self._leases, self._secret, self._ping_s)
        self._dialled += 1
        dialled_at = trio.current_time()
        opened = False
        error: EngineError | None = None
        try:
            async with self._open_socket() as socket:
                opened = True
                self._enter(connection)
                error = await connection.run(socket)
        except* EngineError as group:  # where it is cancelled as well, both come in a group
            error = _first_of(group)
        finally:
            lasted = connection.proven or trio.current_time() >= dialled_at + _LASTING_S
            if error is None or (opened and lasted):
                self._failures = 0
            else:
                self._note_failure(error, opened=opened)
            if opened:
                self._open.remove(connection)
            else:
                self._dialling -= 1
            self._keeper.set()
            self._placeable.unpark_all()

    def _enter(self, connection: Connection) -> None:
        """Take an open socket in; who waits for one is woken when it runs."""
        self._dialling -= 1
        self._open.append(connection)
        connection.accept()
        self._refusal = None
        self._placeable.unpark_all()
        self._keeper.set()  # one that has gone stale may have waited for this one

    def _note_failure(self, error: EngineError, *, opened: bool) -> None:
        """Decide how long nobody dials; the first time a socket is lost, not at all."""
        self._failures += 1
        if opened and self._failures == 1:
            return
        wait = max(_LEAST_WAIT_S, _BACKOFF.delay(self._failures - 1, self._draw()) or 0.0)
        if error.kind not in _RETRIED:
            wait = max(wait, REST_S)
        self._refusal = _Refusal(self._masked(error), trio.current_time() + wait)

    def _masked(self, error: EngineError) -> EngineError:
        key = self._secret.get()
        return copied(error, str(error).replace(key, MASK) if key else None)

    def _raise_refusal(self) -> None:
        """Raise why there will be no socket for now, if that is so."""
        refusal = self._refusal_at(trio.current_time())
        error = refusal.error if self._closed is None and refusal is not None else self._closed
        if error is not None:
            raise copied(error)

    def _refusal_at(self, now: float) -> _Refusal | None:
        return self._refusal if self._refusal is not None and now < self._refusal.until else None

    def _roomiest(self, crowd_at: float) -> Connection | None:
        """Return the socket for the next context; None while a better one is being dialled.

        Full sockets are filled further when there will be no other soon: they do take more.
        """
        found = min(self._live, key=lambda each: each.load, default=None)
        now = trio.current_time()
        if found is None or found.load < self._room or now >= crowd_at:
            return found
        may_dial = self._dialling or (self._missing(now) and self._refusal_at(now) is None)
        return None if may_dial else found

    def _is_stale(self, connection: Connection, now: float) -> bool:
        since = connection.unused_since()
        return since is not None and now >= since + self._idle_s

    def _wanted(self) -> int:
        """Return how many sockets there should be; a quarter of one is kept free."""
        contexts = sum(each.load for each in self._live) + self._placing
        spare = self._room // 4 if contexts else 0
        return min(self._most, max(self._warm, math.ceil((contexts + spare) / self._room)))

    def _missing(self, now: float) -> int:
        fresh = sum(not self._is_stale(each, now) for each in self._live)
        return max(0, self._wanted() - fresh - self._dialling)

    def _retire_unused(self, now: float) -> None:
        """Close what has been unused too long, once it is replaced or need not be."""
        stale = [each for each in self._live if self._is_stale(each, now)]
        fresh = len(self._live) - len(stale)
        for connection in stale:
            since = connection.unused_since() or now
            if fresh >= self._wanted() or now >= since + self._idle_s + STALE_S:
                connection.retire()

    def _next_change(self, now: float) -> float:
        """Return when time alone calls for something."""
        times = [now + _NEVER_S]
        for since in (each.unused_since() for each in self._live):
            due = (now if since is None else since) + self._idle_s
            times.append(due if now < due else due + STALE_S)
        refusal = self._refusal_at(now)
        if refusal is not None and self._missing(now):
            times.append(refusal.until)
        return min(times)


def _first_of(group: BaseExceptionGroup[EngineError]) -> EngineError:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    assert isinstance(first, EngineError)
    return first


def copied(error: EngineError, message: str | None = None) -> EngineError:
    """Return an equal error: one that several utterances raise is raised by each of its own."""
    return EngineError(
        message or str(error), kind=error.kind, retryable=error.retryable, scope=error.scope
    )
