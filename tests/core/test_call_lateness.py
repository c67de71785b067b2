"""One call's lateness in little memory, and its carrier's beside it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.call_lateness import CallLateness
from trioaudio.core.percentiles import Histogram, percentile


def counted(*seconds: float) -> CallLateness:
    lateness = CallLateness(Histogram())
    for each in seconds:
        lateness.add(each)
    return lateness


def test_nothing_was_counted() -> None:
    lateness = counted()
    assert lateness.count == 0
    assert math.isnan(lateness.percentile(0.99))
    assert lateness.statistics().asdict() == {"p50": None, "p99": None, "max": None}


@given(st.lists(st.floats(-0.001, 7.0), min_size=1, max_size=300))
def test_percentiles_are_known_to_an_eighth(seconds: list[float]) -> None:
    lateness = counted(*seconds)
    assert lateness.count == len(seconds)
    for fraction in (0.01, 0.5, 0.99, 1.0):
        exact = percentile(sorted(max(0.0, each) for each in seconds), fraction)
        assert exact - 1e-9 <= lateness.percentile(fraction) <= exact * 1.126 + 8.1e-6
    assert lateness.max == max(0.0, *(each for each in seconds if each >= 8e-6), 0.0)


def test_what_is_longer_than_any_bucket_is_in_the_last_one() -> None:
    lateness = counted(1000.0)
    assert lateness.count == 1
    assert lateness.max == 1000.0


@pytest.mark.parametrize(
    ("seconds", "late"), [([0.0199, 0.02, 0.5, 0.021, 0.001], 3), ([0.03, 0.001], 1), ([0.0], 0)]
)
def test_late_ones_are_counted_whatever_came_before(seconds: list[float], late: int) -> None:
    assert counted(*seconds).late == late


def test_the_carriers_histogram_counts_the_same() -> None:
    shared = Histogram()
    for call in (CallLateness(shared), CallLateness(shared)):
        call.add(0.002)
        call.add(-0.0005)
    assert shared.count == 4
    assert shared.max == 0.002


def test_a_snapshot() -> None:
    spread = counted(*[0.001] * 99, 0.5).statistics()
    assert spread.p50 == pytest.approx(1.0, rel=0.13)
    assert spread.p99 == pytest.approx(1.0, rel=0.13)
    assert spread.max == pytest.approx(500.0)
