"""The clauses of an utterance on virtual time: read ahead, given, spoken, gone on with."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock, wait_all_tasks_blocked

from fakes import Pieces
from speech.listening import SlowText
from trioaudio.core.front_end.clause import SpokenClause
from trioaudio.core.front_end.front_end import FrontEnd, FrontEndOptions
from trioaudio.core.speech import FLUSH
from trioaudio.speech.script import (
    AUTHOR_PAUSE_S,
    CLAUSES_AHEAD,
    PIECE_CHARACTERS,
    CutsClauses,
    Lines,
    Script,
    rest_of,
)

HYPOTHESIS = settings(max_examples=150, deadline=None, derandomize=True, database=None)


def english() -> FrontEnd:
    return FrontEnd(FrontEndOptions(language="en-IN"))


def ignore(_clause: SpokenClause | None) -> None:
    pass


class Author:
    """An author who gives a piece when told to, and notes how many were taken."""

    def __init__(self) -> None:
        self.taken = 0
        self._pieces_in, self._pieces_out = trio.open_memory_channel[str](1000)

    def say(self, *pieces: str) -> None:
        for piece in pieces:
            self._pieces_in.send_nowait(piece)

    def stop(self) -> None:
        self._pieces_in.close()

    def __aiter__(self) -> Author:
        return self

    async def __anext__(self) -> str:
        try:
            piece = await self._pieces_out.receive()
        except trio.EndOfChannel:
            raise StopAsyncIteration from None
        self.taken += 1
        return piece


# --- Reading and giving ----------------------------------------------------------------------


async def test_a_whole_text_is_given_clause_by_clause() -> None:
    script = Script(Lines())
    script.take_whole("one\n\ntwo\n")
    assert script.unspoken == ["one", "two"]
    asked: list[str | None] = []
    feed = script.feed(lambda clause: asked.append(clause.text if clause else None))
    assert not script.complete
    assert [text async for text in feed] == ["one", "two"]
    assert asked == ["one", "two", None]
    assert script.complete
    assert not script.finished
    assert [text async for text in feed] == [], "it stays at its end"
    script.speak_first(1)
    assert script.spoken_to == 4, "an empty line belongs to what follows it"
    script.speak_first(7)
    assert script.finished
    assert script.spoken_to == script.characters == 9


@pytest.mark.parametrize("text", ["", "   \n", "🙂"])
async def test_nothing_to_say_is_finished_at_once(text: str) -> None:
    script = Script(english())
    script.take_whole(text)
    assert script.finished
    assert script.spoken_to == len(text)
    assert [each async for each in script.feed(ignore)] == []


async def test_what_is_left_after_the_last_clause_has_nothing_to_say() -> None:
    await trio.lowlevel.checkpoint()
    script = Script(Lines())
    script.take_whole("one\n \n \n")
    script.speak_first(1)
    assert script.spoken_to == script.characters


async def test_the_author_waits_while_enough_is_ready() -> None:
    author, script = Author(), Script(Lines())
    author.say(*[f"{number}\n" for number in range(50)])
    async with trio.open_nursery() as nursery:
        nursery.start_soon(script.read, author)
        await wait_all_tasks_blocked()
        assert len(script.unspoken) == CLAUSES_AHEAD == author.taken
        feed = script.feed(ignore)
        for given_so_far in range(1, 20):
            await feed.__anext__()
            await wait_all_tasks_blocked()
            assert author.taken == CLAUSES_AHEAD + given_so_far
            if given_so_far % 2:
                script.speak_first(1)
                await wait_all_tasks_blocked()
                assert author.taken == CLAUSES_AHEAD + given_so_far, "spoken, and asked for before"
        nursery.cancel_scope.cancel()


async def test_a_book_in_one_piece_is_cut_as_it_is_spoken() -> None:
    script = Script(Lines())
    lines = "0123456789abcdefghi\n" * 10_000
    async with trio.open_nursery() as nursery:
        nursery.start_soon(script.read, Pieces(lines))
        await wait_all_tasks_blocked()
        assert len(script.unspoken) <= CLAUSES_AHEAD + PIECE_CHARACTERS // 20
        nursery.cancel_scope.cancel()


async def test_the_next_engine_is_given_what_is_not_spoken() -> None:
    script = Script(Lines())
    script.take_whole("one\ntwo\nthree")
    first = script.feed(ignore)
    assert [await first.__anext__() for _ in range(3)] == ["one", "two", "three"]
    script.speak_first(1)
    script.resume_in_first(2)
    assert [each async for each in script.feed(ignore)] == ["o", "three"]
    assert script.spoken_to == 6


async def test_what_turned_out_not_to_be_spoken_comes_back_first() -> None:
    script = Script(Lines())
    script.take_whole("one\ntwo\nthree")
    feed = script.feed(ignore)
    await feed.__anext__()
    await feed.__anext__()
    clauses = [script.clause(0), script.clause(1)]
    script.speak_first(2)
    script.take_back([clause for clause in clauses if clause])
    assert (script.unspoken, script.spoken_to) == (["one", "two", "three"], 0)
    assert await feed.__anext__() == "three", "the one who is speaking goes on where it was"
    script.take_back([])
    assert script.spoken_to == 0


async def test_clauses_by_number() -> None:
    await trio.lowlevel.checkpoint()
    script = Script(Lines())
    script.take_whole("one\ntwo")
    found = [script.clause(number) for number in (-1, 0, 1, 2)]
    assert [clause and clause.text for clause in found] == [None, "one", "two", None]


async def test_nothing_to_resume_in_is_no_error() -> None:
    await trio.lowlevel.checkpoint()
    script = Script(Lines())
    script.resume_in_first(3)
    script.take_whole("one")
    script.resume_in_first(0)
    assert script.unspoken == ["one"]


async def test_a_cancelled_reader_is_cancelled_at_the_clause_that_is_ready() -> None:
    script = Script(Lines())
    script.take_whole("one")
    feed = script.feed(ignore)
    with trio.CancelScope() as scope:
        scope.cancel()
        await feed.__anext__()
    assert scope.cancelled_caught
    assert await feed.__anext__() == "one", "and it was not taken"


async def test_what_the_author_raises_is_raised() -> None:
    class Broken(Pieces):
        async def __anext__(self) -> str:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await Script(Lines()).read(Broken())


# --- An author who thinks --------------------------------------------------------------------


async def given_at(script: Script, count: int) -> list[tuple[float, str]]:
    begun, found = trio.current_time(), []
    feed = script.feed(ignore)
    for _ in range(count):
        text = await feed.__anext__()
        found.append((round(trio.current_time() - begun, 3), text))
    return found


async def hears(pieces: SlowText, count: int) -> list[tuple[float, str]]:
    script = Script(english())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(script.read, pieces)
        found = await given_at(script, count)
        nursery.cancel_scope.cancel()
    return found


async def test_after_a_pause_the_words_there_are_are_spoken(autojump_clock: MockClock) -> None:
    found = await hears(SlowText(["I think ", "it is so."], 5.0), 2)
    assert found == [(5.0 + AUTHOR_PAUSE_S, "I think"), (10.0, "it is so.")]


async def test_a_word_that_is_not_whole_waits_for_its_rest(autojump_clock: MockClock) -> None:
    found = await hears(SlowText(["I thi", "nk so. "], 5.0), 2)
    assert found == [(5.0 + AUTHOR_PAUSE_S, "I"), (10.0, "think so.")]


async def test_half_a_word_alone_is_not_spoken(autojump_clock: MockClock) -> None:
    found = await hears(SlowText(["Wo", "nder", "ful. It is."], 5.0), 1)
    assert found == [(15.0, "Wonderful.")]


async def test_who_writes_without_a_pause_is_not_hurried(autojump_clock: MockClock) -> None:
    words = ["we ", "will ", "see ", "you ", "there ", "at ", "six "]
    found = await hears(SlowText([*words, "sharp. And"], AUTHOR_PAUSE_S * 0.9), 1)
    assert found == [(round(0.36 * 8, 3), "we will see you there at six sharp.")]


async def test_the_pause_counts_from_the_authors_last_piece(autojump_clock: MockClock) -> None:
    """An engine that asks late finds what the author left half a minute ago."""
    script, author = Script(english()), Author()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(script.read, author)
        author.say("I think so but ")
        await trio.sleep(30)
        assert await given_at(script, 1) == [(0.0, "I think so but")]
        nursery.cancel_scope.cancel()


async def test_empty_pieces_are_no_sign_of_an_author_who_writes(
    autojump_clock: MockClock,
) -> None:
    """Language models send them while they think, and others to keep a connection open."""
    script, author = Script(english()), Author()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(script.read, author)
        author.say("I think so but ")
        for _ in range(10):
            await trio.sleep(AUTHOR_PAUSE_S / 2)
            author.say("")
        await wait_all_tasks_blocked()
        assert await given_at(script, 1) == [(0.0, "I think so but")]
        nursery.cancel_scope.cancel()


async def test_a_pause_with_nothing_to_say_is_waited_out(autojump_clock: MockClock) -> None:
    found = await hears(SlowText(["  ", "\n", "Fine. Thanks."], 60.0), 1)
    assert found == [(180.0, "Fine.")]


async def test_the_end_of_the_text_ends_the_wait(autojump_clock: MockClock) -> None:
    script = Script(english())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(script.read, SlowText(["Twenty", " "], 0.1))
        assert await given_at(script, 1) == [(0.2, "Twenty")]


# --- The rest of a clause --------------------------------------------------------------------

PARTS = st.sampled_from(
    [
        *("Hello there", "and then", "ok", "so on; ", " ", ", ", ". ", "\n", "Dr. Rao", "नमस्ते"),
        *("₹250", "$1,250.50", "10:30 am", "3rd", "1/2", "24/11/2026", "&amp;", "🙂"),
        *("**bold** ", "<b>x</b>", "https://example.com/a", "me@example.com"),
    ]
)


def clauses_of(front_end: CutsClauses, text: str) -> list[SpokenClause]:
    return front_end.push(text) + front_end.flush()


def check_rest(clause: SpokenClause, offset: int) -> None:
    rest = rest_of(clause, offset)
    assert rest.text == clause.text[offset:]
    assert rest.end == clause.end
    assert rest.ends_sentence == clause.ends_sentence
    assert clause.start <= rest.start <= rest.end
    assert rest.start == clause.source_of(offset, 1)[0]
    at = 0
    for span in rest.spans:
        assert span.spoken_start == at < span.spoken_end
        at = span.spoken_end
    assert at == len(rest.text)
    for first in range(0, len(rest.text), 3):
        for length in (0, 1, 5, len(rest.text)):
            assert rest.source_of(first, length) == clause.source_of(offset + first, length)


@HYPOTHESIS
@given(st.lists(PARTS, min_size=1, max_size=12), st.data())
def test_the_rest_of_any_clause_from_any_place(parts: list[str], data: st.DataObject) -> None:
    clauses = clauses_of(english(), "".join(parts))
    for clause in clauses:
        offset = data.draw(st.integers(0, len(clause.text) - 1))
        check_rest(clause, offset)
        rest = rest_of(clause, offset)
        again = data.draw(st.integers(0, len(rest.text) - 1))
        assert rest_of(rest, again).text == clause.text[offset + again :]
        check_rest(rest, again)


def test_the_rest_begins_before_a_number_that_is_cut_in_two() -> None:
    (clause,) = clauses_of(english(), "It costs ₹250 in all.")
    words = "two hundred"
    at = clause.text.index(words) + 4
    rest = rest_of(clause, at)
    assert rest.text.startswith("hundred")
    assert rest.start == len("It costs ")
    assert rest.source_of(0, 7) == (9, 4)


# --- What is not speech ----------------------------------------------------------------------


@HYPOTHESIS
@given(st.text("ab \t\n\r", max_size=60), st.lists(st.integers(0, 60), max_size=5))
def test_lines_are_clauses_however_the_text_is_cut(text: str, places: list[int]) -> None:
    cuts = [0, *sorted(place % (len(text) + 1) for place in places), len(text)]
    lines = Lines()
    clauses = [
        clause
        for first, last in itertools.pairwise(cuts)
        for clause in lines.push(text[first:last])
    ]
    assert lines.hurry() == []
    assert not lines.holds_text
    clauses += lines.flush()
    assert lines.flush() == []
    assert lines.characters == len(text)
    assert [each.text for each in clauses] == [
        line.strip() for line in text.split("\n") if line.strip()
    ]
    at = 0
    for clause in clauses:
        assert clause.start == at < clause.end <= len(text)
        at = clause.end
        start, length = clause.source_of(0, len(clause.text))
        assert text[start : start + length] == clause.text
        assert clause.start <= start


@pytest.mark.parametrize("make", [english, Lines])
async def test_every_front_end_keeps_account(make: Callable[[], CutsClauses]) -> None:
    script = Script(make())
    text = "Good morning.\n\nThis is it: 25 of them, at last.\n "
    await script.read(Pieces(*text))
    assert script.characters == len(text)
    while script.unspoken:
        script.speak_first(1)
    assert script.spoken_to == len(text)


# --- An author who hurries -------------------------------------------------------------------


async def test_what_came_before_a_flush_is_given_out_at_once(autojump_clock: MockClock) -> None:
    author, script, given = Author(), Script(english()), []
    begun = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(script.read, author)
        author.say("Please ", "hold the li", "ne", FLUSH)
        feed = script.feed(ignore)
        given.append(await anext(feed))
        assert trio.current_time() == begun, "it waited for nothing, not even for a pause"
        author.say(" while I look", FLUSH, FLUSH, " it up.")
        given.append(await anext(feed))
        author.stop()
        given += [clause async for clause in feed]
    assert given == ["Please hold the line", "while I look", "it up."]


@HYPOTHESIS
@given(
    st.lists(
        st.one_of(
            st.just(FLUSH),
            st.text("ab 1.5,\n₹*<", max_size=12),
            st.sampled_from(["Hello, ", "at 5 p.m. ", "₹250", "**bold** ", "<b>", "नमस्ते "]),
        ),
        max_size=12,
    )
)
def test_flushed_clauses_follow_one_another_without_a_gap(pieces: list[str]) -> None:
    front_end = english()
    clauses: list[SpokenClause] = []
    for piece in pieces:
        clauses += front_end.flush() if piece is FLUSH else front_end.push(piece)
    clauses += front_end.flush()
    text = "".join(pieces)
    assert front_end.characters == len(text)
    at = 0
    for clause in clauses:
        assert clause.start == at <= clause.end
        assert clause.spans[0].spoken_start == 0
        assert clause.spans[-1].spoken_end == len(clause.text)
        assert all(at <= span.start <= span.end <= clause.end for span in clause.spans)
        at = clause.end
    assert at <= len(text)
    assert front_end.flush() == []


def test_a_flush_ends_a_line_of_what_is_not_speech() -> None:
    lines = Lines()
    assert lines.push("dial") == []
    (clause,) = lines.flush()
    assert (clause.text, clause.start, clause.end) == ("dial", 0, 4)
    (clause,) = lines.push("busy\n")
    assert (clause.text, clause.start, clause.end) == ("busy", 4, 9)
