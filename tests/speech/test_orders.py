"""A call's own order of engines: other voices, the same health, levels and prompts."""

from __future__ import annotations

from pathlib import Path

import pytest
from trio.testing import MockClock

from fakes import Pieces, ScriptedEngine
from speech.listening import Callee, broken, chain_of, speaks
from trioaudio.core.engine import Voice, VoiceChoice
from trioaudio.core.errors import ConfigError, EngineFault
from trioaudio.core.speech import WholeText
from trioaudio.speech.chain import MOST_ORDERS
from trioaudio.speech.member import EngineStatus
from trioaudio.speech.prompt_cache import PromptCache

DEFAULT = VoiceChoice()


class OneVoice(ScriptedEngine):
    """Has a single voice, of its own name, and remembers what it was asked for."""

    def __init__(self, name: str) -> None:
        super().__init__(speaks(), name)
        self.asked: list[str | None] = []

    def check(self, choice: VoiceChoice) -> None:
        if choice.voice not in (None, self.name):
            raise ConfigError(f"{self.name} has no voice {choice.voice!r}")

    def recipe(self, choice: VoiceChoice) -> str:
        self.asked.append(choice.voice)
        return super().recipe(choice)

    async def voices(self) -> list[Voice]:
        await super().voices()
        return [Voice(self.name, ("en",))]


def engines() -> tuple[OneVoice, OneVoice, OneVoice]:
    return OneVoice("cartesia"), OneVoice("deepgram"), OneVoice("espeak")


async def test_engines_are_asked_in_the_order_named(autojump_clock: MockClock) -> None:
    async with chain_of(*engines()) as chain:
        callee = Callee()
        await chain.ordered(["espeak", "cartesia"]).speak(Pieces("Good day."), callee, DEFAULT)
        assert callee.engines == ["espeak"]
        assert chain.ordered(["deepgram"]).name == "deepgram"
        assert chain.name == "cartesia,deepgram,espeak"


async def test_the_named_order_is_that_of_taking_over(autojump_clock: MockClock) -> None:
    failing = ScriptedEngine(speaks(fails_at=0), "cartesia")
    async with chain_of(ScriptedEngine(speaks(), "a"), failing, OneVoice("espeak")) as chain:
        callee = Callee()
        await chain.ordered(["cartesia", "espeak"]).speak(Pieces("Good day."), callee, DEFAULT)
        assert callee.engines == ["espeak"]
        assert callee.changes[0].failed == "cartesia"


async def test_the_voice_an_author_names_is_the_first_ones(autojump_clock: MockClock) -> None:
    first, second, third = engines()
    async with chain_of(first, second, third) as chain:
        chosen = VoiceChoice(voice="deepgram")
        with pytest.raises(ConfigError, match="cartesia has no voice"):
            chain.check(chosen)
        other = chain.ordered(["deepgram", "cartesia"])
        other.check(chosen)
        other.check_text("Good day.", chosen)
        await other.speak(Pieces("Good day."), Callee(), chosen)
        assert (first.asked, second.asked) == ([], ["deepgram"])
        with pytest.raises(ConfigError, match="deepgram has no voice 'asha'"):
            other.check(VoiceChoice(voice="asha"))


async def test_health_is_shared(autojump_clock: MockClock) -> None:
    async with chain_of(*engines()) as chain:
        other = chain.ordered(["deepgram", "cartesia"])
        chain.members[1].health.failed(broken(EngineFault.AUTH))
        assert other.engines() == [
            EngineStatus("deepgram", 0, embedded=False, resting=True),
            EngineStatus("cartesia", 1, embedded=False, resting=False),
        ]
        assert chain.engines() == [
            EngineStatus("cartesia", 0, embedded=False, resting=False),
            EngineStatus("deepgram", 1, embedded=False, resting=True),
            EngineStatus("espeak", 2, embedded=True, resting=False),
        ]
        callee = Callee()
        await other.speak(Pieces("Good day."), callee, DEFAULT)
        assert callee.engines == ["cartesia"]


async def test_prompts_are_shared(autojump_clock: MockClock, tmp_path: Path) -> None:
    first, second, third = engines()
    async with chain_of(first, second, third, cache=PromptCache(tmp_path, 10**7)) as chain:
        other = chain.ordered(["deepgram"])
        other.warm(DEFAULT)
        made = await other.precache("Good day.", DEFAULT, 8000)
        assert (made.made, second.turns, first.turns) == (True, 1, 0)
        callee = Callee()
        await chain.ordered(["deepgram", "espeak"]).speak(WholeText("Good day."), callee, DEFAULT)
        assert (callee.stretches[0].cached, second.turns) == (True, 1)
        assert await chain.prompt_speaker(made.digest) is not None


async def test_an_order_is_put_together_once(autojump_clock: MockClock) -> None:
    async with chain_of(*(OneVoice(f"e{number}") for number in range(9))) as chain:
        assert chain.ordered([each.engine for each in chain.engines()]) is chain
        pair = chain.ordered(["e0", "e1"])
        assert chain.ordered(("e0", "e1", "e0")) is pair
        names = [[f"e{one}", f"e{other}"] for one in range(9) for other in range(9) if one != other]
        assert len(names) > MOST_ORDERS
        for each in names[:40]:
            chain.ordered(each)
        assert chain.ordered(["e0", "e1"]) is pair, "it was used lately"
        for each in names[40:]:
            chain.ordered(each)
        chains = {id(chain.ordered(each)) for each in names[-MOST_ORDERS:]}
        assert len(chains) == MOST_ORDERS
        assert chain.ordered(["e0", "e1"]) is not pair


async def test_a_name_nobody_knows_is_told_with_what_was_meant() -> None:
    async with chain_of(*engines()) as chain:
        with pytest.raises(ConfigError, match="no engine 'cartesai' here; did you mean cartesia"):
            chain.ordered(["espeak", "cartesai"])
        with pytest.raises(ConfigError, match="no engine is named"):
            chain.ordered([])
        with pytest.raises(ConfigError, match="no engine 'piper' here"):
            await chain.voices("piper")


async def test_voices_are_those_of_the_engine_named() -> None:
    async with chain_of(*engines()) as chain:
        assert [voice.name for voice in await chain.voices()] == ["cartesia"]
        assert [voice.name for voice in await chain.voices("espeak")] == ["espeak"]


async def test_warming_up_for_what_nobody_will_speak_is_no_error() -> None:
    class Monolingual(OneVoice):
        def language_of(self, choice: VoiceChoice) -> str | None:
            if choice.language not in (None, "en"):
                raise ConfigError("there is en")
            return "en"

    async with chain_of(Monolingual("cartesia"), OneVoice("espeak")) as chain:
        chain.warm(VoiceChoice(language="xx"))
        chain.ordered(["espeak"]).warm(VoiceChoice(language="hi"))
