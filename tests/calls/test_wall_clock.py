"""Times on Trio's clock as seconds since 1970."""

from __future__ import annotations

import time

import pytest
import trio
from trio.testing import MockClock

from trioaudio.calls.wall_clock import WallClock


async def test_it_shows_what_the_machines_clock_showed() -> None:
    await trio.lowlevel.checkpoint()
    clock = WallClock.start()
    assert clock.now() == pytest.approx(time.time(), abs=0.5)  # noqa: TID251  the witness


async def test_durations_are_those_of_trios_clock(autojump_clock: MockClock) -> None:
    clock = WallClock.start()
    began, at = clock.now(), trio.current_time()
    await trio.sleep(3600)
    assert clock.now() - began == pytest.approx(3600)
    assert clock.since_1970(at) == pytest.approx(began)


def test_what_did_not_happen_has_no_time() -> None:
    clock = WallClock(100.0)
    assert clock.at(None) is None
    assert clock.at(2.5) == 102.5
