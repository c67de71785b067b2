"""One socket to Cartesia, spoken over by many utterances at once.

One task reads and hands everything to its context without waiting for anybody; one task writes.
Contexts that were cancelled are remembered, because they go on for a while: their audio is
dropped, and their lease ends with them.
"""

from __future__ import annotations

from collections import deque
from typing import Protocol

import attrs
import trio

from trioaudio.core.errors import EngineError, EngineFault, FaultScope
from trioaudio.core.secret import MASK, Secret
from trioaudio.engines import _cartesia_messages as said
from trioaudio.engines._cartesia_context import Context, garbled
from trioaudio.engines._cartesia_settings import NAME
from trioaudio.engines._leases import Lease, Leases
from trioaudio.engines._status import refusal, shortened, unavailable
from trioaudio.lone_error import lone_error

MOST_UNSENT = 1000
"""Messages; a context has three at most, so a socket with more takes none any longer."""
SEND_S = 5.0
SILENT_S = 0.5
"""A context cancelled after so long, with the whole socket silent meanwhile, died with it."""


class Socket(Protocol):
    """An open WebSocket; every failure is an EngineError."""

    async def send(self, message: str | bytes) -> None:
        """Send one message."""
        ...

    async def receive(self) -> str | bytes:
        """Return the next message."""
        ...

    async def ping(self) -> None:
        """Return when the peer has answered."""
        ...


@attrs.frozen
class ConnectionStatistics:
    """A snapshot of one socket."""

    contexts: int
    cancelled: int
    """Contexts that were cancelled and may still be spoken."""
    unsent: int
    ignored: int
    """Messages that meant nothing to us."""


