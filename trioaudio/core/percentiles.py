"""Distributions: exact ones of a single run, and a small histogram for counts without end."""

from __future__ import annotations

import bisect
import builtins
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Protocol

import attrs


@attrs.frozen
class Spread:
    """A distribution in milliseconds: median, 99th percentile, largest; NaN when it is empty."""

    p50: float
    p99: float
    max: float

    def asdict(self) -> dict[str, float | None]:
        """Return it for JSON, rounded to microseconds; None where there is nothing."""
        return {
            name: None if math.isnan(value) else round(value, 3)
            for name, value in (("p50", self.p50), ("p99", self.p99), ("max", self.max))
        }


def percentile(ordered: Sequence[float], fraction: float) -> float:
    """Return the nearest-rank percentile of sorted values; NaN of none."""
    if not ordered:
        return math.nan
    return ordered[min(len(ordered) - 1, max(0, math.ceil(fraction * len(ordered)) - 1))]


def spread(milliseconds: Iterable[float]) -> Spread:
    """Return the exact spread of some values."""
    ordered = sorted(milliseconds)
    return Spread(
        p50=percentile(ordered, 0.50),
        p99=percentile(ordered, 0.99),
        max=ordered[-1] if ordered else math.nan,
    )


class Durations(Protocol):
    """What durations are counted in."""

    @property
    def max(self) -> float:
        """The longest, in seconds."""
        ...

    @property
    def count(self) -> int:
        """How many were counted."""
        ...

    def add(self, seconds: float) -> None:
        """Count one. Once a frame of every call."""
        ...

    def percentile(self, fraction: float) -> float:
        """Return a percentile in seconds; NaN of none."""
        ...

    def statistics(self) -> Spread:
        """Return a snapshot in milliseconds."""
        ...


_FINE = 32  # buckets an octave: values are known to about 3 %
_BUCKETS = 27 * _FINE  # up to 2**31 µs: longer than any call can be late


@attrs.define(eq=False)
class Histogram:
    """Durations from 1 µs to half an hour in log-linear buckets, each about 3 % wide.

    Constant memory and a constant cost per value, for counts that go on for months. What is
    below zero counts as zero: sent a moment early is not late.
    """

    counts: list[int] = attrs.field(factory=lambda: [0] * _BUCKETS)
    max: float = 0.0
    sum: float = 0.0

    @property
    def count(self) -> int:
        """How many durations were counted."""
        return builtins.sum(self.counts)

    def add(self, seconds: float) -> None:
        """Count one duration. Once a frame of every call: plain comparisons, no calls."""
        micros = int(seconds * 1e6)
        if micros < _FINE:
            if seconds < 0.0:
                seconds = micros = 0
            self.counts[micros] += 1
        else:
            octave = micros.bit_length() - 6
            index = (octave << 5) + (micros >> octave)
            self.counts[index if index < _BUCKETS else -1] += 1
        if seconds > self.max:  # noqa: PLR1730  max() is a call
            self.max = seconds
        self.sum += seconds

    def clear(self) -> None:
        """Forget everything."""
        self.counts = [0] * _BUCKETS
        self.max = self.sum = 0.0

    def percentile(self, fraction: float) -> float:
        """Return the upper edge in seconds of the bucket the percentile falls in; NaN of none."""
        if not self.count:
            return math.nan
        rank = max(1, math.ceil(fraction * self.count))
        index = bisect.bisect_left(list(itertools.accumulate(self.counts)), rank)
        return min(self.max, _upper_edge(index))

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
    octave = (index >> 5) - 1
    return ((index - (octave << 5) + 1) << octave) / 1e6
