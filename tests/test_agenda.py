"""What a call is still to do: ordered, bounded, and some of it forgotten."""

from __future__ import annotations

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trioaudio.agenda import Agenda, Deed
from trioaudio.core.carrier import HangUp
from trioaudio.core.speech import WholeText
from trioaudio.core.utterance import Utterance
from trioaudio.utterances import Order, Say


def text(number: int, priority: int = 0) -> Say:
    return Say(Utterance(number), Order(WholeText("x"), priority=priority))


async def take_all(agenda: Agenda) -> list[int | None]:
    """The numbers of the texts, None for a deed."""
    works = [await agenda.take() for _ in range(len(agenda))]
    return [work.utterance.id if isinstance(work, Say) else None for work in works]


async def test_the_highest_priority_goes_first_and_equal_ones_in_turn() -> None:
    agenda = Agenda()
    before = [
        agenda.put_nowait(text(number, priority))
        for number, priority in enumerate((0, 0, 5, -5, 5), start=1)
    ]
    assert before == [0, 1, 0, 3, 1]
    assert await take_all(agenda) == [3, 5, 1, 2, 4]


async def test_a_deed_waits_for_what_was_there_and_for_nothing_later() -> None:
    agenda = Agenda()
    agenda.put_nowait(text(1, -5))
    agenda.put_nowait(Deed(HangUp()))
    agenda.put_nowait(text(2, -5))
    agenda.put_nowait(text(3, 5))
    assert await take_all(agenda) == [3, 1, None, 2]


async def test_texts_are_bounded_and_deeds_are_not(nursery: trio.Nursery) -> None:
    agenda = Agenda(2)
    for number in (1, 2):
        await agenda.put(text(number))
    with pytest.raises(trio.WouldBlock):
        agenda.put_nowait(text(3))
    await agenda.put(Deed(HangUp()))
    nursery.start_soon(agenda.put, text(4))
    await wait_all_tasks_blocked()
    assert len(agenda) == 3
    assert isinstance(await agenda.take(), Say)
    await wait_all_tasks_blocked()
    assert len(agenda) == 2  # the deed keeps its place
    assert isinstance(await agenda.take(), Say)
    await wait_all_tasks_blocked()
    assert await take_all(agenda) == [None, 4]


async def test_who_waits_for_room_gets_what_a_drop_leaves(nursery: trio.Nursery) -> None:
    agenda = Agenda(2)
    for number in (1, 2):
        agenda.put_nowait(text(number))
    nursery.start_soon(agenda.put, text(3))
    await wait_all_tasks_blocked()
    agenda.drop(lambda work: isinstance(work, Say) and work.utterance.id == 1)
    await wait_all_tasks_blocked()
    assert await take_all(agenda) == [2, 3]
    agenda.drop()
    assert len(agenda) == 0


async def test_what_is_not_taken_is_not_lost(nursery: trio.Nursery) -> None:
    agenda = Agenda()
    with trio.CancelScope() as scope:
        scope.cancel()
        agenda.put_nowait(text(1))
        await agenda.take()
    assert scope.cancelled_caught
    assert await take_all(agenda) == [1]


async def test_who_takes_waits_for_something(nursery: trio.Nursery) -> None:
    agenda = Agenda()
    taken = []

    async def take() -> None:
        taken.append(await agenda.take())

    nursery.start_soon(take)
    await wait_all_tasks_blocked()
    said = text(1)
    agenda.put_nowait(said)
    await wait_all_tasks_blocked()
    assert taken == [said]
