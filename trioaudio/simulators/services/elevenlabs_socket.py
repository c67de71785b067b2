"""One WebSocket of a simulated ElevenLabs: contexts side by side, each spoken by its own task.

A connection of the endpoint without contexts is one whose only context has no id. More contexts
than five, closed ones included until they are final, cost the connection.
https://elevenlabs.io/docs/eleven-api/guides/how-to/websockets/multi-context-web-socket
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Sequence

import attrs
import trio

from trioaudio.core.errors import EngineError
from trioaudio.simulators.services import elevenlabs_faults as here
from trioaudio.simulators.services import elevenlabs_replies as reply
from trioaudio.simulators.services import faults as fault
from trioaudio.simulators.services.delivery import CutError
from trioaudio.simulators.services.elevenlabs_context import Context
from trioaudio.simulators.services.elevenlabs_requests import (
    POLICY,
    RefusedError,
    Said,
    Setup,
    check_room,
    check_struck,
    check_voice,
    read_message,
)
from trioaudio.simulators.services.faults import Scope, Strikes
from trioaudio.simulators.services.sound import SpokenWord
from trioaudio.simulators.services.studio import Studio
from trioaudio.simulators.services.websocket import PeerGoneError, WebSocket

MOST_CONTEXTS = 5


class _OverError(Exception):
    """The connection was closed by us."""


@attrs.define(eq=False)
class Conversation:
    """All that is said on one connection; `listen` lives it."""

    websocket: WebSocket
    studio: Studio
    strikes: Strikes
    setup: Setup
    is_multi: bool
    _speeches: dict[str | None, Speech] = attrs.field(factory=dict)
    _ended: bool = False

    async def listen(self) -> None:
        """Take messages until the client goes, or has been idle too long."""
        idle = self.strikes.value(fault.IDLE_CLOSE) or self.setup.inactivity_s
        async with trio.open_nursery() as nursery:
            try:
                check_voice(self.setup.voice, self.studio)
                while True:
                    self._take(read_message(await self._receive(idle)), nursery)
            except RefusedError as exc:
                await self.end(exc)
            except _OverError:
                await self.websocket.close()
            nursery.cancel_scope.cancel()

    async def _receive(self, idle: float) -> str | bytes:
        with trio.move_on_after(idle):
            return await self.websocket.receive()
        words = f"no text for {idle:g} seconds; the connection is closed"
        raise RefusedError(408, "input_timeout_exceeded", words)

    async def say(self, value: reply.Reply) -> None:
        """Send a message; nothing more once the connection is being closed."""
        if not self._ended:
            await self.websocket.send(json.dumps(value))

    async def end(self, refused: RefusedError) -> None:
        """Tell an error, and close the connection."""
        if self._ended:
            return
        # A context that went on would fail on the closed socket, and break off the closing.
        self._ended = True
        self.studio.errors[refused.status] += 1
        await self.websocket.send(json.dumps(refused.event()))
        await self.websocket.close(POLICY, refused.message[:100])

    def _take(self, said: Said, nursery: trio.Nursery) -> None:
        ident = said.context if self.is_multi else None
        speech = self._speeches.get(ident)
        if said.closes_socket:
            raise _OverError
        if not self.is_multi and said.text == "":
            said = attrs.evolve(said, closes=True)
        if speech is not None:
            speech.take(said)
        elif said.text and not said.closes:
            self._begin(ident, said, nursery)

    def _begin(self, ident: str | None, said: Said, nursery: trio.Nursery) -> None:
        if said.text is None or not said.text.endswith(" "):
            raise RefusedError(
                400, "invalid_message", "the first text of a context ends in a space"
            )
        if len(self._speeches) >= MOST_CONTEXTS:
            words = (
                "Maximum simultaneous contexts per WebSocket connection exceeded"
                f" ({MOST_CONTEXTS}). Please close an existing context before opening a new one."
            )
            raise RefusedError(429, "max_active_conversations", words)
        check_room(self.studio)
        context = Context(ident, self.setup.auto_mode, said.schedule)
        context.take(said)
        speech = Speech(self, context, self.studio.faults.strike(Scope.UTTERANCE))
        # Before its task runs: the next message must find it counted.
        self._speeches[ident] = speech
        place = contextlib.ExitStack()
        place.enter_context(self.studio.occupied())
        nursery.start_soon(self._speak, speech, place)

    async def _speak(self, speech: Speech, place: contextlib.ExitStack) -> None:
        with place:
            try:
                refused = await speech.speak()
            finally:
                del self._speeches[speech.context.ident]
        # The place is free before the client hears of it, or its next context came too soon.
        await speech.conclude(refused)
        if not self.is_multi:
            await self.websocket.close()


@attrs.define(eq=False)
class Speech:
    """A context being spoken; is the Outlet of its own delivery."""

    conversation: Conversation
    context: Context
    strikes: Strikes
    _delivery: reply.AlignedDelivery = attrs.field(init=False)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _changed: trio.Event = attrs.field(factory=trio.Event)
    _sent_seconds: float = 0.0
    _strayed: bool = False

    def __attrs_post_init__(self) -> None:
        """Prepare its delivery."""
        setup = self.conversation.setup
        self._delivery = reply.AlignedDelivery(
            studio=self.conversation.studio,
            sound=setup.sound,
            outlet=self,
            strikes=self.strikes,
            owner=self.context.ident or "",
            language=setup.language,
            words=setup.sync_alignment,
        )

    def take(self, said: Said) -> None:
        """Take more text, or the wish that it ends; RefusedError."""
        if said.closes and not self.context.is_closed and not self.context.is_done:
            self.conversation.studio.cancelled += int(here.CLOSE_AT_ONCE in self.strikes)
        self.context.take(said)
        if said.closes and here.CLOSE_AT_ONCE in self.strikes:
            self._scope.cancel()
        self._changed.set()
        self._changed = trio.Event()

    async def speak(self) -> RefusedError | None:
        """Speak the context to its end; return the error it ends with, if any."""
        try:
            with self._scope:
                await self._announce()
                await self._speak_pieces()
        except RefusedError as exc:
            return exc
        except (CutError, EngineError) as exc:
            return RefusedError(500, "internal_server_error", str(exc))
        return None

    async def conclude(self, refused: RefusedError | None) -> None:
        """Tell that the context is over, or why."""
        if refused is not None:
            await self._fail(refused)
        elif fault.NO_DONE not in self.strikes:
            await self.say(reply.final())

    async def _fail(self, refused: RefusedError) -> None:
        """Tell an error; one that does not say whose it is ends the connection."""
        if fault.ORPHAN_REFUSE in self.strikes or fault.ORPHAN_FAIL in self.strikes:
            await self.conversation.end(refused)
            raise PeerGoneError("an error that does not say whose it is ends all")
        self.conversation.studio.errors[refused.status] += 1
        await self.say(refused.event())

    async def say(self, value: reply.Reply) -> None:
        """Send a message of this context."""
        await self.conversation.say(reply.of_context(value, self.context.ident, self.strikes))

    async def _announce(self) -> None:
        if here.UNKNOWN_MESSAGE in self.strikes:
            await self.say({"announcement": {"new": True}})
        check_struck(self.strikes, fault.REFUSE, fault.ORPHAN_REFUSE)

    async def _speak_pieces(self) -> None:
        spoke = False
        while not self.context.is_done:
            piece = self.context.next_piece()
            if piece is not None:
                await self._delivery.speak(piece.strip())
                spoke = True
            elif spoke and here.EARLY_FINAL in self.strikes:
                return
            else:
                self._delivery.rest()
                await self._changed.wait()

    async def send_audio(self, data: bytes) -> None:
        """Send a chunk, with the alignment of what is heard to its end in it."""
        begin = 0.0 if here.ABSOLUTE_TIMES in self.strikes else self._sent_seconds
        self._sent_seconds = self._delivery.sent_seconds
        aligned = reply.alignment(self._delivery.take_characters(), begin)
        await self.say(reply.audio(data, aligned, self.strikes))
        if here.STRAY_CONTEXT in self.strikes and not self._strayed:
            self._strayed = True
            stray = reply.of_context(reply.audio(data, aligned, self.strikes), "nobody", Strikes())
            await self.conversation.say(stray)

    async def send_words(self, words: Sequence[SpokenWord]) -> None:
        """Send nothing: characters travel with their audio."""

    async def close(self) -> None:
        """Close the connection in good order."""
        await self.conversation.websocket.close()

    def reset(self) -> None:
        """Reset the connection."""
        self.conversation.websocket.reset()
