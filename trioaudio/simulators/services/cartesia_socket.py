"""One WebSocket of a simulated Cartesia: contexts side by side, each spoken by its own task."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections import OrderedDict
from collections.abc import Sequence

import attrs
import trio

from trioaudio.core.errors import EngineError
from trioaudio.simulators.services import cartesia_faults as here
from trioaudio.simulators.services import cartesia_replies as reply
from trioaudio.simulators.services import faults as fault
from trioaudio.simulators.services.cartesia_admission import check_speakable, check_told
from trioaudio.simulators.services.cartesia_context import Context
from trioaudio.simulators.services.cartesia_requests import (
    DEFAULT_BUFFER_DELAY,
    Cancel,
    Generation,
    RefusedError,
    read_message,
)
from trioaudio.simulators.services.delivery import CutError, Delivery
from trioaudio.simulators.services.faults import Scope, Strikes
from trioaudio.simulators.services.sound import SpokenWord, phonemes
from trioaudio.simulators.services.studio import Studio
from trioaudio.simulators.services.websocket import WebSocket

IDLE_SECONDS = 300.0
IDLE_REASON = "connection idle timeout"
_REMEMBERED = 1024  # contexts that are over, whose ids may not come again
_TURN_SECONDS = 0.05  # how long a context waits for another's chunk before its own next


@attrs.define(eq=False)
class Turns:
    """Lets contexts send one chunk each in turn."""

    _last: str | None = None
    _moved: trio.Event = attrs.field(factory=trio.Event)

    async def take(self, ident: str) -> None:
        """Wait until another has had its turn since; not for ever, for it may have nothing."""
        if self._last == ident:
            with trio.move_on_after(_TURN_SECONDS):
                await self._moved.wait()
        self._last = ident
        self._moved.set()
        self._moved = trio.Event()


@attrs.define(eq=False)
class Conversation:
    """All that is said on one connection; `listen` lives it."""

    websocket: WebSocket
    studio: Studio
    strikes: Strikes
    legacy: bool
    request_id: str
    turns: Turns = attrs.field(factory=Turns)
    _speeches: dict[str, Speech] = attrs.field(factory=dict)
    _over: OrderedDict[str, None] = attrs.field(factory=OrderedDict)
    _active_at: float = attrs.field(factory=trio.current_time)

    async def listen(self) -> None:
        """Take requests until the client goes, or has been idle too long."""
        idle = self.strikes.value(fault.IDLE_CLOSE) or IDLE_SECONDS
        async with trio.open_nursery() as nursery:
            while True:
                message: str | bytes | None = None
                with trio.move_on_at(self._active_at + idle):
                    message = await self.websocket.receive()
                if message is not None:
                    self._active_at = trio.current_time()
                    await self._take(message, nursery)
                elif self._speeches:
                    self._active_at = trio.current_time()
                elif trio.current_time() >= self._active_at + idle:
                    await self.websocket.close(1000, IDLE_REASON)
                    break
            nursery.cancel_scope.cancel()

    async def say(self, value: reply.Reply) -> None:
        """Send a message."""
        self._active_at = trio.current_time()
        await self.websocket.send(json.dumps(value))

    async def say_error(self, refused: RefusedError) -> None:
        """Send an error, and count it."""
        self.studio.errors[refused.status] += 1
        await self.say(reply.error(refused, self.request_id, legacy=self.legacy))

    async def _take(self, message: str | bytes, nursery: trio.Nursery) -> None:
        try:
            request = read_message(message)
            speech = self._speeches.get(request.context_id or "")
            if isinstance(request, Cancel):
                if speech is not None:
                    speech.cancel()
            elif speech is not None:
                speech.take(request)
            else:
                self._begin(request, nursery)
        except RefusedError as exc:
            over = self._speeches.get(exc.context_id or "")
            if over is not None:  # an error is the end of its context
                over.scope.cancel()
            await self.say_error(exc)

    def _begin(self, request: Generation, nursery: trio.Nursery) -> None:
        ident = request.context_id or ""
        if ident in self._over:
            raise RefusedError(400, "Bad Request", "Context has closed", context_id=ident)
        check_speakable(request, self.studio)
        strikes = self.studio.faults.strike(Scope.UTTERANCE)
        delay_ms = strikes.value(here.BUFFER_DELAY)
        delay = DEFAULT_BUFFER_DELAY if delay_ms is None else delay_ms / 1000
        context = Context(request, delay)
        context.take(request, trio.current_time())
        speech = self._speeches[ident] = Speech(self, context, strikes)
        # Counted here and now: the next request must find it.
        with contextlib.ExitStack() as occupied:
            occupied.enter_context(self.studio.occupied())
            nursery.start_soon(self._speak, speech, occupied.pop_all())

    async def _speak(self, speech: Speech, occupied: contextlib.ExitStack) -> None:
        ident = speech.context.ident
        with occupied:
            try:
                await speech.speak()
            finally:
                del self._speeches[ident]
                self._over[ident] = None
                if len(self._over) > _REMEMBERED:
                    self._over.popitem(last=False)


@attrs.define(eq=False)
class Speech:
    """A context being spoken; is the Outlet of its own delivery."""

    conversation: Conversation
    context: Context
    strikes: Strikes
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _changed: trio.Event = attrs.field(factory=trio.Event)
    _flush_id: int = 1
    _sent_at: float = attrs.field(factory=trio.current_time)
    _strayed: bool = False

    def take(self, request: Generation) -> None:
        """Take more input; RefusedError."""
        self.context.take(request, trio.current_time())
        self._wake()

    def cancel(self) -> None:
        """Do what a cancel does, which is little."""
        if self.context.cancelled:
            return
        self.conversation.studio.cancelled += 1
        if here.CANCEL_IGNORED in self.strikes:
            self.context.ended = self.context.cancelled = True
        else:
            self.context.cancel()
        if here.CANCEL_AT_ONCE in self.strikes:
            self.scope.cancel()
        self._wake()

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    async def speak(self) -> None:
        """Speak the context to its end, whatever end that is."""
        refused: RefusedError | None = None
        with self.scope:
            try:
                await self._announce()
                await self._speak_pieces()
            except RefusedError as exc:
                refused = exc
            except (CutError, EngineError) as exc:
                refused = RefusedError(500, "Internal Server Error", str(exc))
        if refused is not None:
            orphan = fault.ORPHAN_REFUSE in self.strikes or fault.ORPHAN_FAIL in self.strikes
            refused.context_id = None if orphan else self.context.ident
            await self.conversation.say_error(refused)

    async def _announce(self) -> None:
        check_told(self.strikes, fault.REFUSE, fault.ORPHAN_REFUSE)
        if here.UNKNOWN_TYPE in self.strikes:
            await self._say({"type": "announcement", "status_code": 206, "done": False})
        if here.GARBAGE in self.strikes:
            await self.conversation.websocket.send('{"type": "chunk", ')
        if here.PHONEMES_UNASKED in self.strikes:
            await self._say(reply.phoneme_timestamps(phonemes([SpokenWord("unasked", 0.0, 0.5)])))

    async def _speak_pieces(self) -> None:
        context = self.context
        first = context.first
        delivery = Delivery(
            studio=self.conversation.studio,
            sound=first.sound,
            outlet=self,
            strikes=self.strikes,
            owner=context.ident,
            language=first.language,
            words=first.timestamps or first.phonemes,
        )
        while not context.done:
            now = trio.current_time()
            piece = context.next_piece(now)
            if piece is not None:
                self._flush_id = piece.flush_id
                await delivery.speak(piece.text)
                context.spoke(trio.current_time())
                if piece.ends_flush:
                    empty = here.EMPTY_FLUSH_DATA in self.strikes
                    await self._say(reply.flush_done(piece.flush_id, empty_data=empty))
            elif context.expired(now):
                return
            else:
                delivery.rest()
                await self._wait_changed()
        untold = fault.NO_DONE in self.strikes
        if not untold and not (context.cancelled and here.CANCEL_NO_DONE in self.strikes):
            await self._say(reply.done())

    async def _wait_changed(self) -> None:
        changed = self._changed
        wake_at = self.context.wake_at
        with trio.CancelScope() as scope:
            if wake_at is not None:
                scope.deadline = wake_at
            await changed.wait()

    async def _say(self, value: reply.Reply) -> None:
        await self.conversation.say({**value, "context_id": self.context.ident})

    async def send_audio(self, data: bytes) -> None:
        """Send a chunk."""
        if here.INTERLEAVE in self.strikes:
            await self.conversation.turns.take(self.context.ident)
        now = trio.current_time()
        step_ms, self._sent_at = (now - self._sent_at) * 1000, now
        await self._say({**reply.chunk(data, step_ms), "flush_id": self._flush_id})
        if here.STRAY_CONTEXT in self.strikes and not self._strayed:
            self._strayed = True
            stray = {**reply.chunk(data, step_ms), "context_id": str(uuid.uuid4())}
            await self.conversation.say(stray)

    async def send_words(self, words: Sequence[SpokenWord]) -> None:
        """Send words, or their phonemes, or both."""
        flush = {"flush_id": self._flush_id}
        if self.context.first.timestamps:
            await self._say({**reply.timestamps(words), **flush})
        if self.context.first.phonemes:
            await self._say({**reply.phoneme_timestamps(phonemes(words)), **flush})

    async def close(self) -> None:
        """Close the connection in good order."""
        await self.conversation.websocket.close()

    def reset(self) -> None:
        """Reset the connection."""
        self.conversation.websocket.reset()
