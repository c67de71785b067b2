"""What is told of a call and of its utterances while it is up: when, and with which facts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from call_rig import line
from calls.asking import completed
from calls.codecs import key_line
from calls.live_rig import EPOCH, SAID, Scene, live_call, nothing_is_left
from fakes import ScriptedEngine, connects
from speech.listening import CHARACTER_S, speaks
from trioaudio.api import commands, events
from trioaudio.api.views import Dropped
from trioaudio.calls.call_view import call_view
from trioaudio.calls.orders import carry_out
from trioaudio.core.connection import MediaConnection
from trioaudio.core.facts import EngineSwitched


def all_text_is_accounted_for(made: Scene, *texts: str) -> None:
    told = made.of(events.UtteranceCompleted)
    assert [each.text_heard + each.text_unheard for each in told] == list(texts)


# --- The call ----------------------------------------------------------------------------


async def test_a_carrier_that_starts_by_connecting(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        answered = made.only(events.CallAnswered)
        assert (answered.peer, answered.at) == ("fake:1", EPOCH)
        assert (answered.carrier_call_id, answered.stream_id) == (None, None)
        assert made.live.state == "up"


async def test_a_carrier_that_starts_by_a_message(autojump_clock: MockClock) -> None:
    async with live_call(line=key_line(starts_late=True)) as made:
        assert made.of(events.CallAnswered) == []
        await trio.sleep(2)
        made.link.say("begin CA7 MZ9")
        await wait_all_tasks_blocked()
        answered = made.only(events.CallAnswered)
        assert answered.at == pytest.approx(EPOCH + 2)
        assert (answered.carrier_call_id, answered.stream_id) == ("CA7", "MZ9")
        assert answered.metadata == {"who": "me"}
        view = call_view(made.live)
        assert (view.carrier_call_id, view.stream_id) == ("CA7", "MZ9")


async def test_a_loss_and_a_return(autojump_clock: MockClock) -> None:
    async with live_call(links=2) as made:
        await trio.sleep(1)
        made.link.break_off("cable cut")
        await wait_all_tasks_blocked()
        assert made.names == ["call.answered", "call.lost", "call.returned"]
        lost = made.only(events.CallLost)
        assert (lost.seconds, lost.reason) == (60.0, "wait")
        assert made.live.state == "up"
        assert made.live.history.reconnects == 1


async def test_the_gap_of_a_second_loss_is_its_own(autojump_clock: MockClock) -> None:
    waits = [0.0, 3.0, 5.0]

    async with live_call(links=3, starts=False) as made:
        inner = connects(*made.links)

        @asynccontextmanager
        async def connect(wait_s: float | None) -> AsyncIterator[MediaConnection]:
            await trio.sleep(waits.pop(0))
            async with inner(wait_s) as connection:
                yield connection

        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.run, connect)
            await trio.sleep(1)
            made.links[0].break_off()
            await trio.sleep(1)
            assert made.live.state == "lost"
            await trio.sleep(9)
            made.links[1].break_off()
            await trio.sleep(10)
            gaps = [each.gap_ms for each in made.of(events.CallReturned)]
            assert gaps == [pytest.approx(3000), pytest.approx(5000)]
            assert made.live.history.reconnect_gap_s == pytest.approx(8)
            nursery.cancel_scope.cancel()


# --- Utterances --------------------------------------------------------------------------


async def test_an_utterance_from_its_acceptance_to_its_end(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        said = await made.say(SAID)
        accepted = made.only(events.UtteranceAccepted)
        assert (accepted.utterance, accepted.position) == (said, 0)
        await trio.sleep(20)
        assert made.names == [
            "call.answered",
            "utterance.accepted",
            "utterance.started",
            "utterance.completed",
        ]
        started = made.only(events.UtteranceStarted)
        # The engine thinks for 50 ms, and delivers a frame's worth ten times faster than time.
        assert 50 < started.first_frame_ms < 100
        done = completed(made, said)
        assert (done.cause, done.text_heard, done.text_unheard) == ("normal", SAID, "")
        assert (done.certainty, done.spoken_by, done.error) == ("estimated", ["first"], None)
        assert done.played_ms == pytest.approx(len(SAID) * CHARACTER_S * 1000, abs=60)
        (line_,) = made.live.history.utterances
        assert line_.heard_characters == len(SAID)
        assert made.watcher.utterances == [line_]


async def test_those_that_wait_know_their_place(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        for _ in range(3):
            await made.say("One two three.")
            await trio.sleep(0.01)
        await made.say("First of all.", priority=5)
        await made.say("Last of all.", priority=-5)
        positions = [each.position for each in made.of(events.UtteranceAccepted)]
        assert positions == [0, 1, 2, 1, 4]
        await trio.sleep(60)
        order = [each.utterance for each in made.of(events.UtteranceCompleted)]
        assert order == [1, 4, 2, 3, 5]


async def test_when_one_is_likely_to_begin(autojump_clock: MockClock) -> None:
    async with live_call(line=line(lead_ms=600)) as made:
        await made.say("Hello there.")
        await trio.sleep(0.5)  # all of it is at the carrier, which has 200 ms more to play
        await made.say("And again.")
        first, second = made.of(events.UtteranceAccepted)
        assert first.eta_ms == 0.0
        assert second.eta_ms is not None
        lead_ms = call_view(made.live).lead_ms
        assert second.eta_ms == pytest.approx(lead_ms, abs=0.2)
        assert 0 < lead_ms < 600
        await made.say("And once more.")  # nobody knows how long the one before will be
        assert made.of(events.UtteranceAccepted)[-1].eta_ms is None


async def test_nobody_knows_when_an_unconnected_call_begins_to_speak(
    autojump_clock: MockClock,
) -> None:
    async with live_call(starts=False) as made:
        await made.say("Hello there.")
        assert made.only(events.UtteranceAccepted).eta_ms is None


async def test_a_barge_in_leaves_the_rest_unheard(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        said, second = await made.say(SAID), await made.say("Never begun.")
        await trio.sleep(2.0)
        reply = await carry_out(made.live, commands.BargeIn())
        assert isinstance(reply, Dropped)
        assert sorted(reply.utterances) == [said, second]
        assert reply.frames > 0
        cut, never = completed(made, said), completed(made, second)
        assert (cut.cause, cut.certainty) == ("barge-in", "estimated")
        assert 10 < len(cut.text_heard) < len(SAID) - 10
        assert SAID.startswith(cut.text_heard)
        assert (never.cause, never.text_heard, never.played_ms) == ("barge-in", "", 0.0)
        all_text_is_accounted_for(made, "Never begun.", SAID)
        assert made.live.history.barge_ins == len(made.watcher.barge_ins) == 1
        assert made.live.history.utterance_totals.interrupted == 2


async def test_stopping_one_of_several(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        first, second = await made.say("Stay here."), await made.say("Go away.")
        reply = await carry_out(made.live, commands.Stop(utterances=[second]))
        assert isinstance(reply, Dropped)
        assert reply.utterances == [second]
        await trio.sleep(10)
        assert completed(made, second).cause == "cancelled"
        assert completed(made, first).cause == "normal"
        again = await carry_out(made.live, commands.Stop(utterances=[second, first]))
        assert isinstance(again, Dropped)
        assert again.utterances == []


async def test_stopping_all_cuts_what_no_barge_in_may(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        said = await made.say(SAID, interruptible="never")
        await trio.sleep(1)
        await carry_out(made.live, commands.BargeIn())
        assert made.of(events.UtteranceCompleted) == []
        await carry_out(made.live, commands.Stop())
        assert completed(made, said).cause == "cancelled"


async def test_an_engine_that_fails_at_last(autojump_clock: MockClock) -> None:
    engine = ScriptedEngine(speaks(fails_at=20), "first")
    async with live_call(engines=(engine,)) as made:
        said = await made.say(SAID)
        await trio.sleep(20)
        done = completed(made, said)
        assert done.cause == "error"
        assert done.error is not None
        assert "broken" in done.error
        assert done.text_heard + done.text_unheard == SAID
        assert done.text_unheard
        assert made.live.history.utterance_totals.failed == 1
        assert made.live.state == "up"


async def test_another_engine_goes_on(autojump_clock: MockClock) -> None:
    engines = ScriptedEngine(speaks(fails_at=20), "first"), ScriptedEngine(speaks(), "second")
    async with live_call(engines=engines) as made:
        said = await made.say(SAID)
        await trio.sleep(20)
        failover = made.only(events.Failover)
        assert (failover.failed, failover.by, failover.utterance) == ("first", "second", said)
        assert "broken" in failover.reason
        done = completed(made, said)
        assert (done.cause, done.text_heard) == ("normal", SAID)
        assert done.spoken_by == ["first", "second"]
        assert made.live.history.failovers == 1
        assert {name for name, _ in made.live.history.engines} == {"first", "second"}
        assert [type(each) for each in made.watcher.facts].count(EngineSwitched) == 1


async def test_one_that_began_too_late(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        await made.say(SAID)
        late = await made.say("Too late.", expires_ms=500)
        await trio.sleep(20)
        done = completed(made, late)
        assert (done.cause, done.text_heard, done.text_unheard) == ("expired", "", "Too late.")


async def test_what_a_lost_call_had_not_said(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        said = await made.say(SAID)
        await trio.sleep(2)
        made.link.break_off()
        await trio.sleep(100)
        done = completed(made, said)
        assert done.cause == "carrier-lost"
        assert done.text_heard
        assert done.text_heard + done.text_unheard == SAID
        ended = made.only(events.CallEnded)
        assert made.names.index("utterance.completed") < made.names.index("call.ended")
        assert ended.record["utterance_totals"]["unheard_characters"] == len(done.text_unheard)
        nothing_is_left(made)


async def test_a_last_word_that_hangs_up(autojump_clock: MockClock) -> None:
    async with live_call(line=line(hangs_up=True)) as made:
        await made.say("Good bye.", then="hang-up")
        await trio.sleep(10)
        assert completed(made, 1).cause == "normal"
        assert made.only(events.CallEnded).cause == "hung-up"
        nothing_is_left(made)


async def test_an_underrun_is_told_with_its_length(autojump_clock: MockClock) -> None:
    engine = ScriptedEngine(speaks(speed=0.5, words=False), "first")
    async with live_call(engines=(engine,)) as made:
        await made.say(SAID)
        await trio.sleep(60)
        gaps = made.of(events.UnderrunBegan)
        assert gaps
        assert all(each.gap_ms > 0 for each in gaps)
        assert completed(made, 1).cause == "normal"
