"""What level speech is brought to, and within which bounds."""

from __future__ import annotations

import attrs

from trioaudio.core.errors import ConfigError

_RANGES = {
    "target_dbov": (-40.0, -10.0),
    "ceiling_dbtp": (-20.0, -0.5),
    "fade_ms": (5.0, 10.0),
    "trim_below_dbov": (-90.0, -30.0),
    "keep_lead_ms": (0.0, 200.0),
    "most_gain_db": (0.0, 30.0),
    "least_gain_db": (-30.0, 0.0),
}


@attrs.frozen
class LevelOptions:
    """Levels in dB against full scale; ConfigError names every one that is out of range."""

    target_dbov: float = -23.0
    """Active speech level (ITU-T P.56) aimed at.

    −26 dBov is the nominal level of people talking (ITU-T G.100.1). A recorded voice that cannot
    be asked to speak up is better heard 3 dB above it; its peaks, some 16 dB higher than the
    level, still stay below the ceiling.
    """

    ceiling_dbtp: float = -3.0
    """True peak (ITU-R BS.1770) the output keeps below: what a G.711 decoder, a transcoder or a
    jitter buffer's stretching makes of the waveform between our samples must have room."""

    fade_ms: float = 5.0
    """Fade at both edges of a stretch: too short to be heard, long enough not to click."""

    trim_below_dbov: float = -50.0
    """The first sample above this, after the gain, is the first sound: 27 dB under the speech."""

    keep_lead_ms: float = 20.0
    """Silence kept before the first sound, for a breath's or an "f"'s beginning."""

    most_gain_db: float = 15.0
    least_gain_db: float = -15.0

    def __attrs_post_init__(self) -> None:
        """Refuse what would not be heard or would clip."""
        problems = [
            f"level: {name} is {getattr(self, name):g}; choose from {least:g} to {most:g}"
            for name, (least, most) in _RANGES.items()
            if not least <= getattr(self, name) <= most
        ]
        if problems:
            raise ConfigError(*problems)

    def bound_gain(self, gain_db: float) -> float:
        """Return the gain, or the nearest that is allowed."""
        return min(self.most_gain_db, max(self.least_gain_db, gain_db))


def amplitude(dbov: float) -> float:
    """Return the PCM16 sample value at a level in dB against full scale."""
    return float(32768 * 10 ** (dbov / 20))
