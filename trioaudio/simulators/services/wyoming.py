"""A simulated Wyoming speech server, such as wyoming-piper, over plain TCP.

https://github.com/OHF-Voice/wyoming
As the real ones do, it handles a connection's events one after the other, and in the streamed
form speaks each sentence as soon as it sees that another one has begun.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import attrs
import trio

from trioaudio.core.errors import EngineError
from trioaudio.core.wyoming_event import Event, EventError, EventReader
from trioaudio.simulators.services import faults as fault
from trioaudio.simulators.services.delivery import CutError, Delivery
from trioaudio.simulators.services.faults import DELIVERY_FAULTS, FaultKind, Scope, Strikes
from trioaudio.simulators.services.service import Serve, ServiceKind
from trioaudio.simulators.services.sound import Encoding, SoundFormat, SpokenWord
from trioaudio.simulators.services.studio import Studio
from trioaudio.simulators.services.websocket import LOST, reset

SAMPLE_RATE = 22050
VOICES = ("en_US-lessac-medium", "en_GB-alba-medium", "de_DE-thorsten-medium")

NO_STREAMING = FaultKind("no-streaming", Scope.CONNECTION, "it says it takes no text in pieces")
NO_INFO = FaultKind("no-info", Scope.CONNECTION, "a description asked for does not come")
RATE = FaultKind("rate", Scope.UTTERANCE, "speaks at N Hz, and says so", 16000)
STEREO = FaultKind("stereo", Scope.UTTERANCE, "says that the sound has two channels")
CHANGED_FORMAT = FaultKind("changed-format", Scope.UTTERANCE, "the rate changes after the start")
JUNK = FaultKind("junk", Scope.UTTERANCE, "a line that is no JSON before the audio")
HUGE = FaultKind("huge", Scope.UTTERANCE, "announces a payload of a terabyte")
NO_START = FaultKind("no-start", Scope.UTTERANCE, "audio without audio-start")
UNKNOWN_TYPE = FaultKind("unknown-type", Scope.UTTERANCE, "an event nobody knows, in the audio")
EMPTY = FaultKind("empty", Scope.UTTERANCE, "spoken, but without any audio")
FAULTS = (
    *(fault.IDLE_CLOSE, fault.REFUSE, *DELIVERY_FAULTS, NO_STREAMING, NO_INFO, RATE, STEREO),
    *(CHANGED_FORMAT, JUNK, HUGE, NO_START, UNKNOWN_TYPE, EMPTY),
)

_READ_BYTES = 64 << 10
_EVENTS_AHEAD = 256
_PATIENCE_S = 3600
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+(?=\S)")


@attrs.define(eq=False)
class Conversation:
    """One connection."""

    studio: Studio
    stream: trio.SocketStream
    strikes: Strikes
    _voice: str = ""
    _text: str | None = None
    """Text in pieces not spoken yet; None while nobody sends any."""

    async def listen(self) -> None:
        """Answer until the client leaves; what is being spoken then is left unsaid."""
        send, receive = trio.open_memory_channel[Event](_EVENTS_AHEAD)
        idle_s = self.strikes.value(fault.IDLE_CLOSE)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._read, send, nursery.cancel_scope)
            while True:
                with trio.move_on_after(_PATIENCE_S if idle_s is None else idle_s) as patience:
                    event = await receive.receive()
                if patience.cancelled_caught:
                    break
                await self._answer(event)
            nursery.cancel_scope.cancel()

    async def _read(self, events: trio.MemorySendChannel[Event], scope: trio.CancelScope) -> None:
        reader = EventReader()
        while data := await self.stream.receive_some(_READ_BYTES):
            for event in reader.push(bytes(data)):
                await events.send(event)
        scope.cancel()

    async def send(self, event: Event) -> None:
        """Send an event."""
        await self.stream.send_all(event.encode())

    async def _answer(self, event: Event) -> None:
        """Do what an event asks for; one that is not known is dropped."""
        match event.type:
            case "ping":
                await self.send(Event("pong", event.data))
            case "describe" if NO_INFO not in self.strikes:
                await self.send(self._info())
            case "synthesize" if self._text is None:
                await self._speak(event.text("text"), _voice_of(event))
            case "synthesize-start":
                self._text, self._voice = "", _voice_of(event)
            case "synthesize-chunk" | "synthesize-stop" if self._text is not None:
                await self._take_text(self._text + event.text("text"), event.type)

    async def _take_text(self, text: str, kind: str) -> None:
        """Speak what is complete of a text in pieces, and at its end the rest."""
        *sentences, rest = _SENTENCE_END.split(text)
        self._text = rest
        for sentence in sentences:
            await self._speak(sentence, self._voice)
        if kind == "synthesize-stop":
            self._text = None
            if not rest.strip() or await self._speak(rest, self._voice):
                await self.send(Event("synthesize-stopped"))

    async def _speak(self, text: str, voice: str) -> bool:
        """Speak a text; say whether the client has heard of its end."""
        known = self.studio.options.voices
        if voice and known and voice not in known:
            return await self._complain(404, f"Unknown voice: {voice}")
        if self.studio.full:
            return await self._complain(429, "Too many texts at once")
        with self.studio.occupied():
            strikes = self.studio.faults.strike(Scope.UTTERANCE)
            status = strikes.value(fault.REFUSE)
            if status is not None:
                return await self._complain(int(status), "Refused on purpose")
            utterance = _Utterance(self, strikes)
            try:
                await utterance.speak(text, voice)
            except (CutError, EngineError) as exc:
                return await self._complain(500, str(exc))
        return fault.NO_DONE not in strikes

    async def _complain(self, status: int, words: str) -> bool:
        self.studio.errors[status] += 1
        await self.send(Event("error", {"text": words, "code": str(status)}))
        return False

    def _info(self) -> Event:
        maker = {"name": "trioaudio", "url": "https://github.com/trioaudio/trioaudio"}
        artifact: dict[str, object] = {
            "attribution": maker,
            "installed": True,
            "version": "1",
            "description": None,
        }
        voices = [
            {**artifact, "name": name, "languages": [name.partition("-")[0]], "speakers": None}
            for name in self.studio.options.voices or VOICES
        ]
        program: dict[str, object] = {**artifact, "name": "simulator", "voices": voices}
        program["supports_synthesize_streaming"] = NO_STREAMING not in self.strikes
        kinds: dict[str, object] = {
            each: [] for each in ("asr", "handle", "intent", "wake", "mic", "snd")
        }
        return Event("info", {**kinds, "tts": [program]})


@attrs.define(eq=False)
class _Utterance:
    """A text being spoken; is the Outlet of its delivery."""

    conversation: Conversation
    strikes: Strikes
    rate: int = SAMPLE_RATE

    async def speak(self, text: str, voice: str) -> None:
        """Send audio-start, the audio, and audio-stop."""
        strikes = self.strikes
        self.rate = int(strikes.value(RATE) or SAMPLE_RATE)
        if JUNK in strikes:
            await self.conversation.stream.send_all(b"Traceback (most recent call last):\n")
        if HUGE in strikes:
            await self.conversation.stream.send_all(
                b'{"type": "audio-chunk", "payload_length": 1099511627776}\n'
            )
        if NO_START not in strikes:
            await self.conversation.send(Event("audio-start", self._format()))
        if CHANGED_FORMAT in strikes:
            self.rate *= 2
        if EMPTY not in strikes:
            sound = SoundFormat(Encoding.S16, self.rate)
            delivery = Delivery(self.conversation.studio, sound, self, strikes, owner=voice)
            await delivery.speak(text)
        if fault.NO_DONE not in strikes:
            await self.conversation.send(Event("audio-stop"))

    async def send_audio(self, data: bytes) -> None:
        """Send a chunk."""
        if UNKNOWN_TYPE in self.strikes:
            await self.conversation.send(Event("weather", {"audio": "rain"}, b"\1\2\3"))
        await self.conversation.send(Event("audio-chunk", self._format(), data))

    async def send_words(self, words: Sequence[SpokenWord]) -> None:
        """Send nothing: there are no timings."""

    async def close(self) -> None:
        """Close the connection in good order."""
        await self.conversation.stream.aclose()

    def reset(self) -> None:
        """Reset the connection."""
        reset(self.conversation.stream)

    def _format(self) -> Mapping[str, object]:
        return {"rate": self.rate, "width": 2, "channels": 2 if STEREO in self.strikes else 1}


def _voice_of(event: Event) -> str:
    voice = event.data.get("voice")
    name = voice.get("name") if isinstance(voice, dict) else None
    return name if isinstance(name, str) else ""


def _serve(studio: Studio) -> Serve:
    async def serve(stream: trio.SocketStream) -> None:
        strikes = studio.faults.strike(Scope.CONNECTION)
        try:
            await Conversation(studio, stream, strikes).listen()
        except* (*LOST, EventError):
            pass  # its own affair; the next connection is as good as new
        finally:
            stream.socket.close()

    return serve


SERVICE = ServiceKind("wyoming", _serve, FAULTS, http=False)
