"""What was measured, beside what it should be: medians over runs, sums of faults, Markdown rows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Sequence

import attrs
import numpy as np

LATENESS_MS = 5.0
"""The most that 99 of 100 frames of a daemon under load may be late."""
HEAD = "| what | figure | limit | held |\n| --- | --- | --- | --- |"


@attrs.frozen
class Figure:
    """One row. `shape` is formatted with the numbers; the one at `judged` is held to `limit`."""

    name: str
    numbers: tuple[float, ...]
    shape: str
    limit: float | None = None
    limited: str = ""
    """How the limit reads."""
    judged: int = 0
    least: bool = False
    """Whether the limit is the least it should be, not the most."""
    adds: bool = False
    """Whether runs are added up, as faults are, instead of taking the median."""

    @property
    def held(self) -> bool | None:
        """Whether it is within its limit; None if it has none."""
        if self.limit is None:
            return None
        number = self.numbers[self.judged]
        if math.isnan(number):
            return False
        return number >= self.limit if self.least else number <= self.limit

    def row(self) -> str:
        """Return it as Markdown."""
        held = {None: "", True: "yes", False: "**no**"}[self.held]
        return f"| {self.name} | {self.shape.format(*self.numbers)} | {self.limited} | {held} |"


def spread_ms(
    name: str, values_ms: Iterable[float], p99: float | None = None, p50: float | None = None
) -> Figure:
    """Return a row of p50, p99 and max, the limit being of one of them; nan when nothing came."""
    values = np.fromiter(values_ms, dtype=float)
    numbers = [math.nan] * 3
    if len(values):
        numbers = [float(each) for each in np.percentile(values, (50, 99), method="inverted_cdf")]
        numbers.append(float(values.max()))
    limit, judged = (p99, 1) if p50 is None else (p50, 0)
    limited = "" if limit is None else f"p{(50, 99)[judged]} {limit:g} ms"
    shape = "p50 {:.2f}, p99 {:.2f}, max {:.2f} ms"
    return Figure(name, tuple(numbers), shape, limit, limited, judged)


def lateness(name: str, numbers_ms: Sequence[float], *, limited: bool = True) -> Figure:
    """Return a row of p50, p99 and, where it is known, max of frames' lateness."""
    shape = "p50 {:.2f}, p99 {:.2f}" + (", max {:.2f} ms" if len(numbers_ms) > 2 else " ms")
    if not limited:
        return Figure(name, tuple(numbers_ms), shape)
    return Figure(name, tuple(numbers_ms), shape, LATENESS_MS, f"p99 {LATENESS_MS:g} ms", 1)


def faults(name: str, count: float, *, limit: float | None = 0) -> Figure:
    """Return a row that counts what should not be."""
    limited = "" if limit is None else f"{limit:g}"
    return Figure(name, (count,), "{:.0f}", limit, limited, adds=True)


def merged(runs: Sequence[Sequence[Figure]]) -> list[Figure]:
    """Return one row for each of the same row in all runs, in the order they were first seen."""
    names = list(dict.fromkeys(each.name for run in runs for each in run))
    return [_merged([each for run in runs for each in run if each.name == name]) for name in names]


def _merged(same: Sequence[Figure]) -> Figure:
    columns = zip(*(each.numbers for each in same), strict=True)
    of = sum if same[0].adds else statistics.median
    return attrs.evolve(same[0], numbers=tuple(float(of(column)) for column in columns))


def table(figures: Iterable[Figure]) -> str:
    """Return the rows under their heads."""
    return "\n".join([HEAD, *(each.row() for each in figures)])
