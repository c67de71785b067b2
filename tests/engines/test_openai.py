"""The OpenAI engine against a simulated service, over real sockets."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import attrs
import pytest
import trio

from engines.listening import DEFAULT, Clauses, EndlessClauses, Recorder, say, setup
from trioaudio.core.engine import Engine, EngineSettings, VoiceChoice
from trioaudio.core.errors import ConfigError, EngineError, EngineFault
from trioaudio.core.secret import Secret
from trioaudio.engines import load_engine
from trioaudio.engines import openai as module
from trioaudio.engines._openai_settings import OpenAiSettings
from trioaudio.engines.openai import OpenAiEngine, open_engine
from trioaudio.simulators.services.http import Exchange, Route, serve_http
from trioaudio.simulators.services.service import OpenService, open_service
from trioaudio.simulators.services.studio import ServiceOptions
from trioaudio.simulators.services.tone import owner_of, read_tone
from trioaudio.simulators.services.voice import VoiceKind

RATE = 24000
KEY = Secret("sk-very-secret")
LOCAL = OpenAiSettings(url="http://127.0.0.1:1", api_key=KEY, model="tts-1")


@contextlib.asynccontextmanager
async def speaking(
    *faults: str, settings: OpenAiSettings = LOCAL, **options: Any
) -> AsyncIterator[tuple[Engine, OpenService]]:
    """Open an engine on a simulated service; its utterances must be over at the end."""
    quick = ServiceOptions(voice=VoiceKind.TONE, first_audio_ms=1, faults=faults)
    behaviour = attrs.evolve(quick, **options)
    with trio.fail_after(20):
        async with open_service("openai", behaviour) as service:
            here = attrs.evolve(settings, url=service.http_url)
            async with open_engine(setup(here)) as engine:
                yield engine, service


@contextlib.asynccontextmanager
async def answering(
    answer: Callable[[Exchange], Awaitable[None]], settings: OpenAiSettings = LOCAL
) -> AsyncIterator[Engine]:
    """Open an engine on a service that gives the test's own answers."""
    routes = [
        Route("POST", "/v1/audio/speech", answer),
        Route("GET", "/v1/audio/voices", answer),
    ]

    async def serve(stream: trio.SocketStream) -> None:
        await serve_http(stream, routes)

    with trio.fail_after(20):
        async with trio.open_nursery() as nursery:
            listeners = await nursery.start(trio.serve_tcp, serve, 0)
            url = f"http://127.0.0.1:{listeners[0].socket.getsockname()[1]}"
            async with open_engine(setup(attrs.evolve(settings, url=url))) as engine:
                yield engine
            nursery.cancel_scope.cancel()


def heard(pcm: bytes, voice: str = "alloy") -> str:
    """Return what a tone says, all of it by one voice."""
    letters = read_tone(pcm, RATE)
    assert {each.owner for each in letters} <= {owner_of(voice)}
    return "".join(each.character for each in letters)


async def failure(engine: Engine, *clauses: str) -> tuple[EngineError, Recorder]:
    sink = Recorder()
    with pytest.raises(EngineError) as caught, trio.fail_after(10):
        await engine.synthesize(Clauses(*clauses or ("Hello.",)), sink, DEFAULT, RATE)
    assert KEY.get() not in str(caught.value)
    return caught.value, sink


async def test_it_speaks_clause_by_clause() -> None:
    async with speaking(key=KEY.get()) as (engine, service):
        assert engine.name == "openai"
        assert engine.sample_rate_for(8000) == RATE
        sink = await say(engine, "One.", "Two, three.")
        assert heard(sink.pcm) == "ONE.TWO, THREE."
        assert sink.spoken == [1, 2]
        assert sink.spoken_at[-1] == len(sink.pcm)
        assert all(len(chunk) % 2 == 0 for chunk in sink.chunks)
        assert service.statistics().utterances == 2
        assert service.statistics().connections == 1


async def test_no_clause_is_no_request() -> None:
    async with speaking() as (engine, service):
        assert (await say(engine)).chunks == []
        assert service.statistics().utterances == 0


