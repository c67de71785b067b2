from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from fakes import ScriptedEngine
from speech.listening import speaks
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import OutputError
from trioaudio.core.facts import Fact, PromptNotKept
from trioaudio.speech.engine_health import EngineHealth
from trioaudio.speech.member import Member
from trioaudio.speech.prompt import Origin, Prompt
from trioaudio.speech.prompt_cache import PromptCache
from trioaudio.speech.prompt_shelf import PROMPTS_AHEAD, PromptShelf, key_of, origin_of
from trioaudio.speech.voice_levels import VoiceLevels

CHOICE = VoiceChoice("asha", "hi")
CLAUSES = ("Good day.", "How are you?")
ORIGIN = Origin("a", "asha hi", 8000)
LEVELS = VoiceLevels(None)
PROMPT = Prompt(b"\1\2" * 400, (), (800,))


def member() -> Member:
    engine = ScriptedEngine(speaks(), "a")
    chosen = engine.chosen()
    health = EngineHealth("a", lambda _fact: None)
    return Member(chosen.kind, chosen.settings, engine, health, first=True)


async def test_a_prompt_is_made_once_and_knows_who_made_it(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    shelf, voice = PromptShelf(PromptCache(tmp_path, 10**7), lambda _fact: None), member()
    made = await shelf.make(voice, CLAUSES, CHOICE, 8000, LEVELS, 8000)
    there = await shelf.make(voice, CLAUSES, CHOICE, 8000, LEVELS, 8000)
    assert (made.made, there.made) == (True, False)
    assert made.digest == there.digest == key_of(ORIGIN, CLAUSES).digest
    assert made.audio_ms == there.audio_ms > 1000
    kept = await shelf.find(key_of(ORIGIN, CLAUSES))
    assert kept is not None
    assert kept.origin == origin_of(voice, CHOICE, 8000) == ORIGIN


async def test_without_a_cache_there_is_nothing_on_it(autojump_clock: MockClock) -> None:
    shelf = PromptShelf(None, lambda _fact: None)
    assert not shelf.keeps
    assert await shelf.find(key_of(ORIGIN, CLAUSES)) is None
    with pytest.raises(OutputError, match="TRIOAUDIO_CACHE_MB"):
        await shelf.make(member(), CLAUSES, CHOICE, 8000, LEVELS, 8000)


async def test_what_was_spoken_is_kept_beside_the_speech(tmp_path: Path) -> None:
    facts: list[Fact] = []
    shelf = PromptShelf(PromptCache(tmp_path, 10**7), facts.append)
    for number in range(PROMPTS_AHEAD + 2):
        shelf.keep(ORIGIN, [f"{number}."], PROMPT)
    assert facts == [PromptNotKept("the disk does not keep up")] * 2
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shelf.keep_all)
        with trio.fail_after(5):
            last = key_of(ORIGIN, [f"{PROMPTS_AHEAD - 1}."])
            while (found := await shelf.find(last)) is None:
                await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    assert (found.pcm, found.origin) == (PROMPT.pcm, ORIGIN)
    assert await shelf.find(key_of(ORIGIN, [f"{PROMPTS_AHEAD}."])) is None


async def test_a_disk_that_refuses_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    facts: list[Fact] = []
    shelf = PromptShelf(PromptCache(tmp_path / "file", 10**7), facts.append)
    shelf.keep(ORIGIN, CLAUSES, PROMPT)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(shelf.keep_all)
        with trio.fail_after(5):
            while not facts:
                await wait_all_tasks_blocked()
        nursery.cancel_scope.cancel()
    (fact,) = facts
    assert isinstance(fact, PromptNotKept)
    assert "TRIOAUDIO_CACHE_FOLDER" in fact.reason
