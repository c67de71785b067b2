"""Why a call comes to an end, what is told of it, and that nothing is left."""

from __future__ import annotations

import gc
import weakref

import pytest
import trio
from trio.testing import MockClock

from call_rig import FakeControl, line
from calls.asking import complete, ended
from calls.codecs import key_line
from calls.live_rig import SAID, live_call
from fakes import connects
from trioaudio.api import commands, events
from trioaudio.api.requests import NewCall
from trioaudio.calls.orders import carry_out
from trioaudio.core.carrier import Recovery
from trioaudio.core.connection import Closing
from trioaudio.core.errors import LegLostError, LegRefusedError
from trioaudio.core.utterance import Cause

# --- Why ---------------------------------------------------------------------------------


async def test_we_hang_up_after_all_was_said(autojump_clock: MockClock) -> None:
    async with live_call(line=line(hangs_up=True)) as made:
        await made.say("Good bye.")
        await carry_out(made.live, commands.HangUp(when="after-played", tail_ms=500))
        assert (await ended(made)).cause == "hung-up"
        assert complete(made) == [("normal", "Good bye.")]
        (hung_up_at,) = made.link.when("hangup")
        assert made.live.ended_at == pytest.approx(hung_up_at)


async def test_we_hang_up_now(autojump_clock: MockClock) -> None:
    async with live_call(line=line(hangs_up=True)) as made:
        await made.say(SAID)
        await made.say("Later.")
        await trio.sleep(1)
        await carry_out(made.live, commands.HangUp())
        told = await ended(made)
        assert (told.cause, told.reason) == ("hung-up", "asked by the control API")
        assert sorted(complete(made)) == [("cancelled", "Later."), ("cancelled", SAID)]
        assert trio.current_time() == pytest.approx(1, abs=0.1)


