"""A chain's engines open in order, are watched while it is open, and closed after it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from fakes import Pieces, ScriptedEngine
from speech.listening import AS_IT_IS, Callee, broken, speaks
from trioaudio.core.engine import (
    ChosenEngine,
    EngineKind,
    EngineSettings,
    EngineSetup,
    ServiceSettings,
    VoiceChoice,
)
from trioaudio.core.errors import ConfigError, EngineError, EngineFault
from trioaudio.core.facts import EngineRested, EngineReturned, Fact, PromptNotKept
from trioaudio.core.speech import WholeText
from trioaudio.speech.chain import EngineChain, SpeechOptions
from trioaudio.speech.opening import ChainSetup, open_chain
from trioaudio.speech.prompt_cache import PromptCache

CHOICE = VoiceChoice()


class Openings:
    """Engines that note how they are opened, and what happens in what order."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.setups: dict[str, EngineSetup] = {}
        self.facts: list[Fact] = []

    def engine(
        self,
        name: str,
        *,
        error: Exception | None = None,
        settings: EngineSettings | None = None,
        embedded: bool = False,
        engine: ScriptedEngine | None = None,
    ) -> ChosenEngine:
        @asynccontextmanager
        async def open_engine(setup: EngineSetup) -> AsyncIterator[ScriptedEngine]:
            await trio.lowlevel.checkpoint()
            self.setups[name] = setup
            if error is not None:
                raise error
            self.events.append(f"open {name}")
            try:
                yield engine or ScriptedEngine(speaks(), name)
            finally:
                self.events.append(f"close {name}")

        own = settings or EngineSettings()
        kind = EngineKind(name, open_engine, EngineSettings(), "", embedded=embedded)
        return ChosenEngine(kind, own)


async def test_they_open_in_order_and_close_the_other_way(autojump_clock: MockClock) -> None:
    openings = Openings()
    own = ServiceSettings(voice="asha")
    engines = [openings.engine("a", settings=own), openings.engine("b", embedded=True)]
    setup = ChainSetup(engines, openings.facts.append, sample_rate=16_000, ca_file="ca.pem")
    async with open_chain(setup) as chain:
        assert openings.events == ["open a", "open b"]
        assert chain.name == "a,b"
        assert [(each.name, each.first, each.health.rests) for each in chain.members] == [
            ("a", True, True),
            ("b", False, False),
        ]
        assert chain.members[0].settings is own
        assert (openings.setups["a"].settings, openings.setups["a"].ca_file) == (own, "ca.pem")
        assert openings.setups["b"].sample_rate == 16_000
        openings.setups["a"].tell(EngineReturned("a"))
        assert openings.facts == [EngineReturned("a")]
    assert openings.events[2:] == ["close b", "close a"]


@pytest.mark.parametrize(
    "error", [ConfigError("no key; set TRIOAUDIO_B_API_KEY"), broken(EngineFault.UNAVAILABLE)]
)
async def test_when_one_cannot_open_the_others_are_closed(error: Exception) -> None:
    openings = Openings()
    engines = [openings.engine("a"), openings.engine("b", error=error), openings.engine("c")]
    with pytest.raises(type(error)) as raised:
        async with open_chain(ChainSetup(engines, openings.facts.append)):
            raise AssertionError("it is not open")
    assert raised.value is error
    assert openings.events == ["open a", "close a"]


async def test_an_error_of_those_who_use_it_comes_out_as_itself() -> None:
    openings = Openings()
    with pytest.raises(ZeroDivisionError):
        async with open_chain(ChainSetup([openings.engine("a")], openings.facts.append)):
            raise ZeroDivisionError
    assert openings.events == ["open a", "close a"]


async def test_engines_are_still_open_when_the_last_utterance_is_cancelled(
    autojump_clock: MockClock,
) -> None:
    openings = Openings()

    class Slow(ScriptedEngine):
        async def synthesize(self, *arguments: object) -> None:
            try:
                await trio.sleep_forever()
            finally:
                openings.events.append("cancelled")

    engine = openings.engine("a", engine=Slow(speaks(), "a"))
    async with trio.open_nursery() as nursery:

        async def live() -> None:
            async with open_chain(ChainSetup([engine], openings.facts.append)) as chain:
                await chain.speak(Pieces("One."), Callee(), CHOICE)

        nursery.start_soon(live)
        await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert openings.events == ["open a", "cancelled", "close a"]


