"""A callee on virtual time: takes speech as a call does, half a second ahead; notes the gaps."""

from __future__ import annotations

import re
from collections.abc import AsyncIterable, Sequence
from contextlib import AbstractAsyncContextManager

import trio

from fakes import EngineScript, ScriptedEngine
from trioaudio.core.engine import EngineSettings, PcmSink, WordTiming
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.core.facts import Fact
from trioaudio.core.speech import EngineChanged, SpeechNews, SpokenWord, Stretch
from trioaudio.speech.chain import EngineChain, SpeechOptions
from trioaudio.speech.opening import ChainSetup, open_chain
from trioaudio.speech.prompt_cache import PromptCache

RATE = 8000
SECOND = RATE * 2
AHEAD_S = 0.48
CHARACTER_S = 0.07
_WORD = re.compile(r"(?<!\S)\S+")
AS_IT_IS = SpeechOptions(level=None)


class Callee:
    """A `core.speech.SpeechSink` that keeps everything, and remembers each gap in what it hears."""

    def __init__(self, sample_rate: int = RATE, *, ahead_s: float = AHEAD_S) -> None:
        self.sample_rate = sample_rate
        self.pcm = bytearray()
        self.words: list[SpokenWord] = []
        self.stretches: list[Stretch] = []
        self.changes: list[EngineChanged] = []
        self.gaps: list[float] = []
        self.first_at: float | None = None
        self._most_ahead = ahead_s
        self._dry_at = 0.0

    def ahead_s(self) -> float:
        return max(0.0, self._dry_at - trio.current_time())

    async def write(self, chunk: bytes) -> None:
        await trio.lowlevel.checkpoint()
        now = trio.current_time()
        if self.first_at is None:
            self.first_at = self._dry_at = now
        elif now > self._dry_at:
            self.gaps.append(now - self._dry_at)
            self._dry_at = now
        self.pcm += chunk
        self._dry_at += len(chunk) / 2 / self.sample_rate
        await trio.sleep_until(self._dry_at - self._most_ahead)

    def tell(self, news: SpeechNews) -> None:
        match news:
            case SpokenWord():
                self.words.append(news)
            case Stretch():
                self.stretches.append(news)
            case EngineChanged():
                self.changes.append(news)

    @property
    def engines(self) -> list[str]:
        return [stretch.engine for stretch in self.stretches]


def sound_of(text: str, owner: int = 1) -> bytes:
    """Return what a text sounds like: a sample value a character, 70 ms each."""
    samples = int(RATE * CHARACTER_S)
    return b"".join(
        (owner * 256 + ord(each) % 256).to_bytes(2, "little") * samples for each in text
    )


def text_of(pcm: bytes) -> str:
    """Return the characters heard, as many as there were whole ones."""
    step = int(RATE * CHARACTER_S) * 2
    return "".join(chr(pcm[at]) for at in range(0, len(pcm) - step // 2, step))


def speaks(
    *,
    first_s: float = 0.05,
    speed: float = 10.0,
    fails_at: int | None = None,
    error: EngineError | None = None,
    stalls_at: int | None = None,
    words: bool = True,
    chunk_characters: int = 4,
) -> EngineScript:
    """Return an engine's script: `sound_of` each clause, so much faster than it is heard.

    `fails_at` and `stalls_at` count characters from the beginning of the turn.
    """

    async def script(clauses: AsyncIterable[str], sink: PcmSink) -> None:
        spoken, number, at_ms = 0, 0, 0.0
        async for clause in clauses:
            await trio.sleep(first_s)
            start = 0
            while start < len(clause):
                limits = [each for each in (fails_at, stalls_at) if each is not None]
                step = min([chunk_characters, *(each - spoken for each in limits if each > spoken)])
                piece = clause[start : start + step]
                if fails_at is not None and spoken >= fails_at:
                    raise error or broken()
                if stalls_at is not None and spoken >= stalls_at:
                    await trio.sleep_forever()
                for found in _WORD.finditer(clause, start) if words else ():
                    if found.start() < start + step:
                        ms = at_ms + (found.start() - start) * CHARACTER_S * 1000
                        length = found.end() - found.start()
                        sink.tell_word(WordTiming(number, found.start(), length, ms))
                await trio.sleep(len(piece) * CHARACTER_S / speed)
                await sink.write(sound_of(piece))
                at_ms += len(piece) * CHARACTER_S * 1000
                spoken += len(piece)
                start += len(piece)
            number += 1
            sink.tell_spoken(number)

    return script


def broken(kind: EngineFault = EngineFault.UNAVAILABLE) -> EngineError:
    return EngineError(f"broken: {kind.value}", kind=kind, retryable=True)


async def never(clauses: AsyncIterable[str], sink: PcmSink) -> None:
    """Take text and say nothing."""
    del sink
    async for _ in clauses:
        await trio.sleep_forever()


def chain_of(
    *engines: ScriptedEngine,
    facts: list[Fact] | None = None,
    options: SpeechOptions = AS_IT_IS,
    cache: PromptCache | None = None,
    settings: EngineSettings | None = None,
) -> AbstractAsyncContextManager[EngineChain]:
    """Open engines as a chain; one named espeak is the embedded one."""
    told = facts if facts is not None else []
    chosen = [each.chosen(settings, embedded=each.name == "espeak") for each in engines]
    return open_chain(ChainSetup(chosen, told.append, options, cache))


class SlowText:
    """Pieces of text with a pause before each."""

    def __init__(self, pieces: Sequence[str], pause_s: float) -> None:
        self._pieces = list(pieces)
        self._pause_s = pause_s

    def __aiter__(self) -> SlowText:
        return self

    async def __anext__(self) -> str:
        if not self._pieces:
            raise StopAsyncIteration
        await trio.sleep(self._pause_s)
        return self._pieces.pop(0)
