"""Who gets a call's audio, at which rate, and what is recorded of it."""

from __future__ import annotations

import struct
from itertools import pairwise

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from call_rig import line
from calls.codecs import key_line
from calls.live_rig import SAID, FakeRecorder, Scene, live_call, nothing_is_left
from fakes import connects
from trioaudio.api import commands, events
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.requests import NewCall
from trioaudio.calls.call_view import call_view
from trioaudio.calls.caller_audio import FRAMES_AHEAD
from trioaudio.calls.hub import SubscriptionCutError
from trioaudio.calls.orders import carry_out
from trioaudio.core.connection import Closing
from trioaudio.core.errors import UnframeableRateError

FRAME = 960


def ramp(samples: int, start: int = 0) -> bytes:
    return struct.pack(f"<{samples}h", *((start + n) % 20_000 - 10_000 for n in range(samples)))


async def record(made: Scene, *, on: bool) -> None:
    await carry_out(made.live, commands.Record(on=on))
    await wait_all_tasks_blocked()


# --- Listening ---------------------------------------------------------------------------


async def test_the_callee_comes_in_frames_as_it_was_sent(autojump_clock: MockClock) -> None:
    pcm = ramp(480 * 10)
    async with live_call() as made:
        with made.live.audio.listening("callee", 8000) as inbox:
            assert made.live.call.listening
            for at in range(0, len(pcm), 320):  # 20 ms at a time
                made.link.say(pcm[at : at + 320])
            await wait_all_tasks_blocked()
            frames = await inbox.take()
        assert {len(each) for each in frames} == {FRAME}
        assert b"".join(frames) == pcm
        assert not made.live.call.listening


