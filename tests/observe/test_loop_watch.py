from __future__ import annotations

import attrs
import pytest
import trio

from trioaudio.observe.loop_watch import LoopWatch, SlowStep


@attrs.define(eq=False)
class Clock:
    """A clock that only goes on when somebody works."""

    now: float = 100.0

    def __call__(self) -> float:
        return self.now

    def work(self, seconds: float) -> None:
        self.now += seconds


@attrs.define(eq=False)
class Seen:
    clock: Clock = attrs.field(factory=Clock)
    steps: list[SlowStep] = attrs.field(factory=list)
    watch: LoopWatch = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.watch = LoopWatch(self.steps.append, clock=self.clock)


async def step(clock: Clock, seconds: float) -> None:
    clock.work(seconds)
    await trio.lowlevel.checkpoint()


async def hog(clock: Clock, seconds: float) -> None:
    await trio.lowlevel.checkpoint()
    await step(clock, seconds)


async def run(seen: Seen, *seconds: float) -> None:
    """One after the other, each in a task of its own."""
    for each in seconds:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(hog, seen.clock, each, name=f"hog of {each}")
            nursery.start_soon(trio.lowlevel.checkpoint)


async def test_who_held_the_loop_and_for_how_long() -> None:
    seen = Seen()
    with seen.watch.watching():
        await run(seen, 0.004, 0.02, 0.001)
    [slow] = seen.steps
    assert (slow.task, round(slow.seconds, 6), slow.untold) == ("hog of 0.02", 0.02, 0)
    statistics = seen.watch.statistics()
    assert (statistics.slow_steps, statistics.longest_task) == (1, "hog of 0.02")
    assert round(statistics.longest_s, 6) == round(statistics.slow_seconds, 6) == 0.02


async def test_one_a_second_is_told_and_all_are_counted() -> None:
    seen = Seen()
    with seen.watch.watching():
        await run(seen, *[0.01] * 150)
    assert [each.untold for each in seen.steps] == [0, 99]
    statistics = seen.watch.statistics()
    assert statistics.slow_steps == 150
    assert round(statistics.slow_seconds, 6) == 1.5


async def test_it_sees_nothing_when_it_is_off() -> None:
    seen = Seen()
    await run(seen, 1.0)
    with seen.watch.watching():
        await trio.lowlevel.checkpoint()
    await run(seen, 1.0)
    with seen.watch.watching():
        await trio.lowlevel.checkpoint()
    assert seen.steps == []
    assert seen.watch.statistics().longest_task is None


async def test_it_is_off_after_an_error() -> None:
    seen = Seen()
    with pytest.raises(ZeroDivisionError), seen.watch.watching():
        divmod(1, 0)
    await run(seen, 1.0)
    assert seen.steps == []


async def test_the_real_clock() -> None:
    steps: list[SlowStep] = []
    watch = LoopWatch(steps.append, threshold_s=0.001)

    async def compute() -> None:
        await trio.lowlevel.checkpoint()
        sum(range(1_000_000))

    with watch.watching():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(compute)
            nursery.start_soon(trio.lowlevel.checkpoint)
    assert "compute" in str(watch.statistics().longest_task)
