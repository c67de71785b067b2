"""How loud each voice is made: what was learned of it, or what the operator set."""

from __future__ import annotations

from trioaudio.core.level.leveller import Leveller
from trioaudio.core.level.loudness import LevelMeasure, LoudnessMeter, VoiceGains
from trioaudio.core.level.options import LevelOptions
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.core.resampling import Resampler
from trioaudio.speech.finished_prompt import Finish
from trioaudio.speech.member import Member

PROMPT_S = 10
"""Seconds of a prompt that are listened to for its level: enough, and over in 2 ms."""


class VoiceLevels:
    """Levels of all voices of all chains of a process. `options` None: all sound stays as it is."""

    def __init__(self, options: LevelOptions | None) -> None:
        self._options = options
        self._gains = VoiceGains(options or LevelOptions())

    def leveller(self, member: Member | None, voice: str, sample_rate: int) -> Leveller | None:
        """Return what brings a stretch of a voice to the level; None for what stays as it is.

        `member` None: an engine that is not there any more, of which nothing is set.
        """
        if self._options is None or not self._applies_to(member):
            return None
        settled = self._settled_gain(member, voice, self._options)
        gain = self._gains.gain_db(voice) if settled is None else settled
        return Leveller(sample_rate, gain, self._options, seeking=settled is None)

    def finish(self, member: Member | None, voice: str, sample_rate: int) -> Finish | None:
        """Return what a leveller would do to a whole stretch of a voice now.

        None for what stays as it is, and while the voice's gain is still being learned.
        """
        if self._options is None or not self._applies_to(member):
            return None
        gain = self._settled_gain(member, voice, self._options)
        return None if gain is None else Finish(sample_rate, self._options, gain)

    def _applies_to(self, member: Member | None) -> bool:
        return self._options is not None and (member is None or member.kind.speech)

    def _settled_gain(
        self, member: Member | None, voice: str, options: LevelOptions
    ) -> float | None:
        fixed = None if member is None else member.settings.gain_db
        if fixed is not None:
            return options.bound_gain(fixed)
        return self._gains.gain_db(voice) if self._gains.settled(voice) else None

    def learn(self, voice: str, spoken: Leveller) -> None:
        """Take what a stretch told of a voice."""
        self._learn(voice, spoken.measured)

    def learn_prompt(
        self, member: Member | None, voice: str, pcm: bytes, source_rate: int, sample_rate: int
    ) -> None:
        """Take what a prompt tells of a voice whose gain is not settled yet, before it is played.

        All of its sound is there already, so even its first playing need not seek its level.
        `source_rate` in Hz is the prompt's, `sample_rate` the call's, which it is heard at.
        """
        if not self._applies_to(member) or self._gains.settled(voice):
            return
        heard = Resampler(source_rate, sample_rate).push(
            pcm[: PROMPT_S * source_rate * SAMPLE_BYTES]
        )
        meter = LoudnessMeter(sample_rate)
        meter.push(heard)
        self._learn(voice, meter.measure())

    def _learn(self, voice: str, measured: LevelMeasure) -> None:
        if measured.active_dbov is not None:
            self._gains.learn(voice, measured.active_dbov, measured.active_seconds)
