"""Keys pressed as tones in the audio, for carriers that take no other.

Frequencies are those of ITU-T Q.23; a receiver must take 40 ms of tone and 40 ms of pause
(ITU-T Q.24, https://www.itu.int/rec/T-REC-Q.24/en), and both are longer here, so that they
survive a lost packet. The two tones of a key are equally loud.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trioaudio.core.errors import TextError

TONE_MS = 100
GAP_MS = 100
WAIT_MS = 500
"""A `w` among the keys."""

RAMP_MS = 5
"""A tone that begins at once is a click, at every frequency there is."""

LEVEL_DBOV = -14.0
"""Each of the two tones, against a full-scale square wave: -8 dBm0 in G.711, in the middle of the
-3 to -24 dBm0 receivers take."""

_LOUDEST_DBOV = -9.1  # twice the amplitude is full scale
_FULL_SCALE = 32767
_SLOWEST_RATE = 4000
_LOW = (697, 770, 852, 941)
_HIGH = (1209, 1336, 1477, 1633)
_KEYS = "123A456B789C*0#D"
_WAIT = "W"


def dtmf_pcm(
    digits: str,
    sample_rate: int,
    *,
    tone_ms: int = TONE_MS,
    gap_ms: int = GAP_MS,
    level_dbov: float = LEVEL_DBOV,
) -> bytes:
    """Return keys as PCM16 LE mono: each a tone and the gap after it, `w` half a second of silence.

    Keys are 0 to 9, *, # and A to D. Lengths are in whole samples and do not add up their
    rounding. TextError for what is no key; ValueError for tones nobody could tell apart.
    """
    dtmf_ms(digits)
    if tone_ms < 2 * RAMP_MS or gap_ms < 0:
        raise ValueError(f"keys of {tone_ms} ms with gaps of {gap_ms} ms")
    if sample_rate < _SLOWEST_RATE:
        raise ValueError(f"tones of 1633 Hz in {sample_rate} samples a second")
    amplitude = _amplitude(level_dbov)
    parts: list[npt.NDArray[np.float64]] = []
    at = ms = 0
    for key in digits.upper():
        if key != _WAIT:
            ms += tone_ms
            parts.append(_tone(key, ms * sample_rate // 1000 - at, sample_rate))
            at = ms * sample_rate // 1000
        ms += WAIT_MS if key == _WAIT else gap_ms
        parts.append(np.zeros(ms * sample_rate // 1000 - at))
        at = ms * sample_rate // 1000
    if not parts:
        return b""
    return np.rint(np.concatenate(parts) * amplitude).astype("<i2").tobytes()


def dtmf_ms(digits: str, *, tone_ms: int = TONE_MS, gap_ms: int = GAP_MS) -> int:
    """Return how long keys last, in milliseconds. TextError for what is no key."""
    keys = digits.upper()
    for key in keys:
        if key not in _KEYS + _WAIT:
            raise TextError(f"{key!r} is no key; there are 0 to 9, *, #, A to D, and w for a pause")
    waits = keys.count(_WAIT)
    return waits * WAIT_MS + (len(keys) - waits) * (tone_ms + gap_ms)


def _amplitude(level_dbov: float) -> float:
    if not level_dbov <= _LOUDEST_DBOV:
        raise ValueError(f"two tones of {level_dbov} dBov each do not fit in 16 bits")
    return float(_FULL_SCALE * np.sqrt(2) * 10 ** (level_dbov / 20))


def _tone(key: str, samples: int, sample_rate: int) -> npt.NDArray[np.float64]:
    """Return the sum of a key's two tones, each of amplitude 1."""
    place = _KEYS.index(key)
    turn = 2 * np.pi * np.arange(samples) / sample_rate
    ramp = RAMP_MS * sample_rate // 1000
    rise = 0.5 - 0.5 * np.cos(np.pi * (np.arange(ramp) + 0.5) / ramp)
    tone: npt.NDArray[np.float64] = np.sin(_LOW[place // 4] * turn)
    tone += np.sin(_HIGH[place % 4] * turn)
    tone[:ramp] *= rise
    tone[-ramp:] *= rise[::-1]
    return tone