async def test_a_probe_that_fails_in_a_group_does_not_end_the_daemon(
    autojump_clock: MockClock,
) -> None:
    """An engine of several tasks may fail in all of them, also when nobody is listening."""
    openings = Openings()

    class Fails(ScriptedEngine):
        async def synthesize(self, *arguments: object) -> None:
            await trio.lowlevel.checkpoint()
            raise ExceptionGroup("", [broken(EngineFault.AUTH), broken()])

    engine = openings.engine("a", engine=Fails(speaks(), "a"))
    async with open_chain(ChainSetup([engine], openings.facts.append, AS_IT_IS)) as chain:
        with pytest.raises(EngineError):
            await chain.speak(Pieces("One."), Callee(), CHOICE)
        await trio.sleep(100)
    rests = [fact.seconds for fact in openings.facts if isinstance(fact, EngineRested)]
    assert rests == [5, 10, 20, 40, 80]


async def test_who_rests_is_asked_when_nobody_else_can(autojump_clock: MockClock) -> None:
    openings = Openings()
    good = ScriptedEngine(speaks(), "a")
    bad = ScriptedEngine(speaks(fails_at=0), "b")
    engines = [openings.engine("a", engine=good), openings.engine("b", engine=bad)]
    async with open_chain(ChainSetup(engines, openings.facts.append, AS_IT_IS)) as chain:
        chain.members[0].health.resting = True
        callee = Callee()
        await chain.speak(Pieces("One."), callee, CHOICE)
    assert callee.engines == ["a"]
    assert [(each.failed, each.takes_over) for each in callee.changes] == [("b", "a")]


async def kept(tmp_path: Path, options: SpeechOptions) -> int:
    """Return how often an engine speaks when the same is said three times."""
    openings = Openings()
    engine = ScriptedEngine(speaks(), "a")
    setup = ChainSetup(
        [openings.engine("a", engine=engine)],
        openings.facts.append,
        options,
        PromptCache(tmp_path / "prompts", 10**7),
    )
    async with open_chain(setup) as chain:
        for _ in range(3):
            await chain.speak(WholeText("Good morning."), Callee(), CHOICE)
            await wait_all_tasks_blocked(0.01)
    assert openings.facts == []
    return engine.turns


async def test_prompts_are_kept_only_if_all_are_to_be(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    assert await kept(tmp_path, SpeechOptions(level=None, keep_all=True)) == 1
    assert await kept(tmp_path / "other", SpeechOptions(level=None)) == 3


async def test_a_disk_that_refuses_is_told_and_everybody_is_heard(
    tmp_path: Path, autojump_clock: MockClock
) -> None:
    (tmp_path / "file").touch()
    openings = Openings()
    cache = PromptCache(tmp_path / "file", 10**7)
    options = SpeechOptions(level=None, keep_all=True)
    setup = ChainSetup([openings.engine("a")], openings.facts.append, options, cache)
    async with open_chain(setup) as chain:
        for text in ("One.", "Two."):
            callee = Callee()
            await chain.speak(WholeText(text), callee, CHOICE)
            assert callee.pcm
        with trio.fail_after(5):
            while len(openings.facts) < 2:
                await wait_all_tasks_blocked(0.01)
    told = [fact.reason for fact in openings.facts if isinstance(fact, PromptNotKept)]
    assert len(told) == 2
    assert all("choose another folder" in reason for reason in told)


async def test_a_silent_engine_is_followed_by_one_that_is_heard(
    autojump_clock: MockClock,
) -> None:
    async def speak(chain: EngineChain) -> Callee:
        callee = Callee()
        await chain.speak(Pieces("Good morning. It is six."), callee, CHOICE)
        return callee

    async def zeros(clauses: object, sink: object) -> None:
        number = 0
        async for clause in clauses:  # type: ignore[attr-defined]
            await sink.write(bytes(len(clause) * 1120))  # type: ignore[attr-defined]
            number += 1
            sink.tell_spoken(number)  # type: ignore[attr-defined]

    openings = Openings()
    silent = openings.engine("a", engine=ScriptedEngine(zeros, "a"))
    setup = ChainSetup([silent, openings.engine("b")], openings.facts.append)
    async with open_chain(setup) as chain:
        callee = await speak(chain)
    assert callee.engines == ["b"]
    assert callee.changes[0].reason == "the voice has no sound for this text"
    assert (callee.stretches[0].start, callee.stretches[0].end) == (0, 24)
    assert openings.facts == []
