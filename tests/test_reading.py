"""The pacer reads every connection in time, in rounds, and lets go of those that are gone."""

from __future__ import annotations

import gc
import os
import select
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock

from fake_inlet import SocketInlet
from trioaudio.core.errors import RemoteProtocolError
from trioaudio.pacer import Pacer
from trioaudio.reading import LEGS_A_ROUND, READ_S, READ_SOON_S, Reading, Round

SLACK = 1e-6


@attrs.define(eq=False)
class Reader:
    """A connection, and what a leg knows of its reading."""

    inlet: SocketInlet
    reading: Reading
    failures: list[Exception]
    awaited: bool = False


@attrs.define(eq=False)
class Desk:
    """Makes connections that one pacer reads, and closes them."""

    pacer: Pacer
    readers: list[Reader] = attrs.field(factory=list)

    def sit(self, *, awaited: bool = False, start: bool = True) -> Reader:
        inlet = SocketInlet()
        failures: list[Exception] = []

        def is_awaited(_now: float) -> bool:
            return reader.awaited

        reading = Reading(inlet, self.pacer.rounds, is_awaited, failures.append)
        reader = Reader(inlet, reading, failures, awaited)
        self.readers.append(reader)
        if start:
            reading.start()
        return reader

    @property
    def rounds(self) -> list[Round]:
        return [each for kind in (True, False) for each in self.pacer.rounds._rounds[kind]]

    @property
    def seated(self) -> list[int]:
        """How many sit in each round, those that are in a hurry first."""
        return [len(each.readings) for each in self.rounds]

    def leave(self) -> None:
        for each in self.readers:
            each.reading.stop()
            each.inlet.close()


@pytest.fixture
def desk() -> Iterator[Desk]:
    desk = Desk(Pacer(early=0.0))
    yield desk
    desk.leave()


@pytest.fixture
async def at_work(desk: Desk, nursery: trio.Nursery) -> Desk:
    nursery.start_soon(desk.pacer.run)
    await trio.sleep(5.0)
    return desk


async def keep_saying(readers: list[Reader], seconds: float, every: float = 0.01) -> None:
    """Have something to read on each at all times, and note from now on when they are read."""
    for each in readers:
        each.inlet.fetches.clear()
    for _ in range(round(seconds / every)):
        for each in readers:
            each.inlet.say("x")
        await trio.sleep(every)


def gaps(reader: Reader) -> list[float]:
    return [late - early for early, late in pairwise(reader.inlet.fetches)]


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# --- How often ----------------------------------------------------------------------------


