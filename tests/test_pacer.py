"""One task, a heap, and turns at their times."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from itertools import pairwise

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trioaudio.pacer import Pacer
from trioaudio.turns import SPARE


def never(_now: float) -> float | None:
    return None


@attrs.define(eq=False)
class Leg:
    """Notes when it had its turns, and does then what a test wants."""

    do: Callable[[float], float | None] = never
    name: str = ""
    log: list[tuple[str, float]] = attrs.field(factory=list)
    failures: list[Exception] = attrs.field(factory=list)
    turn: int = 0

    def tick(self, now: float) -> float | None:
        self.log.append((self.name, now))
        return self.do(now)

    def fail(self, exc: Exception) -> None:
        self.failures.append(exc)

    @property
    def at(self) -> list[float]:
        return [now for _, now in self.log]


@pytest.fixture
def pacer() -> Pacer:
    return Pacer(early=0.0)


async def test_turns_come_in_order_of_time_and_then_of_asking(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    log: list[tuple[str, float]] = []
    for name, at in (("d", 3.0), ("a", 1.0), ("b", 2.0), ("c", 2.0)):
        pacer.wake(Leg(name=name, log=log), at)
    nursery.start_soon(pacer.run)
    await trio.sleep(10)
    assert log == [("a", 1.0), ("b", 2.0), ("c", 2.0), ("d", 3.0)]


async def test_a_turn_names_the_next(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    leg = Leg(lambda now: now + 0.06 if now < 0.2 else None)
    nursery.start_soon(pacer.run)
    pacer.wake(leg, 0.0)
    await trio.sleep(1)
    assert leg.at == pytest.approx([0.0, 0.06, 0.12, 0.18, 0.24])
    assert pacer.statistics().turns == 5
    assert pacer.statistics().waiting == 0


@pytest.mark.parametrize(("first", "then"), [(1.0, 5.0), (5.0, 1.0), (3.0, 3.0)])
async def test_waking_again_replaces_the_turn_waited_for(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery, first: float, then: float
) -> None:
    leg = Leg()
    nursery.start_soon(pacer.run)
    await wait_all_tasks_blocked()
    pacer.wake(leg, first)
    await wait_all_tasks_blocked()
    pacer.wake(leg, then)
    await trio.sleep(10)
    assert leg.at == [then]


async def test_a_sleeping_pacer_is_woken_only_for_what_comes_earlier(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    nursery.start_soon(pacer.run)
    await wait_all_tasks_blocked()
    pacer.wake(Leg(), 5.0)
    await wait_all_tasks_blocked()
    before = pacer.statistics().wakeups
    pacer.wake(Leg(), 6.0)
    pacer.wake(Leg(), 5.0)
    await wait_all_tasks_blocked()
    assert pacer.statistics().wakeups == before
    early = Leg()
    pacer.wake(early, 4.0)
    await wait_all_tasks_blocked()
    assert pacer.statistics().wakeups == before + 1
    await trio.sleep(4.5)
    assert early.at == [4.0]


async def test_a_time_past_is_served_at_once(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    nursery.start_soon(pacer.run)
    await trio.sleep(3)
    leg = Leg()
    pacer.wake(leg, 1.0)
    await wait_all_tasks_blocked()
    assert leg.at == [3.0]


async def test_a_leg_may_wake_itself_and_others_within_its_turn(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    other = Leg()

    def wakes(now: float) -> float | None:
        if now < 2:
            pacer.wake(leg, 2.0)  # this counts, not what is returned
            pacer.wake(other, 1.0)
            return 1.5
        return None

    leg = Leg(wakes)
    pacer.wake(leg, 1.0)
    nursery.start_soon(pacer.run)
    await trio.sleep(10)
    assert leg.at == [1.0, 2.0]
    assert other.at == [1.0]


async def test_a_forgotten_leg_has_no_more_turns(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    waiting = Leg()

    def forgets_itself(now: float) -> float:
        pacer.forget(leg)
        return now + 1

    leg = Leg(forgets_itself)
    pacer.wake(waiting, 1.0)
    pacer.wake(leg, 1.0)
    pacer.forget(waiting)
    nursery.start_soon(pacer.run)
    await trio.sleep(10)
    assert waiting.at == []
    assert leg.at == [1.0]
    pacer.wake(waiting, 11.0)
    await trio.sleep(2)
    assert waiting.at == [11.0]


async def test_a_turn_that_raises_harms_nobody_else(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    def breaks(now: float) -> float:
        if now > 2:
            raise ZeroDivisionError
        return now + 1

    broken = Leg(breaks)
    well = Leg(lambda now: now + 1)
    nursery.start_soon(pacer.run)
    pacer.wake(broken, 1.0)
    pacer.wake(well, 1.0)
    await trio.sleep(6.5)
    assert broken.at == [1.0, 2.0, 3.0]
    assert [type(exc) for exc in broken.failures] == [ZeroDivisionError]
    assert well.at == [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    assert pacer.statistics().failures == 1


async def test_a_leg_woken_in_the_turn_that_raises_stays_out(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    def breaks(_now: float) -> float:
        pacer.wake(leg, 2.0)
        raise ZeroDivisionError

    leg = Leg(breaks)
    pacer.wake(leg, 1.0)
    nursery.start_soon(pacer.run)
    await trio.sleep(5)
    assert leg.at == [1.0]


async def test_what_unwinds_the_program_is_not_a_legs_failure(
    autojump_clock: MockClock, pacer: Pacer
) -> None:
    def interrupted(_now: float) -> float:
        raise KeyboardInterrupt

    leg = Leg(interrupted)
    pacer.wake(leg, 0.0)
    with pytest.raises(KeyboardInterrupt):
        await pacer.run()
    assert leg.failures == []


async def test_a_leg_that_always_wants_another_turn_starves_nobody(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    pacer = Pacer(early=0.001)

    def greedy(now: float) -> float:
        autojump_clock.jump(0.0003)  # what a turn costs
        return now

    leg = Leg(greedy)
    pacer.wake(leg, 0.0)
    nursery.start_soon(pacer.run)
    seen = []
    for _ in range(20):
        await trio.lowlevel.checkpoint()
        seen.append(len(leg.log))
    # The limit is of the batch: what a turn costs ends it, however early one may be.
    # Two batches of five turns at most between two of ours, since Trio shuffles.
    assert max(later - before for before, later in pairwise(seen)) <= 10
    assert seen[-1] > 20


async def test_early_serves_what_is_nearly_due_in_one_go(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    pacer = Pacer(early=0.010)
    nursery.start_soon(pacer.run)
    await wait_all_tasks_blocked()
    legs = [Leg() for _ in range(4)]
    before = pacer.statistics().wakeups
    for leg, at in zip(legs, (1.0, 1.004, 1.0049, 1.0051), strict=True):
        pacer.wake(leg, at)
    await wait_all_tasks_blocked()
    asleep = pacer.statistics().wakeups
    await trio.sleep(2)
    # It wakes up half of `early` before the first, and serves all within `early` of then.
    assert [leg.at for leg in legs[:3]] == [[pytest.approx(0.995)]] * 3
    assert legs[3].at == [pytest.approx(1.0001)]
    assert pacer.statistics().wakeups == asleep + 2
    assert asleep >= before


async def test_a_turn_is_told_the_time_it_really_has(
    autojump_clock: MockClock, nursery: trio.Nursery
) -> None:
    pacer = Pacer(early=0.0)

    def slow(_now: float) -> None:
        autojump_clock.jump(0.002)

    first, second = Leg(slow), Leg()
    pacer.wake(first, 1.0)
    pacer.wake(second, 1.0)
    nursery.start_soon(pacer.run)
    await trio.sleep(2)
    assert first.at == [1.0]
    assert second.at == [1.002]


async def test_an_idle_pacer_wakes_up_for_nothing(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    nursery.start_soon(pacer.run)
    await trio.sleep(3600)
    assert pacer.statistics().wakeups == 1
    leg = Leg()
    pacer.wake(leg, trio.current_time())
    await trio.sleep(3600)
    assert leg.at == [3600.0]
    assert pacer.statistics().wakeups == 2
    assert pacer.statistics().turns == 1


async def test_what_is_forgotten_is_let_go_of(autojump_clock: MockClock) -> None:
    """An entry far in the future must not keep a call alive that ended long ago."""
    pacer = Pacer(early=0.0)
    kept = [Leg() for _ in range(100)]
    for each in kept:
        pacer.wake(each, 1000.0)
    gone = []
    for _ in range(1000):
        leg = Leg()
        pacer.wake(leg, 7200.0)
        pacer.forget(leg)
        gone.append(weakref.ref(leg))
        del leg
    assert sum(each() is not None for each in gone) <= 100 + SPARE
    assert pacer.statistics().waiting <= 2 * 100 + SPARE + 1
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pacer.run)
        await trio.sleep(1001)
        nursery.cancel_scope.cancel()
    assert all(each.at == [1000.0] for each in kept)
