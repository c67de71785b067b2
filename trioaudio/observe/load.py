"""Whether the node has room for another call: by its CPU, how late it sends, and its event loop.

Past some 85 % of a core lateness grows without bound, so a node refuses before that. It refuses
until it has been well below its limits for a while, or it would take and refuse calls in turns.
What calls that have just come will cost is not measured yet: `newcomers` reckons with it.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import attrs
import trio

from trioaudio.core.percentiles import Histogram
from trioaudio.observe.load_limits import LoadLimits, LoadStatistics, Overload, is_calm, overload_of
from trioaudio.observe.newcomers import newcomers_overload

MEASURE_S = 1.0
WINDOW_S = 5
"""Measurements a mean and a percentile are over."""

TIMER_S = 0.05

IDLE_TIMERS = 5
"""One timer stands for so many while there are no calls: an idle node should do nothing."""

CALM_S = 3.0
"""How long it has to be calm before it takes calls again."""

FEWEST_FRAMES = 100
"""Below it a 99th percentile is one frame's bad luck."""

HOLD_MOST = 4
"""Timers that one hold of the loop counts for at most, of the hundred in `WINDOW_S`: the 90th
percentile takes three long ones. A machine that was stopped once, even for seconds, is not too slow
because of that."""

_TIMERS = round(WINDOW_S / TIMER_S)
_LONGEST_S = 3600.0


@attrs.frozen
class _Sample:
    at: float
    cpu_s: float
    calls: int
    counts: Sequence[int]


class LoadWatch:
    """Measures once a second while `run` runs; `refusal` says what came of it.

    `lateness` gives histograms that only grow, such as one for each carrier; `calls` how many are
    up; `cpu_clock` the seconds of CPU this process has used.
    """

    def __init__(
        self,
        lateness: Callable[[], Iterable[Histogram]],
        limits: LoadLimits | None = None,
        *,
        calls: Callable[[], int] = lambda: 1,
        cpu_clock: Callable[[], float] = time.process_time,
    ) -> None:
        self.limits = limits or LoadLimits()
        self._lateness = lateness
        self._calls = calls
        self._cpu_clock = cpu_clock
        self._samples: deque[_Sample] = deque(maxlen=WINDOW_S + 1)
        self._lag = 0.0
        self._lags: deque[float] = deque(maxlen=_TIMERS)
        self._statistics = LoadStatistics()
        self._calls_mean = 0.0
        self._overload: Overload | None = None
        self._calm_since: float | None = None

    def refusal(self) -> Overload | None:
        """Return why no calls are taken now; None when they are."""
        if self._overload is not None:
            return self._overload
        return newcomers_overload(
            self._statistics.cpu_mean, self._calls_mean, self._calls(), self.limits.cpu
        )

    def statistics(self) -> LoadStatistics:
        """Return the latest measurement."""
        return self._statistics

    async def run(self) -> None:
        """Measure for ever; cancel to stop."""
        began = due = trio.current_time()
        self._sample(began)
        measured = timer = 0
        while True:
            step = 1 if self._calls() else IDLE_TIMERS
            timer += step
            due = began + timer * TIMER_S
            await trio.sleep_until(due)
            now = trio.current_time()
            self._note_lag(now - due, step)
            if now - began >= (measured + 1) * MEASURE_S:
                self._measure(now)
                measured = int((now - began) / MEASURE_S)
            # What was missed while something held the loop is not made up for.
            timer = max(timer, int((now - began) / TIMER_S))

    def _note_lag(self, late: float, step: int) -> None:
        """Note how late a timer was, those it stands for, and those due while the loop was held."""
        self._lag = max(self._lag, late)
        missed = min(int(late / TIMER_S), HOLD_MOST - 1)
        self._lags.extend([late] * (step - 1))
        self._lags.extend(late - TIMER_S * each for each in range(missed + 1))

    def _sample(self, now: float) -> _Sample:
        counts = [sum(each) for each in zip(*(h.counts for h in self._lateness()), strict=True)]
        sample = _Sample(now, self._cpu_clock(), self._calls(), counts)
        self._samples.append(sample)
        return sample

    def _measure(self, now: float) -> None:
        before = self._samples[-1]
        latest = self._sample(now)
        self._statistics = LoadStatistics(
            cpu=_cpu(before, latest),
            cpu_mean=_cpu(self._samples[0], latest),
            loop_lag_s=self._lag,
            loop_lag_p90_s=self._lag_p90(),
            lateness_p99_s=_p99(self._samples[0], latest),
        )
        self._calls_mean = _calls(self._samples)
        self._lag = 0.0
        self._judge(now)

    def _lag_p90(self) -> float | None:
        """Return the percentile; None of less than half a window, in which a node starts."""
        count = len(self._lags)
        return sorted(self._lags)[count * 9 // 10] if count >= _TIMERS // 2 else None

    def _judge(self, now: float) -> None:
        overload = overload_of(self._statistics, self.limits)
        if overload is not None:
            self._overload, self._calm_since = overload, None
        elif self._overload is not None:
            if not is_calm(self._statistics, self.limits):
                self._calm_since = None
            elif self._calm_since is None:
                self._calm_since = now
            elif now - self._calm_since >= CALM_S:
                self._overload = self._calm_since = None


def _cpu(earlier: _Sample, later: _Sample) -> float:
    return (later.cpu_s - earlier.cpu_s) / (later.at - earlier.at)


def _calls(samples: Sequence[_Sample]) -> float:
    """Return the mean number of calls, over the same time as the CPU's."""
    spans = [
        ((one.calls + next_one.calls) / 2, next_one.at - one.at)
        for one, next_one in pairwise(samples)
    ]
    return sum(calls * span for calls, span in spans) / sum(span for _, span in spans)


def _p99(earlier: _Sample, later: _Sample) -> float | None:
    """Return the percentile of what was counted between two samples; None of too few."""
    before = earlier.counts or [0] * len(later.counts)
    counts = [new - old for new, old in zip(later.counts, before, strict=True)]
    if sum(counts) < FEWEST_FRAMES:
        return None
    return Histogram(counts, max=_LONGEST_S).percentile(0.99)
