"""What a silent line sounds like: noise so low that it only says the call is still there."""

from __future__ import annotations

import numpy as np

LEVEL_DBFS = -60.0


def comfort_noise(samples: int, seed: int, level_dbfs: float = LEVEL_DBFS) -> bytes:
    """Return white noise as PCM16 LE; the same seed gives the same noise."""
    rms = 32768 * 10 ** (level_dbfs / 20)
    noise = np.random.default_rng(seed).normal(0.0, rms, samples)
    return np.clip(np.rint(noise), -32768, 32767).astype("<i2").tobytes()
