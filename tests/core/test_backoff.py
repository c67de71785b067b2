import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.core.backoff import Backoff, RestartIntensity


def test_the_bound_doubles_up_to_the_cap() -> None:
    backoff = Backoff(first=0.25, cap=8.0, attempts=8)
    delays = [backoff.delay(attempt, draw=0.5) for attempt in range(9)]
    assert delays == [0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 4.0, 4.0, None]


@given(
    first=st.floats(0.001, 10),
    cap=st.floats(0.001, 600),
    attempt=st.integers(0, 10**9),
    draw=st.floats(0, 1, exclude_max=True),
)
def test_full_jitter_draws_from_nothing_to_the_bound(
    first: float, cap: float, attempt: int, draw: float
) -> None:
    delay = Backoff(first, cap, attempts=10**9 + 1).delay(attempt, draw)
    assert delay is not None
    assert 0 <= delay <= cap
    assert delay == draw * min(cap, first * 2.0 ** min(attempt, 60))


@pytest.mark.parametrize("attempts", [0, 1, 5])
def test_attempts_run_out(attempts: int) -> None:
    backoff = Backoff(attempts=attempts)
    tried = [backoff.delay(attempt, 0.5) is not None for attempt in range(7)]
    assert tried == [attempt < attempts for attempt in range(7)]


def test_restarts_are_counted_within_a_sliding_time() -> None:
    restarts = RestartIntensity(most=2, within=10.0)
    assert restarts.allow(0.0)
    assert restarts.allow(6.0)
    assert not restarts.allow(10.0)
    assert restarts.allow(10.5)  # the first is forgotten, the refused one was never counted
    assert not restarts.allow(16.0)
    assert restarts.allow(16.5)


def test_none_at_all_may_be_allowed() -> None:
    assert not RestartIntensity(most=0, within=10.0).allow(0.0)


@given(
    most=st.integers(0, 4),
    within=st.integers(1, 20),
    gaps=st.lists(st.integers(0, 12), max_size=40),
)
def test_no_stretch_of_time_holds_more_than_the_most(
    most: int, within: int, gaps: list[int]
) -> None:
    restarts = RestartIntensity(most, within)
    now = 0
    allowed: list[int] = []
    for gap in gaps:
        now += gap
        recent = sum(now - each <= within for each in allowed)
        assert restarts.allow(now) is (recent < most)
        if recent < most:
            allowed.append(now)
