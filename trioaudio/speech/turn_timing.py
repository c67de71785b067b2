"""How long an engine may keep its turn waiting, and when what happened first in it."""

from __future__ import annotations

import attrs
import trio

from trioaudio.core.engine import EngineSettings
from trioaudio.core.speech import Beginning

LEAST_STALL_S = 0.25
MOST_STALL_S = 0.5
PACE_PATIENCE = 1.5
"""Times the longest chunk, or wait between two: who speaks just in time is not stalled."""

LAST_STALL_S = 5.0
"""How long silence is put up with when nobody is left to go on."""


@attrs.define(eq=False)
class Patience:
    """How long an engine may let wait, in seconds: for its first audio, and for more of it."""

    first_audio_s: float
    stall_s: float = LEAST_STALL_S

    @classmethod
    def of(cls, settings: EngineSettings, *, last: bool) -> Patience:
        """Return what it begins with; `last` says that nobody is left to go on."""
        first_audio_s = settings.first_audio_ms / 1000
        if last:
            return cls(max(first_audio_s, LAST_STALL_S), LAST_STALL_S)
        return cls(first_audio_s)

    def learn(self, wait_s: float) -> None:
        """Note that an engine that is well let wait so long."""
        self.stall_s = max(self.stall_s, min(MOST_STALL_S, wait_s * PACE_PATIENCE))


@attrs.define(eq=False)
class Moments:
    """When a turn began, and its first clause was asked for, first audio came, first sound went."""

    turn_at: float = attrs.field(factory=trio.current_time)
    asked_at: float | None = None
    audio_at: float | None = None
    sound_at: float | None = None

    def beginning(self, trimmed_s: float) -> Beginning | None:
        """Return them with the silence that was dropped; None unless all of them came."""
        asked_at, audio_at, sound_at = self.asked_at, self.audio_at, self.sound_at
        if asked_at is None or audio_at is None or sound_at is None:
            return None
        return Beginning(self.turn_at, asked_at, audio_at, sound_at, trimmed_s)
