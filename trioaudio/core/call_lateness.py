"""One call's lateness in little memory, counted into its carrier's histogram as well."""

from __future__ import annotations

import bisect
import itertools
import math
from array import array

import attrs

from trioaudio.core.percentiles import Histogram, Spread

_SHIFT = 3  # eight buckets an octave: known to about 12 %
_FINE = 1 << _SHIFT
_BUCKETS = 24 * _FINE  # up to eight seconds; what is later is in the last one


@attrs.define(eq=False)
class CallLateness:
    """Like `core.percentiles.Histogram`, for one of thousands of calls: 1 kB instead of 7."""

    shared: Histogram
    """Counts the same values, for all calls of a carrier."""
    late_from: float = 0.02
    """Seconds from which a frame counts as late."""
    late: int = 0
    max: float = 0.0
    counts: array[int] = attrs.field(factory=lambda: array("I", bytes(4 * _BUCKETS)))

    def add(self, seconds: float) -> None:
        """Count one duration. Once a frame of every call."""
        self.shared.add(seconds)
        micros = int(seconds * 1e6)
        if micros < _FINE:
            self.counts[max(0, micros)] += 1
            return
        octave = micros.bit_length() - _SHIFT - 1
        index = (octave << _SHIFT) + (micros >> octave)
        self.counts[index if index < _BUCKETS else -1] += 1
        if seconds > self.max:
            self.max = seconds
            if seconds >= self.late_from:
                self.late += 1
        elif seconds >= self.late_from:
            self.late += 1

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return sum(self.counts)

    def percentile(self, fraction: float) -> float:
        """Return the upper edge in seconds of the bucket the percentile falls in; NaN of none."""
        count = self.count
        if not count:
            return math.nan
        rank = max(1, math.ceil(fraction * count))
        index = bisect.bisect_left(list(itertools.accumulate(self.counts)), rank)
        return min(max(self.max, _FINE / 1e6), _upper_edge(index))

    def statistics(self) -> Spread:
        """Return a snapshot in milliseconds."""
        return Spread(
            p50=self.percentile(0.5) * 1000,
            p99=self.percentile(0.99) * 1000,
            max=self.max * 1000 if self.count else math.nan,
        )


def _upper_edge(index: int) -> float:
    if index < _FINE:
        return (index + 1) / 1e6
    octave = (index >> _SHIFT) - 1
    return ((index - (octave << _SHIFT) + 1) << octave) / 1e6
