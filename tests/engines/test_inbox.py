from __future__ import annotations

import pytest
import trio
import trio.testing

from engines.listening import Recorder
from trioaudio.core.engine import WordTiming
from trioaudio.core.errors import EngineError
from trioaudio.engines._inbox import WRITTEN_MS, Arrival, Inbox, Spoken
from trioaudio.engines._status import unavailable

SECOND = bytes(16000)
WORD = WordTiming(0, 0, 3, 0.0)


class InOrder(Recorder):
    """A sink that also keeps what came in which order."""

    def __init__(self, *, closed: bool = False) -> None:
        super().__init__(closed=closed)
        self.arrivals: list[Arrival] = []

    async def write(self, chunk: bytes) -> None:
        await super().write(chunk)
        self.arrivals.append(chunk)

    def tell_word(self, word: WordTiming) -> None:
        self.arrivals.append(word)

    def tell_spoken(self, clauses: int) -> None:
        self.arrivals.append(Spoken(clauses))


async def test_what_came_is_delivered_in_its_order_until_the_end() -> None:
    inbox, sink = Inbox(8000), InOrder()
    arrivals: list[Arrival] = [WORD, b"ab", b"c", Spoken(1), b"d", Spoken(2)]
    for each in arrivals:
        inbox.put(each)
    assert inbox.unwritten_bytes == 4
    inbox.end()
    await inbox.deliver(sink)
    assert sink.arrivals == arrivals
    assert inbox.unwritten_bytes == 0


async def test_what_comes_while_it_is_delivered_is_delivered_at_once() -> None:
    inbox, sink = Inbox(8000), InOrder()
    arrivals: list[Arrival] = [b"ab", WORD, Spoken(1)]
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.deliver, sink)
        for n, each in enumerate(arrivals, 1):
            inbox.put(each)
            await trio.testing.wait_all_tasks_blocked()
            assert len(sink.arrivals) == n
        inbox.end()


async def test_what_waits_behind_the_first_chunk_is_joined() -> None:
    inbox, sink = Inbox(8000), InOrder()
    later = WordTiming(0, 4, 3, 70.0)
    chunk = bytes(8000 // 5 * 2)
    for each in (b"ab", chunk, later, chunk, chunk, b"cd", Spoken(1), chunk, WORD):
        inbox.put(each)
    inbox.end()
    await inbox.deliver(sink)
    assert sink.arrivals == [b"ab", later, chunk * 2, chunk + b"cd", Spoken(1), WORD, chunk]
    assert len(chunk * 3) > WRITTEN_MS * 16 >= len(chunk * 2)
    assert inbox.unwritten_bytes == 0


async def test_no_audio_is_no_chunk() -> None:
    inbox, sink = Inbox(8000), InOrder()
    inbox.put(b"")
    inbox.end()
    await inbox.deliver(sink)
    assert sink.arrivals == []


async def test_an_error_comes_after_what_came_before_it_and_nothing_comes_after() -> None:
    inbox, sink = Inbox(8000), InOrder()
    inbox.put(b"ab")
    assert not inbox.over
    inbox.fail(unavailable("acme", "gone"))
    assert inbox.over
    inbox.put(b"cd")
    inbox.fail(unavailable("acme", "gone twice"))
    with pytest.raises(EngineError, match=r"gone$"):
        await inbox.deliver(sink)
    assert sink.arrivals == [b"ab"]


async def test_an_error_wakes_who_delivers() -> None:
    inbox = Inbox(8000)

    async def deliver() -> None:
        with pytest.raises(EngineError, match="gone"):
            await inbox.deliver(Recorder())

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(deliver)
            await trio.testing.wait_all_tasks_blocked()
            inbox.fail(unavailable("acme", "gone"))


async def test_an_error_after_the_end_is_nobodys() -> None:
    inbox, sink = Inbox(8000), InOrder()
    inbox.put(b"ab")
    inbox.end()
    inbox.fail(unavailable("acme", "gone"))
    await inbox.deliver(sink)
    assert sink.arrivals == [b"ab"]


async def test_more_is_asked_for_only_while_little_is_unwritten() -> None:
    inbox, sink = Inbox(8000), Recorder(closed=True)
    waits_over: list[str] = []

    async def wait() -> None:
        await inbox.wait_below(1000)
        waits_over.append("below")

    with trio.fail_after(5):
        await inbox.wait_below(1000)
        inbox.put(SECOND[2:])
        await inbox.wait_below(1000)
        inbox.put(SECOND[:2])
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait)
            nursery.start_soon(inbox.deliver, sink)
            await sink.offered.wait()
            await trio.testing.wait_all_tasks_blocked()
            assert waits_over == []  # offered is not taken
            sink.gate.set()
            await trio.testing.wait_all_tasks_blocked()
            assert waits_over == ["below"]
            inbox.end()


async def test_what_is_expected_counts_until_it_has_come_and_is_written() -> None:
    inbox = Inbox(8000)
    inbox.expect_ms(1500)
    inbox.put(SECOND[:8000])
    waits_over: list[float] = []

    async def wait(ahead_ms: float) -> None:
        await inbox.wait_below(ahead_ms)
        waits_over.append(ahead_ms)

    with trio.fail_after(5):
        await wait(1501)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, 1500)
            await trio.testing.wait_all_tasks_blocked()
            assert waits_over == [1501]
            nursery.start_soon(inbox.deliver, Recorder())  # half a second is written
            await trio.testing.wait_all_tasks_blocked()
            assert waits_over == [1501, 1500]
            nursery.start_soon(wait, 600)
            await trio.testing.wait_all_tasks_blocked()
            assert waits_over == [1501, 1500]
            inbox.expect_ms(0)  # nothing more will come of it after all
            await trio.testing.wait_all_tasks_blocked()
            assert waits_over == [1501, 1500, 600]
            inbox.end()


@pytest.mark.parametrize("over", [Inbox.end, lambda inbox: inbox.fail(unavailable("acme", "x"))])
async def test_nobody_waits_for_room_once_it_is_over(over: object) -> None:
    inbox = Inbox(8000)
    inbox.put(SECOND * 2)
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(inbox.wait_below, 1000)
            await trio.testing.wait_all_tasks_blocked()
            assert callable(over)
            over(inbox)


async def test_cancelled_it_gives_the_sink_nothing_more() -> None:
    inbox, sink = Inbox(8000), Recorder(closed=True)
    inbox.put(b"ab")
    inbox.put(b"cd")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(inbox.deliver, sink)
        await sink.offered.wait()
        nursery.cancel_scope.cancel()
    assert sink.chunks == []
