from __future__ import annotations

import pytest
import trio

from trioaudio.client.arrivals import Arrivals


async def test_what_came_is_read_in_order() -> None:
    arrivals = Arrivals[int](3)
    for item in (1, 2):
        arrivals.put(item)
    arrivals.end()
    assert [await arrivals.take() for _ in range(3)] == [1, 2, None]
    assert arrivals.lost == 0


async def test_the_oldest_is_dropped_and_counted() -> None:
    arrivals = Arrivals[int](2)
    for item in range(5):
        arrivals.put(item)
    assert [await arrivals.take(), await arrivals.take()] == [3, 4]
    assert arrivals.lost == 3


@pytest.mark.parametrize("ends", [False, True])
async def test_a_reader_is_woken(ends: bool, autojump_clock: trio.testing.MockClock) -> None:
    arrivals = Arrivals[int](2)
    got: list[int | None] = []

    async def read() -> None:
        got.append(await arrivals.take())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await trio.sleep(1)
        assert got == []
        if ends:
            arrivals.end()
        else:
            arrivals.put(7)
    assert got == [None if ends else 7]
