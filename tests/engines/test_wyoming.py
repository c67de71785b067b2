"""The Wyoming engine against a simulated server, against the library's own, and against junk."""

from __future__ import annotations

import contextlib
import itertools
import struct
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import pytest
import trio

from engines.listening import DEFAULT, Clauses, EndlessClauses, Recorder, say, setup
from trioaudio.core.engine import EngineSettings, VoiceChoice
from trioaudio.core.errors import ConfigError, EngineError, EngineFault, FaultScope
from trioaudio.core.wyoming_event import Event, EventReader
from trioaudio.engines import _wyoming_connection as connection_module
from trioaudio.engines import wyoming as module
from trioaudio.engines._wyoming_connection import WyomingPool
from trioaudio.engines._wyoming_info import read_info
from trioaudio.engines._wyoming_settings import WyomingSettings
from trioaudio.engines.wyoming import WyomingEngine, open_engine
from trioaudio.simulators.services.service import OpenService, open_service
from trioaudio.simulators.services.studio import ServiceOptions
from trioaudio.simulators.services.tone import owner_of, read_tone
from trioaudio.simulators.services.voice import VoiceKind

RATE = 22050
WHOLE = WyomingSettings(streaming="no")
PIECES = WyomingSettings(streaming="yes")


@contextlib.asynccontextmanager
async def speaking(
    *faults: str, settings: WyomingSettings = WHOLE, **options: Any
) -> AsyncIterator[tuple[WyomingEngine, OpenService]]:
    """Open an engine on a simulated server."""
    quick = ServiceOptions(voice=VoiceKind.TONE, first_audio_ms=1, faults=faults)
    with trio.fail_after(20):
        async with open_service("wyoming", attrs.evolve(quick, **options)) as service:
            here = attrs.evolve(settings, url=service.urls["tcp"])
            async with open_engine(setup(here)) as engine:
                yield engine, service


@contextlib.asynccontextmanager
async def answering(
    *answers: bytes, settings: WyomingSettings = WHOLE
) -> AsyncIterator[WyomingEngine]:
    """Open an engine on a server that describes nothing and gives each text the next answer."""
    given = iter(answers)

    async def serve(stream: trio.SocketStream) -> None:
        reader = EventReader()
        with contextlib.suppress(trio.BrokenResourceError):
            while data := await stream.receive_some():
                for event in reader.push(bytes(data)):
                    if event.type in ("synthesize", "synthesize-stop"):
                        await stream.send_all(next(given))

    async with raw_server(serve) as port:
        url = f"tcp://127.0.0.1:{port}"
        async with open_engine(setup(attrs.evolve(settings, url=url))) as engine:
            yield engine


@contextlib.asynccontextmanager
async def raw_server(
    serve: Callable[[trio.SocketStream], Awaitable[None]],
) -> AsyncIterator[int]:
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(trio.serve_tcp, serve, 0)
            yield listeners[0].socket.getsockname()[1]
            nursery.cancel_scope.cancel()


def heard(pcm: bytes, voice: str = "", rate: int = RATE) -> str:
    letters = read_tone(pcm, rate)
    assert {each.owner for each in letters} <= {owner_of(voice)}
    return "".join(each.character for each in letters)


