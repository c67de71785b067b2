import contextlib
from collections.abc import AsyncIterable, AsyncIterator

import attrs
import pytest

from trioaudio.core.engine import (
    Engine,
    EngineKind,
    EngineSettings,
    EngineSetup,
    PcmSink,
    Renders,
    ServiceSettings,
    Voice,
    VoiceChoice,
    WordTiming,
)
from trioaudio.core.errors import ConfigError, TextError
from trioaudio.core.secret import Secret


class Beep:
    """The least an engine can be; the type checker compares it with the Protocol."""

    name = "beep"

    def sample_rate_for(self, wanted: int) -> int:
        return min(wanted, 16000)

    def check(self, choice: VoiceChoice) -> None:
        if choice.voice not in (None, "low"):
            raise ConfigError(f"no voice {choice.voice}")

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        self.check(choice)
        if not text.isascii():
            raise TextError("beeps are ASCII")

    def recipe(self, choice: VoiceChoice) -> str:
        return choice.voice or "low"

    async def synthesize(
        self,
        clauses: AsyncIterable[str],
        sink: PcmSink,
        choice: VoiceChoice,
        sample_rate: int,
    ) -> None:
        self.check(choice)
        spoken = written = 0
        async for clause in clauses:
            sink.tell_word(WordTiming(spoken, 0, len(clause), written * 1000 / sample_rate))
            await sink.write(bytes(160 * len(clause)))
            written += 80 * len(clause)
            spoken += 1
            sink.tell_spoken(spoken)

    async def voices(self) -> list[Voice]:
        return [Voice("low", ("en",))]


class Bell(Beep):
    """An engine that makes whole prompts another way."""

    async def render(self, text: str, choice: VoiceChoice, sample_rate: int) -> bytes:
        sink = Sink()
        await self.synthesize(Clauses(text), sink, choice, sample_rate)
        return sink.pcm


@contextlib.asynccontextmanager
async def open_beep(setup: EngineSetup) -> AsyncIterator[Beep]:
    engine = Beep()
    await engine.voices()  # as others warm up
    yield engine


BEEP = EngineKind("beep", open_beep, EngineSettings(voice="low"), "https://example.org/beep")


class Sink:
    def __init__(self) -> None:
        self.pcm = b""
        self.words: list[WordTiming] = []
        self.spoken: list[int] = []

    async def write(self, chunk: bytes) -> None:
        self.pcm += chunk

    def tell_word(self, word: WordTiming) -> None:
        self.words.append(word)

    def tell_spoken(self, clauses: int) -> None:
        self.spoken.append(clauses)


class Clauses:
    def __init__(self, *clauses: str) -> None:
        self._left = list(clauses)

    def __aiter__(self) -> "Clauses":
        return self

    async def __anext__(self) -> str:
        if not self._left:
            raise StopAsyncIteration
        return self._left.pop(0)


async def test_clauses_go_in_and_pcm_word_timings_and_what_is_spoken_come_out() -> None:
    async with BEEP.open(EngineSetup(BEEP.settings, print)) as engine:
        sink = Sink()
        rate = engine.sample_rate_for(8000)
        await engine.synthesize(Clauses("one", "two"), sink, VoiceChoice(), rate)
    assert len(sink.pcm) == 160 * 6
    assert sink.words == [WordTiming(0, 0, 3, 0.0), WordTiming(1, 0, 3, 30.0)]
    assert sink.spoken == [1, 2]


async def test_a_choice_is_checked_against_the_voices_there_are() -> None:
    engine: Engine = Beep()
    (voice,) = await engine.voices()
    engine.check(VoiceChoice(voice=voice.name))
    engine.check(VoiceChoice())
    with pytest.raises(ConfigError, match="no voice high"):
        engine.check(VoiceChoice(voice="high"))
    engine.check_text("one", VoiceChoice())
    with pytest.raises(TextError):
        engine.check_text("வணக்கம்", VoiceChoice())


async def test_whole_prompts_are_rendered_only_by_engines_that_can() -> None:
    plain: Engine = Beep()
    better: Engine = Bell()
    assert not isinstance(plain, Renders)
    assert isinstance(better, Renders)
    assert len(await better.render("one", VoiceChoice(), 8000)) == 480


def test_voices_are_values() -> None:
    assert Voice("low", ("en",)) == attrs.evolve(
        Voice("low", ("en",), description="deep"), description=""
    )


def test_an_engines_description_holds_its_defaults_and_is_speech_elsewhere_unless_it_says_so() -> (
    None
):
    assert BEEP.settings.voice == "low"
    assert BEEP.speech
    assert not BEEP.embedded
    setup = EngineSetup(BEEP.settings, print)
    assert (setup.sample_rate, setup.ca_file) == (8000, None)


@pytest.mark.parametrize("settings", [EngineSettings(), ServiceSettings()])
def test_every_setting_explains_itself_and_its_default_is_within_its_bounds(
    settings: EngineSettings,
) -> None:
    for field in attrs.fields(type(settings)):
        assert len(field.metadata["help"]) > 20
        if "least" in field.metadata:
            value = getattr(settings, field.name)
            assert field.metadata["least"] < field.metadata["most"]
            assert value is None or field.metadata["least"] <= value <= field.metadata["most"]


def test_a_services_key_is_not_shown() -> None:
    settings = ServiceSettings(api_key=Secret("sk-1234"), url="https://example.org")
    assert "sk-1234" not in f"{settings!r} {settings} {EngineSetup(settings, print)!r}"
    assert settings.api_key.get() == "sk-1234"
