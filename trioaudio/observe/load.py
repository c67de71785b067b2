"""Whether the node has room for another call: by its CPU, and by how late it sends.

Past some 85 % of a core lateness grows without bound, so a node refuses before that. It refuses
until it has been well below its limits for a while, or it would take and refuse calls in turns.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import attrs
import trio

from trioaudio.core.percentiles import Histogram

MEASURE_S = 1.0
WINDOW_S = 5
"""Measurements a mean and a percentile are over."""

TIMER_S = 0.05
CALM_BELOW = 0.9
"""Of a limit: below it the node is calm."""

CALM_S = 3.0
"""How long it has to be calm before it takes calls again."""

FEWEST_FRAMES = 100
"""Below it a 99th percentile is one frame's bad luck."""

_LONGEST_S = 3600.0


@attrs.frozen
class LoadLimits:
    """Above which no calls are taken."""

    cpu: float = 0.75
    """Of one core, as a mean over `WINDOW_S`."""
    lateness_s: float = 0.02
    """99th percentile over `WINDOW_S`."""


@attrs.frozen
class LoadStatistics:
    """The latest measurement."""

    cpu: float
    """Of one core, over the last second. All threads; more than 1 is possible."""
    cpu_mean: float
    """Over `WINDOW_S`."""
    loop_lag_s: float
    """How late a timer was at most in the last second."""
    lateness_p99_s: float | None
    """Of the frames sent within `WINDOW_S`; None when they were too few."""


@attrs.frozen
class _Sample:
    at: float
    cpu_s: float
    counts: Sequence[int]


class LoadWatch:
    """Measures once a second while `run` runs; `refusal` says what came of it.

    `lateness` gives histograms that only grow, such as one for each carrier; `cpu_clock` the
    seconds of CPU this process has used.
    """

    def __init__(
        self,
        lateness: Callable[[], Iterable[Histogram]],
        limits: LoadLimits | None = None,
        *,
        cpu_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self._lateness = lateness
        self._limits = limits or LoadLimits()
        self._cpu_clock = cpu_clock
        self._samples: deque[_Sample] = deque(maxlen=WINDOW_S + 1)
        self._lag = 0.0
        self._statistics = LoadStatistics(0.0, 0.0, 0.0, None)
        self._refusal: str | None = None
        self._calm_since: float | None = None

    def refusal(self) -> str | None:
        """Return why no calls are taken now; None when they are."""
        return self._refusal

    def statistics(self) -> LoadStatistics:
        """Return the latest measurement."""
        return self._statistics

    async def run(self) -> None:
        """Measure for ever; cancel to stop."""
        began = due = trio.current_time()
        self._sample(began)
        measured = timer = 0
        while True:
            timer += 1
            due = began + timer * TIMER_S
            await trio.sleep_until(due)
            now = trio.current_time()
            self._lag = max(self._lag, now - due)
            if now - began >= (measured + 1) * MEASURE_S:
                self._measure(now)
                measured = int((now - began) / MEASURE_S)
            # What was missed while something held the loop is not made up for.
            timer = max(timer, int((now - began) / TIMER_S))

    def _sample(self, now: float) -> _Sample:
        counts = [sum(each) for each in zip(*(h.counts for h in self._lateness()), strict=True)]
        sample = _Sample(now, self._cpu_clock(), counts)
        self._samples.append(sample)
        return sample

    def _measure(self, now: float) -> None:
        before = self._samples[-1]
        latest = self._sample(now)
        self._statistics = LoadStatistics(
            cpu=_cpu(before, latest),
            cpu_mean=_cpu(self._samples[0], latest),
            loop_lag_s=self._lag,
            lateness_p99_s=_p99(self._samples[0], latest),
        )
        self._lag = 0.0
        self._judge(now)

    def _judge(self, now: float) -> None:
        reason = self._reason()
        if reason is not None:
            self._refusal, self._calm_since = reason, None
        elif self._refusal is not None:
            if not self._calm():
                self._calm_since = None
            elif self._calm_since is None:
                self._calm_since = now
            elif now - self._calm_since >= CALM_S:
                self._refusal = self._calm_since = None

    def _reason(self) -> str | None:
        load, limits = self._statistics, self._limits
        if load.cpu_mean > limits.cpu:
            return f"the CPU is {load.cpu_mean:.0%} busy; {limits.cpu:.0%} is the most"
        if load.lateness_p99_s is not None and load.lateness_p99_s > limits.lateness_s:
            return (
                f"frames are sent {load.lateness_p99_s * 1000:.1f} ms late (p99);"
                f" {limits.lateness_s * 1000:g} ms is the most"
            )
        return None

    def _calm(self) -> bool:
        load, limits = self._statistics, self._limits
        return (
            load.cpu_mean < CALM_BELOW * limits.cpu
            and (load.lateness_p99_s or 0.0) < CALM_BELOW * limits.lateness_s
        )


def _cpu(earlier: _Sample, later: _Sample) -> float:
    return (later.cpu_s - earlier.cpu_s) / (later.at - earlier.at)


def _p99(earlier: _Sample, later: _Sample) -> float | None:
    """Return the percentile of what was counted between two samples; None of too few."""
    before = earlier.counts or [0] * len(later.counts)
    counts = [new - old for new, old in zip(later.counts, before, strict=True)]
    if sum(counts) < FEWEST_FRAMES:
        return None
    return Histogram(counts, max=_LONGEST_S).percentile(0.99)
