"""Plays a prompt that was made before, by what it is found by and not by its text."""

from __future__ import annotations

from collections.abc import AsyncIterable

import trio

from trioaudio.core.engine import VoiceChoice
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.core.resampling import Resampler
from trioaudio.core.speech import SpeechSink, Stretch
from trioaudio.speech.member import Member
from trioaudio.speech.prompt import Origin
from trioaudio.speech.prompt_shelf import FoundPrompt, PromptShelf
from trioaudio.speech.voice_levels import VoiceLevels

_STEP_MS = 200


class PromptSpeaker:
    """A `core.speech.Speaker` of one prompt, at its voice's level; what it is told to say is not.

    `member` is the engine that made it, if it is still there.
    """

    def __init__(
        self,
        found: FoundPrompt,
        origin: Origin,
        member: Member | None,
        shelf: PromptShelf,
        levels: VoiceLevels,
    ) -> None:
        self._found = found
        self._origin = origin
        self._member = member
        self._shelf = shelf
        self._levels = levels

    @property
    def name(self) -> str:
        """The engine that made it."""
        return self._origin.engine

    def check(self, choice: VoiceChoice) -> None:
        """Accept every choice: it was spoken long ago."""

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Accept every text: it is not read."""

    async def speak(
        self, pieces: AsyncIterable[str], sink: SpeechSink, choice: VoiceChoice
    ) -> None:
        """Play it; see `core.speech.Speaker`."""
        del pieces, choice
        playing = self._shelf.play(
            self._found, self._origin, self._member, self._levels, sink.sample_rate
        )
        pcm, levels = playing.sound.pcm, playing.levels
        resampler = Resampler(playing.sample_rate, sink.sample_rate)
        step = max(1, playing.sample_rate * _STEP_MS // 1000) * SAMPLE_BYTES
        written = 0
        try:
            for start in range(0, len(pcm), step):
                await trio.lowlevel.checkpoint()
                ready = levels.push(resampler.push(pcm[start : start + step]))
                if ready:
                    written += len(ready)
                    await sink.write(ready)
            await trio.lowlevel.checkpoint()
            tail = levels.push(resampler.flush()) + levels.flush()
            if tail:
                written += len(tail)
                await sink.write(tail)
        finally:
            if written:
                audio_ms = written // SAMPLE_BYTES * 1000 / sink.sample_rate
                sink.tell(Stretch(self._origin.engine, 0, 0, round(audio_ms, 3), cached=True))
