"""Turns come in order of time, then of asking, whatever is pushed meanwhile."""

from __future__ import annotations

import math
import weakref
from typing import TypeAlias

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.turns import SPARE, Entry, Turns


@attrs.define(eq=False)
class Leg:
    turn: int = 0


def times(turns: Turns[Leg], limit: float) -> list[float]:
    return [entry[0] for entry in take_all(turns, limit)]


def take_all(turns: Turns[Leg], limit: float) -> list[Entry[Leg]]:
    taken = []
    while (entry := turns.take(limit)) is not None:
        taken.append(entry)
    return taken


def holding(*at: float) -> Turns[Leg]:
    turns = Turns[Leg]()
    for order, each in enumerate(at):
        turns.push((each, order, Leg(), 0))
    return turns


def test_nothing_waits_at_first() -> None:
    turns = Turns[Leg]()
    assert turns.take(1e9) is None
    assert turns.first_at is None
    assert turns.waiting == 0


def test_time_comes_first_and_asking_second() -> None:
    turns = holding(2.0, 1.0, 2.0, 1.0, 1.0004, 0.9996)
    order = [(entry[0], entry[1]) for entry in take_all(turns, 5.0)]
    assert order == [(0.9996, 5), (1.0, 1), (1.0, 3), (1.0004, 4), (2.0, 0), (2.0, 2)]
    assert turns.waiting == 0
    assert turns.first_at is None


def test_nothing_is_taken_before_its_time() -> None:
    turns = holding(1.0002, 1.0006, 1.0014)
    assert turns.take(1.0001) is None
    assert turns.first_at == 1.0002
    assert times(turns, 1.0002) == [1.0002]
    assert turns.first_at == 1.0006
    assert turns.take(1.00059) is None
    assert times(turns, 1.0013) == [1.0006]
    assert turns.first_at == 1.0014
    assert turns.waiting == 1
    assert times(turns, 1.0014) == [1.0014]


def test_what_is_pushed_into_the_past_is_next() -> None:
    turns = holding(5.0, 5.0005)
    assert times(turns, 5.0) == [5.0]
    turns.push((1.0, 9, Leg(), 0))
    turns.push((0.0, 10, Leg(), 0))
    assert turns.first_at == 0.0
    assert times(turns, 5.1) == [0.0, 1.0, 5.0005]
    turns.push((2.0, 11, Leg(), 0))
    assert turns.first_at == 2.0
    assert times(turns, 2.0) == [2.0]


def test_who_is_served_may_push_into_the_millisecond_that_is_being_served() -> None:
    turns = holding(1.0001, 1.0009)
    entry = turns.take(1.001)
    assert entry is not None
    assert entry[0] == 1.0001
    turns.push((1.0005, 2, Leg(), 0))
    turns.push((1.0009, 3, Leg(), 0))
    turns.push((1.0, 4, Leg(), 0))
    order = [(each[0], each[1]) for each in take_all(turns, 1.001)]
    assert order == [(1.0, 4), (1.0005, 2), (1.0009, 1), (1.0009, 3)]


@pytest.mark.parametrize("far", [1e6, 4e9, 1e15])
def test_the_far_future_waits(far: float) -> None:
    turns = holding(far, 1.0)
    assert times(turns, 2.0) == [1.0]
    assert turns.first_at == far
    assert turns.take(far - 1) is None
    assert times(turns, far) == [far]


def borders() -> list[int]:
    """Milliseconds whose neighbour below is, multiplied, taken for the millisecond itself."""
    return [ms for ms in range(1, 3000) if int(math.nextafter(ms / 1000, 0) * 1000) == ms]


def test_the_border_of_a_millisecond_is_where_the_floats_say() -> None:
    """What a float below a border is, one rule must say, or equal times change places."""
    assert len(borders()) > 10
    for ms in borders():
        below = math.nextafter(ms / 1000, 0)
        turns = holding(below, (ms - 0.5) / 1000)
        assert times(turns, (ms - 0.5) / 1000) == [(ms - 0.5) / 1000]
        turns.push((below, 2, Leg(), 0))
        turns.push((ms / 1000, 3, Leg(), 0))
        taken = [(entry[0], entry[1]) for entry in take_all(turns, ms / 1000)]
        assert taken == [(below, 0), (below, 2), (ms / 1000, 3)]