async def test_the_request_says_what_is_set_and_no_more() -> None:
    seen: list[dict[str, object]] = []
    keys = []

    async def note(exchange: Exchange) -> None:
        seen.append(json.loads(exchange.request.body))
        keys.append(exchange.request.headers.get("authorization"))
        await exchange.respond(200, bytes(100))

    async with answering(note, OpenAiSettings(voice="af_bella")) as engine:
        await say(engine, "Hello.")
    rich = attrs.evolve(LOCAL, speed=1.5, instructions="Calmly.", response_format="wav")
    async with answering(note, rich) as engine:
        await say(engine, "Hello.", choice=VoiceChoice(voice="voice_1"))
    assert seen == [
        {"input": "Hello.", "voice": "af_bella", "response_format": "pcm"},
        {
            "model": "tts-1",
            "input": "Hello.",
            "voice": "voice_1",
            "response_format": "wav",
            "speed": 1.5,
            "instructions": "Calmly.",
        },
    ]
    assert keys == [None, f"Bearer {KEY.get()}"]


@pytest.mark.parametrize("fault", ["odd-chunks", "chunk-bytes=7", "wav-header"])
async def test_chunks_of_any_shape_are_the_same_speech(fault: str) -> None:
    async with speaking(fault) as (engine, _):
        assert heard((await say(engine, "Hello.")).pcm) == "HELLO."


async def test_wav_where_pcm_is_not_known() -> None:
    async with speaking(settings=attrs.evolve(LOCAL, response_format="wav")) as (engine, _):
        assert heard((await say(engine, "Hello.")).pcm) == "HELLO."


@pytest.mark.parametrize(
    ("options", "choice", "kind", "said"),
    [
        ({"key": "another"}, DEFAULT, EngineFault.AUTH, "Incorrect API key provided: sk***"),
        ({"voices": ("echo",)}, DEFAULT, EngineFault.BAD_REQUEST, "Available voices: echo"),
        ({"faults": ("refuse=402",)}, DEFAULT, EngineFault.QUOTA, "no credit left"),
        ({"faults": ("refuse=404",)}, DEFAULT, EngineFault.BAD_REQUEST, "status 404"),
        ({"faults": ("error-body",)}, DEFAULT, EngineFault.PROTOCOL, "Out of memory"),
        ({"faults": ("empty",)}, DEFAULT, EngineFault.EMPTY, "no audio"),
        ({"faults": ("wav-header", "chunk-bytes=9")}, DEFAULT, None, ""),
    ],
)
async def test_what_asking_again_does_not_help(
    options: dict[str, Any], choice: VoiceChoice, kind: EngineFault | None, said: str
) -> None:
    async with speaking(*options.pop("faults", ()), **options) as (engine, service):
        if kind is None:
            assert heard((await say(engine, "Hello.")).pcm) == "HELLO."
            return
        error, sink = await failure(engine)
        assert error.kind is kind
        assert said in str(error)
        assert sink.chunks == []
        statistics = service.statistics()
        assert statistics.utterances + sum(statistics.errors.values()) <= 2, "asked only once"
        assert statistics.active == 0


async def test_another_rate_is_named_not_played() -> None:
    settings = attrs.evolve(LOCAL, response_rate=22050)
    async with speaking("wav-header", settings=settings) as (engine, _):
        error, sink = await failure_at(engine, 22050)
        assert error.kind is EngineFault.PROTOCOL
        assert "24000 Hz" in str(error)
        assert "22050 Hz" in str(error)
        assert sink.chunks == []


async def failure_at(engine: Engine, rate: int) -> tuple[EngineError, Recorder]:
    sink = Recorder()
    assert engine.sample_rate_for(8000) == rate
    with pytest.raises(EngineError) as caught:
        await engine.synthesize(Clauses("Hello."), sink, DEFAULT, rate)
    return caught.value, sink


