"""Recordings over and over, whatever order the news of them comes in."""

from __future__ import annotations

import pytest

from trioaudio.api.commands import Play
from trioaudio.relay.loops import Loop, Loops, times

PLAY = Play(url="https://example.com/hold.wav", interruptible="dtmf")


def new_loop(left: int) -> Loop:
    return Loop(PLAY, preemptible=False, left=left)


@pytest.mark.parametrize(("loop", "wanted"), [(None, 1), (1, 1), (3, 3), (0, 1000)])
def test_how_often(loop: int | None, wanted: int) -> None:
    assert times(loop) == wanted


def test_each_time_is_asked_for_when_the_one_before_has_begun() -> None:
    loops, loop = Loops(), new_loop(2)
    assert loops.accepted(loop, 1) is None
    assert loops.started(1) is loop
    assert loops.accepted(loop, 5) is None
    assert loops.started(1) is None  # told twice, or of an older one
    loops.completed(1, normally=True)
    assert loops.started(5) is loop
    assert loops.accepted(loop, 6) is None
    assert loops.started(6) is None
    assert len(loops) == 0


def test_a_repetition_is_what_was_asked_for_before_what_waits() -> None:
    again = new_loop(1).repetition
    assert (again.url, again.interruptible) == (PLAY.url, PLAY.interruptible)
    assert again.priority > PLAY.priority


def test_news_may_come_before_the_number() -> None:
    loops, loop = Loops(), new_loop(1)
    assert loops.started(1) is None
    assert loops.accepted(loop, 1) is loop
    cut = new_loop(5)
    loops.completed(9, normally=False)
    assert loops.accepted(cut, 9) is None
    assert loops.started(9) is None


def test_a_cut_ends_the_loop_and_no_other() -> None:
    loops, one, two = Loops(), new_loop(5), new_loop(5)
    loops.accepted(one, 1)
    loops.accepted(two, 2)
    loops.completed(1, normally=False)
    assert loops.started(1) is None
    assert loops.started(2) is two


@pytest.mark.parametrize("how", ["these", "all"])
def test_a_loop_may_be_forgotten(how: str) -> None:
    loops, loop = Loops(), new_loop(5)
    loops.accepted(loop, 1)
    if how == "these":
        loops.forget([7, 1])
    else:
        loops.forget_all()
    assert loops.started(1) is None
    loops.completed(1, normally=True)


def test_what_is_no_loop_is_passed_over() -> None:
    loops = Loops()
    assert loops.started(3) is None
    loops.completed(3, normally=True)
    assert len(loops) == 0
