"""One socket of a pool, from its dialling to its end: it speaks one clause at a time.

The socket's own task reads, writes and probes; whoever wants a clause only queues messages, and
may leave at any moment.
"""

from __future__ import annotations

import contextlib
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

import attrs
import trio

from trioaudio.core.errors import EngineError, EngineFault, FaultScope
from trioaudio.engines._service_socket import ServiceAddress
from trioaudio.engines._socket_turn import Dialect, Ended, Message, SaidWord, SpeechEvent, Turn
from trioaudio.engines._status import unavailable

_PONG_S = 5.0


class Socket(Protocol):
    """What is needed of a `ServiceSocket`."""

    async def send(self, message: str | bytes) -> None:
        """Send one message. EngineError when the socket is gone."""
        ...

    async def receive(self) -> str | bytes:
        """Return the next message. EngineError when the socket is gone."""
        ...

    async def ping(self) -> None:
        """Wait until the service has answered a ping. EngineError when the socket is gone."""
        ...


OpenSocket: TypeAlias = Callable[[ServiceAddress], AbstractAsyncContextManager[Socket]]


@attrs.frozen(kw_only=True)
class Patience:
    """How long a socket is waited for or kept, in seconds."""

    idle_s: float = 240.0
    """Without a clause; then another takes its place. Routers forget silent connections."""
    stall_s: float = 30.0
    """Without a message, in the middle of a clause."""
    forget_s: float = 5.0
    """For a service to stop speaking what was cancelled."""
    keep_alive_s: float = 20.0
    """Between two proofs that a socket without a clause is alive."""


class PooledSocket:
    """A socket that is dialled, open or leaving; `settled` is called when it can be had again."""

    def __init__(
        self,
        address: ServiceAddress,
        new_dialect: Callable[[], Dialect],
        patience: Patience,
        settled: Callable[[], None],
    ) -> None:
        self.address = address
        self.turn: Turn | None = None
        self.connected = False
        self.leaving = False
        self.served = 0
        self.refused = False
        self._new_dialect = new_dialect
        self._patience = patience
        self._settled = settled
        self._forgetting = False
        self._scope = trio.CancelScope()
        self._asked = trio.Event()
        self._prepare()

    def _prepare(self) -> None:
        self._dialect = self._new_dialect()
        self._outbox: deque[Message] = deque(self._dialect.greet())

    @property
    def free(self) -> bool:
        """Whether a clause can be given to it."""
        return self.turn is None and not self.leaving and not self._forgetting

    def begin(self, turn: Turn) -> None:
        """Have a clause spoken; while it is still being dialled, as soon as it is open."""
        self.turn = turn
        self._wait_most(self._patience.stall_s)
        self._send(self._dialect.ask(turn.clause.request))

    def abandon(self) -> None:
        """Have the clause forgotten that is being spoken."""
        self.turn = None
        if not self.connected:  # nothing has been said yet; it may serve another
            self._prepare()
            self._rest()
            return
        messages = self._dialect.forget()
        if messages is None:
            self.leave()
            return
        self._forgetting = True
        self._wait_most(self._patience.forget_s)
        self._send(messages)

    def leave(self) -> None:
        """Close it; whoever waits for its clause gets an error."""
        self.leaving = True
        self._scope.cancel()

    async def live(self, open_socket: OpenSocket, idle_s: float) -> None:
        """Dial it and serve until it is gone; what went wrong is told to the clause, if any."""
        self._idle_s = idle_s
        error = unavailable(self.address.engine, "the connection was closed")
        try:
            with self._scope:
                await self._serve(open_socket)
        except* EngineError as group:  # there may be a Cancelled beside it, which goes on
            error = _first_of(group)
            self.refused = not self.served
        finally:
            timed_out = self._scope.cancelled_caught and not self.leaving
            self.leaving = True
            if self.turn is not None:
                self._finish(self._stalled() if timed_out else error)

    async def _serve(self, open_socket: OpenSocket) -> None:
        async with open_socket(self.address) as socket, trio.open_nursery() as nursery:
            self.connected = True
            if self.turn is None:
                self._rest()
            nursery.start_soon(self._write, socket)
            nursery.start_soon(self._prove_alive, socket)
            while True:
                for event in self._dialect.receive(await socket.receive()):
                    self._take(event)

    async def _write(self, socket: Socket) -> None:
        with contextlib.suppress(EngineError):  # whoever reads is told the same
            while True:
                while self._outbox:
                    await socket.send(self._outbox.popleft())
                self._asked = trio.Event()
                await self._asked.wait()

    async def _prove_alive(self, socket: Socket) -> None:
        """Find out about a socket that is dead without having said so."""
        with contextlib.suppress(EngineError):
            while True:
                await trio.sleep(self._patience.keep_alive_s)
                if not self.free:
                    continue
                self._send(self._dialect.keep_alive())
                with trio.move_on_after(_PONG_S) as pong:
                    await socket.ping()
                if pong.cancelled_caught:
                    self.leave()
                    if self.turn is not None:
                        self._finish(unavailable(self.address.engine, "it answers no ping"))

    def _send(self, messages: Sequence[Message]) -> None:
        self._outbox.extend(messages)
        self._asked.set()

    def _take(self, event: SpeechEvent) -> None:
        turn = self.turn
        if turn is None or self.leaving:
            self._take_unasked(event)
            return
        self._wait_most(self._patience.stall_s)
        match event:
            case Ended():
                self._finish(None)
            case EngineError():
                self.leave()
                self._finish(event)
            case _:
                try:
                    turn.hear(event)
                except EngineError as exc:
                    self.leave()
                    self._finish(exc)

    def _take_unasked(self, event: SpeechEvent) -> None:
        """Drop what is left of a forgotten clause; anything else would be heard in the next."""
        if isinstance(event, SaidWord) or (self._forgetting and isinstance(event, bytes)):
            return
        if self._forgetting and isinstance(event, Ended):
            self._forgetting = False
            self._rest()
        else:
            self.leave()

    def _finish(self, error: EngineError | None) -> None:
        turn, self.turn = self.turn, None
        assert turn is not None
        turn.end(error)
        if turn.error is None:
            self.served += 1
        self._rest()

    def _rest(self) -> None:
        self._wait_most(self._idle_s if self.connected else self._patience.idle_s)
        self._settled()

    def _wait_most(self, seconds: float) -> None:
        self._scope.deadline = trio.current_time() + seconds

    def _stalled(self) -> EngineError:
        return EngineError(
            f"{self.address.engine} has sent nothing for {self._patience.stall_s:g} s",
            kind=EngineFault.TIMEOUT,
            retryable=True,
            scope=FaultScope.CONNECTION,
        )


def _first_of(group: ExceptionGroup[EngineError]) -> EngineError:
    error: EngineError | ExceptionGroup[EngineError] = group
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
