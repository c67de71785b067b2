"""ElevenLabs against its simulated service, over real sockets."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from engines.listening import (
    DEFAULT,
    SENTENCE,
    Clauses,
    EndlessClauses,
    Recorder,
    ignore,
    say,
    setup,
)
from trioaudio.core.engine import EngineSettings, VoiceChoice
from trioaudio.core.errors import ConfigError, EngineError, EngineFault
from trioaudio.core.secret import Secret
from trioaudio.engines._elevenlabs_settings import ElevenLabsSettings
from trioaudio.engines.elevenlabs import ENGINE, ElevenLabsEngine, open_engine
from trioaudio.simulators.services.service import OpenService, open_service
from trioaudio.simulators.services.studio import ServiceOptions
from trioaudio.simulators.services.tone import read_tone
from trioaudio.simulators.services.voice import VoiceKind

KEY = "key-of-eleven"
RATE = 8000


def settings(service: OpenService, **changes: object) -> ElevenLabsSettings:
    values = {"url": service.websocket_url, "api_key": Secret(KEY), **changes}
    return ElevenLabsSettings(**values)  # type: ignore[arg-type]  # by name


@contextlib.asynccontextmanager
async def speaking(
    *faults: str, options: dict[str, object] | None = None, **changes: object
) -> AsyncIterator[tuple[ElevenLabsEngine, OpenService]]:
    """Hold an engine and its simulated service, which speaks in tones."""
    wanted = {"voice": VoiceKind.TONE, "key": KEY, "first_audio_ms": 5, **(options or {})}
    simulated = ServiceOptions(faults=faults, **wanted)  # type: ignore[arg-type]  # by name
    with trio.fail_after(30):
        async with (
            open_service("elevenlabs", simulated) as service,
            open_engine(setup(settings(service, **changes))) as engine,
        ):
            yield engine, service


def heard(sink: Recorder) -> str:
    return "".join(each.character for each in read_tone(sink.pcm, RATE))


def owners(sink: Recorder) -> set[int]:
    return {each.owner for each in read_tone(sink.pcm, RATE)}


async def fails(engine: ElevenLabsEngine, *clauses: str) -> EngineError:
    with pytest.raises(EngineError) as caught:
        await say(engine, *(clauses or (SENTENCE,)))
    return caught.value


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what the far end of a real socket does in its own time."""
    while not holds():  # noqa: ASYNC110  nobody tells of it
        await trio.sleep(0.01)


async def wait_empty(engine: ElevenLabsEngine, service: OpenService) -> None:
    """Wait until nobody is seated or waits, and the service speaks no more."""
    await until(lambda: engine.statistics().seated + engine.statistics().waiting == 0)
    await until(lambda: service.statistics().active == 0)


async def test_clauses_are_spoken_in_order_and_told_when_all_their_audio_is_written() -> None:
    async with speaking() as (engine, service):
        sink = await say(engine, "Hello there.", "How are you?")
        assert heard(sink) == "HELLO THERE.HOW ARE YOU?"
        assert sink.spoken == [1, 2]
        assert sink.spoken_at[1] == len(sink.pcm)
        assert [(each.clause, each.start, each.length) for each in sink.words] == [
            *((0, 0, 5), (0, 6, 6)),
            *((1, 0, 3), (1, 4, 3), (1, 8, 4)),
        ]
        expected = [0, 420, 840, 1120, 1400]  # a letter is 70 ms, and may be cut by a chunk
        assert all(abs(each.at_ms - at) < 75 for each, at in zip(sink.words, expected, strict=True))
        assert service.statistics().utterances == 1
        assert engine.statistics().seated == 0


async def test_sixteen_kilohertz_are_asked_for_and_unheard_of_rates_approached() -> None:
    async with speaking() as (engine, _):
        assert engine.sample_rate_for(8000) == 8000
        assert engine.sample_rate_for(11025) == 8000
        sink = await say(engine, "Hello.", sample_rate=16000)
        assert "".join(each.character for each in read_tone(sink.pcm, 16000)) == "HELLO."


async def test_a_clause_is_spoken_while_its_author_thinks_of_the_next() -> None:
    async with speaking() as (engine, _):
        sink = Recorder()
        async with trio.open_nursery() as nursery:
            clauses = EndlessClauses("Hello there.")
            nursery.start_soon(engine.synthesize, clauses, sink, DEFAULT, RATE)
            await sink.told.wait()
            assert heard(sink) == "HELLO THERE."
            assert sink.spoken == [1]
            nursery.cancel_scope.cancel()


async def test_no_clauses_are_no_audio_and_no_context() -> None:
    async with speaking() as (engine, service):
        assert (await say(engine)).chunks == []
        assert service.statistics().utterances == 0


