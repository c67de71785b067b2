"""What the services speak with: the embedded voice, or a tone that costs nothing.

The only file here that knows how an engine is used.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import AsyncIterator, Sequence
from typing import Protocol

import attrs
import trio

from trioaudio.core.engine import Engine, EngineSettings, EngineSetup, VoiceChoice, WordTiming
from trioaudio.core.errors import ConfigError
from trioaudio.core.front_end.clause import SpokenClause
from trioaudio.core.front_end.front_end import clauses_of
from trioaudio.core.pcm import SampleAligner
from trioaudio.core.resampling import Resampler
from trioaudio.engines import espeak
from trioaudio.simulators.services.sound import SpokenWord
from trioaudio.simulators.services.tone import (
    make_tone,
    owner_of,
    tone_words,
)

_TONE_CHARACTERS_AT_ONCE = 16  # 1.1 s of audio


class VoiceKind(enum.Enum):
    """What may be spoken with."""

    ESPEAK = "espeak"
    """Real speech."""
    TONE = "tone"
    """For load: `tone.read_tone` reads it back."""


@attrs.frozen
class Line:
    """A text to speak; `owner` is whose it is, which a tone makes audible."""

    text: str
    sample_rate: int
    owner: str = ""
    language: str | None = None


class Hearer(Protocol):
    """Who takes what is spoken."""

    async def hear(self, pcm: bytes) -> None:
        """Take whole samples of PCM16 LE; waiting holds the speaker back."""
        ...

    def hear_word(self, word: SpokenWord) -> None:
        """Take a word, timed from the line's own beginning; before or after its audio."""
        ...


class Speaker(Protocol):
    """Speaks any number of lines at once."""

    async def speak(self, line: Line, hearer: Hearer) -> None:
        """Speak one line; return when all of it was heard. EngineError."""
        ...


class ToneSpeaker:
    """Speaks by tones: 70 ms a character, as fast as they are taken."""

    async def speak(self, line: Line, hearer: Hearer) -> None:
        """Speak one line."""
        for word in tone_words(line.text):
            hearer.hear_word(word)
        owner = owner_of(line.owner)
        for start in range(0, len(line.text), _TONE_CHARACTERS_AT_ONCE):
            text = line.text[start : start + _TONE_CHARACTERS_AT_ONCE]
            await hearer.hear(make_tone(text, owner, line.sample_rate, start))


class EspeakSpeaker:
    """Speaks by the embedded voice."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def speak(self, line: Line, hearer: Hearer) -> None:
        """Speak one line; a language the voice does not have is read as English. EngineError."""
        choice = VoiceChoice(language=line.language)
        try:
            self._engine.check(choice)
        except ConfigError:
            choice = VoiceChoice()
        clauses = clauses_of(line.text)
        if not clauses:
            return
        rate = self._engine.sample_rate_for(line.sample_rate)
        sink = _Sink(line, clauses, hearer, Resampler(rate, line.sample_rate))
        await self._engine.synthesize(_Texts(clauses), sink, choice, rate)
        await sink.finish()


class _Texts:
    """The texts of clauses, one after the other."""

    def __init__(self, clauses: Sequence[SpokenClause]) -> None:
        self._clauses = iter(clauses)

    def __aiter__(self) -> _Texts:
        return self

    async def __anext__(self) -> str:
        await trio.lowlevel.checkpoint()
        for clause in self._clauses:
            return clause.text
        raise StopAsyncIteration


@attrs.define(eq=False)
class _Sink:
    """Resamples, and gives each word the end the engine does not tell: the next one's beginning."""

    line: Line
    clauses: Sequence[SpokenClause]
    hearer: Hearer
    resampler: Resampler
    aligner: SampleAligner = attrs.field(factory=SampleAligner)
    samples: int = 0
    word: SpokenWord | None = None

    async def write(self, chunk: bytes) -> None:
        await self._hear(self.resampler.push(self.aligner.push(chunk)))

    async def finish(self) -> None:
        await self._hear(self.resampler.flush())
        self._end_word(self.samples / self.line.sample_rate)

    def tell_word(self, word: WordTiming) -> None:
        at = word.at_ms / 1000
        self._end_word(at)
        # The engine marks the letters; what hangs on to them belongs to the word.
        text = self.line.text[self.clauses[word.clause].start + word.start :].split(maxsplit=1)
        if text:
            self.word = SpokenWord(text[0], at, at)

    def tell_spoken(self, clauses: int) -> None:
        del clauses  # a line is spoken when `synthesize` returns

    def _end_word(self, at: float) -> None:
        if self.word is not None:
            self.hearer.hear_word(attrs.evolve(self.word, end=max(at, self.word.start)))
            self.word = None

    async def _hear(self, pcm: bytes) -> None:
        self.samples += len(pcm) // 2
        if pcm:
            await self.hearer.hear(pcm)


@contextlib.asynccontextmanager
async def open_speaker(kind: VoiceKind) -> AsyncIterator[Speaker]:
    """Keep a speaker warm while the block runs. ChildError or EngineError if it cannot start."""
    match kind:
        case VoiceKind.TONE:
            yield ToneSpeaker()
        case VoiceKind.ESPEAK:
            async with espeak.open_engine(EngineSetup(EngineSettings(), _ignore)) as engine:
                yield EspeakSpeaker(engine)


def _ignore(fact: object) -> None:
    """Restarts of the embedded voice are its own affair: a line is not lost by one."""
    del fact
