"""Prompts played by their digest, by the chain that made them or by another one."""

from __future__ import annotations

from pathlib import Path

import attrs
import pytest
import trio
from trio.testing import MockClock

from fakes import Pieces, ScriptedEngine
from speech.listening import Callee, chain_of, sound_of, speaks
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import OutputError
from trioaudio.core.speech import SpeechNews, Stretch, WholeText
from trioaudio.speech.chain import SpeechOptions
from trioaudio.speech.prompt import Prompt, PromptKey
from trioaudio.speech.prompt_cache import PromptCache

DEFAULT = VoiceChoice()
TEXT = "Welcome back to the pharmacy."


@pytest.fixture
def cache(tmp_path: Path) -> PromptCache:
    return PromptCache(tmp_path, 10**7)


async def test_a_prompt_is_played_by_its_digest(
    autojump_clock: MockClock, cache: PromptCache
) -> None:
    engine = ScriptedEngine(speaks(), "cartesia")
    async with chain_of(engine, cache=cache) as chain:
        made = await chain.precache(TEXT, DEFAULT, 8000)
        speaker = await chain.prompt_speaker(made.digest)
        assert speaker is not None
        assert speaker.name == "cartesia"
        speaker.check(VoiceChoice("nobody"))
        speaker.check_text("நன்றி", DEFAULT)
        for _ in range(2):
            callee = Callee()
            await speaker.speak(WholeText(""), callee, DEFAULT)
            assert bytes(callee.pcm) == sound_of(TEXT)
            assert callee.stretches == [Stretch("cartesia", 0, 0, made.audio_ms, cached=True)]
    assert engine.turns == 1


async def test_another_process_that_has_not_the_engine_plays_it_too(
    autojump_clock: MockClock, cache: PromptCache, tmp_path: Path
) -> None:
    async with chain_of(ScriptedEngine(speaks(), "cartesia"), cache=cache) as chain:
        made = await chain.precache(TEXT, DEFAULT, 8000)
    again = PromptCache(tmp_path, 10**7)
    async with chain_of(ScriptedEngine(speaks(), "espeak"), cache=again) as chain:
        speaker = await chain.prompt_speaker(made.digest)
        assert speaker is not None
        callee = Callee()
        await speaker.speak(Pieces(), callee, DEFAULT)
        assert bytes(callee.pcm) == sound_of(TEXT)
        assert (await chain.precache(TEXT, DEFAULT, 8000)).digest != made.digest


async def test_it_is_played_at_the_calls_rate(
    autojump_clock: MockClock, cache: PromptCache
) -> None:
    async with chain_of(ScriptedEngine(speaks(), "cartesia"), cache=cache) as chain:
        made = await chain.precache(TEXT, DEFAULT, 8000)
        speaker = await chain.prompt_speaker(made.digest)
        assert speaker is not None
        callee = Callee(16000)
        await speaker.speak(Pieces(), callee, DEFAULT)
    assert len(callee.pcm) == 2 * len(sound_of(TEXT))
    assert callee.stretches[0].audio_ms == made.audio_ms


async def test_it_sounds_as_it_does_when_it_is_said(
    autojump_clock: MockClock, cache: PromptCache
) -> None:
    # With level, edges and leading silence as for any speech.
    engine = ScriptedEngine(speaks(), "cartesia")
    async with chain_of(engine, cache=cache, options=SpeechOptions()) as chain:
        made = await chain.precache(TEXT, DEFAULT, 8000)
        said, played = Callee(), Callee()
        await chain.speak(WholeText(TEXT), said, DEFAULT)
        speaker = await chain.prompt_speaker(made.digest)
        assert speaker is not None
        await speaker.speak(Pieces(), played, DEFAULT)
    assert bytes(said.pcm) == bytes(played.pcm) != sound_of(TEXT)
    assert engine.turns == 1


async def test_a_digest_nobody_made_is_told(cache: PromptCache) -> None:
    async with chain_of(ScriptedEngine(speaks(), "cartesia"), cache=cache) as chain:
        assert await chain.prompt_speaker("0" * 64) is None
        assert await chain.prompt_speaker("../lock") is None
    async with chain_of(ScriptedEngine(speaks(), "cartesia")) as chain:
        assert await chain.prompt_speaker("0" * 64) is None
        with pytest.raises(OutputError, match="no prompt cache"):
            await chain.precache(TEXT, DEFAULT, 8000)


async def test_a_prompt_kept_before_origins_were_is_made_again(
    autojump_clock: MockClock, cache: PromptCache
) -> None:
    engine = ScriptedEngine(speaks(), "cartesia")
    async with chain_of(engine, cache=cache) as chain:
        made = await chain.precache(TEXT, DEFAULT, 8000)
        key = PromptKey(made.digest)
        kept = await cache.find(key)
        assert isinstance(kept, Prompt)
        await cache.store(key, attrs.evolve(kept, origin=None))
        assert await chain.prompt_speaker(made.digest) is None
        assert (await chain.precache(TEXT, DEFAULT, 8000)).made
        assert await chain.prompt_speaker(made.digest) is not None
    assert engine.turns == 2


async def test_what_was_kept_while_it_was_said_is_played_as_well(
    autojump_clock: MockClock, cache: PromptCache
) -> None:
    options = SpeechOptions(level=None, keep_all=True)
    engine = ScriptedEngine(speaks(), "a")
    async with chain_of(engine, cache=cache, options=options) as chain:
        await chain.speak(WholeText(TEXT), Callee(), DEFAULT)
        await trio.testing.wait_all_tasks_blocked(0.01)
        there = await chain.precache(TEXT, DEFAULT, 8000)
        assert not there.made
        assert await chain.prompt_speaker(there.digest) is not None
    assert engine.turns == 1


class Impatient:
    """A sink that has enough after a second, and never waits."""

    sample_rate = 8000

    def __init__(self, scope: trio.CancelScope) -> None:
        self.chunks: list[bytes] = []
        self.news: list[SpeechNews] = []
        self._scope = scope

    async def write(self, chunk: bytes) -> None:
        self.chunks.append(chunk)
        if len(self.chunks) == 5:
            self._scope.cancel()

    def tell(self, news: SpeechNews) -> None:
        self.news.append(news)

    def ahead_s(self) -> float:
        return 0.0


async def test_cancelled_it_stops_within_a_chunk(
    autojump_clock: MockClock, cache: PromptCache
) -> None:
    async with chain_of(ScriptedEngine(speaks(), "cartesia"), cache=cache) as chain:
        made = await chain.precache(TEXT * 3, DEFAULT, 8000)
        speaker = await chain.prompt_speaker(made.digest)
        assert speaker is not None
        with trio.CancelScope() as scope:
            sink = Impatient(scope)
            await speaker.speak(Pieces(), sink, DEFAULT)
    assert [len(each) for each in sink.chunks] == [3200] * 5
    assert sink.news == [Stretch("cartesia", 0, 0, 1000.0, cached=True)]
    assert any(sink.chunks[0])


async def test_cancelled_before_it_begins_it_says_nothing(
    autojump_clock: MockClock, cache: PromptCache
) -> None:
    async with chain_of(ScriptedEngine(speaks(), "cartesia"), cache=cache) as chain:
        made = await chain.precache(TEXT, DEFAULT, 8000)
        speaker = await chain.prompt_speaker(made.digest)
        assert speaker is not None
        with trio.CancelScope() as scope:
            scope.cancel()
            sink = Impatient(scope)
            await speaker.speak(Pieces(), sink, DEFAULT)
    assert (sink.chunks, sink.news) == ([], [])
