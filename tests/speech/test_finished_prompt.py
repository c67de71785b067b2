"""Prompts played again: the same sound and words as the first time, at no cost."""

from __future__ import annotations

from collections.abc import AsyncIterable
from pathlib import Path

import numpy as np
import pytest
import trio
from trio.testing import MockClock

from fakes import EngineScript, Pieces, ScriptedEngine
from speech.listening import Callee, chain_of
from trioaudio.core.engine import EngineSettings, PcmSink, VoiceChoice, WordTiming
from trioaudio.core.level.leveller import Leveller
from trioaudio.core.level.options import LevelOptions
from trioaudio.core.resampling import Resampler
from trioaudio.core.speech import WholeText
from trioaudio.speech.chain import EngineChain, SpeechOptions
from trioaudio.speech.finished_prompt import (
    NEAR_DB,
    AsFinished,
    Finish,
    FinishedPrompt,
    finish_prompt,
)
from trioaudio.speech.member import Member
from trioaudio.speech.prompt import Prompt
from trioaudio.speech.prompt_cache import PromptCache

DEFAULT = VoiceChoice()
TEXT = "Welcome back to the pharmacy. How may we help you? We are open until eight."
CLAUSES = ("one", "two")
LEVELLED = SpeechOptions()
FIXED = EngineSettings(gain_db=4.0)
SILENCE_S, SECONDS = 0.3, 1.1


@pytest.fixture
def cache(tmp_path: Path) -> PromptCache:
    return PromptCache(tmp_path, 10**8)


def voice(rate: int, amplitude: int = 3000, *, words: bool = True) -> EngineScript:
    """Return an engine that hums every clause for 1.1 s, after a silence."""
    silence = bytes(int(rate * SILENCE_S) * 2)
    at = np.arange(int(rate * SECONDS))
    hum = (amplitude * np.sin(2 * np.pi * 310 * at / rate)).astype("<i2").tobytes()

    async def script(clauses: AsyncIterable[str], sink: PcmSink) -> None:
        number = 0
        async for clause in clauses:
            if words:
                begin_ms = number * (SILENCE_S + SECONDS) * 1000
                sink.tell_word(WordTiming(number, 0, clause.index(" "), begin_ms + 300))
                sink.tell_word(WordTiming(number, clause.rindex(" ") + 1, 4, begin_ms + 1200))
            await sink.write(silence + hum)
            number += 1
            sink.tell_spoken(number)

    return script


async def played(chain: EngineChain, rate: int = 8000) -> Callee:
    callee = Callee(rate)
    await chain.speak(WholeText(TEXT), callee, DEFAULT)
    assert callee.gaps == []
    assert [each.cached for each in callee.stretches] == [True]
    return callee


