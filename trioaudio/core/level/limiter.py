"""How much louder speech must be turned down, and where, so that no peak passes the ceiling.

The gain is set at the edges of blocks of 2.5 ms and glides along a raised cosine between them.
An edge goes down to what the blocks on both its sides need, so the gain is where it must be
before the peak comes, and comes back with a time constant of 75 ms.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from trioaudio.core.level.true_peak import REACH, block_peaks

BLOCKS_PER_SECOND = 400
RELEASE_SECONDS = 0.075

_READING = 10 ** (-0.45 / 20)  # what 4 readings a sample miss of a tone at 0.4 of the rate
_GATE = 10 ** (-3.5 / 20)  # a steady tone's samples miss its peak by 3.01 dB at most
_NOTHING = 1e-3  # a reduction of 0.01 dB is over


def block_samples(sample_rate: int) -> int:
    """Return how many samples the limiter takes as one block."""
    return max(1, sample_rate // BLOCKS_PER_SECOND)


class Limiter:
    """Follows one stretch of speech block by block; the look-ahead is one block.

    `ceiling` in PCM16 units.
    """

    __slots__ = ("_block", "_ceiling", "_columns", "_reduction", "_release")

    def __init__(self, sample_rate: int, ceiling: float) -> None:
        self._block = block_samples(sample_rate)
        self._ceiling = ceiling * _READING
        self._columns = np.arange(self._block + 2 * REACH)
        self._release = math.exp(-self._block / (RELEASE_SECONDS * sample_rate))
        self._reduction = 0.0  # at the edge where the next block begins

    def reductions(
        self, window: npt.NDArray[np.int16], blocks: int, gains: float | npt.NDArray[np.float64]
    ) -> npt.NDArray[np.float64] | None:
        """Return what to take off the gain at the edges of the next `blocks` blocks, 0 to 1.

        `window` begins REACH samples before them and goes on for one block and REACH samples
        after them; `gains` is the gain at each of the blocks + 1 edges. None when there is
        nothing to take off anywhere.
        """
        ahead = window[REACH : REACH + (blocks + 1) * self._block]
        loudest = max(int(np.maximum.reduce(ahead)), -int(np.minimum.reduce(ahead)))
        gate = self._ceiling * _GATE
        most = gains if isinstance(gains, float) else float(gains.max())
        if loudest * most <= gate and not self._reduction:
            return None
        peaks = self._peaks(window, ahead, blocks, gate / gains)
        # The first edge was settled with its two blocks when it was the last; before the first
        # block of all there was none.
        needed = np.maximum(peaks, np.concatenate((peaks[:1], peaks[:-1]))) * gains
        wanted = 1.0 - self._ceiling / np.maximum(needed, self._ceiling)
        if not self._reduction and not wanted.any():
            return None
        return self._release_slowly(wanted.tolist())

    def _peaks(
        self,
        window: npt.NDArray[np.int16],
        ahead: npt.NDArray[np.int16],
        blocks: int,
        gate: float | npt.NDArray[np.float64],
    ) -> npt.NDArray[np.float64]:
        """Return the peaks of the blocks that come near the ceiling, 0 for the others."""
        heights = np.abs(ahead.astype(np.float64)).reshape(blocks + 1, self._block)
        peaks: npt.NDArray[np.float64] = heights.max(axis=1)
        peaks[peaks <= gate] = 0.0
        near = np.flatnonzero(peaks)
        if near.size:
            rows = window[(near * self._block)[:, np.newaxis] + self._columns]
            peaks[near] = np.maximum(peaks[near], block_peaks(rows))
        return peaks

    def _release_slowly(self, wanted: list[float]) -> npt.NDArray[np.float64]:
        reduction = max(self._reduction, wanted[0])
        reductions = [reduction]
        for each in wanted[1:]:
            reduction *= self._release
            if reduction < _NOTHING:
                reduction = 0.0
            if each > reduction:  # noqa: PLR1730  max() is a call, 400 times a second
                reduction = each
            reductions.append(reduction)
        self._reduction = reduction
        return np.array(reductions)
