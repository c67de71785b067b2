from __future__ import annotations

import random

import pytest

from trioaudio.simulators.faults import read_faults
from trioaudio.simulators.marks import Acknowledgement, Acknowledgements


def new(*faults: str, seed: int = 0) -> Acknowledgements:
    marks = Acknowledgements(read_faults(faults), random.Random(seed))
    for _ in range(10):
        marks.ask()
    return marks


def test_marks_are_acknowledged_when_they_are_due() -> None:
    marks = new()
    assert marks.due(5.0, ["a", "b"]) == [Acknowledgement(5.0, "a"), Acknowledgement(5.0, "b")]
    assert marks.clear(6.0, ["c"]) == []
    assert marks.statistics() == {"asked": 10, "played": 2, "cleared": 1, "lost": 7}


def test_late_marks() -> None:
    assert new("late-marks=1.5").due(5.0, ["a"]) == [Acknowledgement(6.5, "a")]


def test_duplicate_marks() -> None:
    marks = new("duplicate-marks")
    assert marks.due(5.0, ["a"]) == [Acknowledgement(5.0, "a")] * 2
    assert marks.played == 1


def test_all_marks_are_lost() -> None:
    marks = new("lost-marks")
    assert marks.due(5.0, ["a", "b"]) == []
    assert marks.lost == 10


@pytest.mark.parametrize("seed", [0, 1])
def test_some_marks_are_lost_and_the_same_ones_again(seed: int) -> None:
    names = [str(n) for n in range(1000)]
    first = new("lost-marks=0.3", seed=seed).due(0.0, names)
    assert 600 < len(first) < 800
    assert new("lost-marks=0.3", seed=seed).due(0.0, names) == first
    assert new("lost-marks=0.3", seed=seed + 1).due(0.0, names) != first


def test_stale_marks_are_those_that_waited() -> None:
    marks = new("stale-mark-after-clear")
    assert marks.clear(1.0, ["a", "b"]) == [Acknowledgement(1.2, "a"), Acknowledgement(1.2, "b")]
    assert marks.cleared == 2


def test_else_the_last_that_was_played() -> None:
    marks = new("stale-mark-after-clear")
    assert marks.clear(1.0, []) == []
    marks.due(2.0, ["a", "b"])
    assert marks.clear(3.0, []) == [Acknowledgement(3.2, "b")]
