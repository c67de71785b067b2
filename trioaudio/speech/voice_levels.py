"""How loud each voice is made: what was learned of it, or what the operator set."""

from __future__ import annotations

from trioaudio.core.level.leveller import Leveller
from trioaudio.core.level.loudness import VoiceGains
from trioaudio.core.level.options import LevelOptions
from trioaudio.speech.member import Member


class VoiceLevels:
    """Levels of all voices of all chains of a process. `options` None: all sound stays as it is."""

    def __init__(self, options: LevelOptions | None) -> None:
        self._options = options
        self._gains = VoiceGains(options or LevelOptions())

    def leveller(self, member: Member | None, voice: str, sample_rate: int) -> Leveller | None:
        """Return what brings a stretch of a voice to the level; None for what stays as it is.

        `member` None: an engine that is not there any more, of which nothing is set.
        """
        options = self._options
        if options is None or (member is not None and not member.kind.speech):
            return None
        fixed = None if member is None else member.settings.gain_db
        if fixed is not None:
            return Leveller(sample_rate, options.bound_gain(fixed), options)
        gain = self._gains.gain_db(voice)
        return Leveller(sample_rate, gain, options, seeking=not self._gains.settled(voice))

    def learn(self, voice: str, spoken: Leveller) -> None:
        """Take what a stretch told of a voice."""
        measured = spoken.measured
        if measured.active_dbov is not None:
            self._gains.learn(voice, measured.active_dbov, measured.active_seconds)
