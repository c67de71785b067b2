"""Stand-ins that keep the contracts of the real things, for tests on virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import attrs
import trio

from trioaudio.core.carrier import (
    Answer,
    CallerAudio,
    ClearAudio,
    Command,
    Complaint,
    EndStream,
    Event,
    FlowPaused,
    FlowResumed,
    HangUp,
    MarkPlayed,
    Message,
    Metadata,
    SendMark,
    Started,
    Stopped,
    Transfer,
)
from trioaudio.core.connection import Closing, Inbound, MediaConnection
from trioaudio.core.encoding import Payload
from trioaudio.core.engine import (
    ChosenEngine,
    EngineKind,
    EngineSettings,
    EngineSetup,
    PcmSink,
    Voice,
    VoiceChoice,
)
from trioaudio.core.errors import LegLostError
from trioaudio.core.speech import SpeechSink
from trioaudio.core.websocket_frame import Opcode
from trioaudio.core.websocket_split import DataFrame


@attrs.frozen
class Received:
    """One message the far end got."""

    at: float
    message: Message


def inbound(message: Message) -> Inbound:
    if isinstance(message, str):
        return DataFrame(Opcode.TEXT, message.encode(), None)
    return DataFrame(Opcode.BINARY, message, None)


def _not_open(*_args: object) -> None:
    raise AssertionError("open the connection with `connects`")


class FakeConnection:
    """A MediaConnection that notes what it is sent and when; its wire format is kind and length."""

    def __init__(self) -> None:
        self.peer = "fake:1"
        self.inlet = None
        self.start_soon: Callable[..., None] = _not_open
        self.received: list[Received] = []
        self.writes = 0
        self.full = False
        self.full_after: int | None = None
        """Writes after which the socket takes no more."""
        self.broken: str | None = None
        self.pings = 0
        self.heard = 0
        self.answers_pings = True
        self.close_takes = 0.0
        """Seconds until the far end answers our close; all that is sent meanwhile is a mistake."""
        self.closing_since: float | None = None
        self.closed_with: int | None = None
        self._changed = trio.Event()
        self._to_us_in, self._to_us_out = trio.open_memory_channel[
            Message | Inbound | Closing | Exception
        ](100)

    def wire(self, message: Message) -> bytes:
        kind, data = (b"T", message.encode()) if isinstance(message, str) else (b"B", message)
        return kind + len(data).to_bytes(4, "big") + data

    @property
    def outlet(self) -> FakeConnection:
        return self

    @property
    def stalled(self) -> bool:
        return self.full

    def try_send(self, data: bytes) -> bool:
        if self.full:
            return False
        self.send_control(data)
        self.full = self.writes == self.full_after
        return True

    def send_control(self, data: bytes) -> None:
        if self.broken:
            raise LegLostError(self.broken)
        self.writes += 1
        while data:
            end = 5 + int.from_bytes(data[1:5], "big")
            message: Message = data[5:end].decode() if data[:1] == b"T" else data[5:end]
            self.received.append(Received(trio.current_time(), message))
            data = data[end:]

    def drain(self) -> None:
        """Let a full socket take more."""
        self.full = False
        self._changed.set()

    def break_off(self, reason: str = "connection reset") -> None:
        """Lose the connection: both reading and writing see it."""
        self.broken = reason
        self._changed.set()
        self.say(LegLostError(reason))

    async def wait_flushed(self) -> None:
        while self.full:
            if self.broken:
                raise LegLostError(self.broken)
            self._changed = trio.Event()
            await self._changed.wait()

    def say(self, message: Message | Inbound | Closing | Exception) -> None:
        """Let the far end say something, close, or break."""
        self._to_us_in.send_nowait(message)

    async def receive(
        self, on_message: Callable[[Inbound], None], *, polled: bool = False
    ) -> Closing:
        assert not polled
        async for message in self._to_us_out:
            if isinstance(message, Exception):
                raise message
            self.heard += 1
            if isinstance(message, Closing):
                return message
            on_message(inbound(message) if isinstance(message, str | bytes) else message)
        raise AssertionError("the channel is never closed")

    def ping(self) -> None:
        if self.broken:
            raise LegLostError(self.broken)
        self.pings += 1
        if self.answers_pings:
            self.heard += 1

    async def close(self, code: int = 1000, reason: str | None = None) -> None:
        self.closing_since = trio.current_time()
        await trio.sleep(self.close_takes)
        self.closed_with = code
        self.say(Closing(code, reason))

    @property
    def audio(self) -> list[bytes]:
        return [each.message for each in self.received if isinstance(each.message, bytes)]

    @property
    def texts(self) -> list[str]:
        return [each.message for each in self.received if isinstance(each.message, str)]

    @property
    def times(self) -> list[float]:
        return [each.at for each in self.received if isinstance(each.message, bytes)]

    def when(self, text: str) -> list[float]:
        """Return the times at which a text was sent."""
        return [each.at for each in self.received if each.message == text]


class SpelledCodec:
    """A carrier codec of plain words; a payload goes in `parts` messages."""

    def __init__(self, parts: int = 1) -> None:
        self._parts = parts

    def receive(self, message: Message) -> list[Event]:
        if isinstance(message, bytes):
            return [CallerAudio(message)]
        word, _, name = message.partition(" ")
        events: dict[str, Event] = {
            "start": Started(),
            "call": Started(call_id=name),
            "pause": FlowPaused(),
            "resume": FlowResumed(),
            "played": MarkPlayed(name),
            "cleared": MarkPlayed(name, heard=False),
            "wrong": Complaint(name),
            "stop": Stopped("far end"),
        }
        return [events.get(word) or Metadata(message)]

    def send(self, command: Command) -> list[Message]:
        match command:
            case SendMark(name):
                return [f"mark {name}"]
            case Transfer(to=to):
                return [f"transfer {to[0]}"]
            case ClearAudio() | HangUp() | EndStream() | Answer():
                return [type(command).__name__.lower()]
            case _:
                return []

    def seal(self, payload: Payload) -> Sequence[Message]:
        size = len(payload) // self._parts
        return [payload[at : at + size] for at in range(0, len(payload), size)]

    def is_media(self, message: Message) -> bool:
        return isinstance(message, bytes)


def connects(
    *connections: MediaConnection | Exception,
) -> Callable[[float | None], AbstractAsyncContextManager[MediaConnection]]:
    """Return a Connect that gives these connections one after the other, then nobody comes."""
    waiting = list(connections)

    @asynccontextmanager
    async def connect(wait_s: float | None) -> AsyncIterator[MediaConnection]:
        await trio.lowlevel.checkpoint()
        if not waiting:
            if wait_s is None:
                await trio.sleep_forever()
            else:
                await trio.sleep(wait_s)
            raise LegLostError("nobody came")
        each = waiting.pop(0)
        if isinstance(each, Exception):
            raise each
        async with trio.open_nursery() as nursery:
            if isinstance(each, FakeConnection):
                each.start_soon = nursery.start_soon
            yield each
            nursery.cancel_scope.cancel()

    return connect


Script = Callable[[SpeechSink], Awaitable[None]]


class ScriptedSpeaker:
    """A speaker that does for each utterance what a test's script says."""

    name = "scripted"

    def __init__(self, script: Script) -> None:
        self._script = script
        self.texts: list[str] = []
        self.cancelled = 0

    def check(self, choice: VoiceChoice) -> None:
        pass

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        pass

    async def speak(
        self, pieces: AsyncIterable[str], sink: SpeechSink, choice: VoiceChoice
    ) -> None:
        try:
            self.texts.append("".join([piece async for piece in pieces]))
            await self._script(sink)
        except trio.Cancelled:
            self.cancelled += 1
            raise


