"""The whole call inside this process, with a voice that does as told and a carrier that listens."""

from __future__ import annotations

import os
import signal
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import attrs
import pytest
import trio
import trio_websocket

from fakes import Script, ScriptedEngine, ScriptedSpeaker, numbered_pcm
from trioaudio import one_call, text_source
from trioaudio.carriers import load_carrier
from trioaudio.core.engine import PcmSink
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.core.exit_code import ExitCode
from trioaudio.core.speech import SpeechSink
from trioaudio.plan import Ended, FarEndKind, Plan
from trioaudio.settings import Settings
from trioaudio.speech.opening import ChainSetup

Make = Callable[..., Awaitable[Ended]]


async def three_frames(sink: SpeechSink) -> None:
    await sink.write(numbered_pcm(3))


async def for_ever(sink: SpeechSink) -> None:
    while True:
        await sink.write(numbered_pcm(3))


async def no_sound(sink: SpeechSink) -> None:
    del sink
    await trio.lowlevel.checkpoint()


async def no_words(clauses: AsyncIterable[str], sink: PcmSink) -> None:
    await trio.lowlevel.checkpoint()
    raise AssertionError((clauses, sink))


async def broken(sink: SpeechSink) -> None:
    await sink.write(numbered_pcm(1))
    raise EngineError("no quota", kind=EngineFault.QUOTA, retryable=False)


@attrs.define(eq=False)
class Endpoint:
    """A raw media endpoint that is dialled, and what it got."""

    url: str = ""
    frames: list[bytes] = attrs.field(factory=list)
    connections: int = 0
    closes_after: int | None = None

    async def serve(self, request: trio_websocket.WebSocketRequest) -> None:
        websocket = await request.accept()
        self.connections += 1
        try:
            while len(self.frames) != self.closes_after:
                message = await websocket.get_message()
                assert isinstance(message, bytes)
                self.frames.append(message)
        except trio_websocket.ConnectionClosed:
            return
        await websocket.aclose()


@pytest.fixture
async def endpoint() -> AsyncIterator[Endpoint]:
    made = Endpoint()
    async with trio.open_nursery() as nursery:
        server = await nursery.start(
            trio_websocket.serve_websocket, made.serve, "127.0.0.1", 0, None
        )
        made.url = f"ws://127.0.0.1:{server.port}/"
        yield made
        nursery.cancel_scope.cancel()


@pytest.fixture
def say(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Return a function that makes a call to the endpoint with a voice."""
    carrier = load_carrier("raw")

    async def make(
        voice: Script, text: str | None = "Hi.", out: Path | None = None, url: str | None = None
    ) -> Ended:
        @asynccontextmanager
        async def open_chain(_setup: ChainSetup) -> AsyncIterator[ScriptedSpeaker]:
            yield ScriptedSpeaker(voice)

        monkeypatch.setattr(one_call, "open_chain", open_chain)
        plan = Plan(
            text=text,
            settings=Settings(url=url or endpoint.url, shutdown_s=1, text_limit=100),
            carrier=carrier,
            carrier_settings=carrier.settings,
            far_end=FarEndKind.DIALLED,
            out=out,
            play=False,
            report_on_stdout=False,
            plain=True,
            engines=(ScriptedEngine(no_words).chosen(),),
        )
        with trio.fail_after(10):
            return await one_call._OneCall(plan, None).run()

    return make


async def test_all_is_said(say: Make, endpoint: Endpoint, tmp_path: Path) -> None:
    ended = await say(three_frames, out=tmp_path / "x.wav")
    assert (ended.exit_code, ended.problem) == (ExitCode.SAID, None)
    assert b"".join(endpoint.frames) == numbered_pcm(3)
    assert ended.out == tmp_path / "x.wav"
    assert ended.report is not None
    assert ended.report["frames"] == 3


async def test_a_voice_without_a_sound(say: Make) -> None:
    ended = await say(no_sound)
    assert (ended.exit_code, ended.problem) == (
        ExitCode.TEXT,
        "the voice has no sound for this text",
    )


async def test_a_voice_that_fails(say: Make, endpoint: Endpoint) -> None:
    ended = await say(broken)
    assert (ended.exit_code, ended.problem) == (ExitCode.ENGINE, "no quota")
    assert len(endpoint.frames) == 1


async def test_a_far_end_that_closes_early(say: Make, endpoint: Endpoint) -> None:
    endpoint.closes_after = 4
    ended = await say(for_ever)
    assert ended.exit_code == ExitCode.CARRIER
    assert "before all was said" in (ended.problem or "")


async def test_nobody_is_there(say: Make) -> None:
    ended = await say(three_frames, url="ws://127.0.0.1:1/")
    assert ended.exit_code == ExitCode.CARRIER
    assert "cannot be reached" in (ended.problem or "")


async def test_a_full_disk_does_not_end_the_call(
    say: Make, endpoint: Endpoint, tmp_path: Path
) -> None:
    full_disk_at(tmp_path / "x.wav.part")
    ended = await say(three_frames, out=tmp_path / "x.wav")
    assert ended.exit_code == ExitCode.OUTPUT
    assert "No space left" in (ended.problem or "")
    assert ended.out is None
    assert len(endpoint.frames) == 3


def full_disk_at(path: Path) -> None:
    path.symlink_to("/dev/full")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_a_signal(say: Make, endpoint: Endpoint, number: signal.Signals, code: int) -> None:
    async def interrupted(sink: SpeechSink) -> None:
        await sink.write(numbered_pcm(2))
        os.kill(os.getpid(), number)
        await for_ever(sink)

    ended = await say(interrupted)
    assert (ended.exit_code, ended.problem, ended.by_signal) == (code, None, True)
    assert ended.report is not None
    assert ended.report["cause"] == "cancelled"


async def test_text_that_is_found_too_long_cuts_the_call(
    say: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, into = os.pipe()
    monkeypatch.setattr(text_source, "STDIN", source)
    os.write(into, b"x" * 101)
    os.close(into)
    ended = await say(for_ever, text=None)
    os.close(source)
    assert ended.exit_code == ExitCode.TEXT
    assert "longer than 100 characters" in (ended.problem or "")
