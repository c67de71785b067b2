"""One task, a heap, and turns at their times."""

from __future__ import annotations

import weakref
from collections.abc import Callable
from itertools import pairwise

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trioaudio.pacer import PORTION, PORTIONS_MOST, POSTED_MOST, Pacer
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


# --- Whose turn is cut in two by a system call -----------------------------------------------


@attrs.define(eq=False)
class Poster:
    """Posts itself in every turn, and notes what becomes of it."""

    pacer: Pacer
    name: str = ""
    log: list[str] = attrs.field(factory=list)
    last: bool = False
    again: Callable[[float], float | None] = never
    breaks_in: str = ""
    on: dict[str, Callable[[], None]] = attrs.field(factory=dict)
    failures: list[Exception] = attrs.field(factory=list)
    acted_at: list[float] = attrs.field(factory=list)
    turn: int = 0

    def tick(self, now: float) -> float | None:
        self._note("tick")
        self.pacer.post(self, last=self.last)
        return None

    def act(self) -> None:
        self._note("act")

    def acted(self, at: float) -> float | None:
        self.acted_at.append(at)
        self._note("acted")
        return self.again(at)

    def fail(self, exc: Exception) -> None:
        self.failures.append(exc)

    def _note(self, what: str) -> None:
        self.log.append(f"{self.name} {what}".strip())
        self.on.get(what, lambda: None)()
        if self.breaks_in == what:
            raise ZeroDivisionError(what)


def posters(pacer: Pacer, names: str, at: float = 1.0) -> tuple[dict[str, Poster], list[str]]:
    """Legs that post themselves at one time, and what all of them note."""
    log: list[str] = []
    made = {name: Poster(pacer, name, log) for name in names}
    for each in made.values():
        pacer.wake(each, at)
    return made, log