async def test_a_slow_sink_holds_the_text_back_and_nobody_else() -> None:
    async with speaking() as (engine, _):
        sink = Recorder(closed=True)
        clauses = Clauses(*[SENTENCE] * 100)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, clauses, sink, DEFAULT, RATE)
            await sink.offered.wait()
            for _ in range(3):
                assert heard(await say(engine, "Hello.")) == "HELLO."
            assert clauses.taken <= 3
            nursery.cancel_scope.cancel()


async def test_many_utterances_at_once_are_never_mixed_nor_more_than_five_on_a_socket() -> None:
    async with speaking(concurrency=20) as (engine, service):
        sinks = {n: Recorder() for n in range(20)}
        async with trio.open_nursery() as nursery:
            for n, sink in sinks.items():
                clauses = Clauses(f"Caller {n} is here.", f"Now {n} goes.")
                nursery.start_soon(engine.synthesize, clauses, sink, DEFAULT, RATE)
        for n, sink in sinks.items():
            assert heard(sink) == f"CALLER {n} IS HERE.NOW {n} GOES."
            assert len(owners(sink)) == 1
        await wait_empty(engine, service)
        done = service.statistics()
        assert done.errors == {}
        assert done.connections >= 4


async def test_no_more_than_the_plan_allows_speak_at_once() -> None:
    async with speaking(concurrency=2, options={"concurrency": 2}) as (engine, service):
        async with trio.open_nursery() as nursery:
            for n in range(8):
                nursery.start_soon(say, engine, f"Number {n}.")
        assert service.statistics().errors == {}
        assert service.statistics().peak_concurrency == 2


async def test_who_waits_takes_turns_in_the_order_they_came() -> None:
    async with speaking(concurrency=1) as (engine, _):
        order: list[int] = []

        async def speak(n: int) -> None:
            await say(engine, f"Number {n}.")
            order.append(n)

        async with trio.open_nursery() as nursery:
            for n in range(6):
                nursery.start_soon(speak, n)
                await wait_all_tasks_blocked()
        assert order == list(range(6))


async def test_cancelled_it_stops_at_once_and_the_service_is_told() -> None:
    async with speaking("close-at-once", options={"speed": 1}) as (engine, service):
        sink = Recorder()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, Clauses(SENTENCE * 3), sink, DEFAULT, RATE)
            await sink.offered.wait()
            nursery.cancel_scope.cancel()
        assert len(sink.chunks) <= 1
        await until(lambda: service.statistics().active == 0)
        assert service.statistics().cancelled == 1
        assert heard(await say(engine, "Hello.")) == "HELLO."


async def test_closed_contexts_count_until_they_are_final() -> None:
    """Barge-ins in a row must not open a sixth context on a socket."""
    async with speaking(options={"speed": 2}, concurrency=20) as (engine, service):
        for _ in range(12):
            sink = Recorder()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(engine.synthesize, Clauses(SENTENCE * 2), sink, DEFAULT, RATE)
                await sink.offered.wait()
                nursery.cancel_scope.cancel()
        assert heard(await say(engine, "Hello.")) == "HELLO."
        assert service.statistics().errors == {}
        assert service.statistics().connections >= 3


async def test_a_context_that_is_never_final_costs_its_socket_but_no_utterance() -> None:
    async with speaking("no-done@#1", closing_s=0.5, settle_ms=200) as (engine, service):
        assert heard(await say(engine, "Hello.")) == "HELLO."
        await until(lambda: service.statistics().connections == 2)
        assert heard(await say(engine, "Again.")) == "AGAIN."


async def test_a_context_that_waits_for_its_author_is_kept_alive() -> None:
    """The service closes after a second without a word from us."""
    async with speaking("idle-close=1.2", keepalive_s=0.5) as (engine, service):
        sink = Recorder()
        more = trio.Event()

        class Thinking(Clauses):
            async def at_end(self) -> None:
                await more.wait()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, Thinking("Hello."), sink, DEFAULT, RATE)
            await sink.told.wait()
            before = service.statistics().connections
            await trio.sleep(2.5)
            assert service.statistics().errors == {}
            assert service.statistics().connections == before
            more.set()
        assert heard(sink) == "HELLO."


async def test_an_idle_socket_is_renewed_before_the_service_closes_it() -> None:
    async with speaking(inactivity_timeout_s=5) as (engine, _):
        assert engine._settings.idle_s == 4  # four fifths of what the service waits


