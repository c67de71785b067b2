"""What a carrier says was played, and how far it is believed."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from call_rig import in_turn, line, speaks, state, talk
from trioaudio.core.carrier import Ignored
from trioaudio.core.utterance import Cause, Certainty, UtteranceState

ACKED = (UtteranceState.PLAYED, Cause.NORMAL, Certainty.ACKED)
ESTIMATED = (UtteranceState.PLAYED, Cause.NORMAL, Certainty.ESTIMATED)
CUT = (UtteranceState.INTERRUPTED, Cause.BARGE_IN, None)


async def test_a_mark_follows_the_last_frame(autojump_clock: MockClock) -> None:
    async with talk(in_turn(speaks(3), speaks(2, 10)), line(marks=True)) as made:
        await made.say()
        await made.say()
        await trio.sleep(1)
        kinds = [
            each.message if isinstance(each.message, str) else "audio"
            for each in made.connections[0].received[1:]
        ]
        assert kinds == ["audio"] * 3 + ["mark u1g0"] + ["audio"] * 2 + ["mark u2g0"]


async def test_where_nothing_is_acknowledged_no_mark_is_asked_for(
    autojump_clock: MockClock,
) -> None:
    async with talk(speaks(3), line(marks=False)) as made:
        await made.say()
        await trio.sleep(1)
        assert made.connections[0].texts == ["answer"]


async def test_the_carriers_word_is_when_it_was_played(autojump_clock: MockClock) -> None:
    async with talk(speaks(5), line(marks=True)) as made:
        said = await made.say()
        await trio.sleep(0.45)  # all is out at 0.24, and played at 0.30 by the estimate
        assert not said.done.is_set()
        made.connections[0].say("played u1g0")
        await wait_all_tasks_blocked()
        assert state(said) == ACKED
        assert said.utterance.played_at == pytest.approx(0.45)
        assert said.utterance.played_ms == pytest.approx(300)


async def test_a_mark_that_never_comes_leaves_the_estimate(autojump_clock: MockClock) -> None:
    async with talk(speaks(5), line(marks=True, mark_wait_ms=1000)) as made:
        said = await made.say()
        await trio.sleep(1.29)
        assert not said.done.is_set()
        await trio.sleep(0.02)
        assert state(said) == ESTIMATED
        assert said.utterance.played_at == pytest.approx(0.30)
        made.connections[0].say("played u1g0")
        await wait_all_tasks_blocked()
        assert state(said) == ESTIMATED


async def test_a_mark_before_its_audio_can_have_been_played_is_not_believed(
    autojump_clock: MockClock,
) -> None:
    async with talk(speaks(10), line(marks=True, lead_ms=180)) as made:
        said = await made.say()
        await trio.sleep(0.45)  # all is out at 0.36, and played at 0.60
        made.connections[0].say("played u1g0")
        await trio.sleep(0.12)
        assert not said.done.is_set()
        await trio.sleep(0.04)
        assert state(said) == ESTIMATED
        assert said.utterance.played_at == pytest.approx(0.60)


@pytest.mark.parametrize(("early", "certainty"), [(0.09, Certainty.ACKED), (0.11, None)])
async def test_clocks_may_differ_by_a_tenth_of_a_second(
    autojump_clock: MockClock, early: float, certainty: Certainty | None
) -> None:
    async with talk(speaks(10), line(marks=True, lead_ms=240)) as made:
        said = await made.say()
        await trio.sleep(0.60 - early)
        made.connections[0].say("played u1g0")
        await wait_all_tasks_blocked()
        assert said.utterance.certainty is certainty


async def test_a_mark_that_a_clear_sends_back_was_not_heard(autojump_clock: MockClock) -> None:
    async with talk(speaks(10), line(marks=True, lead_ms=240)) as made:
        said = await made.say()
        await trio.sleep(0.45)  # all is out at 0.30; 450 ms of 600 are played
        made.call.barge_in()
        made.connections[0].say("played u1g0")
        await trio.sleep(3)
        assert state(said) == CUT
        assert said.utterance.played_ms == pytest.approx(450)
        ignored = [event for event in made.events if isinstance(event, Ignored)]
        assert "u1g0" in ignored[0].what
    assert made.call.totals.stale_marks == 1


async def test_what_is_heard_after_ten_clears_is_not_off_by_what_was_dropped(
    autojump_clock: MockClock,
) -> None:
    async with talk(speaks(10), line(marks=True, lead_ms=240)) as made:
        for _ in range(10):
            await made.say()
            await trio.sleep(0.2)
            made.call.barge_in()
        last = await made.say()
        begun = trio.current_time()
        await trio.sleep(0.6)
        made.connections[0].say("played u11g10")
        await wait_all_tasks_blocked()
        assert state(last) == ACKED
        assert last.utterance.played_at == pytest.approx(begun + 0.6)


async def test_a_carrier_that_clears_by_itself_cuts_the_utterance(
    autojump_clock: MockClock,
) -> None:
    async with talk(speaks(10), line(marks=True, lead_ms=240)) as made:
        said = await made.say()
        await trio.sleep(0.4)
        made.connections[0].say("cleared u1g0")
        await wait_all_tasks_blocked()
        assert state(said) == (UtteranceState.INTERRUPTED, Cause.CANCELLED, None)
        assert said.utterance.played_ms == pytest.approx(400)


async def test_a_mark_of_nobodys_is_ignored(autojump_clock: MockClock) -> None:
    async with talk(speaks(3), line(marks=True)) as made:
        said = await made.say()
        for name in ("u1g0", "u9g9", "theirs", ""):
            made.connections[0].say(f"played {name}")  # none of them is asked for yet
        await trio.sleep(0.19)
        made.connections[0].say("played u1g0")
        await wait_all_tasks_blocked()
        assert state(said) == ACKED
    assert made.call.totals.stale_marks == 4


# --- What was heard of what was cut --------------------------------------------------------


async def test_what_was_queued_at_the_carrier_is_not_heard(autojump_clock: MockClock) -> None:
    async with talk(in_turn(speaks(4), speaks(10, 20)), line(lead_ms=240)) as made:
        first, second = await made.say(), await made.say()
        await trio.sleep(0.1)
        # 0.24 of the first and 0.12 of the second are out; 0.1 has been played.
        made.call.barge_in()
        assert first.utterance.played_ms == pytest.approx(100)
        assert second.utterance.played_ms == 0
        assert second.utterance.frames_sent > 0


async def test_a_carrier_that_cannot_forget_plays_all_it_was_sent(
    autojump_clock: MockClock,
) -> None:
    async with talk(speaks(10), line(clears=False)) as made:
        said = await made.say()
        await trio.sleep(0.13)
        made.call.barge_in()
        assert said.utterance.frames_sent == 3
        assert said.utterance.played_ms == pytest.approx(180)


async def test_frames_are_counted_over_all_legs(autojump_clock: MockClock) -> None:
    async with talk(speaks(10), line(), links=2) as made:
        said = await made.say()
        await trio.sleep(0.13)
        made.connections[0].break_off()
        await trio.sleep(2)
        assert said.done.is_set()
        assert said.utterance.frames_sent == 10
        assert said.utterance.played_ms == pytest.approx(600)


# --- The hang-up waits for the carrier's word ----------------------------------------------


async def test_the_hang_up_waits_for_a_carrier_that_plays_late(autojump_clock: MockClock) -> None:
    async with talk(speaks(5), line(marks=True, tail_ms=100)) as made:
        await made.say()
        await made.call.hang_up()
        await trio.sleep(0.9)
        assert made.connections[0].when("hangup") == []
        made.connections[0].say("played u1g0")
        await trio.sleep(1)
        assert made.connections[0].when("hangup") == [pytest.approx(1.0)]


async def test_the_hang_up_does_not_wait_for_ever(autojump_clock: MockClock) -> None:
    async with talk(speaks(5), line(marks=True, tail_ms=100, mark_wait_ms=500)) as made:
        await made.say()
        await made.call.hang_up()
        await trio.sleep(3)
        assert made.connections[0].when("hangup") == [pytest.approx(0.9)]


async def test_a_mark_that_comes_too_soon_does_not_hurry_the_hang_up(
    autojump_clock: MockClock,
) -> None:
    async with talk(speaks(10), line(marks=True, lead_ms=240, tail_ms=100)) as made:
        await made.say()
        await made.call.hang_up()
        await trio.sleep(0.4)
        made.connections[0].say("played u1g0")
        await trio.sleep(2)
        assert made.connections[0].when("hangup") == [pytest.approx(0.7)]