EngineScript = Callable[[AsyncIterable[str], PcmSink], Awaitable[None]]


class ScriptedEngine:
    """An engine that does for each utterance what a test's script says."""

    def __init__(self, script: EngineScript, name: str = "scripted", rate: int = 8000) -> None:
        self.name = name
        self.rate = rate
        self.turns = 0
        self._script = script

    def sample_rate_for(self, wanted: int) -> int:
        del wanted
        return self.rate

    def check(self, choice: VoiceChoice) -> None:
        pass

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        pass

    def recipe(self, choice: VoiceChoice) -> str:
        return f"{choice.voice} {choice.language}"

    async def synthesize(
        self, clauses: AsyncIterable[str], sink: PcmSink, choice: VoiceChoice, sample_rate: int
    ) -> None:
        self.turns += 1
        await self._script(clauses, sink)

    async def voices(self) -> list[Voice]:
        await trio.lowlevel.checkpoint()
        return []

    def chosen(
        self, settings: EngineSettings | None = None, *, embedded: bool = False, speech: bool = True
    ) -> ChosenEngine:
        """Return it as the operator's choice."""

        @asynccontextmanager
        async def open_engine(_setup: EngineSetup) -> AsyncIterator[ScriptedEngine]:
            await trio.lowlevel.checkpoint()
            yield self

        own = settings or EngineSettings()
        kind = EngineKind(self.name, open_engine, own, "", embedded=embedded, speech=speech)
        return ChosenEngine(kind, own)


def numbered_pcm(frames: int, frame_bytes: int = 960, start: int = 0) -> bytes:
    """Return frames whose first four bytes count them and whose rest is never zero."""
    return b"".join(
        number.to_bytes(4, "little") + bytes((number % 255 + 1,)) * (frame_bytes - 4)
        for number in range(start, start + frames)
    )


def number_of(frame: bytes) -> int:
    return int.from_bytes(frame[:4], "little")


class Pieces:
    """Text that is all there."""

    def __init__(self, *pieces: str) -> None:
        self._pieces = list(pieces)

    def __aiter__(self) -> Pieces:
        return self

    async def __anext__(self) -> str:
        await trio.lowlevel.checkpoint()
        if not self._pieces:
            raise StopAsyncIteration
        return self._pieces.pop(0)
