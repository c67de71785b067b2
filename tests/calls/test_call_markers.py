"""Words, marks and keys of a call as they are told; and what is shown of it."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from call_rig import line
from calls.asking import completed
from calls.codecs import key_line
from calls.live_rig import EPOCH, SAID, live_call
from trioaudio.api import commands, events
from trioaudio.api.requests import NewCall
from trioaudio.calls.call_view import call_view
from trioaudio.calls.orders import carry_out
from trioaudio.core.carrier import Acknowledges
from trioaudio.core.connection import Closing

# --- Words and marks ---------------------------------------------------------------------


async def test_words_are_told_when_they_are_played(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        said = await made.say(SAID, words=True)
        await trio.sleep(20)
        words = made.of(events.Marker)
        assert [each.text for each in words] == SAID.split()
        assert [SAID[each.start or 0 :].split()[0] for each in words] == SAID.split()
        assert [each.played_ms for each in words] == sorted(each.played_ms for each in words)
        assert {each.utterance for each in words} == {said}
        first_frame = made.only(events.UtteranceStarted).at
        for each in words:
            assert 0 <= each.at - first_frame - each.played_ms / 1000 <= 0.121
        assert made.names[-1] == "utterance.completed"


@pytest.mark.parametrize("at_ms", range(2000, 2600, 50))
async def test_no_word_is_told_after_its_utterance_is_complete(
    at_ms: int, autojump_clock: MockClock
) -> None:
    async with live_call() as made:
        await made.say(SAID, words=True)
        await trio.sleep(at_ms / 1000)
        await carry_out(made.live, commands.BargeIn())
        await trio.sleep(10)
        heard = completed(made, 1).text_heard
        words = [each.text for each in made.of(events.Marker)]
        assert words == SAID.split()[: len(words)]
        assert abs(len(words) - len(heard.split())) <= 1  # the one that was cut
        assert made.names[-1] == "utterance.completed"


async def test_words_are_told_once_over_a_lost_connection(autojump_clock: MockClock) -> None:
    async with live_call(links=2, line=line(lead_ms=300)) as made:
        await made.say(SAID, words=True)
        await trio.sleep(2)
        made.link.break_off()
        await trio.sleep(20)
        assert [each.text for each in made.of(events.Marker)] == SAID.split()


async def test_nobody_asked_for_words(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        await made.say(SAID)
        await trio.sleep(20)
        assert made.of(events.Marker) == []


async def test_a_mark_is_told_when_all_before_was_played(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        await made.say("Hello there.")
        await carry_out(made.live, commands.Mark(name="greeted"))
        await trio.sleep(20)
        mark = made.only(events.Marker)
        assert (mark.name, mark.utterance, mark.certainty) == ("greeted", None, "estimated")
        assert mark.at >= completed(made, 1).at
        assert made.names.index("marker") > made.names.index("utterance.completed")


async def test_a_mark_that_the_carrier_confirms(autojump_clock: MockClock) -> None:
    async with live_call(line=line(marks=True)) as made:
        await made.say("Hello there.")
        await carry_out(made.live, commands.Mark(name="greeted"))
        await trio.sleep(1.0)
        assert [text for text in made.link.texts if text.startswith("mark")] == [
            "mark u1g0",
            "mark u2g0",
        ]
        made.link.say("played u1g0")
        made.link.say("played u2g0")
        await wait_all_tasks_blocked()
        assert completed(made, 1).certainty == "acked"
        assert made.only(events.Marker).certainty == "acked"


async def test_a_mark_that_was_cut_is_not_played(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        await made.say(SAID)
        await carry_out(made.live, commands.Mark(name="never"))
        await trio.sleep(1)
        await carry_out(made.live, commands.BargeIn())
        await trio.sleep(10)
        assert made.of(events.Marker) == []
        await carry_out(made.live, commands.Mark(name="never"))  # the name is free again


# --- Keys --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("interruptible", "cut"), [("any", True), ("dtmf", True), ("speech", False), ("never", False)]
)
async def test_a_key_cuts_only_what_it_may(
    interruptible: str, cut: bool, autojump_clock: MockClock
) -> None:
    async with live_call(line=key_line()) as made:
        said = await made.say(SAID, interruptible=interruptible)
        await trio.sleep(1)
        made.link.say("key 5")
        await wait_all_tasks_blocked()
        pressed = made.only(events.DtmfCame)
        assert (pressed.digit, pressed.duration_ms) == ("5", 120.0)
        assert made.live.history.dtmf == 1
        assert [each.utterance for each in made.of(events.UtteranceCompleted)] == (
            [said] if cut else []
        )
        assert made.live.history.barge_ins == int(cut)
        if cut:  # who is told the key first knows what it cut
            assert made.names.index("dtmf") < made.names.index("utterance.completed")


async def test_a_key_in_silence_cuts_nothing(autojump_clock: MockClock) -> None:
    async with live_call(line=key_line()) as made:
        made.link.say("key 1")
        await wait_all_tasks_blocked()
        assert made.only(events.DtmfCame).digit == "1"
        assert made.live.history.barge_ins == 0
        assert made.link.when("clearaudio") == []


# --- What is shown -----------------------------------------------------------------------


async def test_a_view_of_a_call_that_speaks(autojump_clock: MockClock) -> None:
    wanted = NewCall(to="+911234567890", caller_id="+911111111111", labels={"case": "7"})
    async with live_call(new_call=wanted, line=line(lead_ms=180)) as made:
        await made.say(SAID)
        await made.say("Waits.")
        await trio.sleep(1)
        view = call_view(made.live)
        assert (view.state, view.speaking, view.paused) == ("up", True, False)
        assert (view.to, view.caller_id, view.labels) == (
            wanted.to,
            wanted.caller_id,
            {"case": "7"},
        )
        assert (view.utterances, view.waiting) == (2, 2)
        assert view.speaking_until is not None
        assert 0 < view.lead_ms <= 240
        assert view.frames_sent == len(made.link.audio)
        assert (view.cause, view.ended_at, view.media_url) == (None, None, None)
        await carry_out(made.live, commands.Pause())
        paused = call_view(made.live)
        assert (paused.paused, paused.speaking) == (True, False)
        await carry_out(made.live, commands.Resume())
        await trio.sleep(30)
        view = call_view(made.live)
        assert (view.waiting, view.speaking, view.speaking_until) == (0, False, None)
        made.link.say(Closing(1000))
        await wait_all_tasks_blocked()
        view = call_view(made.live)
        assert (view.state, view.cause) == ("ended", "far-end")
        assert view.ended_at == pytest.approx(EPOCH + 31)


async def test_a_gain_is_heard_at_once(autojump_clock: MockClock) -> None:
    async with live_call(line=line(marks=False)) as made:
        assert made.live.line.carrier.acknowledges is Acknowledges.NOTHING
        await carry_out(made.live, commands.Gain(db=-20))
        await made.say("Quiet now.")
        await trio.sleep(5)
        loudest = max(
            abs(int.from_bytes(each[at : at + 2], "little", signed=True))
            for each in made.link.audio[1:]  # it glides there in the first one
            for at in range(0, len(each), 2)
        )
        assert 0 < loudest <= 40  # a tenth of what the engine said