@pytest.mark.parametrize(
    ("faults", "least_s"),
    [
        (("refuse=429@#1", "retry-after=50@#1"), 0.05),
        (("refuse=503@#1", "retry-after=0@#1"), 0.0),
        (("refuse=500@#1",), 0.2),
        (("reset=0@#1",), 0.0),
        (("fail=0@#1", "retry-after=1@#1"), 0.0),
    ],
)
async def test_what_came_to_nothing_is_asked_for_once_more(
    faults: tuple[str, ...], least_s: float
) -> None:
    async with speaking(*faults) as (engine, service):
        begun = trio.current_time()
        sink = await say(engine, "Hello.")
        assert least_s <= trio.current_time() - begun < 2
        assert heard(sink.pcm) == "HELLO."
        assert sink.spoken == [1]
        assert service.statistics().utterances == 2


@pytest.mark.parametrize(
    ("faults", "kind", "asked"),
    [
        (("refuse=429", "retry-after=20"), EngineFault.RATE, 2),
        (("refuse=503", "retry-after=1"), EngineFault.UNAVAILABLE, 2),
        (("refuse=429", "retry-after=2000"), EngineFault.RATE, 1),
        (("reset=0",), EngineFault.UNAVAILABLE, 2),
    ],
)
async def test_but_not_twice_nor_later_than_a_callee_waits(
    faults: tuple[str, ...], kind: EngineFault, asked: int
) -> None:
    async with speaking(*faults) as (engine, service):
        begun = trio.current_time()
        error, _ = await failure(engine)
        assert (error.kind, error.retryable) == (kind, True)
        assert trio.current_time() - begun < 1
        assert service.statistics().utterances == asked


async def test_with_audio_still_unheard_there_is_more_patience() -> None:
    async with speaking("refuse=429@#2", "retry-after=600@#2") as (engine, service):
        sink = Recorder(closed=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(
                engine.synthesize, Clauses("One, two, three, four.", "Five."), sink, DEFAULT, RATE
            )
            await sink.offered.wait()
            await eventually(lambda: bool(service.statistics().errors))
            sink.gate.set()
        assert heard(sink.pcm) == "ONE, TWO, THREE, FOUR.FIVE."


@pytest.mark.parametrize("fault", ["reset=300", "fail=300"])
async def test_cut_in_its_middle_it_is_an_error_and_not_said_twice(fault: str) -> None:
    async with speaking(f"{fault}@#2", chunk_ms=(50, 60)) as (engine, service):
        error, sink = await failure(engine, "One.", "Hello, hello, hello.", "Three.")
        assert error.kind is EngineFault.UNAVAILABLE
        said = heard(sink.pcm)
        assert said.startswith("ONE.HEL"), "what came before the cut is delivered"
        assert "ONE.HELLO, HELLO, HELLO.".startswith(said)
        assert sink.spoken == [1]
        assert service.statistics().utterances == 2


async def test_nobody_there_is_an_error_at_the_utterance_only() -> None:
    async with open_engine(setup(LOCAL)) as engine:
        error, _ = await failure(engine)
    assert error.kind is EngineFault.UNAVAILABLE


@pytest.mark.parametrize("fault", ["silent", "stall=100"])
async def test_a_service_that_says_nothing_can_be_left(fault: str) -> None:
    async with speaking(fault) as (engine, service):
        for _ in range(3):
            with trio.move_on_after(0.1) as patience:
                await say(engine, "Hello, hello.")
            assert patience.cancelled_caught
        await wait_idle(service)


async def eventually(condition: Callable[[], bool]) -> None:
    """Wait until something is so that no event tells of."""
    with trio.fail_after(5):
        while True:
            if condition():
                return
            await trio.sleep(0.005)


async def wait_idle(service: OpenService) -> None:
    await eventually(lambda: service.statistics().active == 0)


async def test_cancelled_it_stops_and_leaves_nothing_behind() -> None:
    settings = attrs.evolve(LOCAL, concurrency=2)
    async with speaking(settings=settings) as (engine, service):
        for _ in range(10):
            sink = Recorder(closed=True)
            async with trio.open_nursery() as nursery:
                clauses = Clauses(*["Hello, hello, hello, hello."] * 20)
                nursery.start_soon(engine.synthesize, clauses, sink, DEFAULT, RATE)
                await sink.offered.wait()
                nursery.cancel_scope.cancel()
            assert sink.chunks == []
        await wait_idle(service)
        assert heard((await say(engine, "Hello.")).pcm) == "HELLO.", "no turn is lost"


async def test_a_slow_sink_holds_its_own_text_back_and_nobody_else() -> None:
    async with speaking() as (engine, service):
        sink = Recorder(closed=True)
        clauses = Clauses(*["Twenty letters here."] * 50)  # 1.4 s each
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, clauses, sink, DEFAULT, RATE)
            await sink.offered.wait()
            for _ in range(5):
                assert heard((await say(engine, "Hello.")).pcm) == "HELLO."
            assert clauses.taken == 2, "2 s are made ahead"
            assert service.statistics().utterances == 2 + 5
            sink.gate.set()
        assert heard(sink.pcm) == "TWENTY LETTERS HERE." * 50
        assert sink.spoken == list(range(1, 51))


