"""The simulated service of `speech.py` in its own process, and an engine that is watched."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from contextvars import ContextVar

import attrs
import trio

from trioaudio.core.engine import (
    ChosenEngine,
    Engine,
    EngineSettings,
    EngineSetup,
    PcmSink,
    Voice,
    VoiceChoice,
    WordTiming,
)
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.core.secret import Secret
from trioaudio.engines import load_engine
from trioaudio.engines._cartesia_settings import CartesiaSettings

PTIME_MS = 60
HOLD_BACK_MS = 8
"""What the level stage holds back: a fade's length and a block, rounded up."""

LEAVE_S = 3.0


@attrs.define(eq=False)
class Moments:
    """One utterance: what was said, and when what happened, in seconds on Trio's clock."""

    text: str
    asked_at: float
    enough_at: float | None = None
    """When the engine had written a frame's worth and what the level stage holds back."""
    first_sent_at: float | None = None
    frames: int = 0
    """Frames handed to the socket."""
    gaps: list[float] = attrs.field(factory=list)
    """Seconds of each underrun."""
    switched: bool = False
    error: str | None = None
    """Why it was given up."""

    def own_ms(self) -> float | None:
        """Return what passed between the engine's audio and the first frame."""
        if self.enough_at is None or self.first_sent_at is None:
            return None
        return (self.first_sent_at - self.enough_at) * 1000

    def all_ms(self) -> float | None:
        """Return what passed between the text and the first frame."""
        return None if self.first_sent_at is None else (self.first_sent_at - self.asked_at) * 1000


SPEAKING: ContextVar[Moments | None] = ContextVar("SPEAKING", default=None)
"""The utterance that the task at hand speaks; an engine isn't told."""


@attrs.define(eq=False)
class WatchedSink:
    """Passes all on, and notes when there was enough for a frame."""

    sink: PcmSink
    moments: Moments
    missing: int
    """Bytes until there is."""

    async def write(self, chunk: bytes) -> None:
        """Pass PCM on; see `core.engine.PcmSink`."""
        if self.missing > 0:
            self.missing -= len(chunk)
            if self.missing <= 0:
                self.moments.enough_at = trio.current_time()
        await self.sink.write(chunk)

    def tell_word(self, word: WordTiming) -> None:
        """Pass a word on."""
        self.sink.tell_word(word)

    def tell_spoken(self, clauses: int) -> None:
        """Pass it on."""
        self.sink.tell_spoken(clauses)


@attrs.define(eq=False)
class WatchedEngine:
    """An engine whose audio is timed for the utterance it is of."""

    engine: Engine

    @property
    def name(self) -> str:
        """The engine's."""
        return self.engine.name

    def sample_rate_for(self, wanted: int) -> int:
        """Return the engine's rate."""
        return self.engine.sample_rate_for(wanted)

    def check(self, choice: VoiceChoice) -> None:
        """Let the engine check."""
        self.engine.check(choice)

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Let the engine check."""
        self.engine.check_text(text, choice)

    def recipe(self, choice: VoiceChoice) -> str:
        """Return the engine's."""
        return self.engine.recipe(choice)

    async def synthesize(
        self, clauses: AsyncIterable[str], sink: PcmSink, choice: VoiceChoice, sample_rate: int
    ) -> None:
        """Have the engine speak into a watched sink."""
        moments = SPEAKING.get()
        if moments is not None:
            enough = sample_rate * (PTIME_MS + HOLD_BACK_MS) // 1000 * SAMPLE_BYTES
            sink = WatchedSink(sink, moments, enough)
        await self.engine.synthesize(clauses, sink, choice, sample_rate)

    async def voices(self) -> list[Voice]:
        """List the engine's."""
        return await self.engine.voices()


def watched(url: str, texts_at_once: int, texts_per_socket: int) -> ChosenEngine:
    """Return Cartesia's engine, watched, and set to speak with the simulated service.

    It never rests, however often it fails: how it fails is what is measured.
    """
    kind = load_engine("cartesia")

    @asynccontextmanager
    async def open_engine(setup: EngineSetup) -> AsyncIterator[Engine]:
        async with kind.open(setup) as engine:
            yield WatchedEngine(engine)

    settings = CartesiaSettings(
        url=url,
        api_key=Secret("any"),
        concurrency=texts_at_once,
        contexts_per_socket=texts_per_socket,
    )
    return ChosenEngine(attrs.evolve(kind, open=open_engine, embedded=True), settings)


def embedded() -> ChosenEngine:
    """Return the embedded voice."""
    return ChosenEngine(load_engine("espeak"), EngineSettings())


@contextmanager
def simulated_service(*options: str) -> Iterator[str]:
    """Simulate Cartesia with the tone voice; the URL is given."""
    command = [sys.executable, "-m", "trioaudio.simulators.services", "cartesia", "--child"]
    process = subprocess.Popen(
        [*command, "--voice", "tone", *options], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            said = json.loads(process.stdout.readline())
            yield str(said["websocket"])
        finally:
            process.stdin.close()  # it leaves when there is nobody to serve
            try:
                process.wait(LEAVE_S)
            except subprocess.TimeoutExpired:
                process.kill()
