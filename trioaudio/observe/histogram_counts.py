"""How many durations of a histogram are below some bounds, without going through its values."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

from trioaudio.core.percentiles import Histogram


def bucket_of(seconds: float) -> int:
    """Return the bucket a duration is counted in."""
    probe = Histogram()
    probe.add(seconds)
    return probe.counts.index(1)


def buckets_of(bounds: Iterable[float]) -> tuple[int, ...]:
    """Return the buckets the bounds are counted in, to be made once."""
    return tuple(map(bucket_of, bounds))


def counts_up_to(counts: Sequence[int], buckets: Sequence[int]) -> tuple[list[int], int]:
    """Return how many durations are up to each bound, and how many there are in all.

    `buckets` are those of rising bounds. Each bound is known to the width of its bucket, 3 %.
    """
    sums = list(accumulate(counts))
    return [sums[each] for each in buckets], sums[-1]