async def test_a_body_without_end_is_held_back_by_tcp() -> None:
    sent = 0

    async def pour(exchange: Exchange) -> None:
        nonlocal sent
        await exchange.begin(200, content_type="audio/pcm")
        while True:
            await exchange.send(bytes(48_000))
            sent += 48_000

    async with answering(pour) as engine:
        sink = Recorder(closed=True)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, Clauses("Hello."), sink, DEFAULT, RATE)
            before = -1
            while before != sent:
                before = sent
                await trio.sleep(0.1)
            assert sent < 30_000_000, "the socket's own buffers at most"
            nursery.cancel_scope.cancel()
        error, sink = await failure(engine)
        assert error.kind is EngineFault.PROTOCOL
        assert "more than 180 s of audio for one clause" in str(error)
        assert len(sink.pcm) <= 180 * 48_000


async def test_a_slow_author_does_not_hold_audio_back() -> None:
    async with speaking() as (engine, _):
        sink = Recorder()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, EndlessClauses("Hello."), sink, DEFAULT, RATE)
            await sink.told.wait()
            assert heard(sink.pcm) == "HELLO."
            assert sink.spoken == [1]
            nursery.cancel_scope.cancel()


async def test_an_author_who_fails_is_heard_of() -> None:
    class Failing(Clauses):
        async def at_end(self) -> None:
            raise ZeroDivisionError

    async with speaking() as (engine, _):
        with pytest.raises(ZeroDivisionError):
            await engine.synthesize(Failing("Hello."), Recorder(), DEFAULT, RATE)


async def test_many_at_once_are_never_mixed_and_wait_their_turn() -> None:
    settings = attrs.evolve(LOCAL, concurrency=3)
    voices = [f"voice{n}" for n in range(12)]
    found: dict[str, str] = {}

    async with speaking("chunk-bytes=901", settings=settings) as (engine, service):

        async def one(voice: str) -> None:
            sink = await say(engine, f"I am {voice}.", "Bye.", choice=VoiceChoice(voice=voice))
            found[voice] = heard(sink.pcm, voice)

        async with trio.open_nursery() as nursery:
            for voice in voices:
                nursery.start_soon(one, voice)
        assert found == {voice: f"I AM {voice.upper()}.BYE." for voice in voices}
        assert service.statistics().peak_concurrency <= 3
        assert service.statistics().active == 0


async def test_the_voices_of_a_local_server_are_listed() -> None:
    async with speaking(voices=("af_bella", "alloy")) as (engine, _):
        assert [each.name for each in await engine.voices()] == ["alloy", "af_bella"]
        assert all(each.languages for each in await engine.voices())


@pytest.mark.parametrize(
    ("status", "body", "names"),
    [
        (404, "{}", ["alloy"]),
        (200, '[{"id": "a"}, {"name": "b"}, {"x": 1}, 7, "c"]', ["alloy", "a", "b", "c"]),
        (200, '{"data": [{"id": "a"}]}', ["alloy", "a"]),
        (200, '{"voices": 7}', ["alloy"]),
        (200, "7", ["alloy"]),
    ],
)
async def test_lists_of_voices_of_every_shape(status: int, body: str, names: list[str]) -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.respond(status, body)

    async with answering(answer) as engine:
        assert [each.name for each in await engine.voices()] == names


