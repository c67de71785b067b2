"""Deepgram against its simulated service, over real sockets."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator, Callable

import pytest
import trio

from engines.listening import (
    DEFAULT,
    SENTENCE,
    Clauses,
    EndlessClauses,
    Recorder,
    say,
    setup,
)
from trioaudio.core.engine import EngineSettings, VoiceChoice
from trioaudio.core.errors import ConfigError, EngineError, EngineFault
from trioaudio.core.secret import Secret
from trioaudio.engines._deepgram_booth import FlushBudget
from trioaudio.engines._deepgram_messages import Sign, explain, read_reply
from trioaudio.engines._deepgram_voices import choose_voice, language_of, read_voice
from trioaudio.engines._status import unavailable
from trioaudio.engines.deepgram import DeepgramEngine, DeepgramSettings, open_engine
from trioaudio.simulators.services.service import OpenService, open_service
from trioaudio.simulators.services.studio import ServiceOptions
from trioaudio.simulators.services.tone import read_tone
from trioaudio.simulators.services.voice import VoiceKind

KEY = "key-of-deepgram"
RATE = 8000
THALIA = "aura-2-thalia-en"


@contextlib.asynccontextmanager
async def speaking(
    *faults: str, options: dict[str, object] | None = None, **changes: object
) -> AsyncIterator[tuple[DeepgramEngine, OpenService]]:
    """Hold an engine and its simulated service, which speaks in tones."""
    wanted = {"voice": VoiceKind.TONE, "key": KEY, "first_audio_ms": 5, **(options or {})}
    simulated = ServiceOptions(faults=faults, **wanted)  # type: ignore[arg-type]  # by name
    with trio.fail_after(30):
        async with open_service("deepgram", simulated) as service:
            values = {"url": service.websocket_url, "api_key": Secret(KEY), **changes}
            settings = DeepgramSettings(**values)  # type: ignore[arg-type]  # by name
            async with open_engine(setup(settings)) as engine:
                yield engine, service


def heard(sink: Recorder) -> str:
    return "".join(each.character for each in read_tone(sink.pcm, RATE))


async def until(holds: Callable[[], bool]) -> None:
    """Wait for what the far end of a real socket does in its own time."""
    while not holds():  # noqa: ASYNC110  nobody tells of it
        await trio.sleep(0.01)


async def fails(engine: DeepgramEngine, *clauses: str) -> EngineError:
    with pytest.raises(EngineError) as caught:
        await say(engine, *(clauses or (SENTENCE,)))
    return caught.value


async def test_clauses_are_spoken_in_order_and_told_when_all_their_audio_is_written() -> None:
    async with speaking() as (engine, service):
        sink = await say(engine, "Hello there.", "How are you?")
        assert heard(sink) == "HELLO THERE.HOW ARE YOU?"
        assert sink.spoken == [1, 2]
        assert sink.spoken_at == [len("Hello there.") * 1120, len(sink.pcm)]
        assert sink.words == []
        assert service.statistics().connections == 1


async def test_rates_the_service_has_are_asked_for() -> None:
    async with speaking() as (engine, _):
        assert [engine.sample_rate_for(each) for each in (8000, 16000, 22050)] == [
            *(8000, 16000, 24000)
        ]
        sink = await say(engine, "Hello.", sample_rate=16000)
        assert "".join(each.character for each in read_tone(sink.pcm, 16000)) == "HELLO."


async def test_a_clause_is_spoken_while_its_author_thinks_and_holds_no_socket() -> None:
    async with speaking(concurrency=1) as (engine, _):
        sink = Recorder()
        async with trio.open_nursery() as nursery:
            clauses = EndlessClauses("Hello there.")
            nursery.start_soon(engine.synthesize, clauses, sink, DEFAULT, RATE)
            await sink.told.wait()
            assert heard(sink) == "HELLO THERE."
            assert engine.statistics().seated == 0
            assert heard(await say(engine, "Me too.")) == "ME TOO."
            nursery.cancel_scope.cancel()


async def test_no_clauses_are_no_audio() -> None:
    async with speaking() as (engine, service):
        assert (await say(engine)).chunks == []
        assert service.statistics().utterances == 0


async def test_a_slow_sink_holds_the_text_back_and_nobody_else() -> None:
    async with speaking(concurrency=1) as (engine, _):
        sink = Recorder(closed=True)
        clauses = Clauses(*[SENTENCE] * 100)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, clauses, sink, DEFAULT, RATE)
            await sink.offered.wait()
            for _ in range(3):
                assert heard(await say(engine, "Hello.")) == "HELLO."
            assert clauses.taken <= 2
            nursery.cancel_scope.cancel()


async def test_many_utterances_at_once_are_never_mixed() -> None:
    async with speaking(concurrency=8, options={"concurrency": 8}) as (engine, service):
        sinks = {n: Recorder() for n in range(24)}
        async with trio.open_nursery() as nursery:
            for n, sink in sinks.items():
                clauses = Clauses(f"Caller {n} is here.", f"Now {n} goes.")
                nursery.start_soon(engine.synthesize, clauses, sink, DEFAULT, RATE)
        for n, sink in sinks.items():
            assert heard(sink) == f"CALLER {n} IS HERE.NOW {n} GOES."
        assert service.statistics().errors == {}
        assert service.statistics().peak_concurrency <= 8
        assert engine.statistics().seated == engine.statistics().waiting == 0


async def test_a_cancelled_clause_is_cleared_and_its_rest_is_heard_by_nobody() -> None:
    """The socket is used again, and what was under way on it is not heard in the next text."""
    async with speaking("late-clear=100", options={"speed": 30}, concurrency=1) as (
        engine,
        service,
    ):
        for n in range(3):
            sink = Recorder()
            async with trio.open_nursery() as nursery:
                nursery.start_soon(engine.synthesize, Clauses(SENTENCE * 3), sink, DEFAULT, RATE)
                await sink.offered.wait()
                nursery.cancel_scope.cancel()
            assert len(sink.chunks) <= 1
            assert heard(await say(engine, f"Hello {n}.")) == f"HELLO {n}."
        assert service.statistics().cancelled == 3
        assert service.statistics().connections == 1


async def test_a_cleared_socket_is_used_again() -> None:
    async with speaking(options={"speed": 1}) as (engine, service):
        sink = Recorder()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, Clauses(SENTENCE), sink, DEFAULT, RATE)
            await sink.offered.wait()
            nursery.cancel_scope.cancel()
        await until(lambda: service.statistics().cancelled == 1)
        await until(lambda: service.statistics().active == 0)
        await trio.testing.wait_all_tasks_blocked(0.05)
        assert heard(await say(engine, "Hi.")) == "HI."
        assert service.statistics().connections == 1


async def test_a_clear_that_is_not_answered_costs_the_socket() -> None:
    async with speaking("clear-ignored@#1", options={"speed": 2}, clear_s=0.3) as (engine, service):
        sink = Recorder()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(engine.synthesize, Clauses(SENTENCE), sink, DEFAULT, RATE)
            await sink.offered.wait()
            nursery.cancel_scope.cancel()
        assert heard(await say(engine, "Hello.")) == "HELLO."
        assert service.statistics().connections == 2
        await until(lambda: engine.statistics().sockets == 1)


async def test_no_socket_is_flushed_more_often_than_is_allowed() -> None:
    async with speaking() as (engine, service):
        texts = [f"N {n}." for n in range(45)]
        sink = await say(engine, *texts)
        assert heard(sink) == "".join(texts)
        assert sink.spoken[-1] == 45
        assert service.statistics().connections == 3  # 20 on each of the first two


async def test_a_refused_flush_is_made_up_for_on_another_socket() -> None:
    async with speaking(flushes_per_minute=1000) as (engine, service):
        texts = [f"N {n}." for n in range(25)]
        assert heard(await say(engine, *texts)) == "".join(texts)
        assert service.statistics().connections == 2


async def test_a_service_that_refuses_every_flush_is_an_error() -> None:
    async with speaking("flush-refused") as (engine, _):
        error = await fails(engine)
        assert (error.kind, error.retryable) == (EngineFault.RATE, True)
        assert "FLUSHES_PER_MINUTE" in str(error)


@pytest.mark.parametrize(
    "fault", ["odd-chunks", "chunk-bytes=1", "wav-header", "unknown-type", "warning"]
)
async def test_whatever_comes_beside_the_audio_the_audio_is_whole(fault: str) -> None:
    async with speaking(fault) as (engine, _):
        sink = await say(engine, "Hi.", "Ho.")
        assert heard(sink) == "HI.HO."
        assert sink.spoken == [1, 2]


@pytest.mark.parametrize("fault", ["reset=0@#1", "close=0@#1"])
async def test_a_socket_lost_before_any_audio_is_replaced_once(fault: str) -> None:
    async with speaking(fault) as (engine, service):
        assert heard(await say(engine, "Hello.", "Good day.")) == "HELLO.GOOD DAY."
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


async def test_a_refused_text_is_the_requests_fault() -> None:
    async with speaking("refuse=400@#1") as (engine, _):
        error = await fails(engine)
        assert (error.kind, error.retryable) == (EngineFault.BAD_REQUEST, False)
        assert heard(await say(engine, "Hello.")) == "HELLO."


@pytest.mark.parametrize("fault", ["silent@#1", "stall=200@#1", "no-done@#1"])
async def test_a_service_that_stalls_can_be_left_and_others_go_on(fault: str) -> None:
    async with speaking(fault, first_audio_ms=200) as (engine, _):
        sink = Recorder()
        with trio.move_on_after(0.4) as patience:
            await engine.synthesize(Clauses(SENTENCE), sink, DEFAULT, RATE)
        assert patience.cancelled_caught
        assert sink.spoken == []
        assert heard(await say(engine, "Hello.")) == "HELLO."


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, EngineFault.AUTH),
        (402, EngineFault.QUOTA),
        (429, EngineFault.RATE),
        (500, EngineFault.UNAVAILABLE),
    ],
)
async def test_a_refused_connection_is_told_by_its_status(status: int, kind: EngineFault) -> None:
    async with speaking(f"upgrade-status={status}") as (engine, _):
        assert (await fails(engine)).kind is kind


async def test_a_wrong_key_is_told_without_the_key_and_an_unknown_voice_too() -> None:
    async with speaking(options={"key": "another"}) as (engine, _):
        error = await fails(engine)
        assert error.kind is EngineFault.AUTH
        assert KEY not in str(error)
    async with speaking(options={"voices": (THALIA,)}) as (engine, _):
        with pytest.raises(EngineError) as caught:
            await say(engine, SENTENCE, choice=VoiceChoice(voice="aura-2-nobody-en"))
        assert caught.value.kind is EngineFault.BAD_REQUEST
        assert heard(await say(engine, "Hello.")) == "HELLO."


async def test_nothing_is_left_after_many_utterances_however_they_end() -> None:
    async with speaking("fail=100@1/7", "reset=100@1/11", concurrency=6) as (engine, service):

        async def speak(n: int) -> None:
            with contextlib.suppress(EngineError), trio.move_on_after(0.05 + n % 5 / 20):
                await say(engine, f"Number {n}.", SENTENCE)

        async with trio.open_nursery() as nursery:
            for n in range(40):
                nursery.start_soon(speak, n)
        await until(lambda: service.statistics().active == 0)
        now = engine.statistics()
        assert (now.seated, now.waiting, now.unsent) == (0, 0, 0)


async def test_a_socket_nobody_uses_makes_room_for_one_of_another_voice() -> None:
    async with speaking(concurrency=1) as (engine, service):
        for voice in (THALIA, "aura-2-zeus-en", THALIA):
            sink = await say(engine, "Hello.", choice=VoiceChoice(voice=voice))
            assert heard(sink) == "HELLO."
        assert service.statistics().connections == 3
        assert engine.statistics().sockets == 1


async def test_voices_are_listed_and_prompts_rendered_by_http() -> None:
    async with speaking(request_characters=300) as (engine, service):
        voices = await engine.voices()
        assert (voices[0].name, voices[0].languages, voices[0].gender) == (
            *(THALIA, ("en",), "female"),
        )
        pcm = await engine.render("Hello there.", DEFAULT, RATE)
        assert "".join(each.character for each in read_tone(pcm, RATE)) == "HELLO THERE."
        before = service.statistics().utterances
        await engine.render(f"{SENTENCE} " * 10, DEFAULT, RATE)
        assert service.statistics().utterances == before + 3
    async with speaking(options={"key": "another"}) as (engine, _):
        for asked in (engine.voices(), engine.render("Hello.", DEFAULT, RATE)):
            with pytest.raises(EngineError) as caught:
                await asked
            assert caught.value.kind is EngineFault.AUTH


def test_a_voice_is_chosen_by_its_name_or_by_a_language() -> None:
    assert choose_voice(None, None, THALIA) == THALIA
    assert choose_voice(None, "en-GB", THALIA) == THALIA
    assert choose_voice(None, "es", THALIA) == "aura-2-celeste-es"
    assert choose_voice("aura-2-zeus-en", "en", THALIA) == "aura-2-zeus-en"
    assert choose_voice("custom-voice", "ta", THALIA) == "custom-voice"  # its name says nothing
    assert language_of("aura-2-x") is None
    with pytest.raises(ConfigError, match="speaks en, not es"):
        choose_voice(THALIA, "es", THALIA)
    with pytest.raises(ConfigError, match="no voice for the language 'xx-none'"):
        choose_voice(None, "xx-none", THALIA)
    with pytest.raises(ConfigError, match="wanted a name like"):
        choose_voice("no such voice", None, THALIA)


def test_a_model_of_the_list_is_a_voice_however_little_is_said_of_it() -> None:
    assert read_voice({}) is None
    bare = read_voice({"canonical_name": THALIA, "languages": 1, "metadata": 2})
    assert bare is not None
    assert (bare.languages, bare.gender, bare.description) == (("en",), None, "")


def test_flushes_come_back_after_a_minute() -> None:
    budget = FlushBudget(2)
    budget.spend(0.0)
    budget.spend(30.0)
    assert [budget.left(at) for at in (30.0, 59.9, 60.0, 90.0)] == [0, 0, 1, 2]


def test_messages_are_read_and_unknown_ones_mean_nothing() -> None:
    assert read_reply(b"\0\1").audio == b"\0\1"
    for message, sign in (
        ({"type": "Flushed", "sequence_id": 0}, Sign.FLUSHED),
        ({"type": "Cleared", "sequence_id": 0}, Sign.CLEARED),
        ({"type": "Metadata"}, Sign.NOTHING),
        ({"type": "Warning", "code": "X", "description": "No more Flush"}, Sign.UNFLUSHED),
        ({"type": "Warning"}, Sign.NOTHING),
        ({"type": "Tomorrow"}, Sign.NOTHING),
    ):
        assert read_reply(json.dumps(message)).sign is sign
    with pytest.raises(EngineError) as caught:
        read_reply('{"type": "Error", "code": "DATA-0000", "description": "bad"}')
    assert caught.value.kind is EngineFault.BAD_REQUEST
    for junk in ("", "[]"):
        with pytest.raises(EngineError) as caught:
            read_reply(junk)
        assert caught.value.kind is EngineFault.PROTOCOL


def test_the_words_of_a_close_frame_tell_the_kind() -> None:
    closed = unavailable("deepgram", "it closed the connection (code 1011, NET-0001 timeout)")
    assert explain(closed).kind is EngineFault.TIMEOUT
    lost = unavailable("deepgram", "the connection was lost")
    assert explain(lost) is lost


async def test_what_cannot_work_is_told_when_it_is_opened() -> None:
    for wrong, words in (
        (DeepgramSettings(), "needs a key"),
        (DeepgramSettings(api_key=Secret(KEY), voice="no such"), "wanted a name like"),
        (DeepgramSettings(api_key=Secret(KEY), url="https://x"), "no wss or ws URL"),
        (EngineSettings(), "another engine"),
    ):
        with pytest.raises(ConfigError, match=words):
            async with open_engine(setup(wrong)):
                pass


async def test_the_recipe_is_the_voice_and_its_speed() -> None:
    async with speaking(speed=1.2, mip_opt_out=True) as (engine, _):
        assert engine.recipe(DEFAULT) == f"{THALIA} speed=1.2"
        assert engine.recipe(VoiceChoice(language="es")) != engine.recipe(DEFAULT)
        assert heard(await say(engine, "Hello.")) == "HELLO."
