from __future__ import annotations

import pytest

from trioaudio.simulators.depth import MOST_VALUES, BufferDepth


def test_one_value_each_100_ms_from_the_first_audio() -> None:
    depth = BufferDepth()
    assert depth.due is None
    depth.begin(5.0)
    depth.begin(6.0)
    assert depth.due == 5.0
    depth.add(60)
    assert depth.due == pytest.approx(5.1)


def test_the_series_is_cut_where_only_nothing_follows() -> None:
    depth = BufferDepth()
    depth.begin(0.0)
    for value in (0, 40, 0, 80, 20, 0, 0):
        depth.add(value)
    depth.reach(95)
    assert depth.asdict() == {
        "step_ms": 100,
        "min": 20,
        "median": 40,
        "max": 95,
        "series": [0, 40, 0, 80, 20],
    }


def test_nothing_has_no_depth() -> None:
    assert BufferDepth().asdict() == {
        "step_ms": 100,
        "min": None,
        "median": None,
        "max": None,
        "series": [],
    }


def test_a_long_call_is_told_in_larger_steps() -> None:
    depth = BufferDepth()
    depth.begin(0.0)
    for n in range(3600 * 10):
        assert depth.due is not None
        if depth.due > n / 10 + 1e-6:
            continue
        depth.add(n)
        assert len(depth.values) < MOST_VALUES
    assert depth.step_ms == 100 * 64
    assert depth.values == list(range(0, 3600 * 10, 64))
    assert len(depth.values) > MOST_VALUES // 3
