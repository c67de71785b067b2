from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.percentiles import Histogram
from trioaudio.observe.histogram_counts import bucket_of, buckets_of, counts_up_to

BOUNDS = (0.0005, 0.001, 0.005, 0.02, 0.1, 1.0)


def test_a_bound_is_counted_in_its_own_bucket() -> None:
    histogram = Histogram()
    for seconds in (0.02, 0.0201, 0.0211, 0.0189):
        histogram.add(seconds)
    assert counts_up_to(histogram.counts, [bucket_of(0.02)]) == ([3], 4)


def test_nothing_counted() -> None:
    assert counts_up_to(Histogram().counts, buckets_of(BOUNDS)) == ([0] * 6, 0)


@given(st.lists(st.floats(0, 2), max_size=50))
def test_counts_are_exact_but_for_what_is_within_three_per_cent_of_a_bound(
    durations: list[float],
) -> None:
    histogram = Histogram()
    for each in durations:
        histogram.add(each)
    counts, total = counts_up_to(histogram.counts, buckets_of(BOUNDS))
    assert total == len(durations)
    for bound, count in zip(BOUNDS, counts, strict=True):
        surely = sum(each < bound * 0.999 for each in durations)
        perhaps = sum(each < bound * 1.04 for each in durations)
        assert surely <= count <= perhaps


@pytest.mark.parametrize("seconds", [0.0, 1e-6, 0.5, 3600.0])
def test_every_duration_has_a_bucket(seconds: float) -> None:
    assert 0 <= bucket_of(seconds) < len(Histogram().counts)
