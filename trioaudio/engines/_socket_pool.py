"""Warm sockets to a service that speaks one clause at a time on each of them.

A clause, not an utterance, has a socket: who waits for an author or for a callee's ear holds
none. Utterances that have begun go before those that have not, each in the order they came.
There are never more than `most` sockets, dialled and closing ones included; `warm` free ones are
kept open to `home`, and renewed when they have been idle for long. A clause whose socket died
before any of its audio came is asked for once more, on a new socket.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import AsyncIterator, Callable
from random import Random

import attrs
import trio

from trioaudio.core.backoff import Backoff
from trioaudio.core.engine import EngineLoad
from trioaudio.core.errors import EngineError, EngineFault, FaultScope
from trioaudio.engines._pooled_socket import OpenSocket, Patience, PooledSocket
from trioaudio.engines._service_socket import ServiceAddress, open_service_socket
from trioaudio.engines._socket_turn import Clause, Dialect, Turn
from trioaudio.engines._status import unavailable
from trioaudio.lone_error import lone_error

_BACKOFF = Backoff(first=0.5, cap=30.0, attempts=8)
_REST_S = 60.0
"""Between two dials nobody waits for, once the backoff has no attempt left."""
_LASTING_S = 10.0
"""A socket that the service ends sooner, without having spoken, is a failure to connect."""
_NEVER_S = 3600.0
_draw = Random().random


@attrs.frozen(kw_only=True)
class PoolPlan:
    """What a pool is to keep."""

    engine: str
    new_dialect: Callable[[], Dialect]
    most: int
    """Sockets at once."""
    home: ServiceAddress
    """Where most clauses will go."""
    warm: int = 2
    """Free sockets to `home` held open."""
    patience: Patience = attrs.field(factory=Patience)


@attrs.frozen
class PoolStatistics:
    """A snapshot of a pool."""

    sockets: int
    """Dialled, open and closing ones."""
    speaking: int
    free: int
    waiting: int
    """Clauses that wait for a socket."""
    dialled: int
    """Sockets there ever were."""


class SocketPool:
    """What `open_socket_pool` yields; its sockets live in `keep_sockets`."""

    def __init__(self, plan: PoolPlan, open_socket: OpenSocket = open_service_socket) -> None:
        self._plan = plan
        self._open_socket = open_socket
        # All that changes: the sockets there are, the one used last at the end; those not yet
        # started; and who waits.
        self._sockets: list[PooledSocket] = []
        self._unstarted: deque[PooledSocket] = deque()
        self._begun: deque[Turn] = deque()
        self._new: deque[Turn] = deque()
        self._dialled = 0
        self._failures = 0
        self._may_warm_at = 0.0
        self._changed = trio.Event()
        self._closed = False

    def statistics(self) -> PoolStatistics:
        """Return what it holds now."""
        return PoolStatistics(
            sockets=len(self._sockets),
            speaking=sum(each.turn is not None for each in self._sockets),
            free=sum(each.free for each in self._sockets),
            waiting=len(self._begun) + len(self._new),
            dialled=self._dialled,
        )

    def load(self) -> EngineLoad:
        """Return what an engine on this pool holds."""
        now = self.statistics()
        usable = now.speaking + now.free
        return EngineLoad(
            open=usable,
            opening=now.sockets - usable,
            speaking=now.speaking,
            waiting=now.waiting,
            most=self._plan.most,
        )

    async def speak(self, clause: Clause) -> None:
        """Have a clause spoken; return when all its audio has been put into its inbox.

        EngineError. Cancelled, it leaves at once, and the service is told or hung up on.
        """
        turn = Turn(clause)
        try:
            await self._take_turn(turn)
        except EngineError as exc:
            lost = exc.kind is EngineFault.UNAVAILABLE and exc.scope is FaultScope.CONNECTION
            if turn.heard or not lost or self._closed:
                raise
            await self._take_turn(Turn(clause, fresh=True))

    async def _take_turn(self, turn: Turn) -> None:
        if self._closed:
            raise unavailable(self._plan.engine, "it has been closed")
        queue = self._begun if turn.begun else self._new
        queue.append(turn)
        self._assign()
        try:
            await turn.over.wait()
        finally:
            self._withdraw(turn)
        if turn.error is not None:
            raise turn.error

    def _withdraw(self, turn: Turn) -> None:
        """Let go of a turn that is over, or that nobody wants any more."""
        for queue in (self._begun, self._new):
            if turn in queue:
                queue.remove(turn)
        for socket in self._sockets:
            if socket.turn is turn:
                socket.abandon()
                break

    def _assign(self) -> None:
        """Give sockets to those who wait, in their order."""
        while queue := self._begun or self._new:
            socket = self._socket_for(queue[0])
            if socket is None:
                return
            self._sockets.remove(socket)
            self._sockets.append(socket)
            socket.begin(queue.popleft())
            self._changed.set()

    def _socket_for(self, turn: Turn) -> PooledSocket | None:
        """Return a socket a turn can have now; if there is none, make room for one."""
        address = turn.clause.address
        free = [each for each in self._sockets if each.free]
        fitting = [each for each in free if each.address == address]
        if turn.fresh:
            fitting = [each for each in fitting if not each.connected]
        if fitting:
            # The one used last: those that are not needed grow old. A dialled one may fail yet.
            return max(reversed(fitting), key=lambda each: each.connected)
        if len(self._sockets) < self._plan.most:
            return self._dial(address)
        if free and not any(each.leaving for each in self._sockets):
            free[0].leave()
        return None

    def _dial(self, address: ServiceAddress) -> PooledSocket:
        plan = self._plan
        socket = PooledSocket(address, plan.new_dialect, plan.patience, self._settle)
        self._sockets.append(socket)
        self._unstarted.append(socket)
        self._dialled += 1
        self._changed.set()
        return socket

    def _settle(self) -> None:
        """Look again at who waits and what is missing: a socket has become free, or is gone."""
        if not self._closed:
            self._assign()
            self._changed.set()

    async def keep_sockets(self) -> None:
        """Run the sockets until cancelled."""
        try:
            async with trio.open_nursery() as nursery:
                try:
                    while True:
                        pause = self._dial_warm()
                        while self._unstarted:
                            nursery.start_soon(self._keep, self._unstarted.popleft())
                        self._changed = trio.Event()
                        with trio.move_on_after(pause):
                            await self._changed.wait()
                finally:
                    self._closed = True  # before the sockets end: nobody dials any more
        finally:
            closed = unavailable(self._plan.engine, "it has been closed")
            for turn in (*self._begun, *self._new):
                turn.end(closed)

    def _dial_warm(self) -> float:
        """Dial what is missing of the free sockets; return how long nothing is to be done."""
        plan = self._plan
        free = sum(each.free and each.address == plan.home for each in self._sockets)
        missing = min(plan.warm - free, plan.most - len(self._sockets))
        if missing <= 0 or self._begun or self._new:
            return _NEVER_S
        pause = self._may_warm_at - trio.current_time()
        if pause > 0:
            return pause
        for _ in range(missing):
            self._dial(plan.home)
        return _NEVER_S

    async def _keep(self, socket: PooledSocket) -> None:
        started = trio.current_time()
        # Not all at the same moment, or there would be none for as long as dialling takes.
        idle_s = self._plan.patience.idle_s * (1 - 0.25 * _draw())
        try:
            await socket.live(self._open_socket, idle_s)
        finally:
            self._sockets.remove(socket)
            self._judge(socket, trio.current_time() - started)
            self._settle()

    def _judge(self, socket: PooledSocket, lived_s: float) -> None:
        """Hold back the dials nobody waits for while connecting does not work."""
        if socket.served:
            self._failures = 0
        elif socket.refused and lived_s < _LASTING_S:
            delay = _BACKOFF.delay(self._failures, _draw())
            self._failures += 1
            self._may_warm_at = trio.current_time() + (_REST_S if delay is None else delay)


@contextlib.asynccontextmanager
async def open_socket_pool(
    plan: PoolPlan, open_socket: OpenSocket = open_service_socket
) -> AsyncIterator[SocketPool]:
    """Keep a pool while the block runs. A service that is away shows at the first clause."""
    pool = SocketPool(plan, open_socket)
    with lone_error():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pool.keep_sockets)
            yield pool
            nursery.cancel_scope.cancel()
