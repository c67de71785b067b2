import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.percentiles import Histogram, Spread, percentile, spread

HALF_AN_HOUR = 1800.0
FRACTIONS = st.sampled_from([0.01, 0.25, 0.5, 0.9, 0.99, 1.0])


@given(
    values=st.lists(st.integers(0, 50), min_size=1, max_size=60),
    fraction=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0]),
)
def test_a_percentile_is_the_least_value_with_enough_below_it(
    values: list[int], fraction: float
) -> None:
    ordered = sorted(values)
    needed = max(1, fraction * len(values))
    enough = [each for each in ordered if sum(v <= each for v in values) >= needed]
    assert percentile(ordered, fraction) == enough[0]


def test_the_percentile_of_nothing_is_no_number() -> None:
    assert math.isnan(percentile([], 0.5))


def test_a_spread_of_some_values() -> None:
    values = [float(n) for n in range(100, 0, -1)]
    assert spread(values) == Spread(p50=50.0, p99=99.0, max=100.0)


def test_a_spread_of_nothing_is_null_in_json() -> None:
    assert spread([]).asdict() == {"p50": None, "p99": None, "max": None}


def test_a_spread_is_rounded_to_microseconds_in_json() -> None:
    spoken = Spread(p50=1.23456, p99=2.0, max=3.0006).asdict()
    assert spoken == {"p50": 1.235, "p99": 2.0, "max": 3.001}


@given(
    values=st.lists(
        st.one_of(st.floats(0, 0.001), st.floats(0, 1), st.floats(0, HALF_AN_HOUR)),
        min_size=1,
        max_size=80,
    ),
    fraction=FRACTIONS,
)
def test_a_histogram_is_within_four_percent_of_the_exact_percentile(
    values: list[float], fraction: float
) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    exact = percentile(sorted(values), fraction)
    assert exact - 1e-9 <= histogram.percentile(fraction) <= 1.04 * exact + 1.1e-6


@given(st.lists(st.floats(-1, 10), max_size=40))
def test_count_sum_and_largest_are_exact(values: list[float]) -> None:
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    on_time = [max(value, 0.0) for value in values]
    assert histogram.count == sum(histogram.counts) == len(values)
    assert histogram.sum == pytest.approx(sum(on_time))
    assert histogram.max == max(on_time, default=0.0)


def test_a_moment_early_is_not_late() -> None:
    histogram = Histogram()
    histogram.add(-0.001)
    assert histogram.percentile(1.0) == 0.0


def test_the_last_bucket_takes_what_is_longer_than_any_call_can_be_late() -> None:
    histogram = Histogram()
    histogram.add(2.0**31 / 1e6 - 1)
    histogram.add(1e6)
    assert histogram.counts[-1] == 2
    assert len(histogram.counts) == 864
    assert histogram.statistics().max == 1e9


def test_statistics_are_in_milliseconds() -> None:
    histogram = Histogram()
    for late in (0.001, 0.002, 0.003):
        histogram.add(late)
    counts = histogram.statistics()
    assert counts.p50 == pytest.approx(2.0, rel=0.04)
    assert counts.p99 == counts.max == 3.0


def test_an_empty_histogram_knows_nothing() -> None:
    assert Histogram().statistics().asdict() == {"p50": None, "p99": None, "max": None}


def test_a_cleared_histogram_is_as_good_as_new() -> None:
    histogram = Histogram()
    histogram.add(1.0)
    histogram.clear()
    assert (histogram.count, histogram.max, histogram.sum) == (0, 0.0, 0.0)
    histogram.add(0.001)
    assert histogram.statistics() == Spread(p50=1.0, p99=1.0, max=1.0)