@pytest.mark.parametrize(
    "fault",
    [
        *("other-spelling", "normalized-only", "absolute-times", "early-alignment"),
        *("no-context-id", "stray-context", "unknown-message", "no-timestamps"),
        *("odd-chunks", "chunk-bytes=1", "wav-header", "no-done", "early-final"),
    ],
)
async def test_whatever_spelling_and_order_the_audio_is_whole(fault: str) -> None:
    texts = ["Hello there.", "Good day."] if fault != "chunk-bytes=1" else ["Hi.", "Ho."]
    async with speaking(fault, settle_ms=300) as (engine, _):
        sink = await say(engine, *texts)
        assert heard(sink) == "".join(texts).upper()
        assert sink.spoken[-1] == 2
        if fault in ("other-spelling", "normalized-only", "absolute-times", "early-alignment"):
            assert [each.start for each in sink.words][:2] == [0, 6]
            assert len(sink.words) == 4


async def test_without_alignments_a_clause_is_told_after_a_pause() -> None:
    async with speaking("no-timestamps", settle_ms=300) as (engine, _):
        sink = Recorder()
        async with trio.open_nursery() as nursery:
            clauses = EndlessClauses("Hello there.")
            nursery.start_soon(engine.synthesize, clauses, sink, DEFAULT, RATE)
            await sink.told.wait()
            assert heard(sink) == "HELLO THERE."
            nursery.cancel_scope.cancel()


async def test_a_stall_in_a_known_clause_is_not_taken_for_its_end() -> None:
    async with speaking("stall=300", settle_ms=200) as (engine, _):
        sink = Recorder()
        with trio.move_on_after(1.5) as patience:
            await engine.synthesize(Clauses(SENTENCE), sink, DEFAULT, RATE)
        assert patience.cancelled_caught
        assert sink.chunks
        assert sink.spoken == []


@pytest.mark.parametrize(
    ("status", "kind", "retryable"),
    [
        (401, EngineFault.AUTH, False),
        (402, EngineFault.QUOTA, False),
        (404, EngineFault.BAD_REQUEST, False),
        (429, EngineFault.RATE, True),
        (503, EngineFault.UNAVAILABLE, True),
    ],
)
async def test_a_refused_context_fails_its_utterance_alone(
    status: int, kind: EngineFault, retryable: bool
) -> None:
    async with speaking(f"refuse={status}@#1") as (engine, service):
        error = await fails(engine)
        assert (error.kind, error.retryable) == (kind, retryable)
        assert heard(await say(engine, "Hello.")) == "HELLO."
        assert service.statistics().connections == 1


async def test_an_error_without_a_context_ends_all_that_have_been_heard_on_its_socket() -> None:
    async with speaking("orphan-fail=300@#2", options={"speed": 4}) as (engine, _):
        errors: list[EngineError] = []

        async def speak() -> None:
            try:
                await say(engine, SENTENCE)
            except EngineError as exc:
                errors.append(exc)

        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(speak)
        assert len(errors) == 3
        assert {each.kind for each in errors} == {EngineFault.UNAVAILABLE}
        assert heard(await say(engine, "Hello.")) == "HELLO."


@pytest.mark.parametrize("fault", ["reset=0@#1", "close=0@#1"])
async def test_a_socket_lost_before_any_audio_is_replaced_once(fault: str) -> None:
    async with speaking(fault) as (engine, service):
        sink = await say(engine, "Hello there.", "Good day.")
        assert heard(sink) == "HELLO THERE.GOOD DAY."
        assert service.statistics().connections == 2


@pytest.mark.parametrize("fault", ["reset=0", "close=0"])
async def test_a_socket_lost_twice_is_an_error(fault: str) -> None:
    async with speaking(fault) as (engine, _):
        error = await fails(engine)
        assert (error.kind, error.retryable) == (EngineFault.UNAVAILABLE, True)


@pytest.mark.parametrize("fault", ["reset=300@#1", "close=300@#1", "fail=300@#1"])
async def test_what_breaks_in_the_middle_is_an_error_after_what_was_heard(fault: str) -> None:
    async with speaking(fault, options={"speed": 20}) as (engine, _):
        sink = Recorder()
        with pytest.raises(EngineError) as caught:
            await engine.synthesize(Clauses(SENTENCE), sink, DEFAULT, RATE)
        assert caught.value.retryable
        assert sink.spoken == []
        if not fault.startswith("reset"):  # what was under way is lost with a reset
            assert len(sink.pcm) >= 300 * 2 * RATE / 1000
        assert heard(await say(engine, "Hello.")) == "HELLO."


async def test_a_service_that_says_nothing_can_be_left_and_its_socket_is_not_used_again() -> None:
    async with speaking("silent@#1", first_audio_ms=200) as (engine, service):
        with trio.move_on_after(0.4) as patience:
            await say(engine, SENTENCE)
        assert patience.cancelled_caught
        assert heard(await say(engine, "Hello.")) == "HELLO."
        assert service.statistics().connections >= 2


