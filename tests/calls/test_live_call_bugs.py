"""Bugs and cancellations: they end one call, which is told, and nothing is left of it."""

from __future__ import annotations

from collections.abc import AsyncIterable

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from call_rig import line
from calls.asking import complete, ended
from calls.codecs import KeyCodec, key_line
from calls.live_rig import SAID, FakeRecorder, FakeWatcher, live_call
from fakes import ScriptedEngine, connects
from speech.listening import never
from trioaudio.api import commands
from trioaudio.calls.caller_audio import Listener
from trioaudio.calls.orders import carry_out
from trioaudio.core.carrier import Event, Message
from trioaudio.core.connection import Closing
from trioaudio.core.engine import PcmSink

# --- Bugs --------------------------------------------------------------------------------


class BadCodec(KeyCodec):
    """Trips over one message."""

    def receive(self, message: Message) -> list[Event]:
        if message == "trip":
            raise IndexError("message too short")
        return super().receive(message)


async def buggy_engine(clauses: AsyncIterable[str], sink: PcmSink) -> None:
    async for _ in clauses:
        raise KeyError("voice")


async def test_a_bug_in_a_carrier_codec(autojump_clock: MockClock) -> None:
    async with live_call(line=line(new_codec=lambda *_: BadCodec())) as made:
        await made.say(SAID)
        await trio.sleep(1)
        made.link.say("trip")
        told = await ended(made)
        assert told.cause == "bug"
        assert "IndexError" in told.reason
        assert complete(made) == [("carrier-lost", SAID)]


async def test_a_bug_in_an_engine(autojump_clock: MockClock) -> None:
    engine = ScriptedEngine(buggy_engine, "first")
    async with live_call(engines=(engine,)) as made:
        await made.say(SAID)
        told = await ended(made)
        assert told.cause == "bug"
        assert "KeyError" in told.reason
        (bug,) = made.watcher.bugs
        assert isinstance(bug, ExceptionGroup)
        assert complete(made) == [("carrier-lost", SAID)]


@pytest.mark.parametrize("breaks", ["FirstFrameSent", "UtteranceSent", "utterance", "DtmfPressed"])
async def test_a_bug_in_who_is_told(breaks: str, autojump_clock: MockClock) -> None:
    watcher = FakeWatcher(breaks)
    async with live_call(line=key_line(), watcher=watcher) as made:
        await made.say("Hello.")
        await trio.sleep(0.2)
        made.link.say("key 1" if breaks == "DtmfPressed" else "metadata")
        told = await ended(made)
        assert told.cause == "bug"
        assert "ZeroDivisionError" in told.reason


@pytest.mark.parametrize("breaks", ["LegConnected", "LegEnded"])
async def test_a_bug_in_who_is_told_of_connections(breaks: str, autojump_clock: MockClock) -> None:
    async with live_call(watcher=FakeWatcher(breaks)) as made:
        if breaks == "LegEnded":
            made.link.say(Closing(1000))
        assert (await ended(made)).cause == "bug"


async def test_a_bug_in_a_listener(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with live_call() as made:
        with made.live.audio.listening("callee", 8000) as inbox:
            made.link.say(b"\0\0" * 480)
            await wait_all_tasks_blocked()
            assert len(await inbox.take()) == 1

            def trip(_listener: Listener, _pcm: bytes) -> None:
                raise IndexError("resampler")

            monkeypatch.setattr(Listener, "hear", trip)
            made.link.say(b"\0\0" * 480)
            with trio.fail_after(10):
                await made.ran.wait()
            assert made.live.cause == "bug"
            assert await inbox.take() == []


async def test_a_bug_leaves_other_calls_alone(autojump_clock: MockClock) -> None:
    async with live_call(line=line(new_codec=lambda *_: BadCodec())) as bad:
        async with live_call() as good:
            await good.say(SAID)
            bad.link.say("trip")
            await trio.sleep(20)
            assert complete(good) == [("normal", SAID)]
        assert (await ended(bad)).cause == "bug"


# --- Cancelled ---------------------------------------------------------------------------


@pytest.mark.parametrize("at_s", [0.0, 0.01, 0.06, 0.3, 2.0, 30.0])
@pytest.mark.parametrize("state", ["up", "expected", "lost"])
async def test_cancelled_wherever_it_is(at_s: float, state: str, autojump_clock: MockClock) -> None:
    recorder = FakeRecorder()
    connect = connects() if state == "expected" else None
    async with live_call(starts=False, recorder=recorder) as made:
        live = made.live
        live.audio.begin_recording()
        await made.say(SAID)
        with trio.move_on_after(at_s) as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(made.run, connect or connects(made.link))
                if state == "lost":
                    await trio.sleep(at_s / 2)
                    made.link.break_off()
                await trio.sleep_forever()
        assert scope.cancelled_caught
        assert live.cause == "drained"
        await ended(made)
        assert all(each.finished_at is not None for each in recorder.made)


async def test_an_engine_that_hangs_does_not_hold_up_the_end(autojump_clock: MockClock) -> None:
    async with live_call(engines=(ScriptedEngine(never, "first"),)) as made:
        await made.say("Hello.")
        await trio.sleep(0.1)
        await carry_out(made.live, commands.HangUp())
        await ended(made)
        assert trio.current_time() == pytest.approx(0.1, abs=0.05)
        assert complete(made) == [("cancelled", "Hello.")]
