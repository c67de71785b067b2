"""What calls will cost that have just come."""

from __future__ import annotations

import pytest

from trioaudio.observe.newcomers import (
    CALL_RATIO,
    FEWEST_CALLS,
    expected_cpu,
    newcomers_overload,
)

MOST = 0.75


def test_each_beyond_the_mean_number_has_its_price() -> None:
    assert expected_cpu(0.1, 0.0, 0) == 0.1
    assert expected_cpu(0.1, 0.0, 10) == pytest.approx(0.1 + 10 * CALL_RATIO)
    assert expected_cpu(0.1, 10.0, 10) == 0.1
    assert expected_cpu(0.1, 10.0, 3) == 0.1, "what becomes less is measured soon enough"


def test_where_calls_are_dear_so_are_those_that_come() -> None:
    calls = float(FEWEST_CALLS)
    assert expected_cpu(0.4, calls, FEWEST_CALLS + 1) == pytest.approx(0.4 + 0.4 / calls)
    few = FEWEST_CALLS - 1
    assert expected_cpu(0.4, float(few), few + 1) == pytest.approx(0.4 + CALL_RATIO)
    assert expected_cpu(0.1, 1000.0, 1001) == pytest.approx(0.1 + CALL_RATIO)


def test_at_the_limit_and_above() -> None:
    at = MOST - 2 * CALL_RATIO
    assert newcomers_overload(at - 1e-9, 9.0, 10, MOST) is None
    overload = newcomers_overload(at + 1e-9, 9.0, 10, MOST)
    assert overload is not None
    assert (overload.measure, overload.retry_after_s) == ("newcomers", 1.0)
    assert overload.detail == (
        "1 calls have just come; with one more the CPU would be 75% busy; 75% is the most"
    )


def test_when_nobody_came_this_is_no_reason() -> None:
    assert newcomers_overload(0.99, 1000.0, 1000, MOST) is None, "the measured mean judges that"
    assert newcomers_overload(0.99, 0.0, 1000, None) is None