async def test_whatever_comes_is_read_within_60_ms(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    reader = at_work.sit()
    for number in range(50):
        said_at = trio.current_time()
        reader.inlet.say(str(number))
        await trio.sleep(READ_S + SLACK)
        at, line = reader.inlet.lines[-1]
        assert line == str(number)
        assert at - said_at <= READ_S + SLACK
        await trio.sleep(0.0137)


async def test_who_is_waited_for_is_read_every_20_ms(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    reader = at_work.sit(awaited=True)
    await trio.sleep(0.1)
    await keep_saying([reader], 0.5)
    assert gaps(reader) == [pytest.approx(READ_SOON_S)] * len(gaps(reader))
    assert len(gaps(reader)) >= 20


async def test_nobody_waits_any_more_and_it_is_read_every_60_ms_again(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    reader = at_work.sit(awaited=True)
    await trio.sleep(0.1)
    assert [each.soon for each in at_work.rounds] == [True]
    reader.awaited = False
    await trio.sleep(READ_SOON_S + SLACK)  # the round finds it out by itself
    assert [each.soon for each in at_work.rounds] == [False]
    await keep_saying([reader], 0.6)
    assert gaps(reader) == [pytest.approx(READ_S)] * len(gaps(reader))


async def test_it_hurries_when_told(autojump_clock: MockClock, at_work: Desk) -> None:
    reader = at_work.sit()
    await trio.sleep(0.1)
    reader.awaited = True
    reader.reading.hurry()
    reader.reading.hurry()
    assert at_work.seated == [1]
    await keep_saying([reader], 0.3)
    assert max(gaps(reader)) <= READ_SOON_S + SLACK
    assert reader.inlet.fetches[0] <= 5.1 + READ_SOON_S + SLACK
    reader.reading.relax()
    reader.reading.relax()
    assert [each.soon for each in at_work.rounds] == [False]


async def test_moving_from_round_to_round_loses_nothing(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    readers = [at_work.sit() for _ in range(5)]
    for number in range(200):
        for index, each in enumerate(readers):
            each.inlet.say(str(number))
            if (number + index) % 3 == 0:
                each.awaited = True
                each.reading.hurry()
            elif (number + index) % 3 == 1:
                each.awaited = False
                each.reading.relax()
        await trio.sleep(0.007)
    await trio.sleep(READ_S + SLACK)
    for each in readers:
        assert each.inlet.heard == [str(number) for number in range(200)]
    assert sum(at_work.seated) == 5


async def test_silence_costs_no_system_call_of_a_leg(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    readers = [at_work.sit() for _ in range(10)]
    await trio.sleep(0.1)
    for each in readers:
        assert len(each.inlet.fetches) == 1  # for what may have come with the handshake
    readers[3].inlet.say("x")
    await trio.sleep(1.0)
    assert [len(each.inlet.fetches) for each in readers] == [1, 1, 1, 2, 1, 1, 1, 1, 1, 1]


async def test_what_came_with_the_handshake_is_handed_on_at_once(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    reader = at_work.sit(start=False)
    reader.inlet.kept = b"early\n"
    reader.reading.start()
    await trio.sleep(SLACK)
    assert reader.inlet.heard == ["early"]


async def test_posted_twice_in_one_go_it_is_read_once(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    reader = at_work.sit()
    await trio.sleep(0.1)
    reader.inlet.say("once")
    (its_round,) = at_work.rounds
    before = len(reader.inlet.fetches)
    at_work.pacer.wake(reader.reading, trio.current_time())
    at_work.pacer.wake(its_round, trio.current_time())
    await trio.sleep(SLACK)
    assert reader.inlet.heard == ["once"]
    assert len(reader.inlet.fetches) == before + 1


async def test_a_round_that_is_late_is_not_made_up_for(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    reader = at_work.sit()
    await trio.sleep(0.1)

    def oversleep(_now: float) -> None:
        autojump_clock.jump(1.0)

    sleeper = Turn(oversleep)
    await keep_saying([reader], 0.06)
    at_work.pacer.wake(sleeper, trio.current_time())
    await keep_saying([reader], 1.0)
    assert len(reader.inlet.fetches) <= 1.0 / READ_S + 3


@attrs.define(eq=False)
class Turn:
    """Somebody else whom the pacer serves."""

    do: Callable[[float], None]
    turn: int = 0

    def tick(self, now: float) -> float | None:
        self.do(now)
        return None

    def fail(self, exc: Exception) -> None:
        raise exc


# --- Rounds -------------------------------------------------------------------------------


async def test_a_hundred_legs_sit_in_rounds_of_thirty_two(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    readers = [at_work.sit() for _ in range(100)]
    assert at_work.seated == [32, 32, 32, 4]
    await keep_saying(readers, 0.6)
    for each in readers:
        assert max(gaps(each)) <= READ_S + SLACK
        assert each.inlet.fetches[0] <= 5.0 + READ_S + SLACK
    assert len({round(each.inlet.fetches[-1] * 1e6) for each in readers}) == 4  # never all at once


async def test_a_place_that_is_left_is_taken_again(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    await trio.lowlevel.checkpoint()
    readers = [at_work.sit() for _ in range(2 * LEGS_A_ROUND)]
    readers[3].reading.stop()
    assert at_work.seated == [31, 32]
    at_work.sit()
    assert at_work.seated == [32, 32]


async def test_rounds_vanish_when_they_are_empty_and_leave_nothing_open(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    before = descriptors()
    readers = [at_work.sit(awaited=number % 2 == 0) for number in range(100)]
    assert at_work.seated == [32, 18, 32, 18]
    assert descriptors() == before + 2 * 100 + 4
    await trio.sleep(0.1)
    for each in readers:
        each.awaited = False
    await trio.sleep(READ_SOON_S + SLACK)
    assert at_work.seated == [32, 32, 32, 4]
    for each in readers:
        each.reading.stop()
        each.inlet.close()
    assert at_work.rounds == []
    assert descriptors() == before
    turns = at_work.pacer.statistics().turns
    await trio.sleep(10)
    assert at_work.pacer.statistics().turns == turns


async def test_a_round_whose_last_leg_relaxes_in_its_own_turn_has_no_more(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    reader = at_work.sit(awaited=True)
    (hurried,) = at_work.rounds
    await trio.sleep(0.1)
    reader.awaited = False
    await trio.sleep(0.5)
    assert hurried.poll.closed
    assert at_work.seated == [1]
    assert at_work.pacer.statistics().failures == 0


async def test_a_call_that_ends_while_its_round_is_looked_through(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    first, second = at_work.sit(awaited=True), at_work.sit(awaited=True)
    await trio.sleep(0.1)

    def ends_the_other(_now: float) -> bool:
        second.reading.stop()
        return True

    first.reading.is_awaited = ends_the_other
    await keep_saying([first, second], 0.2)
    assert second.inlet.fetches == []
    assert max(gaps(first)) <= READ_SOON_S + SLACK
    assert at_work.pacer.statistics().failures == 0


async def test_nothing_is_left_of_a_reading_that_stopped(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    gc.collect()
    gc.disable()
    try:
        reader = at_work.sit(awaited=True)
        await trio.sleep(0.1)
        reader.reading.stop()
        reader.inlet.close()
        at_work.readers.clear()
        reading, connection = weakref.ref(reader.reading), weakref.ref(reader.inlet)
        await trio.sleep(1.0)
        del reader
        assert (reading(), connection()) == (None, None)
    finally:
        gc.enable()


async def test_a_stopped_reading_reads_nothing(autojump_clock: MockClock, at_work: Desk) -> None:
    reader = at_work.sit()
    reader.inlet.say("unheard")
    reader.reading.stop()
    reader.reading.stop()
    reader.reading.hurry()
    await trio.sleep(1)
    assert reader.inlet.fetches == []
    assert reader.failures == []


# --- Endings ------------------------------------------------------------------------------


async def test_a_connection_that_has_ended_leaves(autojump_clock: MockClock, at_work: Desk) -> None:
    ending, staying = at_work.sit(), at_work.sit()
    ending.inlet.say("last words")
    ending.inlet.hang_up()
    await trio.sleep(2 * READ_S + SLACK)
    assert ending.inlet.heard == ["last words"]
    assert ending.inlet.ended
    assert at_work.seated == [1]
    reads = len(ending.inlet.fetches)
    await keep_saying([staying], 0.5)
    assert len(ending.inlet.fetches) == reads
    assert len(staying.inlet.fetches) >= 8
    ending.reading.hurry()
    ending.reading.stop()
    assert at_work.seated == [1]


async def test_a_connection_that_ended_before_is_not_read(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    reader = at_work.sit(start=False)
    reader.inlet.close()
    reader.reading.start()
    await trio.sleep(0.1)
    assert at_work.rounds == []
    assert reader.inlet.fetches == []


async def test_a_connection_that_ends_while_it_hurries_does_not_join_again(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    await trio.lowlevel.checkpoint()
    reader = at_work.sit()
    reader.inlet.close()
    reader.reading.hurry()
    assert at_work.rounds == []


@pytest.mark.parametrize("old_leaves", ["before", "after"])
@pytest.mark.parametrize("same_round", [True, False])
async def test_a_descriptor_that_another_connection_has_by_now(
    autojump_clock: MockClock, at_work: Desk, old_leaves: str, same_round: bool
) -> None:
    """Closed, and not yet let go of: its number may be the next connection's."""
    old = at_work.sit()
    at_work.sit()
    number = old.inlet.fileno()
    old.inlet.close()
    new = at_work.sit(awaited=not same_round, start=False)
    assert new.inlet.fileno() == number  # the kernel gives the lowest that is free
    new.reading.start()
    if old_leaves == "before":
        old.reading.stop()
    await trio.sleep(READ_S)
    old.reading.stop()
    await keep_saying([new], 0.5)
    assert len(new.inlet.fetches) >= 8
    assert len(set(new.inlet.heard)) == 1
    assert new.failures == old.failures == []


async def test_a_connection_that_another_process_still_holds_troubles_nobody(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    """The kernel goes on to tell of it, by a number that is nobody's."""
    gone, staying = at_work.sit(), at_work.sit()
    await trio.sleep(0.1)
    held = os.dup(gone.inlet.fileno())
    try:
        gone.inlet.say("to nobody")
        gone.inlet._near.close()
        gone.inlet.ended = True
        gone.reading.stop()
        await keep_saying([staying], 0.5)
        assert max(gaps(staying)) <= READ_S + SLACK
        assert gone.inlet.lines == []
        assert at_work.pacer.statistics().failures == 0
    finally:
        os.close(held)


async def test_a_round_that_fails_ends_its_legs_and_no_others(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    readers = [at_work.sit() for _ in range(LEGS_A_ROUND + 1)]
    await trio.sleep(0.2)
    first = at_work.rounds[0]
    first.poll.close()
    await trio.sleep(1)
    for reader in readers[:LEGS_A_ROUND]:
        assert [str(each) for each in reader.failures] == ["I/O operation on closed epoll object"]
    assert readers[LEGS_A_ROUND].failures == []
    first.poll = select.epoll()


async def test_who_needs_the_order_of_things_reads_out_of_turn(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    reader = at_work.sit()
    await trio.sleep(0.2)
    reader.inlet.say("now")
    reader.reading.catch_up()
    assert [line for _, line in reader.inlet.lines][-1] == "now"
    before = len(reader.inlet.lines)
    reader.reading.catch_up()  # nothing has come
    await trio.sleep(0.2)
    assert len(reader.inlet.lines) == before

    def refuse(line: str) -> None:
        raise RemoteProtocolError(line)

    reader.inlet.on_line = refuse
    reader.inlet.say("nonsense")
    reader.reading.catch_up()
    assert [str(each) for each in reader.failures] == ["nonsense"]
    reader.reading.stop()
    reader.inlet.say("late")
    reader.reading.catch_up()
    await trio.sleep(0.2)
    assert reader.inlet.heard[-1] == "nonsense"


# --- Each for itself ----------------------------------------------------------------------


async def test_one_legs_bug_ends_that_leg_and_the_others_of_its_round_are_read(
    autojump_clock: MockClock,
    at_work: Desk,
) -> None:
    readers = [at_work.sit() for _ in range(LEGS_A_ROUND)]
    await trio.sleep(0.1)

    def choke(line: str) -> None:
        raise ZeroDivisionError(line)

    readers[7].inlet.on_line = choke
    for number in range(10):
        for each in readers:
            each.inlet.say(str(number))
        await trio.sleep(READ_S + SLACK)
    assert len(readers[7].failures) >= 1
    assert {type(each) for each in readers[7].failures} == {ZeroDivisionError}
    for index, each in enumerate(readers):
        if index != 7:
            assert each.inlet.heard == [str(number) for number in range(10)]
            assert each.failures == []
    assert at_work.pacer.statistics().failures == len(readers[7].failures)


async def test_a_flood_on_one_leg_starves_nobody(autojump_clock: MockClock, at_work: Desk) -> None:
    loud, *others = [at_work.sit() for _ in range(LEGS_A_ROUND)]
    await trio.sleep(0.1)
    loud.inlet.fetches.clear()
    for _ in range(50):
        for _ in range(20):
            with suppress(BlockingIOError):  # it cannot say more than we read
                loud.inlet.say("x" * 200)
        await trio.sleep(0.01)
        if len(loud.inlet.fetches) % 3 == 0:
            for each in others:
                each.inlet.say("y")
    await keep_saying(others, 0.6)
    # One system call a round, whatever waits: what is left is read the next time.
    assert min(gaps(loud)) >= READ_S - SLACK
    for each in others:
        assert max(gaps(each)) <= READ_S + SLACK


async def test_speech_goes_out_beside_hundreds_that_are_read(
    autojump_clock: MockClock, at_work: Desk
) -> None:
    """A leg's own turn comes at its time however many are to be read."""
    readers = [at_work.sit() for _ in range(100)]
    turns: list[float] = []

    @attrs.define(eq=False)
    class Speaking:
        turn: int = 0

        def tick(self, now: float) -> float | None:
            turns.append(now)
            return now + 0.06 if len(turns) < 10 else None

        def fail(self, exc: Exception) -> None:
            raise exc

    first = trio.current_time()
    at_work.pacer.wake(Speaking(), first)
    await keep_saying(readers, 0.6)
    assert turns == [pytest.approx(first + n * 0.06) for n in range(10)]
