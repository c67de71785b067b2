"""A WebSocket on which texts are spoken one after the other, as several services do it.

What is queued is spoken by one task while another takes requests. Each service gives its
`Manners`: how it puts audio, words, ends and errors.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Mapping, Sequence
from typing import Protocol, TypeAlias

import attrs
import trio

from trioaudio.core.errors import EngineError, TrioaudioError
from trioaudio.simulators.services import faults as fault
from trioaudio.simulators.services.delivery import CutError, Delivery
from trioaudio.simulators.services.faults import FaultKind, Scope, Strikes
from trioaudio.simulators.services.http import Exchange
from trioaudio.simulators.services.sound import SoundFormat, SpokenWord, wav_header
from trioaudio.simulators.services.studio import Studio
from trioaudio.simulators.services.websocket import WebSocket

Json: TypeAlias = Mapping[str, object]
MOST_TURNS = 256  # waiting on one connection; a bound

UNKNOWN_TYPE = FaultKind(
    "unknown-type", Scope.UTTERANCE, "a message of a type nobody knows before the audio"
)
GARBAGE = FaultKind("garbage", Scope.UTTERANCE, "a message that is no JSON before the audio")
NO_AUDIO = FaultKind("no-audio", Scope.UTTERANCE, "the end is told, and no audio came before it")
LATE_AUDIO = FaultKind("late-audio", Scope.UTTERANCE, "a chunk more after the end has been told")
CLOSE_AFTER_END = FaultKind(
    "close-after-end", Scope.UTTERANCE, "closed in good order once the end has been told"
)
FAULTS = (
    *(fault.UPGRADE_STATUS, fault.SLOW_UPGRADE, fault.IDLE_CLOSE),
    *(fault.REFUSE, fault.ORPHAN_REFUSE, fault.ORPHAN_FAIL, *fault.DELIVERY_FAULTS),
    *(UNKNOWN_TYPE, GARBAGE, NO_AUDIO, LATE_AUDIO, CLOSE_AFTER_END),
)


class RefusedError(TrioaudioError):
    """What a client asked for is refused."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status


@attrs.frozen
class Turn:
    """A text to speak in one go; an empty one only ends."""

    text: str
    sound: SoundFormat
    ident: str | None = None
    """What the client calls it."""
    owner: str = ""
    language: str | None = None
    words: bool = False
    ends: bool = True
    """Whether the end is told after it."""
    pause_s: float = 0.0
    """Between the audio and its end."""
    wav: bool = False
    """Whether a WAV header belongs before it."""


class Manners(Protocol):
    """How a service puts what it has to say."""

    def audio(self, turn: Turn, data: bytes) -> Json:
        """Return the message for a chunk."""
        ...

    def words(self, turn: Turn, words: Sequence[SpokenWord]) -> Sequence[Json]:
        """Return the messages for words."""
        ...

    def end(self, turn: Turn) -> Json | None:
        """Return the message for the end, if it is told at all."""
        ...

    def error(self, turn: Turn | None, refused: RefusedError) -> Json | None:
        """Return the message for an error; None closes the socket with code 1011 instead."""
        ...


async def admit(exchange: Exchange, studio: Studio) -> Strikes:
    """Let a connection in, or raise RefusedError because a fault wants it."""
    del exchange
    strikes = studio.faults.strike(Scope.CONNECTION)
    await trio.sleep((strikes.value(fault.SLOW_UPGRADE) or 0) / 1000)
    status = strikes.value(fault.UPGRADE_STATUS)
    if status is not None:
        raise RefusedError(int(status), "refused on purpose")
    return strikes