def count_levellers(chain: EngineChain, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return a list that takes something whenever speech is levelled."""
    begun: list[float] = []
    make = chain._levels.leveller

    def leveller(member: Member | None, voice: str, sample_rate: int) -> Leveller | None:
        begun.append(trio.current_time())
        return make(member, voice, sample_rate)

    monkeypatch.setattr(chain._levels, "leveller", leveller)
    return begun


@pytest.mark.parametrize("words", [True, False])
@pytest.mark.parametrize("call_rate", [8000, 16000])
@pytest.mark.parametrize("engine_rate", [8000, 22050])
async def test_the_second_time_it_is_the_same_and_nothing_is_done_to_it(
    engine_rate: int,
    call_rate: int,
    words: bool,
    cache: PromptCache,
    monkeypatch: pytest.MonkeyPatch,
    autojump_clock: MockClock,
) -> None:
    engine = ScriptedEngine(voice(engine_rate, words=words), "a", engine_rate)
    async with chain_of(engine, cache=cache, options=LEVELLED, settings=FIXED) as chain:
        await chain.precache(TEXT, DEFAULT, 8000)
        levelled = count_levellers(chain, monkeypatch)
        first = await played(chain, call_rate)
        again = await played(chain, call_rate)
        assert len(levelled) == 1
        await played(chain, 24000)
        assert len(levelled) == 2, "another rate is another sound"
        assert bytes((await played(chain, call_rate)).pcm) == bytes(first.pcm)
    assert engine.turns == 1
    assert bytes(again.pcm) == bytes(first.pcm)
    assert again.stretches == first.stretches
    assert [(each.start, each.length) for each in again.words] == [
        (each.start, each.length) for each in first.words
    ]
    times = [each.at_ms for each in first.words]
    assert len(times) >= 4
    assert [each.at_ms for each in again.words] == pytest.approx(times, abs=0.1)
    assert {each.estimated for each in again.words} == {not words}


async def test_played_by_its_digest_it_is_finished_as_well(
    cache: PromptCache, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    engine = ScriptedEngine(voice(22050), "a", 22050)
    async with chain_of(engine, cache=cache, options=LEVELLED, settings=FIXED) as chain:
        made = await chain.precache(TEXT, DEFAULT, 8000)
        levelled = count_levellers(chain, monkeypatch)
        speaker = await chain.prompt_speaker(made.digest)
        assert speaker is not None
        first, again = Callee(), Callee()
        await speaker.speak(Pieces(), first, DEFAULT)
        await speaker.speak(Pieces(), again, DEFAULT)
        said = await played(chain)
    assert len(levelled) == 1
    assert bytes(first.pcm) == bytes(again.pcm) == bytes(said.pcm)
    assert first.stretches == again.stretches


async def test_a_voice_that_only_plays_prompts_is_known_by_them(
    cache: PromptCache, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    engine = ScriptedEngine(voice(8000, 1000), "a")
    async with chain_of(engine, cache=cache, options=LEVELLED) as chain:
        await chain.precache(TEXT, DEFAULT, 8000)
        await trio.testing.wait_all_tasks_blocked()
        levelled = count_levellers(chain, monkeypatch)
        first = await played(chain)
        assert levelled == []
        await chain.speak(Pieces(TEXT), Callee(), DEFAULT)
        again = await played(chain)
    assert bytes(first.pcm) == bytes(again.pcm)
    (peak,) = {int(np.abs(np.frombuffer(bytes(first.pcm), "<i2")).max())}
    assert peak > 2000, "it was made louder from its beginning on"


async def test_a_short_prompt_tells_too_little_of_its_voice(
    cache: PromptCache, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    engine = ScriptedEngine(voice(8000, 1000), "a")
    async with chain_of(engine, cache=cache, options=LEVELLED) as chain:
        levelled = count_levellers(chain, monkeypatch)
        await chain.precache("Thank you.", DEFAULT, 8000)
        callee = Callee()
        await chain.speak(WholeText("Thank you."), callee, DEFAULT)
        assert len(levelled) == 1, "with what is known so far, and as it turns out"


async def test_it_is_finished_anew_when_its_voice_needs_another_gain(
    cache: PromptCache, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    engine = ScriptedEngine(voice(8000), "a")
    async with chain_of(engine, cache=cache, options=LEVELLED) as chain:
        await chain.precache(TEXT, DEFAULT, 8000)
        await chain.speak(Pieces(TEXT), Callee(), DEFAULT)
        levelled = count_levellers(chain, monkeypatch)
        gains = chain._levels._gains
        (known,) = gains._heard.values()
        first = await played(chain)
        known.active_dbov += NEAR_DB * 0.9
        assert bytes((await played(chain)).pcm) == bytes(first.pcm)
        known.active_dbov += NEAR_DB * 0.2
        softer = await played(chain)
        assert bytes(softer.pcm) != bytes(first.pcm)
        assert bytes((await played(chain)).pcm) == bytes(softer.pcm)
    assert len(levelled) == 1, "only what the new gain asks for"


async def test_what_is_cut_is_finished_all_the_same(
    cache: PromptCache, monkeypatch: pytest.MonkeyPatch, autojump_clock: MockClock
) -> None:
    engine = ScriptedEngine(voice(8000), "a")
    async with chain_of(engine, cache=cache, options=LEVELLED, settings=FIXED) as chain:
        await chain.precache(TEXT, DEFAULT, 8000)
        levelled = count_levellers(chain, monkeypatch)
        with trio.move_on_after(1.0):
            await played(chain)
        first = await played(chain)
        callee = Callee()
        with trio.move_on_after(2.0):
            await chain.speak(WholeText(TEXT), callee, DEFAULT)
        assert len(levelled) == 1
    assert bytes(first.pcm).startswith(bytes(callee.pcm))
    (stretch,) = callee.stretches
    assert 0 < stretch.end < len(TEXT), "the clauses that were written count as spoken"


async def test_an_unlevelled_prompt_is_played_as_it_is(
    cache: PromptCache, autojump_clock: MockClock
) -> None:
    engine = ScriptedEngine(voice(8000), "a")
    async with chain_of(engine, cache=cache) as chain:
        made = await chain.precache(TEXT, DEFAULT, 8000)
        first, again = await played(chain), await played(chain)
    assert bytes(first.pcm) == bytes(again.pcm)
    assert len(first.pcm) / 16 == made.audio_ms
    assert cache._memory_bytes == len(first.pcm)


# --- Its parts -------------------------------------------------------------------------------


def test_nearness_is_of_the_gain_alone() -> None:
    finish = Finish(8000, LevelOptions(), 2.0)
    assert finish.is_near(Finish(8000, LevelOptions(), 2.0 + NEAR_DB))
    assert not finish.is_near(Finish(8000, LevelOptions(), 2.1 + NEAR_DB))
    assert not finish.is_near(Finish(16000, LevelOptions(), 2.0))
    assert not finish.is_near(Finish(8000, LevelOptions(target_dbov=-20.0), 2.0))


@pytest.mark.parametrize("prompt_rate", [8000, 22050])
async def test_finishing_is_the_same_as_playing_it(prompt_rate: int) -> None:
    noise = np.random.default_rng(1).normal(0, 9000, prompt_rate * 3)
    pcm = bytes(prompt_rate) + noise.clip(-32768, 32767).astype("<i2").tobytes()
    leveller, resampler = Leveller(8000, 5.0, LevelOptions()), Resampler(prompt_rate, 8000)
    played = leveller.push(resampler.push(pcm)) + leveller.push(resampler.flush())
    played += leveller.flush()
    finish = Finish(8000, LevelOptions(), 5.0)
    finished = await finish_prompt(Prompt(pcm, (), (len(pcm),)), prompt_rate, finish)
    assert finished.pcm == played
    assert finished.trimmed_samples == leveller.trimmed_samples > 0
    assert finished.clause_ends == (len(played),)


async def test_clauses_end_where_they_did_at_the_calls_rate() -> None:
    hum = (3000 * np.sin(np.arange(32000) / 9)).astype("<i2").tobytes()
    prompt = Prompt(hum, (), (16000, len(hum)))
    finished = await finish_prompt(prompt, 16000, Finish(8000, LevelOptions(), 0.0))
    assert finished.clause_ends == (8000, 32000)


async def test_while_one_is_finished_others_run() -> None:
    prompt = Prompt(bytes(range(256)) * 1000, (), (256_000,))
    turns = 0

    async def take_turns() -> None:
        nonlocal turns
        while True:
            turns += 1
            await trio.lowlevel.checkpoint()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(take_turns)
        await finish_prompt(prompt, 8000, Finish(8000, LevelOptions(), 0.0))
        nursery.cancel_scope.cancel()
    assert turns > 0.8 * 256_000 / 2 / 8000 / 0.2


def test_what_is_finished_is_left_alone() -> None:
    levels = AsFinished(17)
    assert levels.push(b"ab") == b"ab"
    assert levels.flush() == levels.cut() == b""
    assert levels.trimmed_samples == 17


async def test_more_clauses_than_it_has_are_silent(autojump_clock: MockClock) -> None:
    class Sink:
        def __init__(self) -> None:
            self.pcm = b""
            self.spoken = 0

        async def write(self, chunk: bytes) -> None:
            self.pcm += chunk

        def tell_word(self, word: WordTiming) -> None:
            raise AssertionError(word)

        def tell_spoken(self, clauses: int) -> None:
            self.spoken = clauses

    sink = Sink()
    prompt = FinishedPrompt(Finish(8000, LevelOptions(), 0.0), b"abcd", 0, (), (4,))
    await prompt.synthesize(Pieces(*CLAUSES), sink, DEFAULT, 8000)
    assert (sink.pcm, sink.spoken) == (b"abcd", 2)
