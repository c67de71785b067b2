"""One WebSocket of a simulated Deepgram: text gathered, spoken at a Flush, forgotten at a Clear.

https://developers.deepgram.com/docs/tts-ws-flush and .../tts-ws-clear
"""

from __future__ import annotations

import json
import uuid
from collections import deque
from collections.abc import Sequence

import attrs
import trio

from trioaudio.core.errors import EngineError
from trioaudio.core.text import speakable
from trioaudio.simulators.services import deepgram_faults as here
from trioaudio.simulators.services import faults as fault
from trioaudio.simulators.services.deepgram_requests import (
    Order,
    RefusedError,
    Setup,
    check_struck,
    read_order,
)
from trioaudio.simulators.services.delivery import CutError, Delivery
from trioaudio.simulators.services.faults import Scope, Strikes
from trioaudio.simulators.services.sound import SpokenWord
from trioaudio.simulators.services.studio import Studio
from trioaudio.simulators.services.websocket import WebSocket

MOST_FLUSHES = 20
FLUSH_WINDOW_SECONDS = 60.0
IDLE_SECONDS = 600.0  # not documented
_MOST_WAITING = 256  # Flushes not yet spoken
_POLICY, _INTERNAL = 1008, 1011


class _OverError(Exception):
    """The connection is to be closed."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


@attrs.define(eq=False)
class Conversation:
    """All that is said on one connection; is the Outlet of its own deliveries."""

    websocket: WebSocket
    studio: Studio
    strikes: Strikes
    setup: Setup
    _text: str = ""
    _flushes: deque[float] = attrs.field(factory=deque)
    _waiting: deque[str] = attrs.field(factory=deque)
    _changed: trio.Event = attrs.field(factory=trio.Event)
    _speaking: trio.CancelScope | None = None
    _sequence: int = 0

    async def listen(self) -> None:
        """Take messages until the client goes, closes, or has been idle too long."""
        try:
            await self.say("Metadata", request_id=str(uuid.uuid4()), **_model(self.setup.model))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._speak)
                await self._take_orders()
                nursery.cancel_scope.cancel()
            await self.websocket.close()
        except* _OverError as group:
            over = group.exceptions[0]
            while isinstance(over, BaseExceptionGroup):
                over = over.exceptions[0]
            assert isinstance(over, _OverError)
            await self.websocket.close(over.code, over.reason)

    async def say(self, kind: str, **fields: object) -> None:
        """Send a message that is no audio."""
        await self.websocket.send(json.dumps({"type": kind, **fields}))

    async def _take_orders(self) -> None:
        idle = self.strikes.value(fault.IDLE_CLOSE) or IDLE_SECONDS
        while True:
            with trio.move_on_after(idle) as patience:
                message = await self.websocket.receive()
            if patience.cancelled_caught:
                return
            try:
                order, text = read_order(message)
            except RefusedError as exc:
                self.studio.errors[exc.status] += 1
                raise _OverError(_POLICY, f"DATA-0000 {exc.message}"[:120]) from exc
            match order:
                case Order.SPEAK:
                    self._text += text
                case Order.FLUSH:
                    await self._flush()
                case Order.CLEAR:
                    await self._clear()
                case Order.CLOSE:
                    return

    async def _flush(self) -> None:
        now = trio.current_time()
        while self._flushes and now - self._flushes[0] >= FLUSH_WINDOW_SECONDS:
            self._flushes.popleft()
        if len(self._flushes) >= MOST_FLUSHES or len(self._waiting) >= _MOST_WAITING:
            await self._warn_of_flush()
            return
        self._flushes.append(now)
        text, self._text = self._text, ""
        self._waiting.append(text)
        self._wake()

    async def _warn_of_flush(self) -> None:
        words = (
            f"Flush was not done: more than {MOST_FLUSHES} in {FLUSH_WINDOW_SECONDS:g} seconds;"
            " no more Flush messages are processed until the window has passed"
        )
        await self.say("Warning", code="EXCESSIVE_FLUSH", description=words)

    async def _clear(self) -> None:
        if here.CLEAR_IGNORED in self.strikes:
            return
        await trio.sleep((self.strikes.value(here.LATE_CLEAR) or 0) / 1000)
        self.studio.cancelled += 1
        self._text = ""
        self._waiting.clear()
        if self._speaking is not None:
            self._speaking.cancel()
        await self.say("Cleared", sequence_id=self._next())

    def _wake(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence - 1

    async def _speak(self) -> None:
        """Speak what was flushed, one after the other."""
        while True:
            while self._waiting:
                text = self._waiting.popleft()
                with trio.CancelScope() as self._speaking:
                    with self.studio.occupied():
                        is_told = await self._speak_flush(text)
                    if is_told:
                        await self.say("Flushed", sequence_id=self._next())
                self._speaking = None
            await self._changed.wait()

    async def _speak_flush(self, text: str) -> bool:
        """Speak what was flushed; say whether the client is to be told that it is complete."""
        strikes = self.studio.faults.strike(Scope.UTTERANCE)
        if here.FLUSH_REFUSED in strikes:
            self._text = text + self._text
            await self._warn_of_flush()
            return False
        if here.UNKNOWN_TYPE in strikes:
            await self.say("Announcement", new=True)
        if here.WARNING in strikes:
            await self.say("Warning", code="SLOW_DAY", description="Audio may be late today.")
        try:
            check_struck(strikes, fault.REFUSE)
            if speakable(text):
                language = self.setup.language
                owner = text[:16]  # there are no names; a text is its own
                await Delivery(
                    self.studio, self.setup.sound, self, strikes, owner, language=language
                ).speak(text.strip())
        except RefusedError as exc:
            self.studio.errors[exc.status] += 1
            raise _OverError(_POLICY, f"DATA-0000 {exc.message}") from exc
        except (CutError, EngineError) as exc:
            self.studio.errors[500] += 1
            raise _OverError(_INTERNAL, "NET-0000 internal server error") from exc
        return fault.NO_DONE not in strikes

    async def send_audio(self, data: bytes) -> None:
        """Send a chunk."""
        await self.websocket.send(data)

    async def send_words(self, words: Sequence[SpokenWord]) -> None:
        """Send nothing: there are no timings."""

    async def close(self) -> None:
        """Close the connection in good order."""
        await self.websocket.close()

    def reset(self) -> None:
        """Reset the connection."""
        self.websocket.reset()


def _model(name: str) -> dict[str, object]:
    return {"model_name": name, "model_version": "simulated", "model_uuid": str(uuid.uuid4())}
