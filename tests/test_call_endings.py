"""What comes to an end in an unlucky moment: streams, marks, hang-ups, transfers, and calls."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs
import pytest
import trio
from trio.testing import MockClock

from call_rig import HUMAN, FakeControl, in_turn, line, speaks, state, talk
from fakes import FakeConnection, numbered_pcm
from trioaudio.core.carrier import Idle, Recovery, Starts
from trioaudio.core.connection import Closing, Inbound
from trioaudio.core.errors import EngineError, EngineFault, LegRefusedError
from trioaudio.core.facts import CallControlFailed
from trioaudio.core.speech import SpeechSink
from trioaudio.core.utterance import Cause, Certainty, UtteranceState
from trioaudio.supervise import RecoveryPolicy

HEARD = (UtteranceState.PLAYED, Cause.NORMAL, Certainty.ESTIMATED)


def asked(control: FakeControl) -> list[str]:
    """What the carrier was asked for, in order."""
    return [what for _, what, _ in control.asked]


# --- Steering and the stream ---------------------------------------------------------------


async def test_a_stop_overtakes_a_transfer(autojump_clock: MockClock) -> None:
    control = FakeControl(takes=2)
    async with talk(speaks(1), control=control) as made:
        await made.say()
        await made.call.transfer(HUMAN)
        await trio.sleep(0.5)
        made.call.stop()
        await trio.sleep(20)
        assert isinstance(made.outcome, Closing)
        assert asked(control) == ["transfer 911234567890", "hang up"]


@pytest.mark.parametrize("links", [1, 2])
async def test_a_stream_that_ends_before_the_hang_up_is_answered(
    autojump_clock: MockClock, links: int
) -> None:
    control = FakeControl(takes=2)
    async with talk(speaks(1), links=links, control=control) as made:
        await made.say()
        await made.call.hang_up()
        await trio.sleep(0.5)
        made.connections[0].break_off()
        await trio.sleep(200)
        assert len(control.done) == 1  # heard out, and not asked again
        assert isinstance(made.outcome, Closing)


async def test_a_transferred_callee_is_not_hung_up_on(autojump_clock: MockClock) -> None:
    control = FakeControl()
    async with talk(speaks(1), control=control) as made:
        await made.say()
        await made.call.transfer(HUMAN)
        await trio.sleep(2)
        made.connections[0].break_off()  # as a carrier does whose call is elsewhere now
        await trio.sleep(200)
        assert asked(control) == ["transfer 911234567890"]
        assert isinstance(made.outcome, Closing)


async def test_a_stop_after_a_transfer_ends_the_stream_only(autojump_clock: MockClock) -> None:
    control = FakeControl()
    async with talk(speaks(1), control=control) as made:
        await made.say()
        await made.call.transfer(HUMAN)
        await trio.sleep(2)
        made.call.stop()
        await trio.sleep(20)
        assert asked(control) == ["transfer 911234567890"]
        assert len(made.connections[0].when("endstream")) == 1


async def test_a_close_nobody_answers_does_not_hang_up_on_a_transferred_callee(
    autojump_clock: MockClock,
) -> None:
    control = FakeControl()
    async with talk(speaks(1), control=control) as made:
        made.connections[0].close_takes = 100
        await made.say()
        await made.call.transfer(HUMAN)
        await made.call.end_stream()
        await trio.sleep(200)
        assert asked(control) == ["transfer 911234567890"]


async def test_a_hang_up_that_could_not_be_said_is_said_on_the_next_leg(
    autojump_clock: MockClock,
) -> None:
    async with talk(speaks(5), line(hangs_up=True, tail_ms=500), links=2) as made:
        await made.say()
        await made.call.hang_up()
        await trio.sleep(0.5)
        made.connections[0].broken = "broken pipe"
        await trio.sleep(100)
        assert len(made.connections[1].when("hangup")) == 1
        assert isinstance(made.outcome, Closing)


async def test_a_pause_of_the_carriers_does_not_hold_up_the_hang_up(
    autojump_clock: MockClock,
) -> None:
    async with talk(speaks(5), line(tail_ms=500)) as made:
        await made.say()
        await made.call.hang_up()
        await trio.sleep(0.5)
        made.connections[0].say("pause")
        await trio.sleep(10)
        assert made.connections[0].when("hangup") == [pytest.approx(0.8)]


async def test_the_hang_up_on_another_leg_waits_for_what_the_first_still_holds(
    autojump_clock: MockClock,
) -> None:
    async with talk(speaks(20), line(lead_ms=600), links=2) as made:
        await made.say()
        await made.call.hang_up()
        await trio.sleep(0.65)  # all is out at 0.6, and played at 1.2
        made.connections[0].break_off()
        await trio.sleep(50)
        assert made.connections[1].when("hangup") == [pytest.approx(1.2)]


async def test_nobody_who_never_came_is_hung_up_on(autojump_clock: MockClock) -> None:
    control = FakeControl(error=LegRefusedError("the call's id is not known"))
    on = attrs.evolve(line(), policy=RecoveryPolicy(Recovery.WAIT, first_wait=30.0))
    async with talk(speaks(1), on, links=[], control=control) as made:
        await trio.sleep(60)
        assert made.of(CallControlFailed) == []


async def test_a_bug_leaves_no_telephone_up(autojump_clock: MockClock) -> None:
    async def bug(sink: SpeechSink) -> None:
        await trio.lowlevel.checkpoint()
        raise KeyError("bug")

    control = FakeControl()
    with pytest.RaisesGroup(KeyError, flatten_subgroups=True):
        async with talk(bug, control=control) as made:
            await made.say()
            await trio.sleep(5)
    assert asked(control) == ["hang up"]


async def test_authors_do_not_wait_for_the_carriers_answer(autojump_clock: MockClock) -> None:
    control = FakeControl(takes=10)
    on = attrs.evolve(line(), policy=RecoveryPolicy(Recovery.END))
    async with talk(speaks(50), on, control=control) as made:
        said = await made.say()
        await trio.sleep(0.2)
        made.connections[0].break_off()
        await trio.sleep(1)
        assert said.done.is_set()


class Pumped(FakeConnection):
    """Reads in a task of its own, as a WebSocket does."""

    async def receive(
        self, on_message: Callable[[Inbound], None], *, polled: bool = False
    ) -> Closing:
        assert not polled
        self.start_soon(partial(FakeConnection.receive, self, on_message))
        await trio.sleep_forever()


async def test_nothing_is_said_into_somebody_elses_call(autojump_clock: MockClock) -> None:
    on = line(lead_ms=240)
    on = attrs.evolve(on, carrier=attrs.evolve(on.carrier, starts=Starts.ON_MESSAGE))
    for _ in range(20):  # which task runs first is chance
        link = Pumped()
        async with talk(speaks(20), on, links=[link]) as made:
            made.call.call_id = "mine"
            await made.say()
            await trio.sleep(1)
            link.say("call yours")
            await trio.sleep(1)
            assert link.audio == []


# --- What was heard ------------------------------------------------------------------------


async def test_a_mark_that_dies_with_its_leg_leaves_the_estimate(
    autojump_clock: MockClock,
) -> None:
    async with talk(speaks(5), line(marks=True), links=2) as made:
        said = await made.say()
        await made.call.hang_up()
        await trio.sleep(0.4)  # played at 0.30, by the estimate
        made.connections[0].break_off()
        await trio.sleep(50)
        assert state(said) == HEARD


@pytest.mark.parametrize("ending", ["stop", "barge-in"])
async def test_what_was_over_before_its_mark_came_was_heard(
    autojump_clock: MockClock, ending: str
) -> None:
    async with talk(speaks(5), line(marks=True)) as made:
        said = await made.say()
        await trio.sleep(0.8)
        if ending == "stop":
            made.connections[0].say("stop")
        else:
            made.call.barge_in()
        await trio.sleep(5)
        assert state(said) == HEARD
        assert said.utterance.played_at == pytest.approx(0.30)


async def test_a_call_that_ends_is_heard_no_further(autojump_clock: MockClock) -> None:
    async with talk(speaks(100), line(clears=False, lead_ms=1200)) as made:
        said = await made.say()
        await trio.sleep(0.4)
        made.call.stop()
        assert said.utterance.played_ms == pytest.approx(400)


async def test_what_was_heard_of_a_failed_utterance_counts(autojump_clock: MockClock) -> None:
    async def fails(sink: SpeechSink) -> None:
        await sink.write(numbered_pcm(10))
        await trio.sleep(2)
        raise EngineError("no quota", kind=EngineFault.QUOTA, retryable=False)

    async with talk(fails) as made:
        said = await made.say()
        await trio.sleep(5)
        assert said.utterance.state is UtteranceState.FAILED
        assert said.utterance.frames_sent == 10
        assert said.utterance.played_ms == pytest.approx(600)


async def test_an_end_on_another_leg_is_no_end_long_ago(autojump_clock: MockClock) -> None:
    async with talk(speaks(5), links=2) as made:
        await trio.sleep(100)
        said = await made.say()
        await trio.sleep(0.27)  # the last frame left at 0.24, its end comes at 0.30
        made.connections[0].break_off()
        await trio.sleep(50)
        assert said.utterance.played_at is not None
        assert said.utterance.played_at > 100


async def test_filler_is_not_taken_off_speech(autojump_clock: MockClock) -> None:
    async with talk(speaks(5), line(idle=Idle.SILENCE)) as made:
        said = await made.say()
        await trio.sleep(0.29)
        made.call.barge_in()
        assert said.utterance.played_ms == pytest.approx(230)  # 60 ms of filler were before it
    async with talk(in_turn(speaks(5), speaks(5, 10)), line(marks=True, idle=Idle.SILENCE)) as made:
        said = await made.say()
        await trio.sleep(0.41)
        made.call.barge_in()
        assert said.utterance.played_ms == pytest.approx(300)


async def test_a_later_mark_speaks_for_one_that_is_lost(autojump_clock: MockClock) -> None:
    async with talk(in_turn(speaks(5), speaks(5, 10)), line(marks=True)) as made:
        await made.say()
        await made.say()
        await made.call.hang_up()
        await trio.sleep(0.62)
        made.connections[0].say("played u2g0")
        await trio.sleep(5)
        assert made.connections[0].when("hangup") == [pytest.approx(0.62)]


async def test_a_text_that_found_no_room_is_complete(autojump_clock: MockClock) -> None:
    async def forever(sink: SpeechSink) -> None:
        await trio.sleep(1000)

    async with talk(forever) as made:
        for _ in range(80):
            with trio.move_on_after(0.1):
                await made.say()
        assert made.call.open_utterances < 80
        made.call.barge_in()
        assert made.call.open_utterances == 0