async def test_a_wrong_key_is_told_without_the_key() -> None:
    async with speaking(options={"key": "another"}) as (engine, _):
        error = await fails(engine)
        assert error.kind is EngineFault.AUTH
        assert KEY not in str(error)


async def test_an_unknown_voice_and_an_unknown_model_are_told() -> None:
    async with speaking(options={"voices": ("JBFqnCBsd6RMkjVDRZzb",)}) as (engine, _):
        with pytest.raises(EngineError) as caught:
            await say(engine, SENTENCE, choice=VoiceChoice(voice="Nobody"))
        assert caught.value.kind is EngineFault.BAD_REQUEST
        assert heard(await say(engine, "Hello.")) == "HELLO."
    async with speaking(model="eleven_unknown") as (engine, _):
        assert (await fails(engine)).kind is EngineFault.BAD_REQUEST


async def test_a_service_that_cannot_be_reached_is_told_at_the_utterance() -> None:
    async with speaking(url="ws://127.0.0.1:9") as (engine, _):
        error = await fails(engine)
        assert error.kind is EngineFault.UNAVAILABLE
        assert "127.0.0.1:9" in str(error)


async def test_nothing_is_left_after_many_utterances_however_they_end() -> None:
    async with speaking("fail=100@1/3", "reset=100@1/7", concurrency=6) as (engine, service):

        async def speak(n: int) -> None:
            with contextlib.suppress(EngineError), trio.move_on_after(0.05 + n % 5 / 20):
                await say(engine, f"Number {n}.", SENTENCE)

        async with trio.open_nursery() as nursery:
            for n in range(40):
                nursery.start_soon(speak, n)
        await wait_empty(engine, service)
        assert engine.statistics().unsent == 0


async def test_voices_are_listed_and_a_wrong_key_is_told() -> None:
    async with speaking() as (engine, _):
        voices = await engine.voices()
        assert "JBFqnCBsd6RMkjVDRZzb" in [each.name for each in voices]
        assert voices[0].languages == ("en",)
        for each in voices:
            engine.check(VoiceChoice(voice=each.name))
    async with speaking(options={"key": "another"}) as (engine, _):
        with pytest.raises(EngineError) as caught:
            await engine.voices()
        assert caught.value.kind is EngineFault.AUTH


async def test_a_prompt_is_rendered_by_http() -> None:
    async with speaking() as (engine, _):
        pcm = await engine.render("Hello there. Good day.", DEFAULT, RATE)
        assert "".join(each.character for each in read_tone(pcm, RATE)).startswith("HELLO THERE.")


async def test_what_is_set_of_the_voice_shapes_the_recipe_and_nothing_else_does() -> None:
    async with speaking() as (engine, service):
        plain = engine.recipe(DEFAULT)
        assert plain != engine.recipe(VoiceChoice(voice="Other"))
        assert plain != engine.recipe(VoiceChoice(language="ta"))
        assert KEY not in plain
        shaped = settings(service, speed=1.1, use_speaker_boost=True, chunk_length_schedule="50,90")
        assert shaped.opening() == {
            "voice_settings": {"speed": 1.1, "use_speaker_boost": True},
            "generation_config": {"chunk_length_schedule": [50, 90]},
        }
        async with open_engine(setup(shaped)) as other:
            assert other.recipe(DEFAULT) != plain
            assert heard(await say(other, "Hello.")) == "HELLO."


def test_a_language_is_sent_only_to_models_that_take_one() -> None:
    takes = ElevenLabsSettings(language="ta")
    assert takes.language_code(None) == "ta"
    assert takes.language_code("en-US") == "en"
    assert ElevenLabsSettings(model="eleven_multilingual_v2").language_code("en") is None
    assert ElevenLabsSettings().language_code(None) is None


@pytest.mark.parametrize("schedule", ["fast", "10", "50,501"])
async def test_a_wrong_schedule_is_the_operators_error(schedule: str) -> None:
    wrong = ElevenLabsSettings(api_key=Secret(KEY), chunk_length_schedule=schedule)
    with pytest.raises(ConfigError, match="CHUNK_LENGTH_SCHEDULE"):
        async with open_engine(setup(wrong)):
            pass


async def test_what_cannot_work_is_told_when_it_is_opened() -> None:
    for wrong, words in (
        (ElevenLabsSettings(), "needs a key"),
        (ElevenLabsSettings(api_key=Secret(KEY), voice="no such voice"), "no voice"),
        (ElevenLabsSettings(api_key=Secret(KEY), url="https://x"), "no wss or ws URL"),
        (EngineSettings(), "another engine"),
    ):
        with pytest.raises(ConfigError, match=words):
            async with open_engine(setup(wrong, tell=ignore)):
                pass
    assert isinstance(ENGINE.settings, ElevenLabsSettings)
    assert ENGINE.settings.url.startswith("wss://")
