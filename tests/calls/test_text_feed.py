"""The text of an open utterance: what waits, who pauses, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import wait_all_tasks_blocked

from speech.virtual import run_virtual
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.calls.text_feed import TextFeed, TextLimits
from trioaudio.core.speech import FLUSH, FlushText

SMALL = TextLimits(pause_above=10, refuse_above=20)


def feed(limits: TextLimits = SMALL) -> tuple[TextFeed, list[bool]]:
    told: list[bool] = []
    return TextFeed(limits, told.append), told


async def take(made: TextFeed, pieces: int) -> list[str]:
    return [await made.__anext__() for _ in range(pieces)]


async def test_pieces_come_as_they_were_given() -> None:
    made, _ = feed()
    for piece in ("a", "", "bc "):
        made.append(piece)
    made.close()
    assert (made.waiting, made.characters) == (4, 4)
    assert [piece async for piece in made] == ["a", "bc "]
    assert (made.waiting, made.characters) == (0, 4)


async def test_the_author_is_told_to_pause_once_and_to_go_on_once() -> None:
    made, told = feed()
    made.append("x" * 10)
    assert told == []
    made.append("y")
    made.append("z")
    assert (made.paused, told) == (True, [True])
    await take(made, 1)  # 2 left, less than half of what may wait
    assert (made.paused, told) == (False, [True, False])
    made.append("w" * 9)
    assert told == [True, False, True]


async def test_going_on_is_told_at_half_of_what_may_wait() -> None:
    made, told = feed()
    for _ in range(12):
        made.append("x")
    await take(made, 7)
    assert (made.waiting, told) == (5, [True])
    await take(made, 1)
    assert (made.waiting, told) == (4, [True, False])


async def test_too_much_is_refused_and_nothing_of_it_is_stored() -> None:
    made, _ = feed()
    made.append("x" * 15)
    with pytest.raises(RequestError, match=r"text\.resumed") as caught:
        made.append("y" * 6)
    assert caught.value.fault is RequestFault.FULL
    assert caught.value.retry_after_s
    assert (made.waiting, made.characters) == (15, 15)
    made.append("z" * 5)
    made.close()
    assert "".join([piece async for piece in made]) == "x" * 15 + "z" * 5


async def test_one_long_piece_finds_room_when_nothing_waits() -> None:
    await trio.lowlevel.checkpoint()
    made, told = feed()
    made.append("x" * 100)
    assert (made.waiting, told) == (100, [True])


async def test_a_flush_is_a_piece_of_its_own_and_counts_nothing() -> None:
    made, _ = feed()
    made.append("Hello")
    made.flush()
    assert made.waiting == 5
    made.close()
    made.flush()
    pieces = [piece async for piece in made]
    assert pieces == ["Hello", ""]
    assert isinstance(pieces[1], FlushText)
    assert pieces[1] is FLUSH


async def test_after_the_close_nothing_is_taken() -> None:
    made, _ = feed()
    made.close()
    made.close()
    for text in ("more", ""):
        with pytest.raises(RequestError, match="closed") as caught:
            made.append(text)
        assert caught.value.fault is RequestFault.CONFLICT
    with pytest.raises(StopAsyncIteration):
        await made.__anext__()


async def test_a_reader_waits_for_text_and_for_its_end() -> None:
    made, _ = feed()
    heard: list[str] = []

    async def read() -> None:
        heard.extend([piece async for piece in made])
        heard.append("end")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(read)
        await wait_all_tasks_blocked()
        made.append("a")
        await wait_all_tasks_blocked()
        made.append("b")
        await wait_all_tasks_blocked()
        made.close()
    assert heard == ["a", "b", "end"]


Step = tuple[str, int]
steps = st.lists(
    st.one_of(
        st.tuples(st.just("append"), st.integers(0, 30)),
        st.tuples(st.just("take"), st.just(1)),
        st.tuples(st.just("flush"), st.just(0)),
        st.tuples(st.just("close"), st.just(0)),
    ),
    max_size=60,
)


@attrs.define(eq=False)
class Author:
    """Does what it is told to, and keeps account of it."""

    made: TextFeed
    told: list[bool]
    accepted: str = ""
    taken: str = ""

    async def do(self, what: str, letter: str, size: int) -> None:
        match what:
            case "append":
                self._append(letter * size)
            case "take" if self.made._pieces:
                self.taken += await self.made.__anext__()
            case "flush":
                self.made.flush()
            case "close":
                self.made.close()

    def _append(self, text: str) -> None:
        waiting = self.made.waiting
        refused = RequestFault.CONFLICT if self.made.closed else None
        if refused is None and waiting and waiting + len(text) > SMALL.refuse_above:
            refused = RequestFault.FULL
        if refused is None:
            self.made.append(text)
            self.accepted += text
            return
        with pytest.raises(RequestError) as caught:
            self.made.append(text)
        assert caught.value.fault is refused

    def agrees(self) -> None:
        made = self.made
        assert made.waiting == len(self.accepted) - len(self.taken) >= 0
        assert made.characters == len(self.accepted)
        assert made.paused == (self.told[-1] if self.told else False)
        assert self.told == [not n % 2 for n in range(len(self.told))]
        assert made.paused or made.waiting <= SMALL.pause_above
        assert not made.paused or made.waiting >= SMALL.resume_below


@given(steps)
def test_nothing_is_lost_or_counted_twice(wanted: Sequence[Step]) -> None:
    async def check() -> None:
        author = Author(*feed())
        for number, (what, size) in enumerate(wanted):
            await author.do(what, chr(ord("a") + number % 26), size)
            author.agrees()
        author.made.close()
        left = [piece async for piece in author.made]
        assert author.taken + "".join(left) == author.accepted

    run_virtual(check)
