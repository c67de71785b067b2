"""Make a prompt ahead of time, by the cheapest way its engine has."""

from __future__ import annotations

from collections.abc import Sequence

from trioaudio.core.engine import Engine, Renders, VoiceChoice, WordTiming
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.core.word_estimate import estimate_words
from trioaudio.speech.engine_errors import one_engine_error
from trioaudio.speech.prompt import Prompt, PromptRecorder


async def make_prompt(
    engine: Engine, clauses: Sequence[str], choice: VoiceChoice, sample_rate: int
) -> Prompt:
    """Return the prompt. EngineError when the engine cannot speak it, or has no sound for it.

    What is rendered in one go tells no words: their places, and the clauses' ends, are estimated
    by the letters.
    """
    with one_engine_error():
        if isinstance(engine, Renders):
            prompt = _rendered(
                await engine.render(" ".join(clauses), choice, sample_rate), clauses, sample_rate
            )
        else:
            recorder = PromptRecorder()
            await engine.synthesize(_Clauses(clauses), recorder, choice, sample_rate)
            prompt = recorder.prompt(len(clauses))
    if not any(prompt.pcm):
        # Kept, it would be silence for ever.
        raise EngineError(
            f"{engine.name} has no sound for the prompt {clauses[0][:40]!r}",
            kind=EngineFault.EMPTY,
            retryable=True,
        )
    return prompt


def _rendered(pcm: bytes, clauses: Sequence[str], sample_rate: int) -> Prompt:
    text = " ".join(clauses)
    samples = len(pcm) // SAMPLE_BYTES
    starts = [sum(len(each) + 1 for each in clauses[:number]) for number in range(len(clauses))]
    ends = [SAMPLE_BYTES * (samples * start // len(text)) for start in starts[1:]]
    return Prompt(
        pcm[: samples * SAMPLE_BYTES],
        tuple(_words(text, starts, samples * 1000 / sample_rate)),
        (*ends, samples * SAMPLE_BYTES),
    )


def _words(text: str, starts: Sequence[int], duration_ms: float) -> list[WordTiming]:
    words = []
    clause = 0
    for start, length, at_ms in estimate_words(text, duration_ms):
        while clause + 1 < len(starts) and start >= starts[clause + 1]:
            clause += 1
        words.append(WordTiming(clause, start - starts[clause], length, at_ms))
    return words


class _Clauses:
    """Clauses that are all there."""

    def __init__(self, clauses: Sequence[str]) -> None:
        self._left = list(clauses)

    def __aiter__(self) -> _Clauses:
        """Return itself."""
        return self

    async def __anext__(self) -> str:
        """Return the next clause."""
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop(0)
