"""The prompts of all chains of a process: found, made ahead, and kept beside the speech."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from typing import NamedTuple

import attrs
import trio

from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import OutputError
from trioaudio.core.facts import PromptNotKept, Tell
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.speech.engine_turn import Levels, Untouched
from trioaudio.speech.finished_prompt import AsFinished, Finish, FinishedPrompt, finish_prompt
from trioaudio.speech.member import Member
from trioaudio.speech.prompt import Origin, Prompt, PromptKey
from trioaudio.speech.prompt_cache import PromptCache
from trioaudio.speech.prompt_making import make_prompt
from trioaudio.speech.voice_levels import VoiceLevels

PROMPTS_AHEAD = 16
"""Prompts waiting for the disk, or to be finished; a further one is not kept, which is told, or
finished another time."""


@attrs.frozen
class MadePrompt:
    """A prompt that is there now."""

    digest: str
    """What it is played by."""
    made: bool
    """False: it was there."""
    audio_ms: float


@attrs.frozen
class FoundPrompt:
    """A prompt that was made before."""

    key: PromptKey
    prompt: Prompt


@attrs.frozen
class Playing:
    """One playing of a prompt: what is written, at how many hertz, and what is done to it."""

    sound: Prompt | FinishedPrompt
    sample_rate: int
    levels: Levels


class _ToFinish(NamedTuple):
    found: FoundPrompt
    source_rate: int
    finish: Finish


class PromptShelf:
    """Prompts and the cache they are in; without a cache none is ever found."""

    def __init__(self, cache: PromptCache | None, tell: Tell) -> None:
        self._cache = cache
        self._tell = tell
        self.hits = 0
        """Texts that were found to be prompts made before."""
        self.misses = 0
        self._to_keep_in, self._to_keep_out = trio.open_memory_channel[tuple[PromptKey, Prompt]](
            PROMPTS_AHEAD
        )
        self._to_finish_in, self._to_finish_out = trio.open_memory_channel[_ToFinish](PROMPTS_AHEAD)
        self._asked = set[tuple[str, int]]()  # what is in that channel, or out and being finished

    @property
    def keeps(self) -> bool:
        """Whether there is a cache."""
        return self._cache is not None

    async def find(self, key: PromptKey) -> Prompt | None:
        """Return a prompt, None when there is none that can be read."""
        return None if self._cache is None else await self._cache.find(key)

    async def look_up(self, key: PromptKey) -> Prompt | None:
        """Return a prompt as `find` does, and count whether it was there."""
        prompt = await self.find(key)
        if prompt is None:
            self.misses += 1
        else:
            self.hits += 1
        return prompt

    def play(
        self,
        found: FoundPrompt,
        origin: Origin,
        member: Member | None,
        levels: VoiceLevels,
        sample_rate: int,
    ) -> Playing:
        """Return how a prompt is played at a call's rate: as it was finished, if it was yet."""
        finished = self.get_ready(found, origin, member, levels, sample_rate)
        if finished is not None:
            return Playing(finished, sample_rate, AsFinished(finished.trimmed_samples))
        leveller = levels.leveller(member, origin.voice, sample_rate)
        return Playing(found.prompt, origin.sample_rate, leveller or Untouched())

    def get_ready(
        self,
        found: FoundPrompt,
        origin: Origin,
        member: Member | None,
        levels: VoiceLevels,
        sample_rate: int,
    ) -> FinishedPrompt | None:
        """Return a prompt as it goes out at a call's rate, or have `finish_all` make it so."""
        if self._cache is None:
            return None
        pcm = found.prompt.pcm
        levels.learn_prompt(member, origin.voice, pcm, origin.sample_rate, sample_rate)
        finish = levels.finish(member, origin.voice, sample_rate)
        if finish is None:
            return None
        finished = self._cache.finished(found.key, finish)
        asked = (found.key.digest, sample_rate)
        if finished is None and asked not in self._asked:
            with suppress(trio.WouldBlock):  # then the next playing asks again
                self._to_finish_in.send_nowait(_ToFinish(found, origin.sample_rate, finish))
                self._asked.add(asked)
        return finished

    async def make(
        self,
        member: Member,
        clauses: Sequence[str],
        choice: VoiceChoice,
        rate: int,
        levels: VoiceLevels,
        call_rate: int,
    ) -> MadePrompt:
        """Have an engine make a prompt of `rate` Hz unless it is there. EngineError, OutputError.

        It is ready to be played at `call_rate` Hz soon after.
        """
        if self._cache is None:
            raise OutputError("there is no prompt cache; set TRIOAUDIO_CACHE_MB to more than 0")
        origin = origin_of(member, choice, rate)
        key = key_of(origin, clauses)
        prompt = await self._cache.find(key)
        made = prompt is None or prompt.origin is None
        if made:
            prompt = await make_prompt(member.engine, clauses, choice, rate)
            await self._cache.store(key, attrs.evolve(prompt, origin=origin))
        assert prompt is not None
        self.get_ready(FoundPrompt(key, prompt), origin, member, levels, call_rate)
        audio_ms = len(prompt.pcm) // SAMPLE_BYTES * 1000 / rate
        return MadePrompt(key.digest, made, round(audio_ms, 3))

    def keep(self, origin: Origin, clauses: Sequence[str], prompt: Prompt) -> None:
        """Have `keep_all` keep a prompt that was just spoken."""
        try:
            self._to_keep_in.send_nowait(
                (key_of(origin, clauses), attrs.evolve(prompt, origin=origin))
            )
        except trio.WouldBlock:
            self._tell(PromptNotKept("the disk does not keep up"))

    async def finish_all(self) -> None:
        """For ever: finish the prompts that are played, beside everything else."""
        assert self._cache is not None
        async for found, source_rate, finish in self._to_finish_out:
            finished = await finish_prompt(found.prompt, source_rate, finish)
            self._cache.keep_finished(found.key, finished)
            self._asked.discard((found.key.digest, finish.sample_rate))

    async def keep_all(self) -> None:
        """For ever: write to the disk what is to be kept, out of the way of the next utterance."""
        assert self._cache is not None
        async for key, prompt in self._to_keep_out:
            try:
                await self._cache.store(key, prompt)
            except OutputError as exc:
                self._tell(PromptNotKept(str(exc)))


def origin_of(member: Member, choice: VoiceChoice, rate: int) -> Origin:
    """Return who speaks a choice at a rate."""
    return Origin(member.name, member.engine.recipe(choice), rate)


def key_of(origin: Origin, clauses: Sequence[str]) -> PromptKey:
    """Return what clauses of a voice are found by."""
    return PromptKey.of(origin.engine, origin.recipe, origin.sample_rate, clauses)
