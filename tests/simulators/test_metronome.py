from __future__ import annotations

import contextlib

import attrs
import trio
import trio.testing

from trioaudio.simulators.metronome import Metronome


@attrs.define(eq=False)
class Ticking:
    """Wants to be stepped at some times."""

    times: list[float]
    stepped: list[float] = attrs.field(factory=list)

    @property
    def due(self) -> float | None:
        return self.times[0] if self.times else None

    def step(self, now: float) -> None:
        while self.times and self.times[0] <= now:
            self.times.pop(0)
            self.stepped.append(now)


async def test_everybody_is_stepped_at_their_times(
    autojump_clock: trio.testing.MockClock,
) -> None:
    metronome = Metronome(trio.current_time)
    begin = trio.current_time()
    many = [Ticking([begin + n * 0.02 + k / 5000 for n in range(50)]) for k in range(100)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(metronome.run)
        with all_stepping(metronome, many):
            await trio.sleep(1.5)
        nursery.cancel_scope.cancel()
    for k, each in enumerate(many):
        assert len(each.stepped) == 50
        lateness = [at - (begin + n * 0.02 + k / 5000) for n, at in enumerate(each.stepped)]
        assert min(lateness) >= 0
        assert max(lateness) <= 0.0021


async def test_whoever_is_due_earlier_than_before_need_not_wait(
    autojump_clock: trio.testing.MockClock,
) -> None:
    metronome = Metronome(trio.current_time)
    begin = trio.current_time()
    idle, late = Ticking([]), Ticking([begin + 100])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(metronome.run)
        with metronome.stepping(late), metronome.stepping(idle) as beat:
            await trio.sleep(1)
            idle.times.append(begin + 2)
            beat.look_again()
            beat.look_again()
            await trio.sleep(2)
            idle.times += [begin + 3.5, begin + 4]
            beat.look_again()
            await trio.sleep(2)
        await trio.sleep(200)
        nursery.cancel_scope.cancel()
    assert idle.stepped == [begin + 2, begin + 3.5, begin + 4]
    assert late.stepped == []


def all_stepping(metronome: Metronome, many: list[Ticking]) -> contextlib.ExitStack:
    stack = contextlib.ExitStack()
    for each in many:
        stack.enter_context(metronome.stepping(each))
    return stack
