"""What `speech.py` says ingest costs: our own code alone, a whole process, the leveller."""

from __future__ import annotations

import json
import time
from binascii import b2a_base64
from collections.abc import Callable
from random import Random

import attrs
import trio

from bench.own_calls import cpu_seconds
from bench.speech_calls import SAMPLE_RATE, sentences
from bench.speech_service import embedded, simulated_service, watched
from trioaudio.core.engine import EngineSettings, EngineSetup, VoiceChoice, WordTiming
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.core.facts import Fact
from trioaudio.core.front_end.front_end import FrontEnd, FrontEndOptions
from trioaudio.core.level.leveller import Leveller, LevelOptions
from trioaudio.core.level.loudness import LoudnessMeter
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.core.resampling import Resampler
from trioaudio.core.secret import Secret
from trioaudio.core.speech import SpeechNews, WholeText
from trioaudio.engines._cartesia_connection import Connection
from trioaudio.engines._cartesia_context import Context, ContextPlace
from trioaudio.engines._inbox import Inbox
from trioaudio.engines._leases import Leases
from trioaudio.simulators.services.tone import make_tone
from trioaudio.speech.engine_turn import EngineTurn
from trioaudio.speech.opening import ChainSetup, open_chain
from trioaudio.speech.script import Script

CHUNK_MS = 300
STEADY_TEXTS = 50
CHUNKS = 200
"""In one loop of our own code; a minute of speech."""

TONE_DBOV = -15.0
TARGET_DBOV = LevelOptions().target_dbov
FAR_TOO_LOUD_DB = 12.0
_CONTEXT = "0e9c7c5e-0f5c-4d4c-9d4e-2f3a4b5c6d7e"
_SETTLING_S = 2.0


class QuietSink:
    """A `core.speech.SpeechSink` that takes everything at once and counts it."""

    def __init__(self) -> None:
        self.sample_rate = SAMPLE_RATE
        self.bytes = 0

    async def write(self, chunk: bytes) -> None:
        """Drop it."""
        self.bytes += len(chunk)

    def tell(self, news: SpeechNews) -> None:
        """Drop it."""

    def ahead_s(self) -> float:
        """Return enough for nobody to hurry."""
        return 1.0


@attrs.define(eq=False)
class CannedSocket:
    """A socket that has all messages already, and then breaks."""

    messages: list[str]

    async def send(self, message: str | bytes) -> None:
        """Drop it."""

    async def receive(self) -> str | bytes:
        """Return the next message."""
        if not self.messages:
            raise EngineError("all is said", kind=EngineFault.UNAVAILABLE, retryable=False)
        return self.messages.pop()

    async def ping(self) -> None:
        """Answer."""


def _ignore(_fact: Fact) -> None:
    """Take a fact of the chain's."""


def _chunks(pcm: bytes, rate: int) -> list[bytes]:
    size = rate * CHUNK_MS // 1000 * SAMPLE_BYTES
    return [pcm[start : start + size] for start in range(0, len(pcm) - size + 1, size)]


def _tone(rate: int) -> list[bytes]:
    """Return a minute of the tone voice."""
    return _chunks(make_tone("x" * 860, 7, rate), rate)[:CHUNKS]


# --- Our own code, in one process and without sockets --------------------------------


def own_ingest_us(runs: int) -> float:
    """Return microseconds a chunk for message, context, inbox, turn and leveller; the least."""
    return min(trio.run(_ingest_once) for _ in range(runs))


async def _ingest_once() -> float:
    fields = {"type": "chunk", "status_code": 206, "done": False, "step_time": 41.7}
    tone = _tone(SAMPLE_RATE)
    messages = [
        json.dumps(
            {**fields, "data": b2a_base64(each, newline=False).decode(), "context_id": _CONTEXT}
        )
        for each in tone
    ]
    messages.append(json.dumps({"type": "done", "done": True, "context_id": _CONTEXT}))
    inbox = Inbox(SAMPLE_RATE)
    place = ContextPlace(0, 0.0)
    context = Context(_CONTEXT, {}, place, inbox, SAMPLE_RATE, lambda: None)
    leases = Leases(1, grace_s=0.0)
    connection = Connection(leases, Secret("any"), 0.0)
    connection.accept()
    connection.begin(context, await leases.acquire(leases.ticket()))
    script = Script(FrontEnd(FrontEndOptions()))
    script.take_whole("One clause that goes on and on.")
    sink = QuietSink()
    turn = EngineTurn(
        engine="cartesia",
        settings=EngineSettings(),
        engine_rate=SAMPLE_RATE,
        script=script,
        sink=sink,
        levels=Leveller(SAMPLE_RATE, TARGET_DBOV - TONE_DBOV, LevelOptions()),
        base_ms=0.0,
    )
    connection.speak(context, await anext(turn.feed()))
    begun = time.perf_counter()
    with turn.scope:
        await connection.run(CannedSocket(messages[::-1]))
        inbox.end()
        await inbox.deliver(turn)
    took = time.perf_counter() - begun
    if sink.bytes < sum(map(len, tone)) * 0.99:
        raise RuntimeError("not all of the audio came through")
    return took * 1e6 / len(tone)