@attrs.define(eq=False)
class TurnQueue:
    """What one connection is asked to speak; `speak_all` does it. The Outlet of its turns."""

    websocket: WebSocket
    studio: Studio
    manners: Manners
    _turns: deque[Turn] = attrs.field(factory=deque)
    _asked: trio.Event = attrs.field(factory=trio.Event)
    _turn: Turn | None = None
    """The one being spoken."""
    _strikes: Strikes = attrs.field(factory=Strikes)

    @property
    def busy(self) -> bool:
        """Whether something is being spoken or waits for it."""
        return self._turn is not None or bool(self._turns)

    def ask(self, turn: Turn) -> None:
        """Queue a turn; RefusedError when too many wait."""
        if len(self._turns) >= MOST_TURNS:
            raise RefusedError(429, "too many requests wait on this connection")
        self._turns.append(turn)
        self._asked.set()

    async def speak_all(self) -> None:
        """Speak what is asked for, until cancelled; PeerGoneError when the client is gone."""
        while True:
            while self._turns:
                self._turn = self._turns.popleft()
                await self._speak(self._turn)
                self._turn = None
            self._asked = trio.Event()
            await self._asked.wait()

    async def say(self, message: Json | None) -> None:
        """Send a message."""
        if message is not None:
            await self.websocket.send(json.dumps(message))

    async def say_error(self, turn: Turn | None, refused: RefusedError) -> None:
        """Tell of an error in the service's way, and count it."""
        self.studio.errors[refused.status] += 1
        message = self.manners.error(turn, refused)
        if message is None:
            await self.websocket.close(1011, f"{refused.status}: {refused}"[:120])
        await self.say(message)

    async def _speak(self, turn: Turn) -> None:
        if not turn.text:
            await self._end(turn)
            return
        if self.studio.full:
            await self.say_error(turn, RefusedError(429, "too many requests at once"))
            return
        with self.studio.occupied():
            self._strikes = self.studio.faults.strike(Scope.UTTERANCE)
            try:
                await self._announce()
                if NO_AUDIO not in self._strikes:
                    await self._deliver(turn)
            except RefusedError as exc:
                await self.say_error(self._told(turn), exc)
                return
            except (CutError, EngineError) as exc:
                await self.say_error(self._told(turn), RefusedError(500, str(exc)))
                return
        await self._end(turn)

    def _told(self, turn: Turn) -> Turn | None:
        """Return the turn an error names, unless a fault keeps it from naming any."""
        orphan = fault.ORPHAN_REFUSE in self._strikes or fault.ORPHAN_FAIL in self._strikes
        return None if orphan else turn

    async def _announce(self) -> None:
        for kind in (fault.REFUSE, fault.ORPHAN_REFUSE):
            status = self._strikes.value(kind)
            if status is not None:
                raise RefusedError(int(status), "refused on purpose")
        if UNKNOWN_TYPE in self._strikes:
            await self.say({"type": "announcement", "status": "announcement", "data": {}})
        if GARBAGE in self._strikes:
            await self.websocket.send('{"type": "chunk", ')

    async def _deliver(self, turn: Turn) -> None:
        if turn.wav:
            await self.send_audio(wav_header(turn.sound))
        delivery = Delivery(
            studio=self.studio,
            sound=turn.sound,
            outlet=self,
            strikes=self._strikes,
            owner=turn.owner,
            language=turn.language,
            words=turn.words,
        )
        await delivery.speak(turn.text)

    async def _end(self, turn: Turn) -> None:
        if not turn.ends:
            return
        await trio.sleep(turn.pause_s)
        if fault.NO_DONE not in self._strikes:
            await self.say(self.manners.end(turn))
        if LATE_AUDIO in self._strikes:
            await self.say(self.manners.audio(turn, bytes(320)))
        if CLOSE_AFTER_END in self._strikes:
            await self.websocket.close(1000)

    async def send_audio(self, data: bytes) -> None:
        """Send a chunk."""
        assert self._turn is not None
        await self.say(self.manners.audio(self._turn, data))

    async def send_words(self, words: Sequence[SpokenWord]) -> None:
        """Send words."""
        assert self._turn is not None
        for message in self.manners.words(self._turn, words):
            await self.say(message)

    async def close(self) -> None:
        """Close the connection in good order."""
        await self.websocket.close()

    def reset(self) -> None:
        """Reset the connection."""
        self.websocket.reset()


class Listener(Protocol):
    """Takes what a client says on one connection."""

    async def take(self, message: str) -> None:
        """Take a message. RefusedError when it makes no sense."""
        ...

    async def tell_idle(self) -> None:
        """Say good-bye to a client that has said nothing for too long."""
        ...


async def listen(queue: TurnQueue, listener: Listener, idle_s: float) -> None:
    """Live one connection until the client goes, or has been idle too long."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(queue.speak_all)
        while True:
            message: str | bytes | None = None
            with trio.move_on_after(idle_s):
                message = await queue.websocket.receive()
            if message is not None:
                await _take(queue, listener, message)
            elif not queue.busy:
                await listener.tell_idle()
                await queue.websocket.close(1000, "idle")
                break
        nursery.cancel_scope.cancel()


async def _take(queue: TurnQueue, listener: Listener, message: str | bytes) -> None:
    try:
        await listener.take(message if isinstance(message, str) else "")
    except RefusedError as exc:
        await queue.say_error(None, exc)


def read_object(message: str) -> dict[str, object]:
    """Return a message's fields; RefusedError when it is no JSON object."""
    try:
        value = json.loads(message)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise RefusedError(400, "payload must be an object")
    return value


def read_text(fields: Json, name: str, *, default: str | None = None) -> str:
    """Return a field that is text; RefusedError when it is none, or missing without default."""
    value = fields.get(name, default)
    if value is None:
        raise RefusedError(400, f"{name} is required")
    if not isinstance(value, str):
        raise RefusedError(400, f"{name} must be a string")
    return value


def read_number(fields: Json, name: str, default: float, least: float, most: float) -> float:
    """Return a field that is a number in a range; RefusedError."""
    value = fields.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not least <= value <= most:
        raise RefusedError(400, f"{name} must be a number from {least:g} to {most:g}")
    return value
