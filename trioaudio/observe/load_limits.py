"""What a node measures of its load, the limits of that, and what it says when one is reached."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias, get_args

import attrs

Measured: TypeAlias = Literal["cpu", "lateness", "loop-lag"]
Measure: TypeAlias = Measured | Literal["newcomers"]
"""What a node can be too busy by. `newcomers`: by what calls that have just come will cost."""

MEASURES: Final[tuple[Measure, ...]] = (*get_args(Measured), "newcomers")
CALM_BELOW: Final = 0.9
"""Of a limit: below it the node is calm."""

RETRY_AFTER_S: Final = 5.0


@attrs.frozen
class LoadLimits:
    """Above which no calls are taken; None for no limit."""

    cpu: float | None = 0.75
    """Of one core, as a mean over five seconds."""
    lateness_s: float | None = 0.02
    """99th percentile of frames over five seconds."""
    loop_lag_s: float | None = 0.02
    """90th percentile of timers over five seconds."""

    def by_measure(self) -> Mapping[Measured, float]:
        """Return those there are, as metrics name them."""
        limits: dict[Measured, float | None] = {
            "cpu": self.cpu,
            "lateness": self.lateness_s,
            "loop-lag": self.loop_lag_s,
        }
        return {measure: most for measure, most in limits.items() if most is not None}


@attrs.frozen
class LoadStatistics:
    """The latest measurement."""

    cpu: float = 0.0
    """Of one core, over the last second. All threads; more than 1 is possible."""
    cpu_mean: float = 0.0
    """Over five seconds."""
    loop_lag_s: float = 0.0
    """How late a timer was at most in the last second."""
    loop_lag_p90_s: float | None = None
    """Over five seconds: how late a timer due at some moment was, in nine of ten cases at most.
    None before there were enough."""
    lateness_p99_s: float | None = None
    """Of the frames sent within five seconds; None when they were too few."""

    def by_measure(self) -> Mapping[Measured, float]:
        """Return what may have a limit, as metrics name it; 0 where it is not known."""
        return {
            "cpu": self.cpu_mean,
            "lateness": self.lateness_p99_s or 0.0,
            "loop-lag": self.loop_lag_p90_s or 0.0,
        }


@attrs.frozen
class Overload:
    """Why a node takes no more calls."""

    measure: Measure
    detail: str
    retry_after_s: float = RETRY_AFTER_S


def limits_of(cpu: float, lateness_ms: float, loop_lag_ms: float) -> LoadLimits:
    """Return limits as they are set, where 0 means none."""
    return LoadLimits(
        cpu=cpu or None,
        lateness_s=lateness_ms / 1000 or None,
        loop_lag_s=loop_lag_ms / 1000 or None,
    )


def overload_of(load: LoadStatistics, limits: LoadLimits) -> Overload | None:
    """Return which limit is passed, the first one; None if none is."""
    now = load.by_measure()
    for measure, most in limits.by_measure().items():
        if now[measure] > most:
            return Overload(measure, _told(measure, now[measure], most))
    return None


def is_calm(load: LoadStatistics, limits: LoadLimits) -> bool:
    """Return whether all is well below its limit."""
    now = load.by_measure()
    return all(now[measure] < CALM_BELOW * most for measure, most in limits.by_measure().items())


def _told(measure: Measured, now: float, most: float) -> str:
    if measure == "cpu":
        return f"the CPU is {now:.0%} busy; {most:.0%} is the most"
    what = (
        "frames are sent {} late (p99)"
        if measure == "lateness"
        else "the event loop is {} late (p90)"
    )
    return f"{what.format(f'{now * 1000:.1f} ms')}; {most * 1000:g} ms is the most"