# --- All of the ingest, in a process -------------------------------------------------


def whole_ingest_us(seconds: float, speed: float = 1.0) -> float:
    """Return the process's CPU microseconds a chunk while it takes in a steady 50 texts."""
    options = ["--chunk-ms", str(CHUNK_MS), "--speed", str(speed)]
    with simulated_service(*options) as url:
        return trio.run(_take_in, url, seconds)


async def _take_in(url: str, seconds: float) -> float:
    draw = Random(STEADY_TEXTS)
    sinks = [QuietSink() for _ in range(STEADY_TEXTS)]
    chunk_bytes = SAMPLE_RATE * CHUNK_MS // 1000 * SAMPLE_BYTES
    engine = watched(url, 2 * STEADY_TEXTS, STEADY_TEXTS)
    async with open_chain(ChainSetup([engine], _ignore)) as chain, trio.open_nursery() as nursery:

        async def speak(sink: QuietSink) -> None:
            await trio.sleep(draw.uniform(0.0, CHUNK_MS / 1000))
            while True:
                await chain.speak(WholeText(sentences(draw, 3)), sink, VoiceChoice())

        for each in sinks:
            nursery.start_soon(speak, each)
        await trio.sleep(_SETTLING_S)
        taken, cpu = sum(each.bytes for each in sinks), cpu_seconds()
        await trio.sleep(seconds)
        chunks = (sum(each.bytes for each in sinks) - taken) / chunk_bytes
        spent = cpu_seconds() - cpu
        nursery.cancel_scope.cancel()
    return spent * 1e6 / chunks


# --- The leveller --------------------------------------------------------------------


def leveller_us(runs: int) -> dict[str, dict[int, float]]:
    """Return microseconds a chunk by what the leveller has to do, then by rate in Hz."""
    cases: dict[str, Callable[[int], tuple[list[bytes], float, bool]]] = {
        "plain": lambda rate: (_tone(rate), TARGET_DBOV - TONE_DBOV, False),
        "seeking": lambda rate: (_tone(rate), 0.0, True),
        "peaky voice": lambda rate: (*_peaky(voice, rate), False),
        "limited": lambda rate: (_tone(rate), FAR_TOO_LOUD_DB, False),
    }
    voice = trio.run(_embedded_voice)
    found: dict[str, dict[int, float]] = {}
    for name, make in cases.items():
        found[name] = {}
        for rate in (8000, 16000):
            chunks, gain_db, seeking = make(rate)
            found[name][rate] = min(
                _level_once(chunks, rate, gain_db, seeking=seeking) for _ in range(runs)
            )
    return found


def _level_once(chunks: list[bytes], rate: int, gain_db: float, *, seeking: bool) -> float:
    leveller = Leveller(rate, gain_db, LevelOptions(), seeking=seeking)
    begun = time.perf_counter()
    for chunk in chunks:
        leveller.push(chunk)
    return (time.perf_counter() - begun) * 1e6 / len(chunks)


def _peaky(voice: tuple[bytes, int], rate: int) -> tuple[list[bytes], float]:
    """Return the embedded voice at a rate, and the gain it needs."""
    pcm, own_rate = voice
    resampler = Resampler(own_rate, rate)
    resampled = resampler.push(pcm) + resampler.flush()
    meter = LoudnessMeter(rate)
    meter.push(resampled)
    return _chunks(resampled, rate), TARGET_DBOV - (meter.measure().active_dbov or TARGET_DBOV)


class _Kept:
    """A `core.engine.PcmSink` that keeps the sound."""

    def __init__(self) -> None:
        self.pcm = bytearray()

    async def write(self, chunk: bytes) -> None:
        self.pcm += chunk

    def tell_word(self, word: WordTiming) -> None:
        pass

    def tell_spoken(self, clauses: int) -> None:
        pass


async def _embedded_voice() -> tuple[bytes, int]:
    """Return half a minute of the embedded voice, and its rate."""
    kind = embedded().kind
    kept = _Kept()
    async with kind.open(EngineSetup(EngineSettings(), _ignore)) as engine:
        rate = engine.sample_rate_for(SAMPLE_RATE)
        text = WholeText(sentences(Random(1), 8))
        await engine.synthesize(text, kept, VoiceChoice(), rate)
    return bytes(kept.pcm), rate
