from __future__ import annotations

import math

import pytest

from trioaudio.core.playout_item import Audio
from trioaudio.observe.send_log import RECENT, SendLog


def audio(frames: int = 1) -> Audio:
    return Audio(0, 1, 0.0, frames, b"")


def test_frames_and_spacing() -> None:
    log = SendLog()
    for n in range(5):
        log(audio(2), 10 + n * 0.12, 0.001 * n, 10 + n * 0.12)
    assert log.frames == 10
    assert log.spacing_ms().p50 == pytest.approx(120)
    assert log.lateness_ms().max == pytest.approx(4)


def test_early_is_not_late() -> None:
    log = SendLog()
    log(audio(), 1.0, -0.001, 1.0)
    assert log.lateness_ms().max == 0
    assert log.recent_ms() == [0]


def test_drift_is_the_difference_of_the_halves() -> None:
    log = SendLog()
    for n in range(100):
        log(audio(), n * 0.06, n * 0.001, n * 0.06)
    assert log.drift_ms() == pytest.approx(50)


def test_of_few_there_is_no_drift_and_of_none_no_spread() -> None:
    log = SendLog()
    assert math.isnan(log.lateness_ms().p50)
    for n in range(3):
        log(audio(), n, 0, n)
    assert log.drift_ms() is None


def test_only_the_latest_are_shown() -> None:
    log = SendLog()
    for n in range(RECENT + 5):
        log(audio(), n, n / 1000, n)
    assert len(log.recent_ms()) == RECENT
    assert log.recent_ms()[-1] == RECENT + 4
