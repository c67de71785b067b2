"""The engine against a simulated Cartesia over real sockets, with everything that goes wrong."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import attrs
import pytest
import trio

from engines.listening import DEFAULT, SENTENCE, Clauses, EndlessClauses, Recorder, say, setup
from trioaudio.core.engine import Renders, Voice, VoiceChoice, WordTiming
from trioaudio.core.errors import ConfigError, EngineError, EngineFault
from trioaudio.core.secret import Secret
from trioaudio.engines import load_engine
from trioaudio.engines._cartesia_settings import CartesiaSettings
from trioaudio.engines.cartesia import CartesiaEngine, open_engine
from trioaudio.simulators.services.service import OpenService, open_service
from trioaudio.simulators.services.studio import ServiceOptions
from trioaudio.simulators.services.tone import read_tone
from trioaudio.simulators.services.voice import VoiceKind

KEY = "sk-not-to-be-seen"
MS = 16
"""Bytes of a millisecond at 8 kHz."""


@attrs.frozen
class Scene:
    """An engine, and the service it speaks with."""

    engine: CartesiaEngine
    service: OpenService


@contextlib.asynccontextmanager
async def scene(
    *faults: str,
    options: ServiceOptions | None = None,
    settings: CartesiaSettings | None = None,
) -> AsyncIterator[Scene]:
    options = attrs.evolve(
        options or ServiceOptions(first_audio_ms=5), voice=VoiceKind.TONE, faults=faults
    )
    settings = settings or CartesiaSettings()
    async with open_service("cartesia", options) as service:
        settings = attrs.evolve(settings, url=service.websocket_url, api_key=Secret(KEY))
        async with open_engine(setup(settings)) as engine:
            yield Scene(engine, service)


def heard(pcm: bytes, sample_rate: int = 8000) -> str:
    return "".join(each.character for each in read_tone(pcm, sample_rate))


def voices_in(pcm: bytes) -> int:
    """Return how many contexts can be told apart in what was heard."""
    return len({each.owner for each in read_tone(pcm, 8000)})


async def check_nothing_is_left(engine: CartesiaEngine, *, within_s: float = 5) -> None:
    with trio.fail_after(within_s):
        while engine.statistics().leases.active or engine.statistics().pool.cancelled:  # noqa: ASYNC110  # counts tell nobody that they change
            await trio.sleep(0.02)
    statistics = engine.statistics()
    assert statistics.utterances == statistics.unwritten_bytes == 0
    assert statistics.pool.contexts == statistics.pool.unsent == statistics.leases.waiting == 0


@pytest.mark.parametrize("sample_rate", [8000, 16000])
async def test_it_speaks_natively_at_telephone_rates(sample_rate: int) -> None:
    async with scene() as on:
        sink = await say(on.engine, "Hello there.", "How are you?", sample_rate=sample_rate)
        assert heard(sink.pcm, sample_rate) == "HELLO THERE. HOW ARE YOU? "
        assert voices_in(sink.pcm) == 1 or sample_rate == 16000
        assert sink.spoken == [1, 2]
        assert [(word.clause, word.start, word.length) for word in sink.words] == [
            (0, 0, 5),
            (0, 6, 5),
            (1, 0, 3),
            (1, 4, 3),
            (1, 8, 3),
        ]
        assert sink.words[2] == WordTiming(1, 0, 3, 13 * 70)
        await check_nothing_is_left(on.engine)
        load = on.engine.load()
        assert (load.speaking, load.waiting, load.most) == (0, 0, CartesiaSettings().concurrency)
        assert load.open + load.opening >= 1
        assert on.service.statistics().connections == 1


@pytest.mark.parametrize(
    "fault",
    [
        *("odd-chunks", "chunk-bytes=333", "wav-header", "unknown-type", "garbage"),
        *("phonemes-unasked", "empty-flush-data", "stray-context", "no-timestamps"),
        *("refuse=429@#1", "orphan-refuse=429@#1", "refuse=503@#1", "orphan-refuse=503@#1"),
        *("reset=0@#1", "close=0@#1", "cancel-no-done", "legacy-errors"),
    ],
)
async def test_what_can_be_borne_is_not_heard(fault: str) -> None:
    async with scene(fault) as on:
        sink = await say(on.engine, "Hello there.", "How are you?")
        assert heard(sink.pcm) == "HELLO THERE. HOW ARE YOU? "
        assert sink.spoken == [1, 2]
        assert bool(sink.words) == (fault != "no-timestamps")
        await check_nothing_is_left(on.engine)


async def test_a_done_that_is_missing_costs_a_second_and_a_lease_for_a_while() -> None:
    async with scene("no-done", settings=CartesiaSettings(cancel_grace_s=0.3)) as on:
        assert heard((await say(on.engine, "Hello.")).pcm) == "HELLO. "
        await check_nothing_is_left(on.engine)


@pytest.mark.parametrize(
    ("fault", "kind", "words"),
    [
        ("refuse=400", EngineFault.BAD_REQUEST, "400"),
        ("refuse=402", EngineFault.QUOTA, "no credit"),
        ("refuse=503", EngineFault.UNAVAILABLE, "503"),
        ("legacy-errors", EngineFault.UNAVAILABLE, "on purpose"),
        ("fail=300", EngineFault.UNAVAILABLE, "on purpose"),
        ("orphan-fail=300", EngineFault.UNAVAILABLE, "on purpose"),
        ("reset=300", EngineFault.UNAVAILABLE, "lost"),
        ("close=300", EngineFault.UNAVAILABLE, "code 1000"),
        ("reset=0", EngineFault.UNAVAILABLE, "lost"),
        ("upgrade-status=401", EngineFault.AUTH, "check its key"),
        ("upgrade-status=429", EngineFault.RATE, "429"),
        ("upgrade-status=500", EngineFault.UNAVAILABLE, "500"),
    ],
)
async def test_what_cannot_is_an_error_at_once(fault: str, kind: EngineFault, words: str) -> None:
    faults = [fault, "fail=300"] if fault == "legacy-errors" else [fault]
    async with scene(*faults) as on:
        with pytest.raises(EngineError, match=words) as caught:
            await say(on.engine, SENTENCE)
        assert caught.value.kind is kind
        assert KEY not in str(caught.value)
        await check_nothing_is_left(on.engine)


async def test_a_wrong_key_is_told_and_not_shown() -> None:
    async with scene(options=ServiceOptions(key="another")) as on:
        with pytest.raises(EngineError, match="check its key") as caught:
            await say(on.engine, SENTENCE)
        assert caught.value.kind is EngineFault.AUTH
        assert not caught.value.retryable
        assert isinstance(on.engine, Renders)
        with pytest.raises(EngineError, match="check its key") as caught_too:
            await on.engine.render(SENTENCE, DEFAULT, 8000)
        for each in (caught, caught_too):
            assert KEY not in str(each.value) + repr(each.value)
        assert KEY not in repr(on.engine.statistics())
        await check_nothing_is_left(on.engine)


async def test_an_unknown_voice_or_model_is_one_utterances_error() -> None:
    async with scene(options=ServiceOptions(voices=("v1", CartesiaSettings().voice or ""))) as on:
        with pytest.raises(EngineError, match="no voice has the id 'v2'") as caught:
            await say(on.engine, "Hello.", choice=VoiceChoice(voice="v2"))
        assert caught.value.kind is EngineFault.BAD_REQUEST
        assert heard((await say(on.engine, "Hello.", choice=VoiceChoice(voice="v1"))).pcm)
    async with scene(settings=CartesiaSettings(model="sonic-1")) as on:
        with pytest.raises(EngineError, match="no such model"):
            await say(on.engine, "Hello.")


@pytest.mark.parametrize("fault", ["silent", "stall=200"])
async def test_it_can_be_cancelled_whatever_does_not_come(fault: str) -> None:
    async with scene(fault, settings=CartesiaSettings(cancel_grace_s=0.1)) as on:
        sink = Recorder()
        with trio.move_on_after(0.2) as scope:
            await on.engine.synthesize(Clauses(SENTENCE), sink, DEFAULT, 8000)
        assert scope.cancelled_caught
        assert sink.spoken == []
        await check_nothing_is_left(on.engine)


async def test_two_hundred_at_once_are_whole_and_not_mixed() -> None:
    options = ServiceOptions(first_audio_ms=5, concurrency=200, speed=50)
    settings = CartesiaSettings(concurrency=200, contexts_per_socket=50)
    async with scene("interleave@1/3", options=options, settings=settings) as on:
        stuck = Recorder(closed=True)
        sinks = [Recorder() for _ in range(199)]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(on.engine.synthesize, Clauses("Stuck."), stuck, DEFAULT, 8000)
            with trio.fail_after(60):
                async with trio.open_nursery() as others:
                    for number, sink in enumerate(sinks):
                        clauses = Clauses(f"Caller {number},", "go on.")
                        others.start_soon(on.engine.synthesize, clauses, sink, DEFAULT, 8000)
            assert stuck.chunks == []
            stuck.gate.set()
        for number, sink in enumerate(sinks):
            assert heard(sink.pcm) == f"CALLER {number}, GO ON. "
            assert voices_in(sink.pcm) == 1
            assert sink.spoken == [1, 2]
        assert heard(stuck.pcm) == "STUCK. "
        await check_nothing_is_left(on.engine)
        statistics = on.service.statistics()
        assert statistics.connections == 4
        assert statistics.errors == {}


async def test_leases_keep_to_the_plan_and_nobody_is_refused() -> None:
    options = ServiceOptions(first_audio_ms=5, concurrency=5)
    async with scene(options=options, settings=CartesiaSettings(concurrency=5)) as on:
        sinks = [Recorder() for _ in range(40)]
        async with trio.open_nursery() as nursery:
            for sink in sinks:
                nursery.start_soon(on.engine.synthesize, Clauses("Hello."), sink, DEFAULT, 8000)
        assert {heard(sink.pcm) for sink in sinks} == {"HELLO. "}
        assert on.service.statistics().peak_concurrency == 5
        assert on.service.statistics().errors == {}


async def test_a_plan_smaller_than_we_believe_is_learned() -> None:
    options = ServiceOptions(first_audio_ms=5, concurrency=4)
    async with scene(options=options, settings=CartesiaSettings(concurrency=12)) as on:
        sinks = [Recorder() for _ in range(40)]
        async with trio.open_nursery() as nursery:
            for sink in sinks:
                nursery.start_soon(on.engine.synthesize, Clauses("Hello."), sink, DEFAULT, 8000)
        assert {heard(sink.pcm) for sink in sinks} == {"HELLO. "}
        assert on.service.statistics().errors[429] <= 12
        assert on.engine.statistics().leases.limit <= 4
        await check_nothing_is_left(on.engine)


@pytest.mark.parametrize("fault", ["", "cancel-ignored", "cancel-at-once", "cancel-no-done"])
async def test_nothing_leaks_over_a_thousand_utterances(fault: str) -> None:
    options = ServiceOptions(first_audio_ms=1, speed=1000)
    # On a busy machine half a second is over before an answer is read.
    settings = CartesiaSettings(concurrency=50, cancel_grace_s=0.5 if fault else 5.0)
    async with scene(*filter(None, [fault]), options=options, settings=settings) as on:
        limit = trio.CapacityLimiter(50)

        async def speak(number: int) -> None:
            async with limit:
                sink = Recorder()
                with trio.CancelScope() as scope:
                    if number % 3 == 1:
                        scope.deadline = trio.current_time() + number % 7 / 1000
                    clauses = EndlessClauses("One.") if number % 3 == 2 else Clauses("One.")
                    if number % 3 == 2:
                        scope.deadline = trio.current_time() + 0.05
                    await on.engine.synthesize(clauses, sink, DEFAULT, 8000)

        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                for number in range(300 if fault else 1000):
                    nursery.start_soon(speak, number)
        await check_nothing_is_left(on.engine)
        assert on.service.statistics().connections == 1


async def test_a_cancelled_utterance_is_heard_by_nobody_else() -> None:
    async with scene("cancel-ignored", settings=CartesiaSettings(cancel_grace_s=1)) as on:
        for number in range(20):
            with trio.CancelScope() as scope:

                class Leaving(Recorder):
                    async def write(self, chunk: bytes) -> None:
                        scope.cancel()  # used in this round only
                        await super().write(chunk)

                await on.engine.synthesize(Clauses(SENTENCE * 3), Leaving(), DEFAULT, 8000)
            sink = await say(on.engine, f"Number {number}.")
            assert heard(sink.pcm) == f"NUMBER {number}. "
            assert voices_in(sink.pcm) == 1
        await check_nothing_is_left(on.engine)


async def test_an_idle_socket_is_replaced_before_the_service_closes_it() -> None:
    settings = CartesiaSettings(idle_s=0.2)
    async with scene("idle-close=1", settings=settings) as on:
        await say(on.engine, "Hello.")
        await trio.sleep(1.3)
        assert on.service.statistics().connections >= 5
        assert heard((await say(on.engine, "Hello.")).pcm) == "HELLO. "
        assert on.engine.statistics().pool.sockets <= 2


async def test_a_socket_closed_for_idleness_is_opened_again() -> None:
    async with scene("idle-close=0.1") as on:
        for _ in range(3):
            assert heard((await say(on.engine, "Hello.")).pcm) == "HELLO. "
            await trio.sleep(0.2)
        assert on.service.statistics().connections >= 3


async def test_prompts_are_rendered_over_http_within_the_plan() -> None:
    options = ServiceOptions(first_audio_ms=5, concurrency=2)
    async with scene(options=options, settings=CartesiaSettings(concurrency=2)) as on:
        found: list[bytes] = []

        async def render() -> None:
            found.append(await on.engine.render("Hello there.", DEFAULT, 8000))

        async with trio.open_nursery() as nursery:
            for _ in range(10):
                nursery.start_soon(render)
        assert {heard(pcm) for pcm in found} == {"HELLO THERE."}
        assert on.service.statistics().errors == {}
        await check_nothing_is_left(on.engine)


async def test_a_prompt_refused_for_the_plan_is_learned_from() -> None:
    async with scene("refuse=429@#1") as on:
        with pytest.raises(EngineError) as caught:
            await on.engine.render("Hello.", DEFAULT, 8000)
        assert caught.value.kind is EngineFault.RATE
        assert on.engine.statistics().leases.refused == 1
        assert await on.engine.render("Hello.", DEFAULT, 8000)


async def test_voices_are_listed() -> None:
    async with scene(options=ServiceOptions(voices=("v1", "v2"))) as on:
        voices = await on.engine.voices()
        assert [voice.name for voice in voices] == ["v1", "v2"]
        assert voices[0] == Voice(
            "v1", ("en",), None, "Simulated v1: A voice of the simulated service"
        )


async def test_opening_never_waits_for_the_network() -> None:
    settings = CartesiaSettings(url="ws://127.0.0.1:1", api_key=Secret(KEY))
    with trio.fail_after(5):
        async with open_engine(setup(settings)) as engine:
            assert engine.sample_rate_for(8000) == 8000
            with pytest.raises(EngineError, match="cannot be reached") as caught:
                await say(engine, "Hello.")
            assert caught.value.retryable


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (CartesiaSettings(), "TRIOAUDIO_CARTESIA_API_KEY"),
        (CartesiaSettings(api_key=Secret("k"), url="https://api.cartesia.ai"), "no wss or ws URL"),
    ],
)
async def test_settings_that_cannot_work_are_the_operators(
    settings: CartesiaSettings, words: str
) -> None:
    with pytest.raises(ConfigError, match=words):
        async with open_engine(setup(settings)):
            pass
    with pytest.raises(ConfigError, match="another engine"):
        async with open_engine(setup()):
            pass


async def test_a_recipe_names_all_that_shapes_the_sound() -> None:
    settings = CartesiaSettings(
        voice="v", speed=1.1, emotion="calm", language="en-GB", pronunciation_dict_id="d"
    )
    async with scene(settings=settings) as on:
        recipe = on.engine.recipe(DEFAULT)
        assert recipe == "sonic-3.5-2026-05-04 v en speed=1.1 emotion=calm pronunciation_dict_id=d"
        assert on.engine.recipe(VoiceChoice(voice="w")) != recipe
        assert on.engine.recipe(VoiceChoice(language="hi")) != recipe
        assert [on.engine.sample_rate_for(rate) for rate in (8000, 11025, 1, 96000)] == [
            *(8000, 8000, 8000),
            48000,
        ]
        assert on.engine.name == "cartesia"
        on.engine.check(VoiceChoice(voice="any"))
        on.engine.check_text("anything", DEFAULT)


def test_it_is_found_by_its_name() -> None:
    kind = load_engine("cartesia")
    assert kind.open is open_engine
    assert not kind.embedded
    assert KEY not in repr(CartesiaSettings(api_key=Secret(KEY)))
