"""A prompt as it goes out: at a call's rate, at its level, edges faded. Made once, played often.

Until that is done it is levelled as any speech is, each time it is played; afterwards it is only
handed over. It is good as long as its voice has the gain it was made with, or nearly.
"""

from __future__ import annotations

from collections.abc import AsyncIterable

import attrs
import trio

from trioaudio.core.engine import PcmSink, VoiceChoice, WordTiming
from trioaudio.core.level.leveller import Leveller
from trioaudio.core.level.options import LevelOptions
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.core.resampling import Resampler
from trioaudio.speech.prompt import Prompt

NEAR_DB = 0.25
"""A voice's gain moves a little with all it speaks; nobody hears a quarter of a decibel."""

STEP_MS = 180
"""Milliseconds handed over at once: three frames, which the channel takes as they are."""

_WORK_MS = 200


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


async def finish_prompt(prompt: Prompt, source_rate: int, finish: Finish) -> FinishedPrompt:
    """Return a prompt of `source_rate` Hz as it goes out, the same as if it had been played.

    Others run after every 200 ms of it: a long one takes 10 ms and more.
    """
    resampler = Resampler(source_rate, finish.sample_rate)
    leveller = Leveller(finish.sample_rate, finish.gain_db, finish.options)
    step = source_rate * _WORK_MS // 1000 * SAMPLE_BYTES
    parts = []
    for start in range(0, len(prompt.pcm), step):
        await trio.lowlevel.checkpoint()
        parts.append(leveller.push(resampler.push(prompt.pcm[start : start + step])))
    await trio.lowlevel.checkpoint()
    parts += (leveller.push(resampler.flush()), leveller.flush())
    pcm = b"".join(parts)
    trimmed = leveller.trimmed_samples
    rate = finish.sample_rate / source_rate
    ends = (round(end // SAMPLE_BYTES * rate) - trimmed for end in prompt.clause_ends[:-1])
    places = (min(len(pcm), max(0, end * SAMPLE_BYTES)) for end in ends)
    return FinishedPrompt(finish, pcm, trimmed, prompt.words, (*places, len(pcm)))
