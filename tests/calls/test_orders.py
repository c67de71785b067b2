"""How a call is told to leave, and what is known of its utterances."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from call_rig import FakeControl, line
from calls.asking import completed, refused, told, wav
from calls.live_rig import SAID, live_call
from trioaudio.api import commands, events
from trioaudio.api.commands import CallCommand
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.views import Reply
from trioaudio.calls.sound_orders import play_speaker, recorded
from trioaudio.calls.utterance_book import REMEMBERED
from trioaudio.core.connection import Closing

# --- Leaving -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "late",
    [
        commands.Say(text="Too late."),
        commands.Play(prompt="p"),
        commands.Mark(name="m"),
        commands.Dtmf(digits="1"),
        commands.HangUp(when="after-played"),
        commands.Transfer(to=["911234567890"]),
    ],
    ids=lambda each: type(each).__name__,
)
async def test_after_a_hang_up_was_asked_nothing_is_said(
    late: CallCommand, autojump_clock: MockClock
) -> None:
    async with live_call(line=line(hangs_up=True, transfers=True)) as made:
        await made.say(SAID)
        await told(made, commands.HangUp(when="after-played"))
        await refused(made, late, RequestFault.CONFLICT, "hang-up")
        with pytest.raises(RequestError):
            play_speaker(made.live, commands.Play(), recorded(wav(480), None))
        await trio.sleep(20)
        assert completed(made, 1).cause == "normal"
        assert made.only(events.CallEnded).cause == "hung-up"


async def test_a_hang_up_now_overtakes_one_that_waits(autojump_clock: MockClock) -> None:
    async with live_call(line=line(hangs_up=True)) as made:
        await made.say(SAID)
        await told(made, commands.HangUp(when="after-played"))
        await trio.sleep(1)
        await told(made, commands.HangUp())
        await wait_all_tasks_blocked()
        await made.ran.wait()
        assert trio.current_time() == pytest.approx(1, abs=0.1)
        assert len(made.link.when("hangup")) == 1


async def test_two_hang_ups_at_once_are_one(autojump_clock: MockClock) -> None:
    async with live_call(line=line(hangs_up=True)) as made:
        made.link.close_takes = 1.0
        for _ in range(3):
            await told(made, commands.HangUp())
        await made.ran.wait()
        assert len(made.link.when("hangup")) == 1
        assert made.only(events.CallEnded).cause == "hung-up"


async def test_two_transfers_at_once_are_one(autojump_clock: MockClock) -> None:
    async with live_call(line=line(transfers=True)) as made:
        await made.say(SAID)
        replies: list[Reply | RequestFault] = []

        async def ask(number: str) -> None:
            try:
                replies.append(await told(made, commands.Transfer(to=[number])))
            except RequestError as exc:
                replies.append(exc.fault)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, "911234567890")
            nursery.start_soon(ask, "911234567891")
        assert sorted(map(str, replies)) == ["Done()", "RequestFault.CONFLICT"]
        await trio.sleep(20)
        assert len([each for each in made.link.texts if each.startswith("transfer")]) == 1


async def test_a_carrier_that_cannot_transfer(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        wanted = commands.Transfer(to=["911234567890"])
        await refused(made, wanted, RequestFault.UNSUPPORTED, "raw", "REST")
        await made.say("So we go on.")
        await told(made, commands.HangUp(when="after-played"))


async def test_a_transfer_round_the_stream(autojump_clock: MockClock) -> None:
    control = FakeControl()
    async with live_call(control=control) as made:
        await made.say("One moment.")
        await told(made, commands.Transfer(to=["911234567890"]))
        await trio.sleep(5)
        ((at, what, _),) = control.asked
        assert what == "transfer 911234567890"
        assert at >= made.link.times[-1] + 0.06


async def test_a_call_that_is_over_is_told_nothing(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        made.link.say(Closing(1000))
        await made.ran.wait()
        for each in (
            commands.Say(text="x"),
            commands.HangUp(),
            commands.Stop(),
            commands.Gain(db=1),
        ):
            await refused(made, each, RequestFault.ENDED, made.live.id, "far end")


# --- The book ----------------------------------------------------------------------------


async def test_stopping_what_there_never_was(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        said = await made.say(SAID)
        wanted = commands.Stop(utterances=[said, 7])
        await refused(made, wanted, RequestFault.NOT_FOUND, "7")
        assert made.live.book.find(said).said.utterance.cause is None


async def test_the_last_utterances_are_remembered(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        for _ in range(REMEMBERED + 2):
            await made.say("Hi.", expires_ms=0)
        await trio.sleep(60)
        assert len(made.live.book.complete) == REMEMBERED
        first, *_ = made.live.book.complete
        assert made.live.book.find(first).said.utterance.state.final
        forgotten = next(n for n in range(1, REMEMBERED + 3) if n not in made.live.book.complete)
        with pytest.raises(RequestError, match="forgotten") as caught:
            made.live.book.find(forgotten)
        assert caught.value.fault is RequestFault.ENDED
        with pytest.raises(RequestError, match="no utterance"):
            made.live.book.find(REMEMBERED + 3)


async def test_a_view_follows_an_utterance(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        said = await made.say(SAID, interruptible="dtmf", priority=3)
        entry, clock = made.live.book.find(said), made.live.shared.clock
        view = entry.view(clock)
        assert (view.state, view.text_heard, view.text_unheard) == ("queued", "", SAID)
        assert (view.interruptible, view.priority, view.open) == ("dtmf", 3, False)
        assert (view.first_frame_at, view.cause, view.certainty) == (None, None, None)
        heard = ""
        for _ in range(40):
            await trio.sleep(0.1)
            made.live.call.count_played()
            view = entry.view(clock)
            assert view.text_heard + view.text_unheard == SAID
            assert view.text_heard.startswith(heard)
            heard = view.text_heard
        assert 20 < len(heard) < len(SAID)
        await trio.sleep(20)
        view = entry.view(clock)
        assert (view.state, view.cause, view.certainty) == ("played", "normal", "estimated")
        assert (view.text_heard, view.text_unheard, view.characters) == (SAID, "", len(SAID))
        assert view.played_at is not None
