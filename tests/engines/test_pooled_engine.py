"""What Rime, Sarvam and Smallest AI have in common, each against its simulated service."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from typing import TypeAlias

import attrs
import pytest
import trio

from engines.listening import DEFAULT, Clauses, EndlessClauses, Recorder, opened, say
from trioaudio.core.errors import ConfigError, EngineError, EngineFault
from trioaudio.core.secret import Secret
from trioaudio.engines._pooled_engine import PooledEngine
from trioaudio.simulators.services.service import OpenService, open_service
from trioaudio.simulators.services.studio import ServiceOptions
from trioaudio.simulators.services.tone import read_tone
from trioaudio.simulators.services.voice import VoiceKind

SERVICES = ("rime", "sarvam", "smallest")
WITH_WORDS = ("rime", "smallest")
KEY = "sk_a-long-enough-key"
FIRST, SECOND = "One, two.", "And three."
MORE = {"smallest": {"complete_backoff_ms": 1}}
Open: TypeAlias = Callable[..., AbstractAsyncContextManager[tuple[PooledEngine, OpenService]]]


@pytest.fixture(params=SERVICES)
def name(request: pytest.FixtureRequest) -> str:
    param: str = request.param
    return param


@pytest.fixture
def serve(name: str) -> Open:
    """Open a simulated service with faults, and an engine that is pointed at it."""

    @contextlib.asynccontextmanager
    async def serving(
        *faults: str, settings: dict[str, object] | None = None, **options: object
    ) -> AsyncIterator[tuple[PooledEngine, OpenService]]:
        quick = ServiceOptions(voice=VoiceKind.TONE, first_audio_ms=1, key=KEY, faults=faults)
        changed = attrs.evolve(quick, **options)  # type: ignore[arg-type]  # by name
        wanted: dict[str, object] = {"api_key": Secret(KEY), **MORE.get(name, {})}
        async with open_service(name, changed) as service:
            wanted["url"] = service.websocket_url
            async with opened(name, **(wanted | (settings or {}))) as engine:  # type: ignore[arg-type]
                assert isinstance(engine, PooledEngine)
                with trio.fail_after(20):
                    yield engine, service

    return serving


def heard(sink: Recorder, sample_rate: int = 8000) -> str:
    """Return the text of what was written; a clause begins on a sample, so each is read alone."""
    return "".join(each.character for each in read_tone(sink.pcm, sample_rate))


async def wait_until(condition: Callable[[], bool]) -> None:
    """Wait on real sockets for what must come about."""
    with trio.fail_after(10):
        while not condition():  # noqa: ASYNC110  what comes about is the other side's
            await trio.sleep(0.005)


async def failure(engine: PooledEngine, *clauses: str) -> EngineError:
    with pytest.raises(EngineError) as caught:
        await say(engine, *(clauses or (FIRST,)))
    return caught.value


@pytest.mark.parametrize("sample_rate", [8000, 16000])
async def test_it_speaks_clause_after_clause(serve: Open, sample_rate: int) -> None:
    async with serve() as (engine, service):
        sink = await say(engine, FIRST, SECOND, sample_rate=engine.sample_rate_for(sample_rate))
        assert heard(sink, sample_rate) == (FIRST + SECOND).upper()
        assert sink.spoken == [1, 2]
        assert sink.spoken_at == [len(FIRST) * 140 * sample_rate // 1000, len(sink.pcm)]
        assert service.statistics().characters == len(FIRST + SECOND)


async def test_words_are_timed_by_clause_and_by_all_audio(serve: Open, name: str) -> None:
    async with serve() as (engine, _):
        sink = await say(engine, "One two.", "Three.")
    told = [(word.clause, word.start, word.length) for word in sink.words]
    assert told == ([(0, 0, 3), (0, 4, 4), (1, 0, 6)] if name in WITH_WORDS else [])
    expected = [0.0, 4 * 70.0, 8 * 70.0] if name in WITH_WORDS else []
    assert [word.at_ms for word in sink.words] == pytest.approx(expected)


async def test_timings_that_do_not_come_are_not_missed(serve: Open) -> None:
    async with serve("no-timestamps") as (engine, _):
        sink = await say(engine, FIRST)
    assert heard(sink) == FIRST.upper()
    assert sink.words == []


async def test_sockets_are_warm_and_used_again(serve: Open) -> None:
    async with serve() as (engine, service):
        await wait_until(lambda: engine.statistics().free == 2)
        for _ in range(10):
            await say(engine, "Again.")
        assert service.statistics().connections <= 4
        assert engine.statistics().speaking == 0


async def test_a_wrong_key_is_told_once_and_not_shown(serve: Open) -> None:
    async with serve(settings={"api_key": Secret("sk_another-secret-key")}) as (engine, _):
        error = await failure(engine)
    assert error.kind is EngineFault.AUTH
    assert not error.retryable
    assert "another-secret" not in str(error)


async def test_a_missing_key_is_the_operators_error(name: str) -> None:
    with pytest.raises(ConfigError, match=f"TRIOAUDIO_{name.upper()}_API_KEY"):
        async with opened(name):
            pass


async def test_an_unknown_voice_fails_at_once(serve: Open) -> None:
    async with serve(voices=("nobody",)) as (engine, _):
        error = await failure(engine)
    assert error.kind is EngineFault.BAD_REQUEST
    assert not error.retryable


async def test_a_service_that_is_away_shows_at_the_utterance(name: str) -> None:
    async with opened(name, api_key=Secret(KEY), url="ws://127.0.0.1:1") as engine:
        with pytest.raises(EngineError) as caught:
            await say(engine, FIRST)
    assert caught.value.kind is EngineFault.UNAVAILABLE
    assert caught.value.retryable


@pytest.mark.parametrize("fault", ["odd-chunks", "chunk-bytes=333", "wav-header", "unknown-type"])
async def test_what_can_be_understood_is_spoken(serve: Open, fault: str) -> None:
    async with serve(fault) as (engine, _):
        sink = await say(engine, FIRST, SECOND)
    assert heard(sink) == (FIRST + SECOND).upper()


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("garbage", EngineFault.PROTOCOL),
        ("no-audio", EngineFault.EMPTY),
    ],
)
async def test_what_makes_no_sense_is_an_error(serve: Open, fault: str, kind: EngineFault) -> None:
    async with serve(fault) as (engine, _):
        assert (await failure(engine)).kind is kind


@pytest.mark.parametrize("fault", ["fail=300", "orphan-fail=300", "close=300", "reset=300"])
async def test_cut_in_its_middle_it_is_not_said_again(serve: Open, fault: str) -> None:
    async with serve(f"{fault}@#2") as (engine, service):
        sink = Recorder()
        with pytest.raises(EngineError) as caught:
            await engine.synthesize(Clauses(FIRST, SECOND, "Never said."), sink, DEFAULT, 8000)
        assert caught.value.kind is EngineFault.UNAVAILABLE
        assert caught.value.retryable
        assert heard(sink).startswith(FIRST.upper())
        assert len(sink.pcm) < len(FIRST + SECOND) * 1120
        assert sink.spoken == [1]
        assert service.statistics().utterances == 2
        assert heard(await say(engine, SECOND)) == SECOND.upper()


@pytest.mark.parametrize("fault", ["close=0", "reset=0"])
async def test_a_socket_that_dies_before_any_audio_is_replaced(serve: Open, fault: str) -> None:
    async with serve(f"{fault}@#1") as (engine, service):
        sink = await say(engine, FIRST, SECOND)
        assert heard(sink) == (FIRST + SECOND).upper()
        assert service.statistics().utterances == 3


@pytest.mark.parametrize("fault", ["close=0", "reset=0"])
async def test_it_is_replaced_once_only(serve: Open, fault: str) -> None:
    async with serve(fault) as (engine, service):
        assert (await failure(engine)).kind is EngineFault.UNAVAILABLE
        assert service.statistics().utterances == 2


async def test_warm_sockets_that_were_closed_cost_no_clause(serve: Open) -> None:
    async with serve("idle-close=0.05") as (engine, _):
        for _ in range(3):
            await trio.sleep(0.08)
            assert heard(await say(engine, FIRST)) == FIRST.upper()


async def test_a_socket_closed_after_each_clause_is_no_error(serve: Open) -> None:
    async with serve("close-after-end") as (engine, _):
        sink = await say(engine, *[FIRST] * 4)
    assert heard(sink) == (FIRST * 4).upper()


async def test_audio_after_the_end_is_heard_by_nobody(serve: Open) -> None:
    async with serve("late-audio") as (engine, _):
        for text in (FIRST, SECOND):
            await trio.sleep(0.05)
            assert heard(await say(engine, text)) == text.upper()


@pytest.mark.parametrize("fault", ["silent", "stall=300", "no-done"])
async def test_nothing_more_can_be_left(serve: Open, fault: str) -> None:
    """A chain above has the deadline; what was asked for is let go of at once."""
    async with serve(f"{fault}@#1") as (engine, _):
        with trio.move_on_after(0.15):
            await say(engine, FIRST)
        assert engine.statistics().speaking == 0
        assert heard(await say(engine, SECOND)) == SECOND.upper()


async def test_cancelled_it_leaves_at_once_and_hangs_up(serve: Open) -> None:
    async with serve(speed=1) as (engine, service):
        sink = Recorder()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, Clauses(FIRST * 10), sink, DEFAULT, 8000)
            await sink.offered.wait()
            nursery.cancel_scope.cancel()
        assert len(sink.chunks) <= 1
        assert engine.statistics().speaking == 0
        await wait_until(lambda: service.statistics().active == 0)


async def test_cancelled_between_clauses_it_keeps_the_socket(serve: Open) -> None:
    async with serve() as (engine, service):
        await wait_until(lambda: engine.statistics().free == 2)
        sink = Recorder()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, EndlessClauses(FIRST), sink, DEFAULT, 8000)
            await sink.told.wait()
            nursery.cancel_scope.cancel()
        assert heard(sink) == FIRST.upper()
        await wait_until(lambda: engine.statistics().free >= 2)
        assert service.statistics().connections == 3


async def test_a_slow_sink_holds_back_its_own_text_only(serve: Open) -> None:
    async with serve() as (engine, _):
        slow, clauses = Recorder(closed=True), Clauses(*[FIRST] * 20)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, clauses, slow, DEFAULT, 8000)
            await slow.offered.wait()
            assert heard(await say(engine, *[SECOND] * 5)) == (SECOND * 5).upper()
            assert clauses.taken < 5
            slow.gate.set()
        assert heard(slow) == (FIRST * 20).upper()


async def test_many_at_once_are_never_mixed_and_leave_nothing(serve: Open) -> None:
    sinks: dict[str, Recorder] = {}

    async with serve(settings={"concurrency": 5}) as (engine, service):

        async def speak(text: str) -> None:
            sinks[text] = await say(engine, text, FIRST)

        async with trio.open_nursery() as nursery:
            for n in range(20):
                nursery.start_soon(speak, f"Number {n}.")
        for text, sink in sinks.items():
            assert heard(sink) == (text + FIRST).upper()
        await wait_until(lambda: service.statistics().active == 0)
        assert service.statistics().peak_concurrency <= 5
        now = engine.statistics()
        assert (now.speaking, now.waiting) == (0, 0)
        assert now.sockets <= 5
    assert engine.statistics().sockets == 0


async def test_cancelling_many_leaves_nothing(serve: Open) -> None:
    async with serve(speed=2, settings={"concurrency": 4}) as (engine, service):
        for _ in range(5):
            with trio.move_on_after(0.03):
                async with trio.open_nursery() as nursery:
                    for _ in range(8):
                        nursery.start_soon(say, engine, FIRST * 5)
        await wait_until(lambda: service.statistics().active == 0)
        now = engine.statistics()
        assert (now.speaking, now.waiting) == (0, 0)
        await wait_until(lambda: engine.statistics().sockets <= 4)
        assert heard(await say(engine, SECOND)) == SECOND.upper()


async def test_it_says_what_shapes_its_sound_and_no_secret(serve: Open, name: str) -> None:
    async with serve() as (engine, _):
        assert engine.name == name
        recipe = engine.recipe(DEFAULT)
        assert recipe.startswith(f"{name} ")
        assert KEY not in recipe
        engine.check_text("Hello", DEFAULT)
        first, *others = await engine.voices()
        assert engine.recipe(attrs.evolve(DEFAULT, voice=first.name)) == recipe
        assert engine.recipe(attrs.evolve(DEFAULT, language="hi")) != recipe
        for voice in others:
            assert engine.recipe(attrs.evolve(DEFAULT, voice=voice.name)) != recipe
        for voice in (first, *others):
            for language in voice.languages:
                engine.check(attrs.evolve(DEFAULT, voice=voice.name, language=language))
