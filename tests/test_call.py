"""One conversation: what is said in which order, what cuts it, what it survives, how it ends."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from call_rig import PTIME, Talk, in_turn, line, speaks, state, talk
from fakes import (
    FakeConnection,
    Pieces,
    Script,
    ScriptedSpeaker,
    SpelledCodec,
    connects,
    numbered_pcm,
)
from trioaudio.agenda import UTTERANCES_AHEAD
from trioaudio.call import Call, Hooks
from trioaudio.core.carrier import (
    Event,
    Idle,
    Metadata,
    Recovery,
    Stopped,
)
from trioaudio.core.connection import Closing, MediaConnection
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import EngineError, EngineFault, TextError
from trioaudio.core.facts import (
    Fact,
    FirstFrameSent,
    FramesExpired,
    LegConnected,
    LegEnded,
    Underrun,
    UtteranceSent,
)
from trioaudio.core.percentiles import Histogram
from trioaudio.core.speech import SpeechSink
from trioaudio.core.utterance import Cause, Certainty, UtteranceState
from trioaudio.core.verdict import Verdict
from trioaudio.line import idle_filler
from trioaudio.pacer import Pacer
from trioaudio.supervise import LegFailure
from trioaudio.utterances import Utterances

PLAYED = (UtteranceState.PLAYED, Cause.NORMAL, Certainty.ESTIMATED)
CUT = (UtteranceState.INTERRUPTED, Cause.BARGE_IN, None)


# --- Saying --------------------------------------------------------------------------------


async def test_an_utterances_life(autojump_clock: MockClock) -> None:
    async with talk(speaks(5)) as made:
        await trio.sleep(1)
        said = await made.say()
        await trio.sleep(0.23)
        assert said.utterance.state is UtteranceState.SPEAKING
        await trio.sleep(0.04)  # the last frame left at 0.24, and is played until 0.30
        assert said.utterance.played_at is None
        await trio.sleep(0.035)
        assert state(said) == PLAYED
        assert said.done.is_set()
        times = said.utterance
        assert times.accepted_at == 1.0
        assert times.first_frame_at == 1.0
        assert times.played_at == pytest.approx(1.3)
        assert times.frames_sent == 5
        assert [type(fact) for fact in made.facts] == [LegConnected, FirstFrameSent, UtteranceSent]


async def test_with_a_lead_sent_is_not_played(autojump_clock: MockClock) -> None:
    async with talk(speaks(4), line(lead_ms=240)) as made:
        said = await made.say()
        await trio.sleep(0.01)
        assert said.utterance.state is UtteranceState.SENT
        assert not said.done.is_set()
        await trio.sleep(0.24)
        assert state(said) == PLAYED


async def test_utterances_are_said_in_order_and_join(autojump_clock: MockClock) -> None:
    async with talk(in_turn(speaks(3), speaks(4, 3), speaks(2, 7))) as made:
        all_said = [await made.say(text) for text in "abc"]
        await trio.sleep(5)
        assert made.speaker.texts == ["a", "b", "c"]
        assert made.numbers == list(range(9))
        assert made.connections[0].times == pytest.approx([n * PTIME for n in range(9)])
        assert [state(said) for said in all_said] == [PLAYED] * 3
        assert [said.utterance.id for said in all_said] == [1, 2, 3]
        assert [fact for fact in made.facts if isinstance(fact, UtteranceSent)] == [
            UtteranceSent(1, 3, pytest.approx(0.18)),  # type: ignore[arg-type]
            UtteranceSent(2, 4, pytest.approx(0.42)),  # type: ignore[arg-type]
            UtteranceSent(3, 2, pytest.approx(0.54)),  # type: ignore[arg-type]
        ]


async def test_an_utterance_without_a_sound_is_played(autojump_clock: MockClock) -> None:
    async with talk(speaks(0)) as made:
        said = await made.say()
        await trio.sleep(1)
        assert state(said) == PLAYED
        assert said.utterance.first_frame_at is None


async def test_only_so_many_texts_may_wait(autojump_clock: MockClock) -> None:
    async with talk(speaks(5), links=[]) as made:
        accepted = 0
        with trio.move_on_after(10) as scope:
            while True:
                await made.say()
                accepted += 1
        assert scope.cancelled_caught
        # One is being spoken, some are framed already; and then there is no more room.
        assert UTTERANCES_AHEAD < accepted < UTTERANCES_AHEAD + 5


async def test_what_the_carrier_reports_is_handed_on(autojump_clock: MockClock) -> None:
    async with talk(speaks(1)) as made:
        made.connections[0].say("hello")
        await wait_all_tasks_blocked()
        assert made.events == [Metadata("hello")]


def test_filler_is_made_once_for_a_call() -> None:
    for idle, count in ((Idle.NONE, 0), (Idle.SILENCE, 1), (Idle.COMFORT_NOISE, 16)):
        made = line(idle=idle)
        filler = idle_filler(made.settings, made.shape)
        assert len(filler) == count
        assert all(len(each) == 960 for each in filler)


# --- Barge-in ------------------------------------------------------------------------------


@pytest.mark.parametrize("after", [0.0, 0.001, 0.06, 0.1, 0.3, 0.595, 0.605, 5.0])
async def test_barge_in_at_any_moment_leaves_nothing_stale(
    autojump_clock: MockClock, after: float
) -> None:
    async with talk(in_turn(speaks(10), speaks(3, 100), speaks(4, 200))) as made:
        first = await made.say("a")
        if after:
            await trio.sleep(after)
        sent = len(made.numbers)
        over = after > 0.6
        made.call.barge_in()
        assert first.done.is_set()
        assert state(first) == (PLAYED if over else CUT)
        await made.say("b")
        await trio.sleep(5)
        rest = made.numbers[sent:]
        # An utterance cut before its synthesis began never was the engine's.
        assert rest in ([100, 101, 102], list(range(10))) if not after else rest == [100, 101, 102]
        assert made.connections[0].texts == ["answer", "clearaudio"]


async def test_barge_in_cuts_what_is_queued_too(autojump_clock: MockClock) -> None:
    async with talk(speaks(50)) as made:
        said = [await made.say(text) for text in "abc"]
        await made.call.hang_up()
        await trio.sleep(0.1)
        dropped = made.call.barge_in().frames
        assert dropped > 0
        assert [state(each) for each in said] == [CUT] * 3
        await trio.sleep(100)
        assert made.speaker.texts == ["a"]
        assert len(made.numbers) == 2
        assert made.outcome == Closing(1000)  # what ends the call is no speech, and is not cut


async def test_barge_in_cuts_a_text_that_still_waits_for_room(autojump_clock: MockClock) -> None:
    async with talk(speaks(5), links=[]) as made, trio.open_nursery() as nursery:
        for n in range(UTTERANCES_AHEAD + 9):
            nursery.start_soon(made.say, f"{n}")
        await wait_all_tasks_blocked()
        made.call.barge_in()
        begun = len(made.speaker.texts)
        last = await made.say("last")
        await wait_all_tasks_blocked()
        assert made.speaker.texts[begun:] == ["last"]
        assert last.utterance.state is UtteranceState.SPEAKING


async def test_barge_in_twice_and_with_nothing_to_cut(autojump_clock: MockClock) -> None:
    async with talk(speaks(3)) as made:
        assert made.call.barge_in().frames == 0
        await made.say()
        await trio.sleep(0.01)
        assert made.call.barge_in().frames == 2
        assert made.call.barge_in().frames == 0
        said = await made.say()
        await trio.sleep(1)
        assert state(said) == PLAYED
        assert len(made.connections[0].when("clearaudio")) == 3


async def test_a_clear_is_sent_even_when_synthesis_ended_long_ago(
    autojump_clock: MockClock,
) -> None:
    async with talk(speaks(16), line(lead_ms=960)) as made:
        said = await made.say()
        await trio.sleep(0.5)
        assert said.utterance.state is UtteranceState.SENT
        assert made.call.barge_in().frames == 0
        assert state(said) == CUT
        assert made.connections[0].when("clearaudio") == [0.5]
        await trio.sleep(2)
        assert state(said) == CUT  # and not played when the estimate comes


async def test_barge_in_while_there_is_no_connection(autojump_clock: MockClock) -> None:
    slow: list[MediaConnection | Exception] = [FakeConnection(), FakeConnection()]
    async with talk(in_turn(speaks(20), speaks(2, 100)), line(Recovery.REDIAL), slow) as made:
        said = await made.say()
        await trio.sleep(0.1)
        made.connections[0].break_off()
        await wait_all_tasks_blocked()
        assert made.call.leg is None
        made.call.barge_in()
        assert state(said) == CUT
        await made.say()
        await trio.sleep(5)
        assert made.numbers == [0, 1, 100, 101]
        assert made.connections[1].texts == ["answer"]


async def test_barge_in_into_a_broken_connection_loses_the_leg(autojump_clock: MockClock) -> None:
    async with talk(speaks(20), links=2) as made:
        await made.say()
        await trio.sleep(0.1)
        made.connections[0].broken = "reset"
        made.call.barge_in()
        await trio.sleep(1)
        assert made.of(LegEnded) == [LegEnded("lost", "reset")]
        assert len(made.of(LegConnected)) == 2


async def test_a_cause_other_than_barge_in(autojump_clock: MockClock) -> None:
    async with talk(speaks(20)) as made:
        said = await made.say()
        made.call.barge_in(Cause.CANCELLED)
        assert said.utterance.cause is Cause.CANCELLED


# --- Ending --------------------------------------------------------------------------------


async def test_hanging_up_overtakes_nothing(autojump_clock: MockClock) -> None:
    async with talk(speaks(5), line(tail_ms=200)) as made:
        said = [await made.say(), await made.say()]
        await made.call.hang_up()
        await trio.sleep(5)
        assert made.numbers == [*range(5), *range(5)]
        assert made.connections[0].when("hangup") == [pytest.approx(0.8)]
        assert [state(each) for each in said] == [PLAYED] * 2
        assert made.outcome == Closing(1000)
        assert made.ended_at == pytest.approx(0.8)
        assert made.call.leg is None


async def test_stop_cuts_and_hangs_up_at_once(autojump_clock: MockClock) -> None:
    async with talk(speaks(50), line(idle=Idle.SILENCE)) as made:
        said = await made.say()
        await trio.sleep(0.1)
        made.call.stop()
        await trio.sleep(5)
        assert said.utterance.cause is Cause.CANCELLED
        assert made.connections[0].texts == ["answer", "clearaudio", "hangup"]
        assert made.connections[0].closed_with == 1000
        assert made.outcome == Closing(1000)
        assert made.ended_at == 0.1


async def test_stop_while_nobody_is_there(autojump_clock: MockClock) -> None:
    async with talk(speaks(5), links=[]) as made:
        said = await made.say()
        await trio.sleep(1)
        made.call.stop()
        await trio.sleep(1)
        assert made.outcome == Closing(reason="told to stop")
        assert said.utterance.cause is Cause.CANCELLED


async def test_stop_while_the_carrier_is_awaited_back(autojump_clock: MockClock) -> None:
    async with talk(speaks(50)) as made:
        await made.say()
        await trio.sleep(0.1)
        made.connections[0].break_off()
        await trio.sleep(5)
        made.call.stop()
        await wait_all_tasks_blocked()
        assert made.outcome == Closing(reason="told to stop")
        assert made.ended_at == pytest.approx(5.1)


async def test_stop_before_it_began(autojump_clock: MockClock) -> None:
    call = Call(
        line=line(),
        speaker=ScriptedSpeaker(speaks(1)),
        pacer=Pacer(early=0.0),
        lateness=Histogram(),
        hooks=Hooks(
            tell=lambda _fact: None,
            on_event=lambda _event: None,
        ),
    )
    call.stop()
    assert await call.run(connects()) == Closing(reason="told to stop")


async def test_stop_into_a_broken_connection_is_a_normal_end(autojump_clock: MockClock) -> None:
    async with talk(speaks(50), links=3) as made:
        await made.say()
        await trio.sleep(0.1)
        made.connections[0].broken = "reset"
        made.call.stop()
        await trio.sleep(5)
        assert made.outcome == Closing(reason="after the hang-up: reset")
        assert len(made.of(LegConnected)) == 1


async def test_a_leg_lost_after_the_hang_up_is_a_normal_end(autojump_clock: MockClock) -> None:
    async with talk(speaks(2), links=2) as made:
        made.connections[0].close_takes = 3.0
        said = await made.say()
        await made.call.hang_up()
        await trio.sleep(1)
        made.connections[0].break_off("reset by peer")
        await trio.sleep(5)
        assert made.outcome == Closing(reason="after the hang-up: reset by peer")
        assert state(said) == PLAYED
        assert len(made.of(LegConnected)) == 1


async def test_a_far_end_that_closes_in_order_ends_the_call(autojump_clock: MockClock) -> None:
    async with talk(speaks(50), links=2) as made:
        said = [await made.say(), await made.say()]
        await trio.sleep(0.1)
        made.connections[0].say(Closing(1000, "callee hung up"))
        await trio.sleep(5)
        assert made.outcome == Closing(1000, "callee hung up")
        assert len(made.of(LegConnected)) == 1
        for each in said:
            assert state(each) == (UtteranceState.FAILED, Cause.CARRIER_LOST, None)
            assert each.done.is_set()
        assert made.speaker.cancelled == 1


async def test_a_stopped_event_ends_the_leg(autojump_clock: MockClock) -> None:
    async with talk(speaks(50), links=2) as made:
        await made.say()
        await trio.sleep(0.1)
        made.connections[0].close_takes = 1.0
        made.connections[0].say("stop")
        await trio.sleep(5)
        assert made.events == [Stopped("far end")]
        assert made.connections[0].closed_with == 1000
        assert made.outcome == Closing(1000)
        assert made.numbers == [0, 1]  # nothing after the stream was stopped
        assert len(made.of(LegConnected)) == 1


async def test_cancelling_drops_everything(autojump_clock: MockClock) -> None:
    async with talk(speaks(50)) as made:
        said = await made.say()
        await trio.sleep(0.1)
    assert made.outcome is None
    assert state(said) == (UtteranceState.FAILED, Cause.CARRIER_LOST, None)
    assert made.call.leg is None


async def test_a_bug_ends_this_call_and_is_told(autojump_clock: MockClock) -> None:
    class Broken(SpelledCodec):
        def seal(self, payload: bytes | str) -> list[bytes | str]:
            raise ZeroDivisionError("oops")

    async with talk(speaks(3), line(new_codec=lambda *_: Broken()), links=2) as made:
        await made.say()
        await trio.sleep(5)
        assert isinstance(made.outcome, LegFailure)
        assert made.outcome.verdict is Verdict.BUG
        assert made.outcome.reason == "internal error: ZeroDivisionError: oops"
        assert len(made.of(LegConnected)) == 1


def _oops(*_: object) -> None:
    raise ZeroDivisionError("oops")


async def test_a_bug_in_completing_an_utterance_is_the_legs(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Utterances, "heard_out", _oops)
    async with talk(speaks(1)) as made:
        await made.say()
        await trio.sleep(1)
        assert isinstance(made.outcome, LegFailure)
        assert made.outcome.reason == "internal error: ZeroDivisionError: oops"


async def test_a_bug_in_completing_after_the_leg_is_gone_stops_nobody(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Utterances, "heard_out", _oops)
    async with talk(speaks(4), line(lead_ms=240, clears=False)) as made:
        await made.say()
        await trio.sleep(0.01)
        made.connections[0].break_off()
        await trio.sleep(1)
        assert made.pacer.statistics().failures == 1
        assert made.outcome is None


# --- Engine and text failures --------------------------------------------------------------


def fails(after: int, pause: float = 0.0) -> Script:
    async def script(sink: SpeechSink) -> None:
        await sink.write(numbered_pcm(after))
        await trio.sleep(pause)
        raise EngineError("no quota", kind=EngineFault.QUOTA, retryable=False)

    return script


@pytest.mark.parametrize("pause", [0.001, 0.1, 1.0])
async def test_an_engine_that_fails_spoils_one_utterance(
    autojump_clock: MockClock, pause: float
) -> None:
    async with talk(in_turn(fails(3, pause), speaks(2, 100))) as made:
        broken, well = await made.say(), await made.say()
        await trio.sleep(5)
        assert state(broken) == (UtteranceState.FAILED, Cause.ERROR, None)
        assert broken.utterance.error == "no quota"
        assert isinstance(broken.error, EngineError)
        assert state(well) == PLAYED
        assert made.numbers == [0, 1, 2, 100, 101]  # what it had said is played
        assert made.of(Underrun) == []
        assert made.outcome is None


async def test_text_that_cannot_be_spoken(autojump_clock: MockClock) -> None:
    class Unspeakable(Pieces):
        async def __anext__(self) -> str:
            await trio.lowlevel.checkpoint()
            raise TextError("too long")

    async with talk(speaks(2)) as made:
        said = await made.call.say(Unspeakable(), VoiceChoice())
        await trio.sleep(1)
        assert state(said) == (UtteranceState.FAILED, Cause.ERROR, None)
        assert isinstance(said.error, TextError)


async def test_an_engine_that_fails_before_the_carrier_comes(autojump_clock: MockClock) -> None:
    async with talk(fails(3, 0.1), links=[]) as made:
        said = await made.say()
        await trio.sleep(1)
        assert said.utterance.cause is Cause.ERROR


# --- Lost connections ----------------------------------------------------------------------


@asynccontextmanager
async def interrupted(
    script: Script, *, away: float, keep: float = 2.0, at: float = 0.31, **changes: object
) -> AsyncIterator[Talk]:
    """A call whose first leg is lost at a time, and whose carrier is away for some seconds."""
    on = line(keep=keep, **changes)  # type: ignore[arg-type]
    speaker, pacer = ScriptedSpeaker(script), Pacer(early=0.0)
    facts: list[Fact] = []
    events: list[Event] = []
    links = [FakeConnection(), FakeConnection()]
    call = Call(
        line=on,
        speaker=speaker,
        pacer=pacer,
        lateness=Histogram(),
        hooks=Hooks(
            tell=facts.append,
            on_event=events.append,
        ),
    )
    made = Talk(call, speaker, links, facts, events, pacer)
    plain = connects(*links)

    @asynccontextmanager
    async def connect(wait_s: float | None) -> AsyncIterator[MediaConnection]:
        if links[0].broken:
            await trio.sleep_until(start + at + away)
        async with plain(wait_s) as connection:
            yield connection

    async def run() -> None:
        made.outcome = await call.run(connect)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(pacer.run)
        nursery.start_soon(run)
        await wait_all_tasks_blocked()
        start = trio.current_time()
        nursery.start_soon(_break_at, links[0], start + at)
        yield made
        nursery.cancel_scope.cancel()
    made.ledger_is_even()


async def _break_at(connection: FakeConnection, at: float) -> None:
    await trio.sleep_until(at)
    connection.break_off()


@pytest.mark.parametrize("away", [0.0, 0.5, 1.99])
async def test_no_audio_is_repeated_or_lost_within_what_is_kept(
    autojump_clock: MockClock, away: float
) -> None:
    async with interrupted(speaks(30), away=away) as made:
        said = await made.say()
        await trio.sleep(10)
        assert made.numbers == list(range(30))
        assert len(made.connections[0].audio) == 6
        second = made.connections[1].times
        assert second == pytest.approx([0.31 + away + n * PTIME for n in range(24)])
        assert made.of(FramesExpired) == []
        assert state(said) == PLAYED


async def test_no_frame_is_lost_when_the_loss_is_seen_by_sending(
    autojump_clock: MockClock,
) -> None:
    async with talk(speaks(30), links=2) as made:
        await made.say()
        await trio.sleep(0.1)
        made.connections[0].broken = "reset"
        await trio.sleep(10)
        assert made.numbers == list(range(30))
        assert [len(link.audio) for link in made.connections] == [2, 28]


async def test_what_is_older_than_what_is_kept_is_dropped_exactly(
    autojump_clock: MockClock,
) -> None:
    async with interrupted(speaks(100), away=5.03) as made:  # 3.03 s too long: 50 frames
        said = await made.say()
        await trio.sleep(20)
        assert made.numbers == [*range(6), *range(56, 100)]
        assert made.of(FramesExpired) == [FramesExpired(50)]
        assert made.call.queue.ledger.expired == made.call.queue.ledger.flushed == 50
        assert state(said) == PLAYED


async def test_no_more_is_dropped_than_there_was(autojump_clock: MockClock) -> None:
    async with interrupted(in_turn(speaks(9), speaks(4, 100)), away=50.0) as made:
        old = await made.say()
        await trio.sleep(60)
        assert made.of(FramesExpired) == [FramesExpired(3)]
        assert state(old) == PLAYED
        new = await made.say()
        await trio.sleep(5)
        assert made.numbers == [*range(6), *range(100, 104)]
        assert state(new) == PLAYED
        assert made.call.queue.ledger.expired == 3


async def test_what_was_said_while_away_is_only_as_old_as_it_is(
    autojump_clock: MockClock,
) -> None:
    async with interrupted(speaks(40), away=9.0, at=0.01) as made:
        await trio.sleep(8.5)
        said = await made.say()  # half a second before the carrier is back
        await trio.sleep(10)
        assert made.numbers == list(range(40))
        assert made.of(FramesExpired) == []
        assert state(said) == PLAYED


async def test_a_slow_engine_loses_nothing_it_had_not_made(autojump_clock: MockClock) -> None:
    async def slow(sink: SpeechSink) -> None:
        await trio.sleep(20)
        await sink.write(numbered_pcm(10))

    async with interrupted(slow, away=9.0) as made:
        await made.say()
        await trio.sleep(30)
        assert made.numbers == list(range(10))


async def test_a_hang_up_survives_a_lost_leg(autojump_clock: MockClock) -> None:
    async with interrupted(speaks(5), away=1.0, at=0.4, tail_ms=1000) as made:
        said = await made.say()
        await made.call.hang_up()
        await trio.sleep(20)
        assert state(said) == PLAYED
        assert made.connections[0].when("hangup") == []
        assert len(made.connections[1].when("hangup")) == 1
        assert made.outcome == Closing(1000)


async def test_nobody_comes_back(autojump_clock: MockClock) -> None:
    async with talk(speaks(50)) as made:
        said = await made.say()
        await trio.sleep(0.1)
        made.connections[0].break_off()
        await trio.sleep(100)
        assert isinstance(made.outcome, LegFailure)
        assert made.outcome.reason == "nobody came"
        assert state(said) == (UtteranceState.FAILED, Cause.CARRIER_LOST, None)


async def test_a_leg_lost_at_its_first_word_leaves_nothing_behind(
    autojump_clock: MockClock,
) -> None:
    async with talk(speaks(3), line(Recovery.REDIAL), links=3) as made:
        made.connections[1].broken = "reset"  # before our answer
        await trio.sleep(1)
        made.connections[0].break_off()
        await trio.sleep(100)
        assert len(made.of(LegConnected)) == 3
        said = await made.say()
        await trio.sleep(100)
        assert state(said) == PLAYED
        assert [len(link.audio) for link in made.connections] == [0, 0, 3]
        assert made.pacer.statistics().failures == 0  # nobody pings what is gone


async def test_totals_are_over_all_legs(autojump_clock: MockClock) -> None:
    async def halting(sink: SpeechSink) -> None:
        for n in range(4):
            await sink.write(numbered_pcm(3, start=3 * n))
            await trio.sleep(1)

    async with interrupted(halting, away=0.0, at=1.5, idle=Idle.SILENCE) as made:
        await made.say()
        await trio.sleep(0.01)
        made.connections[0].full = True
        await trio.sleep(0.05)
        made.connections[0].drain()
        await trio.sleep(9)
        made.connections[1].say(Closing(1000))
        await trio.sleep(1)
        totals = made.call.totals
        assert totals.underruns == len(made.of(Underrun)) == 2  # a new leg begins anew
        gaps = sum(fact.seconds for fact in made.facts if isinstance(fact, Underrun))
        assert totals.underrun_seconds == pytest.approx(gaps)
        assert totals.stalls <= 1
        assert totals.resyncs == 0
        silent = [sum(not any(each) for each in link.audio) for link in made.connections]
        assert min(silent) > 0
        assert totals.idle_frames == sum(silent)
        speech = made.call.queue.ledger.sent
        assert speech == 12
        assert totals.wire_bytes == (12 + sum(silent)) * 965
