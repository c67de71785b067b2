"""Hang-up and transfer: on the stream where it can be said there, round it where not."""

from __future__ import annotations

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from call_rig import HUMAN, FakeControl, line, speaks, talk
from fakes import FakeConnection
from trioaudio.core.carrier import Recovery
from trioaudio.core.errors import LegRefusedError, LocalProtocolError
from trioaudio.core.facts import CallControlFailed
from trioaudio.steering import CONTROL_S
from trioaudio.supervise import LegFailure, RecoveryPolicy


def about(seconds: float) -> float:
    """A time to the microsecond; typed as what it is compared with."""
    return pytest.approx(seconds, abs=1e-6)  # type: ignore[return-value]


async def test_a_hang_up_round_the_stream_comes_before_the_close(
    autojump_clock: MockClock,
) -> None:
    control = FakeControl()
    async with talk(speaks(5), line(tail_ms=100), control=control) as made:
        made.connections[0].say("call abc")
        await made.say()
        await made.call.hang_up()
        await trio.sleep(3)
        assert control.asked == [(about(0.4), "hang up", "abc")]
        assert made.connections[0].closing_since == pytest.approx(0.9)
        assert made.of(CallControlFailed) == []


async def test_a_hang_up_with_a_message_asks_nobody_else(autojump_clock: MockClock) -> None:
    control = FakeControl()
    async with talk(speaks(5), line(hangs_up=True), control=control) as made:
        await made.say()
        await made.call.hang_up()
        await trio.sleep(3)
        assert made.connections[0].when("hangup") == [pytest.approx(0.3)]
        assert control.asked == []


@pytest.mark.parametrize(
    ("control", "words"),
    [
        (FakeControl(error=LegRefusedError("404 no such call")), "404 no such call"),
        (FakeControl(takes=1000), f"no answer within {CONTROL_S:g} s"),
    ],
    ids=["refused", "silent"],
)
async def test_a_hang_up_that_fails_is_told_and_the_stream_closed_all_the_same(
    autojump_clock: MockClock, control: FakeControl, words: str
) -> None:
    async with talk(speaks(1), control=control) as made:
        await made.say()
        await made.call.hang_up()
        await trio.sleep(30)
        assert made.of(CallControlFailed) == [CallControlFailed("hang up", words)]
        assert made.connections[0].closed_with == 1000
        assert len(control.asked) == 1


async def test_told_to_stop_it_hangs_up_at_once(autojump_clock: MockClock) -> None:
    control = FakeControl()
    async with talk(speaks(50), control=control) as made:
        await made.say()
        await trio.sleep(0.2)
        made.call.stop()
        made.call.stop()
        await trio.sleep(3)
        assert control.asked == [(about(0.2), "hang up", None)]
        assert made.connections[0].closed_with == 1000
        assert made.outcome is not None


async def test_a_call_whose_stream_is_lost_for_good_is_hung_up(autojump_clock: MockClock) -> None:
    control = FakeControl()
    async with talk(speaks(50), control=control) as made:
        made.connections[0].say("call abc")
        await made.say()
        await trio.sleep(0.2)
        made.connections[0].break_off()
        await trio.sleep(100)
        assert isinstance(made.outcome, LegFailure)
        assert [each[1:] for each in control.asked] == [("hang up", "abc")]


async def test_a_call_whose_stream_never_came_is_hung_up(autojump_clock: MockClock) -> None:
    control = FakeControl()
    on = attrs.evolve(line(), policy=RecoveryPolicy(Recovery.WAIT, first_wait=30.0))
    async with talk(speaks(1), on, links=[], control=control) as made:
        made.call.call_id = "placed"
        await trio.sleep(60)
        assert control.asked == [(30.0, "hang up", "placed")]


async def test_a_call_told_to_stop_while_it_rings_is_hung_up(autojump_clock: MockClock) -> None:
    control = FakeControl()
    async with talk(speaks(1), links=[], control=control) as made:
        made.call.call_id = "placed"
        await trio.sleep(3)
        made.call.stop()
        await trio.sleep(3)
        assert control.asked == [(3.0, "hang up", "placed")]
        assert made.ended_at == pytest.approx(3.5)


async def test_a_call_the_carrier_ended_is_left_alone(autojump_clock: MockClock) -> None:
    control = FakeControl()
    async with talk(speaks(50), control=control) as made:
        await made.say()
        await trio.sleep(0.2)
        made.connections[0].say("stop")
        await trio.sleep(5)
        assert made.connections[0].closed_with == 1000
        assert control.asked == []


# --- Transfer ------------------------------------------------------------------------------


async def test_a_transfer_waits_until_all_is_heard(autojump_clock: MockClock) -> None:
    async with talk(speaks(5), line(transfers=True, tail_ms=100)) as made:
        await made.say()
        await made.call.transfer(HUMAN)
        await made.call.end_stream()
        await trio.sleep(3)
        assert made.connections[0].when("transfer 911234567890") == [pytest.approx(0.4)]
        assert made.connections[0].when("endstream") == [pytest.approx(0.4)]
        assert made.connections[0].when("hangup") == []
        assert made.connections[0].closed_with == 1000


async def test_a_transfer_round_the_stream_is_done_before_what_follows(
    autojump_clock: MockClock,
) -> None:
    control = FakeControl(takes=2)
    async with talk(speaks(5), control=control) as made:
        made.connections[0].say("call abc")
        await made.say()
        await made.call.transfer(HUMAN)
        await made.call.end_stream()
        await trio.sleep(9)
        assert control.asked == [(about(0.3), "transfer 911234567890", "abc")]
        assert made.connections[0].when("endstream") == [pytest.approx(2.3)]


async def test_a_transfer_that_fails_leaves_the_call_usable(autojump_clock: MockClock) -> None:
    control = FakeControl(error=LegRefusedError("no"))
    async with talk(speaks(3), control=control) as made:
        await made.call.transfer(HUMAN)
        said = await made.say()
        await trio.sleep(5)
        assert made.of(CallControlFailed) == [CallControlFailed("transfer the call", "no")]
        assert said.done.is_set()


async def test_a_transfer_nobody_can_do_is_refused_at_once(autojump_clock: MockClock) -> None:
    async with talk(speaks(3)) as made:
        with pytest.raises(LocalProtocolError, match="cannot be transferred on its media stream"):
            await made.call.transfer(HUMAN)
        said = await made.say()
        await trio.sleep(5)
        assert said.done.is_set()


# --- Whose stream it is --------------------------------------------------------------------


async def test_a_stream_of_another_call_is_refused(autojump_clock: MockClock) -> None:
    async with talk(speaks(3)) as made:
        made.call.call_id = "mine"
        made.connections[0].say("call yours")
        await trio.sleep(1)
        assert isinstance(made.outcome, LegFailure)
        assert made.outcome.reason == "the stream belongs to call 'yours', and 'mine' was expected"


async def test_a_return_must_be_of_the_same_call(autojump_clock: MockClock) -> None:
    async with talk(speaks(3), links=[FakeConnection(), FakeConnection()]) as made:
        made.connections[0].say("call mine")
        await wait_all_tasks_blocked()
        assert made.call.call_id == "mine"
        made.connections[0].break_off()
        made.connections[1].say("call yours")
        await trio.sleep(1)
        assert isinstance(made.outcome, LegFailure)
