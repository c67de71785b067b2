"""What is too much, at both edges of each limit, and in which words."""

from __future__ import annotations

import pytest

from trioaudio.observe.load_limits import (
    CALM_BELOW,
    MEASURES,
    LoadLimits,
    LoadStatistics,
    is_calm,
    limits_of,
    overload_of,
)

LIMITS = LoadLimits(cpu=0.5, lateness_s=0.02, loop_lag_s=0.04)
AT = {
    "cpu": LoadStatistics(cpu_mean=0.5),
    "lateness": LoadStatistics(lateness_p99_s=0.02),
    "loop-lag": LoadStatistics(loop_lag_p90_s=0.04),
}
ABOVE = {
    "cpu": (LoadStatistics(cpu_mean=0.51), "the CPU is 51% busy; 50% is the most"),
    "lateness": (
        LoadStatistics(lateness_p99_s=0.0204),
        "frames are sent 20.4 ms late (p99); 20 ms is the most",
    ),
    "loop-lag": (
        LoadStatistics(loop_lag_p90_s=0.0404),
        "the event loop is 40.4 ms late (p90); 40 ms is the most",
    ),
}


@pytest.mark.parametrize("measure", ABOVE)
def test_at_the_limit_and_above(measure: str) -> None:
    assert overload_of(AT[measure], LIMITS) is None
    assert not is_calm(AT[measure], LIMITS)
    load, words = ABOVE[measure]
    overload = overload_of(load, LIMITS)
    assert overload is not None
    assert (overload.measure, overload.detail) == (measure, words)


def test_calm_is_well_below_all_of_them() -> None:
    below = CALM_BELOW - 0.01
    calm = LoadStatistics(
        cpu_mean=below * 0.5, lateness_p99_s=below * 0.02, loop_lag_p90_s=below * 0.04
    )
    assert is_calm(calm, LIMITS)
    assert is_calm(LoadStatistics(), LIMITS), "what is not known yet is no load"


def test_the_first_one_is_told() -> None:
    load = LoadStatistics(cpu_mean=0.9, lateness_p99_s=1.0, loop_lag_p90_s=1.0)
    overload = overload_of(load, LIMITS)
    assert overload is not None
    assert overload.measure == "cpu"


def test_zero_is_no_limit() -> None:
    assert limits_of(0.0, 0.0, 0.0).by_measure() == {}
    limits = limits_of(0.5, 20.0, 40.0)
    assert limits == LIMITS
    assert [*limits.by_measure(), "newcomers"] == [*MEASURES]
    load = LoadStatistics(cpu_mean=9.0, lateness_p99_s=9.0, loop_lag_p90_s=9.0)
    assert overload_of(load, limits_of(0.0, 0.0, 0.0)) is None
    assert is_calm(load, limits_of(0.0, 0.0, 0.0))