async def test_we_come_as_we_were_sent(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        with made.live.audio.listening("ours", 8000) as inbox:
            assert not made.live.call.listening  # the callee is nobody's affair
            await made.say(SAID)
            await trio.sleep(20)
            assert await inbox.take() == made.link.audio


@pytest.mark.parametrize("rate", [16_000, 24_000, 48_000])
async def test_another_rate_has_as_many_milliseconds(rate: int, autojump_clock: MockClock) -> None:
    came: list[int] = []
    async with live_call() as made:
        with made.live.audio.listening("callee", rate) as inbox:
            for _ in range(3):
                for at in range(0, 24_000, 480):  # three seconds
                    made.link.say(ramp(480, at))
                    await wait_all_tasks_blocked()
                frames = await inbox.take()
                assert {len(each) for each in frames} == {rate * 60 // 1000 * 2}
                came.append(len(frames))
    # A resampler looks ahead by three frames at most; it loses nothing and makes nothing up.
    assert all(50 * n - 3 <= sum(came[:n]) <= 50 * n for n in (1, 2, 3)), came


async def test_several_listen_each_at_its_rate(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        audio = made.live.audio
        with audio.listening("callee", 8000) as one:
            with audio.listening("callee", 16_000) as other, audio.listening("ours", 8000) as ours:
                made.link.say(ramp(480))
                await made.say("Hello.")
                await trio.sleep(2)
                assert b"".join(await one.take()) == ramp(480)
                assert made.live.call._on_sent is not None
                assert len(await ours.take()) == len(made.link.audio)
            assert await other.take() == []
            assert made.live.call._on_sent is None
            made.link.say(ramp(480, 7))
            await wait_all_tasks_blocked()
            assert await one.take() == [ramp(480, 7)]
        assert not made.live.call.listening


async def test_a_rate_without_whole_frames(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        with (
            pytest.raises(UnframeableRateError, match="11025"),
            made.live.audio.listening("callee", 11_025),
        ):
            pass
        assert not made.live.call.listening


async def test_one_who_listens_too_slowly_is_cut(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        with made.live.audio.listening("callee", 8000) as inbox:
            for number in range(FRAMES_AHEAD + 3):
                made.link.say(ramp(480, number))
                await wait_all_tasks_blocked()
            assert len(await inbox.take()) == FRAMES_AHEAD
            with pytest.raises(SubscriptionCutError, match="3 were not told"):
                await inbox.take()
        assert made.live.state == "up"


async def test_listening_ends_with_the_call(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        with made.live.audio.listening("callee", 8000) as inbox:
            made.link.say(ramp(480))
            made.link.say(Closing(1000))
            await made.ran.wait()
            assert await inbox.take() == [ramp(480)]
            assert await inbox.take() == []
        with made.live.audio.listening("ours", 8000) as late:
            assert await late.take() == []
        nothing_is_left(made)


async def test_listening_outlives_a_lost_connection(autojump_clock: MockClock) -> None:
    async with live_call(links=2) as made:
        with made.live.audio.listening("callee", 8000) as inbox:
            made.link.say(ramp(480))
            await wait_all_tasks_blocked()
            made.link.break_off()
            await wait_all_tasks_blocked()
            made.links[1].say(ramp(480, 480))
            await wait_all_tasks_blocked()
            assert b"".join(await inbox.take()) == ramp(960)


# --- Recording ---------------------------------------------------------------------------


async def test_both_sides_and_what_happened(autojump_clock: MockClock) -> None:
    async with live_call(line=key_line(), new_call=NewCall(record=True)) as made:
        await record(made, on=True)
        assert call_view(made.live).recording
        (recording,) = made.recorder.made
        await made.say("Hello there, you.")
        made.link.say(ramp(480))
        await trio.sleep(0.5)
        made.link.say("key 4")
        await trio.sleep(5)
        await record(made, on=False)
        assert not call_view(made.live).recording
        done = made.only(events.RecordingDone)
        assert (done.wav, done.index, done.error) == ("1.wav", "1.json", None)
        assert [item.payload for item, _ in recording.ours_came] == made.link.audio
        dues = [due for _, due in recording.ours_came]
        assert [b - a for a, b in pairwise(dues)] == pytest.approx([0.06] * (len(dues) - 1))
        assert bytes(recording.theirs_came) == ramp(480)
        assert [name for name, _ in recording.notes] == [
            "utterance.started",
            "dtmf",
            "utterance.completed",
            "barge-in",
        ]
        assert recording.notes[1][1] == {"digit": "4"}
        assert recording.notes[2][1]["cause"] == "barge-in"
        assert len(recording.cleared_at) == 1
        assert made.live.history.recordings[0] == "1.wav"


async def test_a_recording_ends_with_the_call(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        await record(made, on=True)
        await trio.sleep(1)
        made.link.say(Closing(1000))
        await made.ran.wait()
        nothing_is_left(made)
        assert made.names[-2:] == ["recording.done", "call.ended"]
        assert made.only(events.CallEnded).record["recordings"] == ["1.wav"]


async def test_begun_twice_ended_twice(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        for on in (True, True, False, False):
            await record(made, on=on)
        await trio.sleep(1)
        assert len(made.recorder.made) == 1
        assert len(made.of(events.RecordingDone)) == 1


async def test_what_was_not_begun_is_not_ended_beforehand(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        await record(made, on=False)
        await record(made, on=True)
        await trio.sleep(10)
        assert call_view(made.live).recording
        assert made.of(events.RecordingDone) == []


async def test_a_second_recording_of_the_same_call(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        for on in (True, False, True, False):
            await record(made, on=on)
        assert [each.wav for each in made.of(events.RecordingDone)] == ["1.wav", "2.wav"]
        assert list(made.live.history.recordings) == ["1.wav", "2.wav"]


async def test_a_second_one_begun_while_the_first_is_being_completed(
    autojump_clock: MockClock,
) -> None:
    async with live_call(recorder=FakeRecorder(takes_s=1.0)) as made:
        for on in (True, False, True):
            await record(made, on=on)
        await trio.sleep(1.1)
        assert len(made.recorder.made) == 2
        assert call_view(made.live).recording
        made.link.say(Closing(1000))
        await made.ran.wait()
        assert made.only(events.CallEnded).record["recordings"] == ["1.wav", "2.wav"]


async def test_ended_and_begun_in_one_breath(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        await record(made, on=True)
        await carry_out(made.live, commands.Record(on=False))
        await record(made, on=True)
        assert len(made.recorder.made) == 2
        assert made.recorder.made[0].left
        assert call_view(made.live).recording


async def test_a_disk_that_takes_nothing_ends_no_call(autojump_clock: MockClock) -> None:
    async with live_call(recorder=FakeRecorder("cannot record into /full: no space")) as made:
        await record(made, on=True)
        done = made.only(events.RecordingDone)
        assert (done.wav, done.error) == ("", "cannot record into /full: no space")
        assert made.live.state == "up"
        assert list(made.live.history.recordings) == []
        made.recorder.refuses = None
        await record(made, on=True)
        assert call_view(made.live).recording


async def test_a_recording_that_lacks_something_says_so(autojump_clock: MockClock) -> None:
    async with live_call(recorder=FakeRecorder(error="the disk is full")) as made:
        await record(made, on=True)
        await record(made, on=False)
        done = made.only(events.RecordingDone)
        assert (done.wav, done.error) == ("1.wav", "the disk is full")


async def test_a_disk_that_hangs_holds_nothing_up_for_long(autojump_clock: MockClock) -> None:
    async with live_call(recorder=FakeRecorder(takes_s=1e6)) as made:
        await record(made, on=True)
        made.link.say(Closing(1000))
        await made.ran.wait()
        assert trio.current_time() == pytest.approx(5)
        done = made.only(events.RecordingDone)
        assert done.wav == ""
        assert done.error is not None
        assert "5 s" in done.error


async def test_a_recording_that_is_cut_short_is_told_all_the_same(
    autojump_clock: MockClock,
) -> None:
    async with live_call(starts=False) as made:
        made.live.audio.begin_recording()
        with trio.move_on_after(1):
            await made.run(connects(made.link))
        assert made.names[-2:] == ["recording.done", "call.ended"]
        assert made.only(events.CallEnded).record["recordings"] == ["1.wav"]
        nothing_is_left(made)


async def test_there_is_no_place_for_recordings(autojump_clock: MockClock) -> None:
    async with live_call(recorder=None) as made:
        with pytest.raises(RequestError, match="TRIOAUDIO_RECORD_FOLDER") as caught:
            await carry_out(made.live, commands.Record())
        assert caught.value.fault is RequestFault.UNSUPPORTED


async def test_a_pause_takes_back_what_was_at_the_carrier(autojump_clock: MockClock) -> None:
    async with live_call(line=line(lead_ms=240)) as made:
        await record(made, on=True)
        await made.say(SAID)
        await trio.sleep(2)
        await carry_out(made.live, commands.Pause())
        assert made.recorder.made[0].cleared_at == [pytest.approx(2)]
