"""Counters and histograms that are cheap to write: a scrape must not hold the calls.

The library's own take ten times as long, and with all the label values that are there from the
start that is most of a scrape. Series' names are put together once, and what is 0 is written as is.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, islice
from typing import Literal, Protocol

import attrs

from trioaudio.observe.exposition import SAMPLES_A_STEP, head_of, number, series_of


@attrs.define(eq=False)
class Count:
    """One series of a counter or a gauge."""

    _series: str
    value: float = 0.0

    def inc(self, amount: float = 1.0) -> None:
        """Count."""
        self.value += amount

    def text(self) -> str:
        """Return its line."""
        return f"{self._series} {number(self.value)}\n"


class Counts:
    """A counter, or a gauge that is set once: a `Count` for each of its labels' values."""

    def __init__(
        self,
        name: str,
        meaning: str,
        labels: Sequence[str],
        known: Iterable[Sequence[str]] = (),
        *,
        kind: Literal["counter", "gauge"] = "counter",
    ) -> None:
        """Have those label values that are known there from the start; without labels, the one."""
        self._name = f"{name}_total" if kind == "counter" else name
        self._labels = labels
        self.head = head_of(self._name, meaning, kind)
        self._counts: dict[tuple[str, ...], Count] = {}
        for values in known if labels else [()]:
            self.labels(*values)

    def labels(self, *values: str) -> Count:
        """Return the one with these values, in the order of the labels."""
        count = self._counts.get(values)
        if count is None:
            told = tuple(zip(self._labels, values, strict=True))
            count = self._counts[values] = Count(series_of(self._name, told))
        return count

    def inc(self, amount: float = 1.0) -> None:
        """Count, where there are no labels."""
        self.labels().inc(amount)

    def slices(self) -> Iterator[bytes]:
        """Write it in steps."""
        return write_slices(self.head, list(self._counts.values()), SAMPLES_A_STEP)


class Distribution:
    """Durations of one series, in buckets up to each of its bounds, inclusive."""

    __slots__ = ("_bounds", "_buckets", "_count", "_counts", "_nothing", "_sum", "_total")

    def __init__(
        self, name: str, labels: Sequence[tuple[str, str]], bounds: Sequence[float]
    ) -> None:
        told = [*map(number, bounds), "+Inf"]
        self._bounds = bounds
        self._counts = [0] * len(told)
        self._total = 0.0
        self._buckets = [series_of(f"{name}_bucket", (*labels, ("le", each))) for each in told]
        self._count = series_of(f"{name}_count", tuple(labels))
        self._sum = series_of(f"{name}_sum", tuple(labels))
        self._nothing = ""
        self._nothing = self.text()

    def observe(self, seconds: float) -> None:
        """Count one."""
        self._counts[bisect_left(self._bounds, seconds)] += 1
        self._total += seconds
        self._nothing = ""

    def text(self) -> str:
        """Return its lines."""
        if self._nothing:
            return self._nothing
        sums = list(accumulate(self._counts))
        lines = [f"{series} {each}.0\n" for series, each in zip(self._buckets, sums, strict=True)]
        lines.append(f"{self._count} {sums[-1]}.0\n{self._sum} {number(self._total)}\n")
        return "".join(lines)


class Distributions:
    """A histogram: a `Distribution` for each of its labels' values."""

    def __init__(
        self,
        name: str,
        meaning: str,
        labels: Sequence[str],
        bounds: Sequence[float],
        known: Iterable[Sequence[str]],
    ) -> None:
        """Have those label values that are known there from the start."""
        self._name = name
        self._labels = labels
        self._bounds = tuple(map(float, bounds))
        self.head = head_of(name, meaning, "histogram")
        self._distributions: dict[tuple[str, ...], Distribution] = {}
        for values in known:
            self.labels(*values)

    def labels(self, *values: str) -> Distribution:
        """Return the one with these values, in the order of the labels."""
        found = self._distributions.get(values)
        if found is None:
            told = tuple(zip(self._labels, values, strict=True))
            found = self._distributions[values] = Distribution(self._name, told, self._bounds)
        return found

    def slices(self) -> Iterator[bytes]:
        """Write it in steps."""
        a_step = max(1, SAMPLES_A_STEP // (len(self._bounds) + 3))
        return write_slices(self.head, list(self._distributions.values()), a_step)


class Written(Protocol):
    """What has lines."""

    def text(self) -> str:
        """Return them."""
        ...


def write_slices(head: str, parts: Sequence[Written], a_step: int) -> Iterator[bytes]:
    """Write a head and some parts, so many at a time."""
    left = iter(parts)
    yield (head + "".join(part.text() for part in islice(left, a_step))).encode()
    while lines := "".join(part.text() for part in islice(left, a_step)):
        yield lines.encode()