class Connection:
    """What is spoken over one socket. `run` it, and begin contexts while it is `open`."""

    def __init__(self, leases: Leases, secret: Secret, ping_s: float) -> None:
        self._leases = leases
        self._secret = secret
        self._ping_s = ping_s
        self._contexts: dict[str, Context] = {}
        self._cancelled: dict[str, Lease] = {}
        self._unsent: deque[str] = deque()
        self._has_unsent = trio.Event()
        self._scope = trio.CancelScope()
        self._error: EngineError | None = None
        self._heard_at = 0.0
        self._unused_since = 0.0
        self._ignored = 0
        self.open = False
        self.proven = False
        """Whether the service has ever answered over it."""

    @property
    def load(self) -> int:
        """How many contexts are spoken over it."""
        return len(self._contexts)

    def unused_since(self) -> float | None:
        """Return since when nothing has been said over it; None while something is."""
        return None if self._contexts else self._unused_since

    def statistics(self) -> ConnectionStatistics:
        """Return the counts of now."""
        return ConnectionStatistics(
            contexts=len(self._contexts),
            cancelled=sum(lease.held for lease in self._cancelled.values()),
            unsent=len(self._unsent),
            ignored=self._ignored,
        )

    def accept(self) -> None:
        """Take contexts from now on: it is going to `run`."""
        self._heard_at = self._unused_since = trio.current_time()
        self.open = True

    async def run(self, socket: Socket) -> EngineError | None:
        """Serve until it is retired, or lost; return what it was lost by."""
        try:
            with lone_error():
                async with trio.open_nursery() as nursery:
                    self._scope = nursery.cancel_scope
                    nursery.start_soon(self._write, socket)
                    nursery.start_soon(self._keep_proving, socket)
                    await self._read(socket)
        finally:
            self.open = False
            self._fail_all(self._error or unavailable(NAME, "it has been closed"))
        return self._error

    def retire(self) -> None:
        """Close it; to be done while nothing is spoken over it."""
        self.open = False
        self._scope.cancel()

    def begin(self, context: Context, lease: Lease) -> None:
        """Take a context; its lease is given back when it is over."""
        context.lease = lease
        context.began_at = trio.current_time()
        self._contexts[context.ident] = context

    def speak(self, context: Context, clause: str) -> None:
        """Have the next clause of a context spoken."""
        context.add(clause)
        transcript = said.spaced(clause)
        self._send(said.speak_message(context.fields, context.ident, transcript))

    def end(self, context: Context) -> None:
        """Say that a context gets no more text."""
        if context.ended_at is None:
            context.ended_at = trio.current_time()
            self._send(said.end_message(context.fields, context.ident))

    def cancel(self, context: Context) -> None:
        """Stop a context, if it is not over: say so, and drop what still comes."""
        if not self._forget(context):
            return
        self._send(said.cancel_message(context.ident))
        silent_s = trio.current_time() - max(self._heard_at, context.began_at)
        if context.heard_at is None and self._heard_at < context.began_at and silent_s >= SILENT_S:
            self._lose(unavailable(NAME, f"its socket was silent for {silent_s:.1f} s"))

    def leave(self, context: Context) -> None:
        """Wait no longer for a context that has ended and said everything."""
        self._forget(context)

    def _forget(self, context: Context) -> bool:
        if self._contexts.pop(context.ident, None) is None:
            return False
        self._note_unused()
        self._cancelled = {key: each for key, each in self._cancelled.items() if each.held}
        if context.lease is not None:
            context.lease.linger()
            self._cancelled[context.ident] = context.lease
        return True

    def _send(self, message: str) -> None:
        if not self.open:
            return
        if len(self._unsent) >= MOST_UNSENT:
            self._lose(unavailable(NAME, f"{MOST_UNSENT} messages wait, and it takes none"))
            return
        self._unsent.append(message)
        self._has_unsent.set()

    def _lose(self, error: EngineError) -> None:
        """End the connection with an error; the first one counts."""
        if self._error is None:
            self._error = error
        self.retire()

    async def _write(self, socket: Socket) -> None:
        try:
            while True:
                while self._unsent:
                    with trio.fail_after(SEND_S):
                        await socket.send(self._unsent.popleft())
                self._has_unsent = trio.Event()
                await self._has_unsent.wait()
        except trio.TooSlowError:
            self._lose(unavailable(NAME, f"it took no message for {SEND_S:g} s"))
        except EngineError as exc:
            self._lose(exc)

    async def _keep_proving(self, socket: Socket) -> None:
        """Have a silent peer answer now and then: a dead one would cost the next utterance."""
        while self._ping_s:
            asked_at = self._heard_at + self._ping_s
            await trio.sleep_until(asked_at)
            if self._heard_at + self._ping_s > asked_at:
                continue
            try:
                with trio.fail_after(self._ping_s):
                    await socket.ping()
                self._heard_at = trio.current_time()
            except trio.TooSlowError:
                if self._heard_at < asked_at:
                    self._lose(unavailable(NAME, "its socket is dead: it answers no ping"))
            except EngineError as exc:
                self._lose(exc)

    async def _read(self, socket: Socket) -> None:
        try:
            while True:
                message = await socket.receive()
                self._heard_at = trio.current_time()
                self.proven = True
                self._take(said.read_reply(message))
        except EngineError as exc:
            self._lose(exc)

    def _take(self, reply: said.Reply | None) -> None:
        """Give a reply to its context; what belongs to none is dropped."""
        if isinstance(reply, said.Refused):
            self._take_refusal(reply)
            return
        context = None if reply is None else self._contexts.get(reply.context_id)
        if context is None:
            self._drop(reply)
            return
        try:
            self._give(context, reply)
        except EngineError as exc:  # it sends what is no PCM, and will go on
            self._stop(context, exc)

    def _give(self, context: Context, reply: said.Reply | None) -> None:
        match reply:
            case said.Chunk():
                context.take_audio(reply.pcm, self._heard_at)
            case said.Timestamps():
                context.take_words(reply.words)
            case said.FlushDone():
                context.take_flush_done()
            case said.Done():
                context.finish()
                self._close(context)
            case said.Garbled():
                raise garbled()

    def _drop(self, reply: said.Reply | None) -> None:
        if reply is None:
            self._ignored += 1
        elif isinstance(reply, said.Done):
            self._end_cancelled(reply.context_id)

    def _end_cancelled(self, context_id: str) -> None:
        lease = self._cancelled.pop(context_id, None)
        if lease is not None:
            lease.release()

    def _take_refusal(self, refused: said.Refused) -> None:
        error = self._error_of(refused)
        if error.kind is EngineFault.RATE:
            self._leases.lower()
        if refused.context_id is not None:
            context = self._contexts.get(refused.context_id)
            if context is None:
                self._end_cancelled(refused.context_id)
            elif refused.says_empty and context.heard_at is None:
                context.finish_empty()
                self._close_refused(context)
            else:
                context.fail(error)
                self._close_refused(context)
        elif error.kind is EngineFault.RATE:
            # One too many, and not said which: one of those that have not been heard yet. The
            # others on this socket are being spoken.
            for context in [each for each in self._contexts.values() if each.heard_at is None]:
                self._stop(context, error)
        else:
            self._lose(error)

    def _error_of(self, refused: said.Refused) -> EngineError:
        key = self._secret.get()
        words = refused.words.replace(key, MASK) if key else refused.words
        if refused.context_id is None:
            return refusal(NAME, refused.status, words, scope=FaultScope.CONNECTION)
        if refused.says_closed:
            return EngineError(
                f"{NAME} took no more text: {shortened(words)}",
                kind=EngineFault.UNAVAILABLE,
                retryable=True,
            )
        return refusal(NAME, refused.status, words)

    def _stop(self, context: Context, error: EngineError) -> None:
        """End a context that the service has not ended."""
        context.fail(error)
        self.cancel(context)

    def _close(self, context: Context) -> None:
        """Forget a context that the service has ended."""
        self._contexts.pop(context.ident, None)
        self._note_unused()
        if context.lease is not None:
            context.lease.release()

    def _close_refused(self, context: Context) -> None:
        """Forget a context that was refused; what was sent after that must not begin another."""
        self._close(context)
        if context.sent > 1:
            self._send(said.cancel_message(context.ident))

    def _note_unused(self) -> None:
        self._unused_since = trio.current_time()

    def _fail_all(self, error: EngineError) -> None:
        for context in list(self._contexts.values()):
            context.fail(error)
            self._close(context)
        for lease in self._cancelled.values():
            lease.release()
        self._cancelled.clear()
        self._unsent.clear()