async def test_all_get_ready_before_any_acts_and_all_act_before_any_accounts(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    _, log = posters(pacer, "abc")
    nursery.start_soon(pacer.run)
    await trio.sleep(2)
    assert log == [f"{name} {what}" for what in ("tick", "act", "acted") for name in "abc"]
    assert pacer.statistics().turns == 3
    assert pacer.statistics().waiting == 0


async def test_who_reads_acts_when_who_sends_has_done_the_accounts(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    made, log = posters(pacer, "rasb")
    made["r"].last = made["s"].last = True
    nursery.start_soon(pacer.run)
    await trio.sleep(2)
    assert [each for each in log if "tick" not in each] == [
        f"{name} {what}" for names in ("ab", "rs") for what in ("act", "acted") for name in names
    ]


async def test_no_more_than_so_many_wait_for_each_other(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    names = [str(number) for number in range(2 * POSTED_MOST + 5)]
    log: list[str] = []
    for name in names:
        pacer.wake(Poster(pacer, name, log), 1.0)
    nursery.start_soon(pacer.run)
    await trio.sleep(2)
    steps = ("tick", "act", "acted")
    assert [each.split()[1] for each in log] == [
        step for most in (POSTED_MOST, POSTED_MOST, 5) for step in steps for _ in range(most)
    ]
    assert sorted(log) == sorted(f"{name} {step}" for name in names for step in steps)


async def test_who_reads_lets_those_who_come_due_go_first(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    log: list[str] = []
    readers = [Poster(pacer, "read", log, last=True) for _ in range(3 * PORTION)]
    for each in readers:
        each.on["act"] = lambda: autojump_clock.jump(0.001)
        pacer.wake(each, 1.0)
    pacer.wake(Poster(pacer, "send", log), 1.0 + 0.001 * (PORTION + 1))
    nursery.start_soon(pacer.run)
    await trio.sleep(2)
    acts = [each for each in log if each.endswith("act")]
    assert acts == ["read act"] * 2 * PORTION + ["send act"] + ["read act"] * PORTION


async def test_many_who_read_let_other_tasks_run_between(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    most = PORTION * PORTIONS_MOST
    log: list[str] = []
    readers = [Poster(pacer, str(number), log, last=True) for number in range(3 * most + 1)]
    for each in readers:
        pacer.wake(each, 1.0)
    nursery.start_soon(pacer.run)
    await trio.sleep_until(1.0)
    done = 0
    while done < len(readers):
        await trio.lowlevel.checkpoint()
        before, done = done, sum(each.endswith("acted") for each in log)
        assert done - before <= 2 * most  # Trio shuffles: two batches may follow each other
    assert [each for each in log if each.endswith("acted")] == [
        f"{number} acted" for number in range(len(readers))
    ]


@pytest.mark.parametrize("where", ["tick", "act", "acted"])
@pytest.mark.parametrize("who", ["a", "b", "c"])
async def test_a_bug_wherever_it_is_ends_one_leg_and_puts_nobody_out_of_turn(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery, where: str, who: str
) -> None:
    made, log = posters(pacer, "abc")
    for each in made.values():
        each.again = lambda at: at + 1.0
    made[who].breaks_in = where
    nursery.start_soon(pacer.run)
    await trio.sleep(3.5)
    assert [str(exc) for exc in made[who].failures] == [where]
    steps = ["tick", "act", "acted"]
    assert [each for each in log if each[0] == who] == [
        f"{who} {step}" for step in steps[: steps.index(where) + 1]
    ]
    for name in {"a", "b", "c"} - {who}:
        assert made[name].acted_at == [1.0, 2.0, 3.0]
        assert made[name].failures == []
        assert [each for each in log if each[0] == name] == [f"{name} {s}" for s in steps] * 3
    assert pacer.statistics().failures == 1


async def test_a_bug_in_every_leg_is_each_legs_own(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    made, _ = posters(pacer, "abcdefghi")
    for each, where in zip(made.values(), ("tick", "act", "acted") * 3, strict=True):
        each.breaks_in = where
    nursery.start_soon(pacer.run)
    await trio.sleep(2)
    assert [str(exc) for each in made.values() for exc in each.failures] == [
        "tick",
        "act",
        "acted",
    ] * 3


async def test_nobody_has_a_turn_before_his_last_one_is_accounted_for(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    """Not even where a bug of another leg's came in between, and the leg is due again."""
    made, log = posters(pacer, "ab")
    made["a"].breaks_in = "acted"
    made["a"].on["acted"] = lambda: pacer.wake(made["b"], 1.0)
    nursery.start_soon(pacer.run)
    await trio.sleep(2)
    assert [each for each in log if each[0] == "b"] == ["b tick", "b act", "b acted"] * 2


@pytest.mark.parametrize("step", ["tick", "act", "acted"])
async def test_who_is_forgotten_after_posting_acts_once_and_has_no_more_turns(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery, step: str
) -> None:
    """What was made ready goes out: it is in no queue any more."""
    made, log = posters(pacer, "ab")
    made["a"].again = lambda at: at + 1.0
    made["b"].on[step] = lambda: pacer.forget(made["a"])
    nursery.start_soon(pacer.run)
    await trio.sleep(5)
    mine = [each for each in log if each[0] == "a"]
    if step == "acted":  # it had its next turn by then, and loses it
        assert pacer.statistics().waiting == 0
    assert mine == ["a tick", "a act", "a acted"]


@pytest.mark.parametrize("step", ["tick", "act"])
async def test_who_is_woken_after_posting_comes_when_it_was_told_last(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery, step: str
) -> None:
    made, _ = posters(pacer, "ab")
    made["a"].again = lambda at: at + 1.0 if at < 3 else None
    made["b"].on[step] = lambda: pacer.wake(made["a"], 3.5)
    nursery.start_soon(pacer.run)
    await trio.sleep(5)
    assert made["a"].acted_at == [1.0, 3.5]


async def test_each_is_told_when_its_own_system_call_was_made(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    made, _ = posters(pacer, "abc")
    for each in made.values():
        each.on["act"] = lambda: autojump_clock.jump(0.001)
        each.on["acted"] = lambda: autojump_clock.jump(0.1)
    nursery.start_soon(pacer.run)
    await trio.sleep(2)
    told = [each.acted_at[0] for each in made.values()]
    assert told == [pytest.approx(1.001), pytest.approx(1.002), pytest.approx(1.003)]


async def test_who_asks_for_a_turn_that_is_due_lets_other_tasks_run_before(
    autojump_clock: MockClock, pacer: Pacer, nursery: trio.Nursery
) -> None:
    made, log = posters(pacer, "a")
    made["a"].again = lambda at: at
    nursery.start_soon(pacer.run)
    await trio.sleep_until(1.0)
    for _ in range(20):
        before = len(log)
        await trio.lowlevel.checkpoint()
        assert len(log) - before <= 6
    pacer.forget(made["a"])
