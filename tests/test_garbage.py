from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest
import trio
from trio.testing import MockClock

from trioaudio.garbage import (
    FEW,
    FULL_EVERY_S,
    MIDDLE,
    NEVER,
    STEP_S,
    YOUNG,
    collect_steadily,
    settle,
)


@pytest.fixture
def as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


class Knot:
    """Refers to itself: only a collection finds it."""

    def __init__(self) -> None:
        self.myself = self


def knots() -> int:
    return sum(isinstance(each, Knot) for each in gc.get_objects())


@pytest.fixture
def small() -> Iterator[None]:
    """Leave out what the tests have imported: a collection that looks over it all is a long one."""
    gc.collect()
    gc.freeze()
    yield
    gc.unfreeze()


@pytest.mark.parametrize(("calls", "found"), [(0, True), (FEW, True), (FEW + 1, False)])
async def test_what_is_old_is_looked_over_when_nobody_hears_it(
    calls: int,
    found: bool,
    autojump_clock: MockClock,
    small: None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    full_every_s = FULL_EVERY_S / 20  # a hundred steps a second of even virtual time take a while
    monkeypatch.setattr("trioaudio.garbage.FULL_EVERY_S", full_every_s)
    old = Knot()
    gc.collect()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect_steadily, lambda: calls)
        await trio.sleep(1)
        del old
        await trio.sleep(full_every_s / 2)
        assert knots() == 1
        await trio.sleep(full_every_s / 2)
        assert knots() == (not found)
        nursery.cancel_scope.cancel()
    assert gc.isenabled()
    gc.collect()


async def test_what_is_new_is_looked_over_all_the_time(autojump_clock: MockClock) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(collect_steadily, lambda: 1000)
        await trio.testing.wait_all_tasks_blocked()
        assert not gc.isenabled()
        Knot()
        assert knots() == 1
        await trio.sleep(2 * STEP_S)
        assert knots() == 0
        nursery.cancel_scope.cancel()


def test_what_start_up_made_is_kept_out_of_collections(as_before: None) -> None:
    Knot()
    gc.unfreeze()
    settle()
    assert not knots()
    assert gc.get_freeze_count() > 10_000
    assert gc.get_threshold() == (YOUNG, MIDDLE, NEVER)