async def test_a_list_of_voices_that_is_none() -> None:
    async def answer(exchange: Exchange) -> None:
        await exchange.respond(200, "<html>")

    async with answering(answer) as engine:
        with pytest.raises(EngineError, match="no JSON") as caught:
            await engine.voices()
    assert caught.value.kind is EngineFault.PROTOCOL


async def test_the_recipe_tells_all_that_shapes_the_sound() -> None:
    recipes = set()
    for settings in (
        LOCAL,
        attrs.evolve(LOCAL, url="http://127.0.0.1:2"),
        attrs.evolve(LOCAL, model="tts-2"),
        attrs.evolve(LOCAL, voice="echo"),
        attrs.evolve(LOCAL, speed=2.0),
        attrs.evolve(LOCAL, instructions="Calmly."),
    ):
        async with open_engine(setup(settings)) as engine:
            engine.check(DEFAULT)
            engine.check_text("हाँ", DEFAULT)
            recipes.add(engine.recipe(DEFAULT))
            assert engine.recipe(DEFAULT) == engine.recipe(VoiceChoice(voice=settings.voice))
            assert KEY.get() not in engine.recipe(DEFAULT)
    assert len(recipes) == 6


async def test_openai_itself_needs_a_key_and_a_model() -> None:
    kind = load_engine("openai")
    assert isinstance(kind.settings, OpenAiSettings)
    vendor = kind.settings
    for settings, problem in (
        (vendor, "TRIOAUDIO_OPENAI_MODEL"),
        (attrs.evolve(vendor, model="m"), "TRIOAUDIO_OPENAI_API_KEY"),
        (attrs.evolve(vendor, model="m", api_key=Secret("a b")), "TRIOAUDIO_OPENAI_API_KEY"),
        (attrs.evolve(LOCAL, response_format="mp3"), "TRIOAUDIO_OPENAI_RESPONSE_FORMAT='mp3'"),
        (attrs.evolve(LOCAL, url="ws://127.0.0.1"), "TRIOAUDIO_OPENAI_URL"),
        (attrs.evolve(LOCAL, url="https://127.0.0.1"), "TLS CA file"),
    ):
        with pytest.raises(ConfigError, match=problem):
            async with kind.open(setup(settings, ca_file="no/such/file.pem")):
                pytest.fail("it opened")
    with pytest.raises(TypeError):
        async with kind.open(setup(EngineSettings())):
            pytest.fail("it opened")


class NoNetwork:
    """An HTTP client that is asked for nothing but to be warm."""

    def __init__(self) -> None:
        self.times: list[float] = []

    async def warm(self, path: str) -> None:
        await trio.lowlevel.checkpoint()
        self.times.append(trio.current_time())


async def test_openai_itself_has_known_voices_and_the_customers_own() -> None:
    vendor = OpenAiSettings(model="m", api_key=KEY, voice="voice_1234")
    engine = OpenAiEngine(vendor, NoNetwork())  # type: ignore[arg-type]  # a fake of one method
    names = [each.name for each in await engine.voices()]
    assert names[:2] == ["voice_1234", "alloy"]
    assert '"voice": {"id": "voice_1234"}' in engine.recipe(DEFAULT)
    assert '"voice": "alloy"' in engine.recipe(VoiceChoice(voice="alloy"))


async def test_a_warm_connection_is_kept_warm(autojump_clock: trio.testing.MockClock) -> None:
    http = NoNetwork()
    engine = OpenAiEngine(LOCAL, http)  # type: ignore[arg-type]  # a fake of one method
    with trio.move_on_after(3 * module.KEEP_WARM_S + 1):
        await engine.keep_warm()
    assert [each - http.times[0] for each in http.times] == [
        n * module.KEEP_WARM_S for n in range(4)
    ]
