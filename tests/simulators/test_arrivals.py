from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.simulators.arrivals import Arrivals

RATE = 8000
FRAME = 480
START = 98765.4


def test_a_perfect_sender_is_never_late() -> None:
    arrivals = Arrivals(RATE, lead=0.0)
    for n in range(1000):
        arrivals.add(START + n * 0.06, FRAME)
    counts = arrivals.statistics()
    assert counts.lateness_ms.max == pytest.approx(0, abs=1e-6)
    assert counts.spacing_ms.p50 == pytest.approx(60)
    assert counts.spacing_ms.max == pytest.approx(60)
    assert counts.drift_ms == pytest.approx(0, abs=1e-6)


def test_a_sender_with_a_lead_sends_the_first_frames_at_once() -> None:
    arrivals = Arrivals(RATE, lead=0.18)
    for n in range(10):
        arrivals.add(START + max(0, n * 0.06 - 0.18), FRAME)
    assert arrivals.statistics().lateness_ms.max == pytest.approx(0, abs=1e-6)


def test_one_late_frame_is_late_alone() -> None:
    arrivals = Arrivals(RATE, lead=0.0)
    for n in range(100):
        arrivals.add(START + n * 0.06 + (0.01 if n == 50 else 0), FRAME)
    counts = arrivals.statistics()
    assert counts.lateness_ms.p50 == pytest.approx(0, abs=1e-6)
    assert counts.lateness_ms.max == pytest.approx(10)
    assert counts.spacing_ms.max == pytest.approx(70)


def test_a_late_first_frame_makes_the_others_early_and_itself_late() -> None:
    arrivals = Arrivals(RATE, lead=0.0)
    arrivals.add(START + 0.01, FRAME)
    arrivals.add(START + 0.06, FRAME)
    assert arrivals.statistics().lateness_ms.max == pytest.approx(10)
    assert arrivals.statistics().lateness_ms.p50 == pytest.approx(0, abs=1e-6)


def test_a_slow_clock_is_drift() -> None:
    arrivals = Arrivals(RATE, lead=0.0)
    for n in range(1000):
        arrivals.add(START + n * 0.0601, FRAME)
    assert arrivals.statistics().drift_ms == pytest.approx(50, abs=0.2)


def test_a_message_may_hold_several_frames() -> None:
    arrivals = Arrivals(RATE, lead=0.0)
    for n in range(50):
        arrivals.add(START + n * 0.24, 4 * FRAME)
    counts = arrivals.statistics()
    assert counts.lateness_ms.max == pytest.approx(0, abs=1e-6)
    assert counts.spacing_ms.p50 == pytest.approx(240)


def test_a_whole_utterance_in_a_message_does_not_end_the_talkspurt() -> None:
    arrivals = Arrivals(RATE, lead=0.0)
    for n in range(3):
        arrivals.add(START + n * 6.0, 100 * FRAME)
    assert arrivals.statistics().spacing_ms.p50 == pytest.approx(6000)
    assert arrivals.statistics().lateness_ms.max == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("ended", ["gap", "break"])
def test_a_talkspurt_has_its_own_schedule(ended: str) -> None:
    arrivals = Arrivals(RATE, lead=0.0)
    for n in range(10):
        arrivals.add(START + n * 0.06, FRAME)
    pause = 1.7 if ended == "gap" else 0.5
    if ended == "break":
        arrivals.end_talkspurt()
    for n in range(10):
        arrivals.add(START + 0.6 + pause + n * 0.06, FRAME)
    counts = arrivals.statistics()
    assert counts.lateness_ms.max == pytest.approx(0, abs=1e-6)
    assert counts.spacing_ms.max == pytest.approx(60)


def test_a_short_gap_is_lateness() -> None:
    arrivals = Arrivals(RATE, lead=0.0)
    arrivals.add(START, FRAME)
    arrivals.add(START + 0.5, FRAME)
    assert arrivals.statistics().lateness_ms.max == pytest.approx(440)


def test_a_burst_is_what_came_ahead_of_real_time() -> None:
    arrivals = Arrivals(RATE, lead=0.0)
    for n in range(10):
        arrivals.add(START + n * 0.06, FRAME)
    assert arrivals.statistics().burst_ms == pytest.approx(60)
    for _ in range(5):
        arrivals.add(START + 0.6, FRAME)
    assert arrivals.statistics().burst_ms == pytest.approx(300)
    arrivals.end_talkspurt()
    arrivals.add(START + 5, FRAME)
    assert arrivals.statistics().burst_ms == pytest.approx(300)


def test_the_values_of_several_calls_can_be_put_together() -> None:
    arrivals = Arrivals(RATE, lead=0.0)
    for at in (0.0, 0.06, 0.13):
        arrivals.add(START + at, FRAME)
    arrivals.end_talkspurt()
    arrivals.add(START + 9, FRAME)
    assert list(arrivals.spacing_values()) == pytest.approx([60, 70])
    assert list(arrivals.lateness_values()) == pytest.approx([0, 0, 10, 0], abs=1e-6)


def test_nothing_has_no_numbers() -> None:
    arrivals = Arrivals(RATE, lead=0.0)
    arrivals.end_talkspurt()
    counts = arrivals.statistics()
    assert counts.drift_ms is None
    assert math.isnan(counts.lateness_ms.p50)
    arrivals.add(START, FRAME)
    assert arrivals.statistics().lateness_ms.asdict() == {"p50": 0.0, "p99": 0.0, "max": 0.0}
    assert arrivals.statistics().spacing_ms.asdict() == {"p50": None, "p99": None, "max": None}


@given(
    gaps=st.lists(st.floats(0, 3), min_size=1, max_size=100),
    lead=st.sampled_from((0.0, 0.18)),
)
def test_lateness_is_never_negative_and_counts_every_message(
    gaps: list[float], lead: float
) -> None:
    arrivals = Arrivals(RATE, lead)
    at = START
    for gap in gaps:
        at += gap
        arrivals.add(at, FRAME)
    counts = arrivals.statistics()
    lateness = counts.lateness_ms
    assert 0 <= lateness.p50 <= lateness.p99 <= lateness.max
    assert arrivals.statistics().lateness_ms == lateness


def test_a_frame_in_three_messages_is_timed_by_its_first() -> None:
    arrivals = Arrivals(RATE, lead=0.0, frame_samples=FRAME)
    for n in range(100):
        for _ in range(3):
            arrivals.add(START + n * 0.06 + (0.01 if n == 50 else 0), FRAME // 3)
    counts = arrivals.statistics()
    assert counts.spacing_ms.p50 == pytest.approx(60)
    assert counts.lateness_ms.p50 == pytest.approx(0, abs=1e-6)
    assert counts.lateness_ms.max == pytest.approx(10)
    assert counts.burst_ms == pytest.approx(60)


def test_a_sample_more_does_not_end_the_measuring() -> None:
    arrivals = Arrivals(RATE, lead=0.0, frame_samples=FRAME)
    for n in range(50):
        arrivals.add(START + n * 0.06, FRAME)
        if n == 20:
            arrivals.add(START + n * 0.06, 1)
    assert len(arrivals.lateness_values()) == 50
    assert arrivals.statistics().lateness_ms.max == pytest.approx(0.125, abs=0.01)