def test_what_is_not_valid_any_more_is_let_go_of() -> None:
    turns = Turns[Leg]()
    kept = [Leg() for _ in range(10)]
    order = 0
    for each in kept:
        turns.push((50.0 + order, order, each, 0))
        order += 1
    gone = []
    for number in range(10 * SPARE):
        leg = Leg()
        # Some of them wait where others do, some where nobody does, some in what is being served.
        turns.push((50.0 + number % 20, order, leg, 0))
        order += 1
        leg.turn += 1
        gone.append(weakref.ref(leg))
        del leg
    assert sum(each() is not None for each in gone) <= len(kept) + SPARE
    assert turns.waiting <= 2 * len(kept) + SPARE
    assert [entry[2] for entry in take_all(turns, 100.0) if entry[2].turn == entry[3]] == kept
    assert turns.waiting == 0


def test_a_sweep_goes_through_what_is_being_served_too() -> None:
    turns = holding(*([1.0002] * SPARE))
    first = turns.take(1.001)
    assert first is not None
    stale = [entry[2] for entry in turns._due]
    for leg in stale[1:]:
        leg.turn += 1
    survivor = stale[0]
    for order in range(2):  # one above what may wait
        turns.push((1.0004, 1000 + order, Leg(), 0))
    assert turns.waiting == 3
    assert take_all(turns, 1.0003)[0][2] is survivor
    assert len(take_all(turns, 1.0004)) == 2


# --- Against a sorted list ----------------------------------------------------------------

Step: TypeAlias = tuple[str, float, int]

AROUND = st.one_of(
    st.integers(0, 60).map(lambda ms: ms / 1000),
    st.integers(0, 60).map(lambda ms: math.nextafter(ms / 1000, 0.0)),
    st.integers(0, 60).map(lambda ms: math.nextafter(ms / 1000, 1.0)),
    st.floats(0, 0.06),
    st.sampled_from([1.0, 7200.0]),
)
STEPS = st.lists(
    st.tuples(st.sampled_from(["push", "push", "take", "again", "forget"]), AROUND, st.integers(0)),
    max_size=120,
)


@given(start=st.sampled_from([0.0, 117.0, 123456.789]), steps=STEPS)
def test_it_is_a_sorted_list(  # noqa: C901  each step with its model
    start: float, steps: list[Step]
) -> None:
    turns = Turns[Leg]()
    model: list[Entry[Leg]] = []
    orders = iter(range(1000))

    def push(at: float, leg: Leg) -> None:
        entry = (at, next(orders), leg, leg.turn)
        turns.push(entry)
        model.append(entry)

    def expect(limit: float) -> Entry[Leg] | None:
        """Take the next valid entry of either, and compare."""
        while (entry := turns.take(limit)) is not None and entry[2].turn != entry[3]:
            pass
        valid = [each for each in model if each[2].turn == each[3] and each[0] <= limit]
        expected = min(valid, key=lambda each: each[:2]) if valid else None
        assert entry == expected
        if entry is not None:
            model.remove(entry)
        return entry

    for what, at, which in steps:
        match what:
            case "push":
                push(start + at, Leg())
            case "take":
                expect(start + at)
            case "again":  # served, and asks for another turn, perhaps in the past
                entry = expect(start + at)
                if entry is not None:
                    push(start + at + (which % 7 - 1) / 1000, entry[2])
            case _:
                if model:
                    model[which % len(model)][2].turn += 1
        first = turns.first_at
        valid_times = [each[0] for each in model if each[2].turn == each[3]]
        assert first is None or not valid_times or first <= min(valid_times)
        assert turns.waiting >= len(valid_times)
        assert (first is None) == (turns.waiting == 0)
    while expect(start + 1e5) is not None:
        pass
    assert turns.waiting == 0
    assert turns.first_at is None
