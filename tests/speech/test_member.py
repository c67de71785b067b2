from __future__ import annotations

from collections.abc import AsyncIterable

import attrs
import pytest
import trio
from trio.testing import MockClock

from fakes import ScriptedEngine
from speech.listening import broken, sound_of, speaks
from trioaudio.core.engine import Engine, PcmSink, VoiceChoice, WordTiming
from trioaudio.core.errors import ConfigError, EngineError, EngineFault, TextError
from trioaudio.speech.engine_health import EngineHealth
from trioaudio.speech.member import Member


def member_of(engine: ScriptedEngine, *, first: bool = True) -> Member:
    chosen = engine.chosen()
    health = EngineHealth(engine.name, lambda _fact: None)
    return Member(chosen.kind, chosen.settings, engine, health, first)


class Indian(ScriptedEngine):
    """Speaks Hindi and Tamil, and knows it; has one voice for each."""

    def __init__(self) -> None:
        super().__init__(speaks(), "indian")

    def check(self, choice: VoiceChoice) -> None:
        if choice.language not in (None, "hi", "ta"):
            raise ConfigError("there is hi and ta")
        if choice.voice not in (None, "asha"):
            raise ConfigError("there is asha")

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        if text.isascii():
            raise TextError(f"{choice.voice} reads no Latin")

    def language_of(self, choice: VoiceChoice) -> str | None:
        return choice.language or "hi"


@pytest.mark.parametrize(
    ("asked", "first", "other"),
    [
        (VoiceChoice(), VoiceChoice(), VoiceChoice()),
        (VoiceChoice("asha", "hi"), VoiceChoice("asha", "hi"), VoiceChoice(None, "hi")),
        (VoiceChoice("warm", "de"), VoiceChoice("warm", "de"), VoiceChoice()),
        (VoiceChoice("warm"), VoiceChoice("warm"), VoiceChoice()),
    ],
)
def test_the_voice_is_the_first_ones_and_the_language_of_all_who_have_it(
    asked: VoiceChoice, first: VoiceChoice, other: VoiceChoice
) -> None:
    assert member_of(Indian()).choice(asked) == first
    assert member_of(Indian(), first=False).choice(asked) == other


def test_the_language_is_what_the_engine_says_or_what_was_asked_for() -> None:
    assert member_of(Indian()).language(VoiceChoice()) == "hi"
    assert member_of(Indian()).language(VoiceChoice(language="ta")) == "ta"
    plain = member_of(ScriptedEngine(speaks()))
    assert plain.language(VoiceChoice()) is None
    assert plain.language(VoiceChoice(language="de")) == "de"


def test_unreadable_is_what_the_engine_says() -> None:
    error = member_of(Indian()).unreadable("Hello", VoiceChoice("asha"))
    assert str(error) == "asha reads no Latin"
    assert member_of(Indian()).unreadable("नमस्ते", VoiceChoice()) is None


def test_its_name_is_its_engines() -> None:
    assert member_of(Indian()).name == "indian"


# --- Trying it -------------------------------------------------------------------------------


async def test_a_word_to_nobody(autojump_clock: MockClock) -> None:
    heard: list[str] = []

    async def engine(clauses: AsyncIterable[str], sink: PcmSink) -> None:
        async for clause in clauses:
            heard.append(clause)
            sink.tell_word(WordTiming(0, 0, 3, 0.0))
            await sink.write(bytes(160))
            await sink.write(sound_of(clause))
            sink.tell_spoken(1)

    await member_of(ScriptedEngine(engine)).try_it()
    assert len(heard) == 1
    assert heard[0]


@attrs.frozen
class Failing:
    """What an engine that is tried does instead of speaking."""

    error: Exception

    async def __call__(self, clauses: AsyncIterable[str], sink: PcmSink) -> None:
        del clauses, sink
        await trio.lowlevel.checkpoint()
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        broken(EngineFault.AUTH),
        ExceptionGroup("", [broken(EngineFault.AUTH), broken()]),
        ExceptionGroup("", [ExceptionGroup("", [broken(EngineFault.AUTH)])]),
    ],
)
async def test_an_error_of_its_own_or_of_its_tasks_is_one_error(error: Exception) -> None:
    with pytest.raises(EngineError) as raised:
        await member_of(ScriptedEngine(Failing(error))).try_it()
    assert raised.value.kind is EngineFault.AUTH


@pytest.mark.parametrize(
    "error", [ZeroDivisionError(), ExceptionGroup("", [broken(), ZeroDivisionError()])]
)
async def test_a_bug_is_a_bug(error: Exception) -> None:
    with pytest.raises(type(error)) as raised:
        await member_of(ScriptedEngine(Failing(error))).try_it()
    assert raised.value is error


async def test_who_does_not_answer_has_failed(autojump_clock: MockClock) -> None:
    async def engine(clauses: AsyncIterable[str], sink: PcmSink) -> None:
        await trio.sleep_forever()

    begun = trio.current_time()
    with pytest.raises(EngineError, match="scripted did not speak within 5 s") as raised:
        await member_of(ScriptedEngine(engine)).try_it()
    assert raised.value.kind is EngineFault.TIMEOUT
    assert trio.current_time() - begun == pytest.approx(5.0)


@pytest.mark.parametrize("sound", [b"", bytes(16_000)])
async def test_who_is_silent_has_failed(sound: bytes) -> None:
    async def engine(clauses: AsyncIterable[str], sink: PcmSink) -> None:
        await sink.write(sound)

    with pytest.raises(EngineError, match="without a sound"):
        await member_of(ScriptedEngine(engine)).try_it()


def test_an_engine_that_only_looks_like_one_is_one() -> None:
    engine: Engine = Indian()
    assert engine.sample_rate_for(16_000) == 8000