async def failure(engine: WyomingEngine, *clauses: str) -> tuple[EngineError, Recorder]:
    sink = Recorder()
    with pytest.raises(EngineError) as caught, trio.fail_after(10):
        await engine.synthesize(Clauses(*clauses or ("Hello.",)), sink, DEFAULT, RATE)
    return caught.value, sink


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is so that no event tells of."""
    with trio.fail_after(5):
        while True:
            if condition():
                return
            await trio.sleep(0.005)


async def learned(engine: WyomingEngine) -> None:
    """Wait until the engine knows its server."""
    await eventually(lambda: engine._info is not None)


@pytest.mark.parametrize("settings", [WHOLE, PIECES])
async def test_it_speaks_clause_by_clause_on_one_connection(settings: WyomingSettings) -> None:
    async with speaking(settings=settings) as (engine, service):
        await learned(engine)
        assert engine.name == "wyoming"
        assert engine.sample_rate_for(8000) == RATE
        sink = await say(engine, "One.", "Two, three. Four!", "Five")
        assert heard(sink.pcm).replace(" ", "") == "ONE.TWO,THREE.FOUR!FIVE"
        assert sink.spoken == [1, 2, 3]
        assert sink.spoken_at[-1] == len(sink.pcm)
        assert all(len(chunk) % 2 == 0 for chunk in sink.chunks)
        assert service.statistics().connections == 1
        assert service.statistics().utterances == (4 if settings is PIECES else 3)


async def test_pieces_are_sent_where_the_server_takes_them() -> None:
    auto = WyomingSettings()
    for faults, utterances in (((), 2), (("no-streaming",), 1)):
        async with speaking(*faults, settings=auto) as (engine, service):
            await learned(engine)
            await say(engine, "One. Two.")
            # Only a server that is given pieces looks for sentences itself.
            assert service.statistics().utterances == utterances
    async with speaking("no-info", settings=auto) as (engine, service):
        assert heard((await say(engine, "One.")).pcm) == "ONE."


async def test_no_clause_is_no_request() -> None:
    async with speaking() as (engine, service):
        assert (await say(engine)).chunks == []
        assert service.statistics().utterances == 0


@pytest.mark.parametrize(
    "fault",
    ["odd-chunks", "chunk-bytes=7", "wav-header", "no-start", "unknown-type", "no-info"],
)
@pytest.mark.parametrize("settings", [WHOLE, PIECES])
async def test_audio_of_any_shape_is_the_same_speech(fault: str, settings: WyomingSettings) -> None:
    async with speaking(fault, settings=settings) as (engine, _):
        assert heard((await say(engine, "Hello.")).pcm) == "HELLO."


@pytest.mark.parametrize("rate", [16000, 24000, 44100])
async def test_another_rate_is_converted(rate: int) -> None:
    async with speaking(f"rate={rate}", "odd-chunks") as (engine, _):
        sink = await say(engine, "Hello.", "All of you.")
        assert heard(sink.pcm) == "HELLO.ALL OF YOU."
        seconds = [at / 2 / RATE for at in sink.spoken_at]
        assert seconds == pytest.approx([6 * 0.07, 17 * 0.07], abs=0.001), "all of it, in its place"


@pytest.mark.parametrize("fault", ["stereo", "changed-format", "junk", "huge"])
async def test_what_is_no_audio_is_refused_not_played(fault: str) -> None:
    async with speaking(fault) as (engine, service):
        error, sink = await failure(engine)
        assert (error.kind, error.retryable) == (EngineFault.PROTOCOL, True)
        assert sink.chunks == []
        assert "\n" not in str(error)
        assert service.statistics().utterances == 1
        await eventually(lambda: service.statistics().active == 0)


@pytest.mark.parametrize(
    ("format_", "said"),
    [
        ({"rate": RATE, "width": 1, "channels": 1}, "1 bytes a sample"),
        ({"rate": RATE, "width": 4, "channels": 1}, "4 bytes a sample"),
        ({"rate": 300, "width": 2, "channels": 1}, "300 Hz"),
        ({"rate": 10**9, "width": 2, "channels": 1}, "1000000000 Hz"),
        ({"rate": "fast", "width": 2, "channels": 1}, "fast Hz"),
        ({}, "None Hz"),
    ],
)
async def test_formats_that_are_not_ours(format_: dict[str, object], said: str) -> None:
    for kind in ("audio-start", "audio-chunk"):
        async with answering(Event(kind, format_, bytes(100)).encode()) as engine:
            error, _ = await failure(engine)
            assert error.kind is EngineFault.PROTOCOL
            assert said in str(error)


async def test_a_wav_file_of_another_format_is_refused() -> None:
    head = struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", 0, b"WAVE", b"fmt ", 16, 1, 2, 44100, 0, 4, 16, b"data", 0),
    )
    format_ = {"rate": RATE, "width": 2, "channels": 1}
    async with answering(Event("audio-chunk", format_, head).encode()) as engine:
        error, _ = await failure(engine)
    assert "stereo, 44100 Hz" in str(error)


async def test_an_error_says_why_and_is_not_asked_for_again() -> None:
    async with speaking("refuse=503") as (engine, service):
        error, _ = await failure(engine)
        assert (error.kind, error.scope) == (EngineFault.UNAVAILABLE, FaultScope.UTTERANCE)
        assert "503: Refused on purpose" in str(error)
        assert service.statistics().utterances == 1
    for words, said in (({}, "does not say why"), ({"text": "a\nb"}, "failed: a b")):
        async with answering(Event("error", words).encode()) as engine:
            assert said in str((await failure(engine))[0])


async def test_silence_is_no_speech() -> None:
    async with speaking("empty") as (engine, _):
        error, sink = await failure(engine)
    assert (error.kind, error.retryable) == (EngineFault.EMPTY, True)
    assert sink.spoken == []


async def test_speech_without_end_is_cut() -> None:
    format_ = {"rate": RATE, "width": 2, "channels": 1}
    minutes = Event("audio-chunk", format_, bytes(4_000_000)).encode() * 3
    async with answering(minutes) as engine:
        error, sink = await failure(engine)
    assert "more than 180 s of audio" in str(error)
    assert len(sink.pcm) <= 180 * 2 * RATE


@pytest.mark.parametrize("fault", ["reset=0@#1", "close=0@#1"])
async def test_a_connection_that_died_before_any_audio_is_replaced_once(fault: str) -> None:
    async with speaking(fault) as (engine, service):
        sink = await say(engine, "Hello.")
        assert heard(sink.pcm) == "HELLO."
        assert service.statistics().utterances == 2
    async with speaking(fault.removesuffix("@#1")) as (engine, service):
        error, _ = await failure(engine)
        assert (error.kind, error.scope) == (EngineFault.UNAVAILABLE, FaultScope.CONNECTION)
        assert service.statistics().utterances == 2


@pytest.mark.parametrize("fault", ["reset=300", "close=300", "fail=300"])
async def test_cut_in_its_middle_it_is_an_error_and_not_said_twice(fault: str) -> None:
    async with speaking(f"{fault}@#2", chunk_ms=(50, 60)) as (engine, service):
        error, sink = await failure(engine, "One.", "Hello, hello, hello.", "Three.")
        assert error.kind is EngineFault.UNAVAILABLE
        said = heard(sink.pcm)
        assert "ONE.HELLO, HELLO, HELLO.".startswith(said)
        assert "ONE." in said
        assert sink.spoken == [1]
        assert service.statistics().utterances == 2


async def test_idle_connections_that_died_are_not_used() -> None:
    async with speaking("idle-close=0.05") as (engine, service):
        for _ in range(3):
            assert heard((await say(engine, "Hello.")).pcm) == "HELLO."
            await eventually(lambda: service._studio.open_connections == 0)
        assert service.statistics().utterances == 3, "nothing was sent into a dead connection"
        assert engine._pool.open_now == 1


async def test_idle_connections_grow_too_old() -> None:
    async with speaking(settings=attrs.evolve(WHOLE, keep_s=0)) as (engine, service):
        await learned(engine)
        for _ in range(3):
            await trio.sleep(0.01)
            await say(engine, "Hello.")
        assert engine._pool.opened == 4
        assert engine._pool.open_now == 1
        assert service.statistics().utterances == 3


async def test_a_connection_with_something_left_over_is_not_used_again() -> None:
    format_ = {"rate": RATE, "width": 2, "channels": 1}
    chunk = Event("audio-chunk", format_, bytes([1, 0]) * 500).encode()
    late = Event("audio-chunk", format_, bytes([9, 9]) * 500).encode()
    stop = Event("audio-stop").encode()
    for left in (late, late[:-7], late[:9]):
        async with answering(chunk + stop + left, chunk + stop) as engine:
            assert (await say(engine, "Hello.", "Again.")).pcm == bytes([1, 0]) * 1000


async def test_nobody_there_is_an_error_at_the_utterance_only() -> None:
    async with raw_server(lambda stream: stream.aclose()) as port:
        pass
    async with open_engine(setup(attrs.evolve(WHOLE, url=f"tcp://127.0.0.1:{port}"))) as engine:
        error, _ = await failure(engine)
        assert error.kind is EngineFault.UNAVAILABLE
        assert f"tcp://127.0.0.1:{port} cannot be reached: " in str(error)
        assert str(error).endswith("Connection refused")
        with pytest.raises(EngineError):
            await engine.voices()


async def test_who_does_not_answer_the_call_is_a_time_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection_module, "CONNECT_S", 0.05)

    async def never(host: str, port: int) -> trio.SocketStream:
        await trio.sleep_forever()
        raise AssertionError

    monkeypatch.setattr(trio, "open_tcp_stream", never)
    with pytest.raises(EngineError, match=r"within 0\.05 s") as caught:
        await WyomingPool("127.0.0.1", 1, 60).connect()
    assert caught.value.kind is EngineFault.TIMEOUT


@pytest.mark.parametrize("fault", ["silent", "stall=100", "no-done"])
async def test_a_server_that_says_nothing_can_be_left(fault: str) -> None:
    async with speaking(fault) as (engine, service):
        for _ in range(3):
            with trio.move_on_after(0.1) as patience:
                await say(engine, "Hello, hello.")
            assert patience.cancelled_caught
        await eventually(lambda: service.statistics().active == 0)
        assert engine._pool.open_now == engine._pool.idle


async def test_cancelled_it_stops_and_leaves_nothing_behind() -> None:
    settings = attrs.evolve(WHOLE, concurrency=2)
    async with speaking(settings=settings) as (engine, service):
        for _ in range(10):
            sink = Recorder(closed=True)
            async with trio.open_nursery() as nursery:
                clauses = Clauses(*["Hello, hello, hello, hello."] * 20)
                nursery.start_soon(engine.synthesize, clauses, sink, DEFAULT, RATE)
                await sink.offered.wait()
                nursery.cancel_scope.cancel()
            assert sink.chunks == []
        await eventually(lambda: service.statistics().active == 0)
        assert heard((await say(engine, "Hello.")).pcm) == "HELLO.", "no turn is lost"
        assert engine._pool.open_now == engine._pool.idle <= 3
    assert engine._pool.open_now == 0


async def test_a_slow_sink_holds_its_own_text_back_and_nobody_else() -> None:
    async with speaking() as (engine, service):
        sink = Recorder(closed=True)
        clauses = Clauses(*["Twenty letters here."] * 50)  # 1.4 s each
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, clauses, sink, DEFAULT, RATE)
            await sink.offered.wait()
            for _ in range(5):
                assert heard((await say(engine, "Hello.")).pcm) == "HELLO."
            assert clauses.taken == 1
            sink.gate.set()
        assert heard(sink.pcm) == "TWENTY LETTERS HERE." * 50
        assert service.statistics().utterances == 55


@pytest.mark.parametrize("settings", [WHOLE, PIECES])
async def test_a_slow_author_does_not_hold_audio_back(settings: WyomingSettings) -> None:
    async with speaking(settings=settings) as (engine, _):
        sink = Recorder()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, EndlessClauses("Hello."), sink, DEFAULT, RATE)
            await sink.told.wait()
            assert heard(sink.pcm) == "HELLO."
            nursery.cancel_scope.cancel()


async def test_many_at_once_are_never_mixed_and_wait_their_turn() -> None:
    settings = attrs.evolve(PIECES, concurrency=3)
    voices = tuple(f"voice{n}" for n in range(12))
    found: dict[str, str] = {}

    async with speaking("chunk-bytes=901", settings=settings, voices=voices) as (engine, service):

        async def one(voice: str) -> None:
            sink = await say(engine, f"I am {voice}.", "Bye.", choice=VoiceChoice(voice=voice))
            found[voice] = heard(sink.pcm, voice)

        async with trio.open_nursery() as nursery:
            for voice in voices:
                nursery.start_soon(one, voice)
        assert found == {voice: f"I AM {voice.upper()}.BYE." for voice in voices}
        assert service.statistics().peak_concurrency <= 3
        assert engine._pool.open_now <= 4


async def test_voices_are_the_servers() -> None:
    async with speaking() as (engine, service):
        voices = await engine.voices()
        assert [each.name for each in voices][:2] == ["en_US-lessac-medium", "en_GB-alba-medium"]
        assert voices[1].languages == ("en-GB",)
        await engine.voices()
        assert service.statistics().connections <= 2, "asked once, or once more by the warm-up"
        engine.check(DEFAULT)
        engine.check(VoiceChoice(voice="en_GB-alba-medium"))
        engine.check(VoiceChoice(language="de"))
        engine.check_text("हाँ", DEFAULT)
        with pytest.raises(ConfigError, match="did you mean en_GB-alba-medium"):
            engine.check(VoiceChoice(voice="en_GB-alba-low"))
        with pytest.raises(ConfigError, match="no voice of the language 'hi-IN'; there are: de-DE"):
            engine.check(VoiceChoice(language="hi-IN"))
        for language, name in (
            ("en-GB", "en_GB-alba-medium"),
            ("en-AU", "en_US-lessac-medium"),
            ("de", "de_DE-thorsten-medium"),
        ):
            sink = await say(engine, "Ja.", choice=VoiceChoice(language=language))
            assert heard(sink.pcm, name) == "JA."


async def test_before_it_is_known_every_choice_is_passed_on() -> None:
    async with open_engine(setup(attrs.evolve(WHOLE, url="tcp://127.0.0.1:1"))) as engine:
        engine.check(VoiceChoice(voice="any"))
        assert engine.recipe(VoiceChoice(voice="any")) == "tcp://127.0.0.1:1 name=any"
        assert engine.recipe(VoiceChoice(language="de")) == "tcp://127.0.0.1:1 language=de"
        assert engine.recipe(DEFAULT) == "tcp://127.0.0.1:1"
    own = attrs.evolve(WHOLE, voice="en", speaker="p225")
    async with open_engine(setup(own)) as engine:
        assert engine.recipe(DEFAULT) == "tcp://127.0.0.1:10200 name=en speaker=p225"
        assert engine.recipe(VoiceChoice(voice="x")).endswith(" name=x")


def test_what_a_server_says_of_itself_may_be_anything() -> None:
    for tts in (None, 7, [], [1], [{"voices": 3}], [{"voices": [None, {}, {"name": ""}]}]):
        info = read_info(Event("info", {"tts": tts}))
        assert list(info.voices) == []
        assert not info.streaming
        info.check(VoiceChoice(voice="any"))
    odd = {"name": "x", "languages": [1, ""], "description": 5}
    info = read_info(Event("info", {"tts": [{"voices": [odd]}, {"voices": [{"name": "y"}]}]}))
    assert [(each.name, each.languages, each.description) for each in info.voices] == [
        ("x", ("und",), ""),
        ("y", ("und",), ""),
    ]


async def test_a_server_that_starts_late_is_asked_again(
    autojump_clock: trio.testing.MockClock,
) -> None:
    tries = itertools.count()

    class Late(WyomingEngine):
        async def _describe(self) -> Any:
            await trio.lowlevel.checkpoint()
            if next(tries) < 80:
                raise EngineError("away", kind=EngineFault.UNAVAILABLE, retryable=True)
            self._info = read_info(Event("info"))

    await Late(WHOLE, WyomingPool("127.0.0.1", 1, 60)).learn()
    assert next(tries) == 81
    assert 600 < trio.current_time() < 80 * 30


async def test_a_server_that_does_not_describe_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DESCRIBE_S", 0.05)
    async with speaking("no-info") as (engine, _):
        with pytest.raises(EngineError, match=r"within 0\.05 s") as caught:
            await engine.voices()
        assert caught.value.kind is EngineFault.TIMEOUT
        await eventually(lambda: engine._pool.open_now == 0)


async def test_settings_that_are_wrong() -> None:
    for settings, problem in (
        (attrs.evolve(WHOLE, url="http://127.0.0.1"), "TRIOAUDIO_WYOMING_URL"),
        (attrs.evolve(WHOLE, streaming="maybe"), "TRIOAUDIO_WYOMING_STREAMING='maybe'"),
    ):
        with pytest.raises(ConfigError, match=problem):
            async with open_engine(setup(settings)):
                pytest.fail("it opened")
    with pytest.raises(TypeError):
        async with open_engine(setup(EngineSettings())):
            pytest.fail("it opened")


@pytest.mark.parametrize("streaming", ["yes", "no"])
async def test_the_librarys_own_server_is_understood(streaming: str) -> None:
    pytest.importorskip("wyoming")
    script = Path(__file__).with_name("wyoming_peer.py")
    command = [sys.executable, str(script), str(RATE), streaming]
    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            process: trio.Process = await nursery.start(
                partial(trio.run_process, command, stdout=subprocess.PIPE, check=False)
            )
            assert process.stdout is not None
            port = int(await process.stdout.receive_some())
            url = f"tcp://127.0.0.1:{port}"
            async with open_engine(setup(WyomingSettings(url=url))) as engine:
                (voice,) = await engine.voices()
                assert (voice.name, voice.languages) == ("en_US-own", ("en-US",))
                assert voice.description == "Its own voice"
                assert engine._streams() is (streaming == "yes")
                text = "Grüße, हाँ!\nEnd."
                sink = await say(engine, text, "Two.", choice=VoiceChoice(voice="en_US-own"))
                samples = struct.unpack(f"<{len(sink.pcm) // 2}H", sink.pcm)
                assert "".join(map(chr, samples[::200])) == f"{text}Two."
                assert sink.spoken == [1, 2]
            nursery.cancel_scope.cancel()
