from __future__ import annotations

from http import HTTPStatus

import trio
from trio.testing import MockClock

from trioaudio.core.facts import DoorRefused, Fact, MoreDoorRefusals
from trioaudio.net.refusal import Refusal
from trioaudio.net.refusal_record import TOLD_OF_ALL, TOLD_OF_ONE, RefusalRecord

NO = Refusal(HTTPStatus.NOT_FOUND, "no")


async def test_the_first_are_told_and_the_rest_is_counted(autojump_clock: MockClock) -> None:
    facts: list[Fact] = []
    record = RefusalRecord(facts.append)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(record.tell_the_rest)
        await trio.sleep(1000)
        for _ in range(TOLD_OF_ONE + 7):
            record.refuse("1.2.3.4:5", "1.2.3.4", NO)
        record.refuse("5.6.7.8:9", "5.6.7.8", NO)
        assert facts == [
            *[DoorRefused("1.2.3.4:5", 404, "no")] * TOLD_OF_ONE,
            DoorRefused("5.6.7.8:9", 404, "no"),
        ]
        facts.clear()
        await trio.sleep(59)
        assert facts == []
        await trio.sleep(2)
        assert facts == [MoreDoorRefusals(7, 60.0, "1.2.3.4")]
        facts.clear()
        await trio.sleep(1000)
        assert facts == []  # a quiet minute is nothing to tell
        record.refuse("1.2.3.4:5", "1.2.3.4", NO)
        await trio.sleep(100)
        assert facts == [DoorRefused("1.2.3.4:5", 404, "no")]
        nursery.cancel_scope.cancel()
    assert record.refused == {404: TOLD_OF_ONE + 9}


def test_many_addresses_do_not_fill_a_disk() -> None:
    facts: list[Fact] = []
    record = RefusalRecord(facts.append)
    for number in range(10_000):
        record.refuse("x", f"2001:db8:{number:x}::/64", NO)
    assert len(facts) == TOLD_OF_ALL
    assert len(record._untold) == TOLD_OF_ALL
    record.sum_up()
    told = facts[-1]
    assert isinstance(told, MoreDoorRefusals)
    assert told.count == 10_000 - TOLD_OF_ALL
    assert not record._told