async def test_the_far_end_hangs_up(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        await made.say(SAID)
        await trio.sleep(1)
        made.link.say(Closing(1000, "bye"))
        told = await ended(made)
        assert told.cause == "far-end"
        assert "bye" in told.reason
        assert complete(made) == [("carrier-lost", SAID)]


async def test_the_far_end_stops_the_stream(autojump_clock: MockClock) -> None:
    """Most carriers say so before they close."""
    async with live_call() as made:
        await made.say(SAID)
        await trio.sleep(1)
        made.link.say("stop")
        told = await ended(made)
        assert told.cause == "far-end"
        assert complete(made) == [("carrier-lost", SAID)]


async def test_the_stop_that_follows_our_hang_up(autojump_clock: MockClock) -> None:
    async with live_call(line=line(hangs_up=True)) as made:
        made.link.close_takes = 1.0
        await made.say("Good bye.", then="hang-up")
        await trio.sleep(2)
        assert made.link.when("hangup")
        made.link.say("stop")
        assert (await ended(made)).cause == "hung-up"


async def test_the_carrier_is_lost_for_good(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        made.link.break_off("cable cut")
        told = await ended(made)
        assert (told.cause, made.live.call.totals.underruns) == ("carrier-lost", 0)
        assert [name for name in made.names if name.startswith("call.")] == [
            "call.answered",
            "call.lost",
            "call.ended",
        ]
        assert trio.current_time() == pytest.approx(60)


async def test_a_carrier_that_cannot_return(autojump_clock: MockClock) -> None:
    async with live_call(line=line(Recovery.END)) as made:
        made.link.break_off("cable cut")
        told = await ended(made)
        assert (told.cause, told.reason) == ("carrier-lost", "cable cut")
        assert made.of(events.CallLost) == []


async def test_nobody_answers(autojump_clock: MockClock) -> None:
    async with live_call(connect=connects(LegLostError("rang out"))) as made:
        told = await ended(made)
        assert (told.cause, told.reason) == ("not-answered", "rang out")
        assert (told.record["answered"], told.record["duration_ms"]) == (None, None)


async def test_the_carrier_refuses(autojump_clock: MockClock) -> None:
    refused = LegRefusedError("HTTP 403: no such account")
    async with live_call(connect=connects(refused)) as made:
        told = await ended(made)
        assert (told.cause, told.reason) == ("carrier-refused", "HTTP 403: no such account")


async def test_a_stream_of_another_call_is_refused(autojump_clock: MockClock) -> None:
    wanted = NewCall(carrier_call_id="CA1")
    async with live_call(line=key_line(starts_late=True), new_call=wanted) as made:
        await made.say("Secret.")
        made.link.say("begin CA2 MZ1")
        told = await ended(made)
        assert told.cause == "carrier-refused"
        assert "CA2" in told.reason
        assert made.link.audio == []
        assert made.of(events.CallAnswered) == []


async def test_a_transfer_by_message(autojump_clock: MockClock) -> None:
    async with live_call(line=line(transfers=True)) as made:
        await made.say("One moment.")
        await carry_out(made.live, commands.Transfer(to=["911234567890"]))
        await trio.sleep(5)
        assert made.link.when("transfer 911234567890")
        made.link.say(Closing(1000))
        assert (await ended(made)).cause == "transferred"
        assert complete(made) == [("normal", "One moment.")]


async def test_a_transfer_by_rest_that_fails_is_told_and_the_call_goes_on(
    autojump_clock: MockClock,
) -> None:
    control = FakeControl(error=LegRefusedError("no such number"))
    async with live_call(control=control) as made:
        await carry_out(made.live, commands.Transfer(to=["911234567890"]))
        await trio.sleep(1)
        failed = made.only(events.ControlFailed)
        assert (failed.what, failed.reason) == ("transfer the call", "no such number")
        assert made.live.state == "up"
        # Somebody is still on the telephone: they can be told, and asked again.
        await made.say("I am sorry, nobody is there.")
        await trio.sleep(5)
        assert complete(made) == [("normal", "I am sorry, nobody is there.")]
        control.error = None
        await carry_out(made.live, commands.Transfer(to=["911234567891"]))
        await trio.sleep(1)
        made.link.say(Closing(1000))
        assert (await ended(made)).cause == "transferred"


async def test_an_utterance_that_ends_the_stream(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        await made.say("The menu follows.", then="end-stream")
        assert (await ended(made)).cause == "stream-ended"
        assert complete(made) == [("normal", "The menu follows.")]


async def test_the_first_cause_counts(autojump_clock: MockClock) -> None:
    async with live_call(line=line(hangs_up=True)) as made:
        await made.say(SAID)
        await trio.sleep(1)
        made.live.end("too-long", "it lasted 1 s", as_cause=Cause.CANCELLED)
        made.live.end("drained", "the node left", as_cause=Cause.DRAINED)
        told = await ended(made)
        assert (told.cause, told.reason) == ("too-long", "it lasted 1 s")
        assert complete(made) == [("cancelled", SAID)]


async def test_the_daemon_leaves(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        await made.say(SAID)
        await trio.sleep(1)
        made.live.end("drained", "the node left", as_cause=Cause.DRAINED)
        assert (await ended(made)).cause == "drained"
        assert complete(made) == [("drained", SAID)]
        assert made.live.history.utterance_totals.interrupted == 1


async def test_told_to_stop_while_nobody_has_come(autojump_clock: MockClock) -> None:
    async with live_call(connect=connects()) as made:
        await made.say("Nobody hears this.")
        await trio.sleep(1)
        made.live.end("hung-up", "asked by the control API", as_cause=Cause.CANCELLED)
        assert (await ended(made)).cause == "hung-up"
        assert complete(made) == [("cancelled", "Nobody hears this.")]


async def test_one_that_never_came_to_run(autojump_clock: MockClock) -> None:
    async with live_call(starts=False) as made:
        await made.say("Nobody hears this.")
        made.live.fail("carrier-refused", "no such number")
        made.live.fail("bug", "told once")
        made.ran.set()
        told = await ended(made)
        assert (told.cause, told.reason) == ("carrier-refused", "no such number")
        assert complete(made) == [("carrier-lost", "Nobody hears this.")]


async def test_nothing_of_a_call_that_is_over_waits_for_a_collection(
    autojump_clock: MockClock,
) -> None:
    """Full collections stop the loop for tens of milliseconds, so the daemon has none."""
    gc.collect()
    gc.disable()
    try:
        async with live_call() as made:
            opened = await made.say("Open", open=True)
            await carry_out(made.live, commands.Append(utterance=opened, text=" and closed."))
            await made.say(SAID, words=True)
            await trio.sleep(1)
            made.link.say(Closing(1000, "bye"))
            await ended(made)
            gone = [weakref.ref(each) for each in (made.live, made.live.call.speech)]
        del made
        await trio.sleep(10_000)  # what the pacer was still to serve is served
        assert [each() for each in gone] == [None, None]
    finally:
        gc.enable()
