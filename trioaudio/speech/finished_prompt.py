"""A prompt as it goes out: at a call's rate, at its level, edges faded. Made once, played often.

Its first playing is levelled as any speech is, and what comes of that is kept; the next ones only
hand it over. It is good as long as its voice has the gain it was made with, or nearly.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable

import attrs

from trioaudio.core.engine import PcmSink, VoiceChoice, WordTiming
from trioaudio.core.level.options import LevelOptions
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.speech.engine_turn import Levels
from trioaudio.speech.prompt import Prompt

NEAR_DB = 0.25
"""A voice's gain moves a little with all it speaks; nobody hears a quarter of a decibel."""

STEP_MS = 600
"""Milliseconds handed over at once: ten frames."""


@attrs.frozen
class Finish:
    """What is done to the sound of a prompt."""

    sample_rate: int
    """Hz, the call's."""
    options: LevelOptions
    gain_db: float

    def is_near(self, other: Finish) -> bool:
        """Say whether nobody hears the difference."""
        same = (self.sample_rate, self.options) == (other.sample_rate, other.options)
        return same and abs(self.gain_db - other.gain_db) <= NEAR_DB


@attrs.frozen
class FinishedPrompt:
    """PCM16 LE mono as it goes out, and what is known of it; times are the engine's."""

    finish: Finish
    pcm: bytes
    trimmed_samples: int
    """Leading silence that was dropped, at the call's rate."""
    words: tuple[WordTiming, ...]
    clause_ends: tuple[int, ...]
    """Bytes of `pcm` up to the end of each clause; the last is all of it."""

    async def synthesize(
        self, clauses: AsyncIterable[str], sink: PcmSink, choice: VoiceChoice, sample_rate: int
    ) -> None:
        """Write it; see `core.engine.Engine.synthesize`. Nothing is to be done to it any more."""
        del choice
        step = sample_rate * STEP_MS // 1000 * SAMPLE_BYTES
        number = 0
        begin = 0
        async for _ in clauses:
            for word in self.words:
                if word.clause == number:
                    sink.tell_word(word)
            end = self.clause_ends[number] if number < len(self.clause_ends) else begin
            for start in range(begin, end, step):
                await sink.write(self.pcm[start : min(end, start + step)])
            begin = end
            number += 1
            sink.tell_spoken(number)


@attrs.frozen
class AsFinished:
    """Levels that leave a finished prompt as it is."""

    trimmed_samples: int

    def push(self, pcm: bytes) -> bytes:
        """Return it."""
        return pcm

    def flush(self) -> bytes:
        """Return nothing: nothing was held back."""
        return b""

    cut = flush


class Finishing:
    """Levels that keep what they make of a prompt of `source_rate` Hz; `keep` is given all of it.

    Only once it has come to its end in good order.
    """

    def __init__(
        self,
        levels: Levels,
        prompt: Prompt,
        source_rate: int,
        finish: Finish,
        keep: Callable[[FinishedPrompt], None],
    ) -> None:
        self._levels = levels
        self._prompt = prompt
        self._source_rate = source_rate
        self._finish = finish
        self._keep = keep
        self._parts: list[bytes] = []

    @property
    def trimmed_samples(self) -> int:
        """Leading silence dropped so far."""
        return self._levels.trimmed_samples

    def push(self, pcm: bytes) -> bytes:
        """Return what can go out."""
        ready = self._levels.push(pcm)
        self._parts.append(ready)
        return ready

    def flush(self) -> bytes:
        """Return what is left, and have it all kept."""
        ready = self._levels.flush()
        pcm = b"".join((*self._parts, ready))
        trimmed = self._levels.trimmed_samples
        ends = [self._place(end) - trimmed for end in self._prompt.clause_ends[:-1]]
        places = (min(len(pcm), max(0, end * SAMPLE_BYTES)) for end in ends)
        self._keep(
            FinishedPrompt(self._finish, pcm, trimmed, self._prompt.words, (*places, len(pcm)))
        )
        return ready

    def cut(self) -> bytes:
        """Return what is left, at an end in mid-sound."""
        return self._levels.cut()

    def _place(self, end: int) -> int:
        """Return how many samples at the call's rate so many bytes of the prompt become."""
        return round(end // SAMPLE_BYTES * self._finish.sample_rate / self._source_rate)
