"""How much louder or softer one call is made, by hand: frame in, frame out, without delay.

A change glides over 20 ms. What a gain would push over full scale is rounded off by a curve that
is straight up to 3 dB below it, takes the loudest sample there can be to full scale exactly, and
is no curve at all at 0 dB, so that it comes and goes with the gain.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trioaudio.core.level.leveller import fade_in

LEAST_DB = -40.0
MOST_DB = 20.0
GLIDE_MS = 20

_FULL_SCALE = 32768.0
_KNEE = 0.7

_Gains = float | npt.NDArray[np.float32]


class Gain:
    """PCM16 LE mono at `sample_rate` Hz in and out, whole samples, as many out as in."""

    __slots__ = ("_begin", "_glide", "_left", "_target")

    def __init__(self, sample_rate: int) -> None:
        self._glide = fade_in(max(1, sample_rate * GLIDE_MS // 1000))
        self._begin = self._target = 1.0
        self._left = 0  # samples of the glide that are to come

    def set_db(self, db: float) -> None:
        """Set out for another gain in decibels; ValueError beyond -40 to 20."""
        if not LEAST_DB <= db <= MOST_DB:
            raise ValueError(f"a gain of {db} dB; choose {LEAST_DB:g} to {MOST_DB:g}")
        self._begin = self._now()
        self._target = float(10 ** (db / 20))
        self._left = 0 if self._begin == self._target else len(self._glide)

    def apply(self, pcm: bytes) -> bytes:
        """Return PCM at this gain; at 0 dB the very bytes that came."""
        if not pcm or (not self._left and self._target == 1.0):
            return pcm
        samples = np.frombuffer(pcm, dtype="<i2")
        gains: _Gains = self._target
        if self._left:
            gains = self._glide_over(len(samples))
        scaled = samples * (gains if isinstance(gains, np.ndarray) else np.float32(gains))
        most = float(gains.max()) if isinstance(gains, np.ndarray) else gains
        if most > 1.0:
            peak = max(int(samples.max()), -int(samples.min()))
            if peak * most > _KNEE * _FULL_SCALE:
                scaled = _round_off(scaled, gains)
        return np.rint(scaled).astype("<i2").tobytes()

    def _now(self) -> float:
        """Return the gain the last sample had."""
        if not self._left:
            return self._target
        gone = len(self._glide) - self._left
        share = float(self._glide[gone - 1]) if gone else 0.0
        return self._begin + (self._target - self._begin) * share

    def _glide_over(self, samples: int) -> npt.NDArray[np.float32]:
        start = len(self._glide) - self._left
        steps = self._glide[start : start + samples]
        gains = np.full(samples, self._target, dtype=np.float32)
        gains[: len(steps)] = self._begin + (self._target - self._begin) * steps
        self._left -= len(steps)
        return gains


def _round_off(scaled: npt.NDArray[np.float32], gains: _Gains) -> npt.NDArray[np.float32]:
    """Bring what is above the knee below full scale: k + u / (1 + a·u), a by the gain.

    u is how far it is above the knee; a takes gain times full scale to full scale.
    """
    heights = np.abs(scaled) / np.float32(_FULL_SCALE)
    over = np.maximum(heights - np.float32(_KNEE), np.float32(0))
    room = 1.0 - _KNEE
    bend = np.maximum(1.0 / room - 1.0 / np.maximum(gains - _KNEE, room), 0.0)
    rounded = np.minimum(heights, np.float32(_KNEE)) + over / (1.0 + bend * over)
    limited: npt.NDArray[np.float32] = np.copysign(rounded * _FULL_SCALE, scaled)
    return np.clip(limited, -_FULL_SCALE, _FULL_SCALE - 1)
