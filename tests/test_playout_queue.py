"""Bounded, ordered, droppable in one go; and every frame of it in the ledger."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from trioaudio.core.carrier import HangUp
from trioaudio.core.playout_item import Action, Audio, Mark, PlayoutItem, UtteranceEnd
from trioaudio.playout_queue import FRAMES_AHEAD, LOW_WATER, PlayoutQueue


def audio(*numbers: int, generation: int = 0, frames: int = 1) -> list[Audio]:
    return [Audio(generation, 1, float(number), frames, b"") for number in numbers]


def numbers(items: Sequence[PlayoutItem | None]) -> list[int]:
    return [round(item.ready_at) for item in items if isinstance(item, Audio)]


async def put(queue: PlayoutQueue, *items: PlayoutItem) -> None:
    await queue.put(items)


def take_all(queue: PlayoutQueue) -> list[PlayoutItem]:
    taken = []
    while (item := queue.take()) is not None:
        taken.append(item)
    return taken


async def test_items_come_out_in_order() -> None:
    queue = PlayoutQueue()
    await queue.put([*audio(1, 2), UtteranceEnd(0, 1)])
    await queue.put([Action(0, HangUp())])
    assert queue.depth == 4
    taken = take_all(queue)
    assert numbers(taken) == [1, 2]
    assert [type(item) for item in taken[2:]] == [UtteranceEnd, Action]
    assert queue.take() is None
    assert queue.ledger.framed == queue.ledger.queued == 2


async def test_a_put_that_fits_is_no_checkpoint(autojump_clock: trio.testing.MockClock) -> None:
    queue = PlayoutQueue()
    with trio.CancelScope() as scope:
        scope.cancel()
        await queue.put(audio(*range(FRAMES_AHEAD)))
    assert not scope.cancelled_caught
    assert queue.depth == FRAMES_AHEAD
    assert queue.ledger.flushed == 0


@pytest.mark.parametrize("bound", [2, 8, 16])
async def test_framing_waits_until_nearly_all_is_taken_and_then_fills_in_one_go(
    bound: int, nursery: trio.Nursery
) -> None:
    queue = PlayoutQueue(bound)
    low = min(LOW_WATER, bound // 2)
    nursery.start_soon(put, queue, *audio(*range(3 * bound)))
    depths = []
    taken = []
    for _ in range(2 * bound - low):
        await wait_all_tasks_blocked()
        depths.append(queue.depth)
        taken.append(queue.take())
    cycle = list(range(bound, low, -1))
    assert depths[: 2 * len(cycle)] == cycle * 2
    assert max(depths) == bound
    await wait_all_tasks_blocked()
    taken += take_all(queue)
    await wait_all_tasks_blocked()
    taken += take_all(queue)
    assert numbers(taken) == list(range(3 * bound))


async def test_a_frame_is_in_the_ledger_before_the_wait_for_room(nursery: trio.Nursery) -> None:
    queue = PlayoutQueue(2)
    nursery.start_soon(put, queue, *audio(1, 2, 3, 4))
    await wait_all_tasks_blocked()
    assert queue.ledger.queued == 4
    assert queue.depth == 2
    for _ in range(4):
        item = queue.take()
        assert isinstance(item, Audio)
        queue.sent(item)
        await wait_all_tasks_blocked()
    assert (queue.ledger.sent, queue.ledger.queued) == (4, 0)


async def test_a_cancelled_put_flushes_what_it_could_not_queue() -> None:
    queue = PlayoutQueue(2)
    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            items: list[PlayoutItem] = [*audio(1, 2, 3, 4, frames=3), UtteranceEnd(0, 1)]
            nursery.start_soon(put, queue, *items)
            await wait_all_tasks_blocked()
            scope.cancel()
    assert numbers(take_all(queue)) == [1, 2]
    assert queue.ledger.framed == 12
    assert queue.ledger.flushed == 6
    # Nobody waits any more; the next put is served as ever.
    await queue.put(audio(5))
    assert numbers(take_all(queue)) == [5]


async def test_the_taker_is_told_once_when_there_is_something_again() -> None:
    queue = PlayoutQueue()
    told = []
    await queue.put(audio(0))
    queue.serve(lambda: told.append(queue.depth))
    await queue.put(audio(1, 2))
    assert told == []
    take_all(queue)
    await queue.put(audio(3, 4))
    assert told == [1]
    queue.serve(None)
    take_all(queue)
    await queue.put(audio(5))
    assert told == [1]


async def test_put_back_is_next() -> None:
    queue = PlayoutQueue()
    await queue.put(audio(1, 2))
    first = queue.take()
    assert first is not None
    queue.put_back(first)
    assert queue.depth == 2
    assert numbers(take_all(queue)) == [1, 2]
    assert queue.ledger.queued == 2


async def test_flush_drops_all_and_frees_a_waiting_framer(nursery: trio.Nursery) -> None:
    queue = PlayoutQueue(8)
    old: list[PlayoutItem] = [*audio(*range(11)), UtteranceEnd(0, 1), Mark(0, "old")]
    nursery.start_soon(put, queue, *old)
    await wait_all_tasks_blocked()
    assert queue.flush() == 8
    assert queue.depth == 0
    assert queue.ledger.queued == 3
    # What the framer puts in now is of the old generation, and dropped when its turn comes.
    await wait_all_tasks_blocked()
    assert queue.depth == 5
    await queue.put(audio(50, generation=1))
    assert numbers(take_all(queue)) == [50]
    assert queue.ledger.flushed == 11
    assert queue.ledger.expired == 0


async def test_flush_of_nothing_is_nothing() -> None:
    queue = PlayoutQueue()
    assert queue.flush() == 0
    await queue.put([UtteranceEnd(1, 1)])
    assert queue.flush() == 0
    assert queue.take() is None
    assert queue.generation == 2


async def test_flush_counts_what_was_put_back() -> None:
    queue = PlayoutQueue()
    await queue.put(audio(1, frames=4))
    item = queue.take()
    assert item is not None
    queue.put_back(item)
    assert queue.flush() == 4


async def test_expire_drops_exactly_so_many() -> None:
    queue = PlayoutQueue()
    await queue.put(audio(*range(6)))
    queue.expire(4)
    assert numbers(take_all(queue)) == [4, 5]
    assert queue.ledger.expired == queue.ledger.flushed == 4


async def test_expire_reaches_what_is_still_to_come(nursery: trio.Nursery) -> None:
    queue = PlayoutQueue(4)
    nursery.start_soon(put, queue, *audio(*range(12)))
    await wait_all_tasks_blocked()
    queue.expire(9)
    taken = []
    for _ in range(4):
        taken += take_all(queue)
        await wait_all_tasks_blocked()
    assert numbers(taken) == [9, 10, 11]
    assert queue.ledger.expired == 9


async def test_expire_stops_where_the_late_speech_does() -> None:
    queue = PlayoutQueue()
    await queue.put([*audio(1, 2), UtteranceEnd(0, 1)])
    queue.expire(50)
    assert isinstance(queue.take(), UtteranceEnd)  # told, though none of it was heard
    await queue.put(audio(3))
    assert numbers(take_all(queue)) == [3]
    assert queue.ledger.expired == 2


async def test_expire_goes_on_over_what_waited_as_well() -> None:
    queue = PlayoutQueue()
    await queue.put([*audio(1, 2), UtteranceEnd(0, 1), *audio(3, 4), Action(0, HangUp())])
    queue.expire(3)
    taken = take_all(queue)
    assert [type(item) for item in taken] == [UtteranceEnd, Audio, Action]
    assert numbers(taken) == [4]


async def test_expire_of_messages_of_several_frames_drops_whole_messages() -> None:
    queue = PlayoutQueue()
    await queue.put(audio(1, 2, 3, frames=4))
    queue.expire(5)
    assert numbers(take_all(queue)) == [3]
    assert queue.ledger.expired == 8


async def test_expiring_in_two_steps_adds_up_and_a_flush_forgets_it() -> None:
    queue = PlayoutQueue()
    await queue.put(audio(*range(6)))
    queue.expire(2)
    queue.expire(1)
    assert numbers([queue.take()]) == [3]
    queue.expire(100)
    queue.flush()
    await queue.put(audio(9, generation=1))
    assert numbers(take_all(queue)) == [9]
    assert queue.ledger.expired == 3


async def test_since_when_speech_waits() -> None:
    queue = PlayoutQueue()
    assert queue.waiting_since is None
    await queue.put([UtteranceEnd(0, 1), *audio(7, 8)])
    assert queue.waiting_since == 7.0


class Watched(Sequence[PlayoutItem]):
    """Items that know how far a put has come with them."""

    def __init__(self, items: list[PlayoutItem]) -> None:
        self._items = items
        self._rounds = 0
        self.reached = 0

    @overload
    def __getitem__(self, at: int) -> PlayoutItem: ...
    @overload
    def __getitem__(self, at: slice) -> list[PlayoutItem]: ...
    def __getitem__(self, at: int | slice) -> PlayoutItem | list[PlayoutItem]:
        return self._items[at]

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[PlayoutItem]:
        self._rounds += 1
        puts = self._rounds == 2  # the first counts the frames, later ones drop some
        for number, item in enumerate(self._items):
            if puts:
                self.reached = number
            yield item

    @property
    def left(self) -> list[PlayoutItem]:
        """What a put that waits has not queued yet."""
        return self._items[self.reached :]


def frames_in(items: Sequence[PlayoutItem]) -> int:
    return sum(item.frames for item in items if isinstance(item, Audio))


Op = tuple[str, int]


# --- Some of it dropped, and some called back ----------------------------------------------


def speech(utterance: int, *numbers: int, generation: int = 0) -> list[Audio]:
    return [Audio(generation, utterance, float(number), 1, b"") for number in numbers]


def send_all(queue: PlayoutQueue) -> list[int]:
    """Take all there is as the leg does."""
    taken = take_all(queue)
    for item in taken:
        if isinstance(item, Audio):
            queue.sent(item)
        elif isinstance(item, UtteranceEnd | Mark):
            queue.served(item)
    return numbers(taken)


async def test_a_drop_takes_one_utterance_and_its_consequences() -> None:
    queue = PlayoutQueue()
    await queue.put([*speech(1, 1, 2), UtteranceEnd(0, 1), Mark(0, "u1g0", 1)])
    await queue.put([Action(0, HangUp(), 1), *speech(2, 3), Mark(0, "u2g0", 2)])
    assert queue.drop([1]) == 2
    audio_item, mark = take_all(queue)
    assert numbers([audio_item]) == [3]
    assert isinstance(mark, Mark)
    assert (mark.name, mark.generation) == ("u2g1", 1)


async def test_a_drop_leaves_what_was_asked_for_by_itself() -> None:
    queue = PlayoutQueue()
    await queue.put([*speech(1, 1), Action(0, HangUp()), Mark(0, "the author's")])
    queue.drop([1])
    action, mark = take_all(queue)
    assert isinstance(action, Action)
    assert isinstance(mark, Mark)
    assert mark.name == "the author's"


async def test_what_is_put_late_of_a_dropped_one_is_dropped_too(nursery: trio.Nursery) -> None:
    queue = PlayoutQueue(2)
    nursery.start_soon(put, queue, *speech(1, 1, 2, 3, 4))
    await wait_all_tasks_blocked()
    assert queue.drop([1]) == 2
    await wait_all_tasks_blocked()
    assert send_all(queue) == []
    assert queue.ledger.flushed == 4


async def test_who_waits_for_room_goes_on_after_a_drop_of_others(nursery: trio.Nursery) -> None:
    queue = PlayoutQueue(4)
    await queue.put(speech(1, 1, 2, 3))
    nursery.start_soon(put, queue, *speech(2, 4, 5, 6, 7))
    await wait_all_tasks_blocked()
    assert queue.drop([1]) == 3
    await wait_all_tasks_blocked()
    assert send_all(queue) == [4, 5, 6, 7]


async def test_what_was_dropped_before_is_not_taken_up_by_a_drop() -> None:
    queue = PlayoutQueue()
    queue.flush()
    await queue.put(speech(2, 1))  # late: of the generation before
    await queue.put(speech(2, 2, generation=1))
    queue.drop([1])
    assert send_all(queue) == [2]


async def test_what_was_sent_last_is_called_back() -> None:
    queue, told = PlayoutQueue(), []
    queue.serve(lambda: told.append(queue.depth))
    await queue.put([*speech(1, 1, 2, 3), UtteranceEnd(0, 1), *speech(2, 4), UtteranceEnd(0, 2)])
    assert send_all(queue) == [1, 2, 3, 4]
    await queue.put(speech(3, 5))
    told.clear()
    assert queue.recall(3, [1, 2]).frames == {1: 2, 2: 1}
    assert told == []  # there was something to take already
    assert queue.ledger.recalled == 3
    assert send_all(queue) == [2, 3, 4, 5]
    assert queue.recall(1, [3]).frames == {3: 1}
    assert told == [1]
    assert send_all(queue) == [5]


async def test_only_some_are_called_back_and_no_more_than_is_kept() -> None:
    queue = PlayoutQueue(kept=5)
    await queue.put([*speech(1, 1, 2, 3), UtteranceEnd(0, 1), *speech(2, 4, 5)])
    assert send_all(queue) == [1, 2, 3, 4, 5]
    queue.drop([1])
    assert queue.recall(100, [2]).frames == {2: 2}
    (first, second) = take_all(queue)
    assert numbers([first, second]) == [4, 5]
    assert first.generation == second.generation == 1
    assert queue.recall(100, [2]).frames == {}  # they were taken, and not sent


async def test_nothing_is_called_back_after_a_flush() -> None:
    queue = PlayoutQueue()
    await queue.put(speech(1, 1))
    send_all(queue)
    queue.flush()
    assert queue.recall(5, [1]).frames == {}


class Machine:
    """Does random things to a queue as a call would, and checks the law after each."""

    def __init__(self, bound: int) -> None:
        self.queue = PlayoutQueue(bound)
        self.next_number = 0
        self.putting: Watched | None = None
        self.scope = trio.CancelScope()
        self.expiring = 0
        self.last_taken = -1.0
        self.recalled = 0

    async def _put(self, items: Watched) -> None:
        with trio.CancelScope() as self.scope:
            await self.queue.put(items)
        self.putting = None

    def check(self) -> None:
        ledger = self.queue.ledger
        there = frames_in(self.queue.waiting)
        waiting = frames_in(self.putting.left) if self.putting is not None else 0
        assert ledger.queued == there + waiting
        assert ledger.framed == ledger.queued + ledger.sent + ledger.flushed
        assert min(ledger.framed, ledger.queued, ledger.sent, ledger.flushed) >= 0
        assert ledger.expired <= min(ledger.flushed, self.expiring + 2 * self.queue.bound)
        # One put back, and what was called back.
        assert self.queue.depth <= self.queue.bound + 1 + self.recalled

    def do(self, op: Op, nursery: trio.Nursery) -> None:  # noqa: C901  a line an operation
        name, count = op
        match name:
            case "put":
                if self.putting is None:
                    self.putting = Watched(self.make(count))
                    nursery.start_soon(self._put, self.putting)
            case "take":
                self.take(count)
            case "unserved":
                self.leave_unserved()
            case "flush":
                self.flush()
            case "expire":
                self.queue.expire(count)
                self.expiring += count
            case "drop":
                self.queue.drop([count])
            case "recall":
                self.recall(count)
            case _:
                self.scope.cancel()

    def recall(self, frames: int) -> None:
        before = self.queue.depth
        self.queue.recall(frames, [1])
        self.recalled += self.queue.depth - before
        self.last_taken = -1.0

    def make(self, count: int) -> list[PlayoutItem]:
        items: list[PlayoutItem] = []
        for _ in range(count):
            self.next_number += 1
            frames = self.next_number % 3 + 1
            whose = self.next_number // 7 % 2 + 1
            items.append(Audio(self.queue.generation, whose, float(self.next_number), frames, b""))
        if count % 2:
            items.append(UtteranceEnd(self.queue.generation, 1))
        return items

    def flush(self) -> None:
        before, there = self.queue.ledger.flushed, frames_in(self.queue.waiting)
        assert self.queue.flush() == there
        assert self.queue.ledger.flushed == before + there
        assert self.queue.depth == 0

    def take(self, count: int) -> None:
        for _ in range(count):
            item = self.queue.take()
            if isinstance(item, Audio):
                assert item.generation == self.queue.generation
                assert item.ready_at > self.last_taken  # in order, none twice
                self.last_taken = item.ready_at
                self.queue.sent(item)

    def leave_unserved(self) -> None:
        if (item := self.queue.take()) is not None:
            self.queue.put_back(item)


OPS = st.lists(
    st.one_of(
        st.tuples(st.just("put"), st.integers(1, 12)),
        st.tuples(st.just("take"), st.integers(1, 9)),
        st.tuples(st.sampled_from(["flush", "cancel", "unserved"]), st.just(0)),
        st.tuples(st.just("expire"), st.integers(0, 20)),
        st.tuples(st.just("drop"), st.integers(1, 2)),
        st.tuples(st.just("recall"), st.integers(0, 9)),
    ),
    max_size=25,
)


@settings(max_examples=150, deadline=None)
@given(bound=st.integers(2, 10), ops=OPS)
def test_the_ledgers_law_holds_whatever_is_done(bound: int, ops: list[Op]) -> None:
    async def main() -> None:
        machine = Machine(bound)
        async with trio.open_nursery() as nursery:
            for op in ops:
                machine.do(op, nursery)
                await wait_all_tasks_blocked()
                machine.check()
            nursery.cancel_scope.cancel()
        machine.putting = None
        machine.check()
        machine.queue.flush()
        assert machine.queue.ledger.queued == 0

    trio.run(main)
