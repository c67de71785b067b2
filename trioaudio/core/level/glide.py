"""The gain over a stretch of a voice not yet known: slowly to what the voice turns out to need."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from trioaudio.core.level.limiter import BLOCKS_PER_SECOND
from trioaudio.core.level.loudness import LevelMeasure
from trioaudio.core.level.options import LevelOptions

DB_PER_SECOND = 6.0
"""Slower than speech itself grows louder and softer within a sentence, so nobody hears it."""

STEP_BLOCKS = 80
"""200 ms: how often it looks where the level is."""

ARRIVED_SECONDS = 3.0
"""Active speech after which a gain that has got where it should be stays there."""

_NEAR_DB = 0.5


class Glide:
    """A gain that moves in straight steps of 200 ms; it stands still where nothing is measured.

    When it has `arrived`, `gain` is good for the rest of the stretch.
    """

    __slots__ = ("_at", "_begin", "_end", "_gain_db", "_options", "arrived")

    def __init__(self, gain_db: float, options: LevelOptions) -> None:
        self._options = options
        self._gain_db = gain_db
        self._begin = self._end = _factor(gain_db)
        self._at = 0  # blocks of this step already taken
        self.arrived = False

    @property
    def left(self) -> int:
        """Blocks until the next step must be set."""
        return STEP_BLOCKS - self._at

    @property
    def gain(self) -> float:
        """The gain at the edge where the next block begins."""
        return self._begin + (self._end - self._begin) * (self._at / STEP_BLOCKS)

    def take(self, blocks: int) -> npt.NDArray[np.float64]:
        """Return the gain at the edges of the next blocks, `left` of them at most."""
        edges = np.arange(self._at, self._at + blocks + 1) / STEP_BLOCKS
        self._at += blocks
        return self._begin + (self._end - self._begin) * edges

    def turn(self, measure: LevelMeasure) -> None:
        """Set out on the next step towards what the level measured so far asks for."""
        most = DB_PER_SECOND * STEP_BLOCKS / BLOCKS_PER_SECOND
        step = 0.0
        if measure.active_dbov is not None:
            wanted = self._options.bound_gain(self._options.target_dbov - measure.active_dbov)
            away = wanted - self._gain_db
            step = min(most, max(-most, away))
            self.arrived = measure.active_seconds >= ARRIVED_SECONDS and abs(away) < _NEAR_DB
        if self.arrived:
            step = 0.0
        self._gain_db += step
        self._begin, self._end = self._end, _factor(self._gain_db)
        self._at = 0


def _factor(gain_db: float) -> float:
    return float(10 ** (gain_db / 20))
