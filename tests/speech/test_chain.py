"""Engines in order, on virtual time: what is heard, by whom, with what gap, when one fails."""

from __future__ import annotations

from collections.abc import AsyncIterable
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from fakes import Pieces, ScriptedEngine
from speech.listening import (
    AS_IT_IS,
    CHARACTER_S,
    Callee,
    SlowText,
    broken,
    chain_of,
    never,
    sound_of,
    speaks,
    text_of,
)
from trioaudio.core.engine import EngineSettings, PcmSink, VoiceChoice, WordTiming
from trioaudio.core.errors import (
    ConfigError,
    EngineError,
    EngineFault,
    TextError,
)
from trioaudio.core.facts import EngineRested, EngineReturned, Fact
from trioaudio.core.speech import WholeText
from trioaudio.speech.chain import SpeechOptions
from trioaudio.speech.prompt_cache import PromptCache

DEFAULT = VoiceChoice()
TEXT = (
    "Good morning, this is the pharmacy. Your medicine is ready, so please come before six today."
    " Bring the paper your doctor gave you, and we will have it packed for you then. Goodbye now."
)


async def heard(*engines: ScriptedEngine, text: str = TEXT) -> Callee:
    callee = Callee()
    async with chain_of(*engines) as chain:
        await chain.speak(Pieces(text), callee, DEFAULT)
    return callee


def covers(callee: Callee, characters: int) -> bool:
    """Say whether the stretches follow one another from the first character to the last."""
    at = 0
    for stretch in callee.stretches:
        if stretch.start != at:
            return False
        at = stretch.end
    return at == characters


async def test_one_engine_speaks_it_all(autojump_clock: MockClock) -> None:
    callee = await heard(ScriptedEngine(speaks(), "cartesia"))
    assert callee.engines == ["cartesia"]
    assert covers(callee, len(TEXT))
    assert text_of(bytes(callee.pcm)).replace(" ", "") == TEXT.replace(" ", "")
    assert callee.gaps == []
    assert [TEXT[word.start : word.start + word.length] for word in callee.words] == TEXT.split()
    times = [word.at_ms for word in callee.words]
    assert times == sorted(times)


async def test_a_killed_engine_is_followed_without_a_gap(autojump_clock: MockClock) -> None:
    first = ScriptedEngine(speaks(fails_at=50), "cartesia")
    callee = await heard(first, ScriptedEngine(speaks(), "espeak"))
    assert callee.engines == ["cartesia", "espeak"]
    assert covers(callee, len(TEXT))
    assert callee.gaps == []
    (change,) = callee.changes
    assert (change.failed, change.takes_over) == ("cartesia", "espeak")
    # What the second says begins at a phrase's edge, not later than where the first broke off.
    cut = callee.stretches[1].start
    assert 0 < cut <= 50
    assert TEXT[:cut].rstrip()[-1] in ".,"
    text = text_of(bytes(callee.pcm))
    assert text.replace(" ", "").endswith(TEXT[cut:].replace(" ", ""))


async def test_a_stalled_engine_is_given_up_before_the_callee_hears_it(
    autojump_clock: MockClock,
) -> None:
    first = ScriptedEngine(speaks(stalls_at=50), "cartesia")
    callee = await heard(first, ScriptedEngine(speaks(), "espeak"))
    assert callee.engines == ["cartesia", "espeak"]
    assert covers(callee, len(TEXT))
    assert sum(callee.gaps) <= 0.1
    assert "stalled" in callee.changes[0].reason


async def test_a_stall_of_an_engine_just_in_time_costs_its_least_patience(
    autojump_clock: MockClock,
) -> None:
    first = ScriptedEngine(speaks(stalls_at=50, speed=1.0), "cartesia")
    callee = await heard(first, ScriptedEngine(speaks(), "espeak"))
    assert covers(callee, len(TEXT))
    assert max(callee.gaps) <= 0.4


async def test_a_service_that_speaks_just_in_time_is_not_stalled(
    autojump_clock: MockClock,
) -> None:
    # 300 ms at once, every 300 ms: nothing is ever ahead, and each wait is longer than 250 ms.
    first = ScriptedEngine(speaks(speed=1.0, chunk_characters=4), "cartesia")
    callee = await heard(first, ScriptedEngine(speaks(), "espeak"))
    assert callee.engines == ["cartesia"]
    assert covers(callee, len(TEXT))


async def test_the_last_engine_has_patience_since_nobody_could_go_on(
    autojump_clock: MockClock,
) -> None:
    slow = ScriptedEngine(speaks(first_s=3.0, speed=0.1, chunk_characters=2), "cartesia")
    assert (await heard(slow)).engines == ["cartesia"]
    begun = trio.current_time()
    with pytest.raises(EngineError, match="gave no audio within 5000 ms"):
        await heard(ScriptedEngine(never, "cartesia"))
    assert trio.current_time() - begun == pytest.approx(5.0, abs=0.1)


async def test_an_engine_that_says_nothing_is_given_up_after_its_time(
    autojump_clock: MockClock,
) -> None:
    begun = trio.current_time()
    callee = await heard(ScriptedEngine(never, "cartesia"), ScriptedEngine(speaks(), "espeak"))
    assert callee.engines == ["espeak"]
    assert callee.first_at is not None
    assert callee.first_at - begun == pytest.approx(0.8, abs=0.1)
    assert covers(callee, len(TEXT))
    assert callee.changes[0].reason == "cartesia gave no audio within 800 ms"


async def test_the_time_for_the_first_audio_is_a_setting(autojump_clock: MockClock) -> None:
    callee, begun = Callee(), trio.current_time()
    engines = ScriptedEngine(never, "a"), ScriptedEngine(speaks(first_s=0.01), "b")
    async with chain_of(*engines, settings=EngineSettings(first_audio_ms=200)) as chain:
        await chain.speak(Pieces(TEXT), callee, DEFAULT)
    assert callee.first_at is not None
    assert callee.first_at - begun == pytest.approx(0.24, abs=0.05)


async def test_a_slow_author_is_no_stall(autojump_clock: MockClock) -> None:
    engine = ScriptedEngine(speaks(), "cartesia")
    callee = Callee()
    sentences = [f"{each.strip()}. " for each in TEXT.split(".") if each.strip()]
    async with chain_of(engine, ScriptedEngine(speaks(), "espeak")) as chain:
        await chain.speak(SlowText(sentences, 12.0), callee, DEFAULT)
    assert callee.engines == ["cartesia"]
    assert callee.changes == []


async def test_an_author_who_thinks_in_mid_sentence_is_heard_so_far(
    autojump_clock: MockClock,
) -> None:
    callee = Callee()
    begun = trio.current_time()
    async with chain_of(ScriptedEngine(speaks(), "espeak")) as chain:
        await chain.speak(SlowText(["I think ", "so."], 5.0), callee, DEFAULT)
    assert callee.first_at is not None
    assert callee.first_at - begun < 6.0
    assert text_of(bytes(callee.pcm)).replace(" ", "") == "Ithinkso."


async def test_a_slow_callee_is_no_stall(autojump_clock: MockClock) -> None:
    callee = Callee(ahead_s=0.0)
    async with chain_of(ScriptedEngine(speaks(speed=100.0), "a")) as chain:
        await chain.speak(Pieces(TEXT), callee, DEFAULT)
    assert callee.engines == ["a"]


async def test_an_engine_that_never_says_it_is_done_is_done(autojump_clock: MockClock) -> None:
    async def endless(clauses: AsyncIterable[str], sink: PcmSink) -> None:
        await speaks()(clauses, sink)
        await trio.sleep_forever()

    callee = Callee()
    async with chain_of(ScriptedEngine(endless, "a"), ScriptedEngine(speaks(), "b")) as chain:
        await chain.speak(Pieces(TEXT), callee, DEFAULT)
    assert callee.engines == ["a"]
    assert covers(callee, len(TEXT))


async def test_when_all_fail_the_reasons_are_told_and_nothing_is_lost_of_the_account(
    autojump_clock: MockClock,
) -> None:
    callee = Callee()
    engines = (
        ScriptedEngine(speaks(fails_at=40), "a"),
        ScriptedEngine(speaks(fails_at=40, error=broken(EngineFault.QUOTA)), "b"),
    )
    async with chain_of(*engines) as chain:
        with pytest.raises(
            EngineError, match=r"no engine could speak: broken: un.*; broken: quota"
        ):
            await chain.speak(Pieces(TEXT), callee, DEFAULT)
    assert callee.engines == ["a", "b"]
    assert callee.stretches[0].end == callee.stretches[1].start
    assert 0 < callee.stretches[-1].end < len(TEXT)


async def test_the_only_engines_error_is_its_own(autojump_clock: MockClock) -> None:
    error = broken(EngineFault.AUTH)
    async with chain_of(ScriptedEngine(speaks(fails_at=0, error=error), "a")) as chain:
        with pytest.raises(EngineError) as raised:
            await chain.speak(Pieces(TEXT), Callee(), DEFAULT)
    assert raised.value is error


async def test_errors_in_a_group_are_one_error(autojump_clock: MockClock) -> None:
    async def two_errors(clauses: AsyncIterable[str], sink: PcmSink) -> None:
        del clauses, sink
        await trio.lowlevel.checkpoint()
        raise ExceptionGroup("", [broken(), broken()])

    callee = await heard(ScriptedEngine(two_errors, "a"), ScriptedEngine(speaks(), "b"))
    assert callee.engines == ["b"]


async def test_a_bug_in_an_engine_is_not_hidden(autojump_clock: MockClock) -> None:
    async def bug(clauses: AsyncIterable[str], sink: PcmSink) -> None:
        del clauses, sink
        await trio.lowlevel.checkpoint()
        raise ZeroDivisionError

    async with chain_of(ScriptedEngine(bug, "a"), ScriptedEngine(speaks(), "b")) as chain:
        with pytest.raises(ZeroDivisionError):
            await chain.speak(Pieces(TEXT), Callee(), DEFAULT)


async def test_an_engine_that_fails_three_times_rests_and_returns(
    autojump_clock: MockClock,
) -> None:
    facts: list[Fact] = []
    works = False

    async def sometimes(clauses: AsyncIterable[str], sink: PcmSink) -> None:
        await speaks(fails_at=None if works else 0)(clauses, sink)

    first, last = ScriptedEngine(sometimes, "cartesia"), ScriptedEngine(speaks(), "espeak")
    async with chain_of(first, last, facts=facts) as chain:
        for _ in range(5):
            await chain.speak(Pieces("One."), Callee(), DEFAULT)
        assert first.turns == 3
        assert [type(fact) for fact in facts] == [EngineRested]
        works = True
        await trio.sleep(6)
        assert EngineReturned("cartesia") in facts
        callee = Callee()
        await chain.speak(Pieces("One."), callee, DEFAULT)
        assert callee.engines == ["cartesia"]


async def test_a_wrong_key_rests_at_once_and_longer_each_time(autojump_clock: MockClock) -> None:
    facts: list[Fact] = []
    first = ScriptedEngine(speaks(fails_at=0, error=broken(EngineFault.AUTH)), "cartesia")
    async with chain_of(first, ScriptedEngine(speaks(), "espeak"), facts=facts) as chain:
        await chain.speak(Pieces("One."), Callee(), DEFAULT)
        await trio.sleep(100)
    rests = [fact.seconds for fact in facts if isinstance(fact, EngineRested)]
    assert rests == [5.0, 10.0, 20.0, 40.0, 80.0]


async def test_a_text_it_does_not_like_is_no_reason_to_rest(autojump_clock: MockClock) -> None:
    facts: list[Fact] = []
    error = broken(EngineFault.BAD_REQUEST)
    first = ScriptedEngine(speaks(fails_at=0, error=error), "cartesia")
    async with chain_of(first, ScriptedEngine(speaks(), "espeak"), facts=facts) as chain:
        for _ in range(10):
            await chain.speak(Pieces("One."), Callee(), DEFAULT)
    assert (first.turns, facts) == (10, [])


async def test_when_all_rest_they_are_asked_all_the_same(autojump_clock: MockClock) -> None:
    error = broken(EngineFault.QUOTA)
    engine = ScriptedEngine(speaks(fails_at=0, error=error), "cartesia")
    async with chain_of(engine) as chain:
        for _ in range(3):
            with pytest.raises(EngineError):
                await chain.speak(Pieces("One."), Callee(), DEFAULT)
    assert engine.turns == 3


class Latin(ScriptedEngine):
    def check_text(self, text: str, choice: VoiceChoice) -> None:
        del choice
        if not text.isascii():
            raise TextError("only ASCII")

    def check(self, choice: VoiceChoice) -> None:
        if choice.voice or choice.language not in (None, "en"):
            raise ConfigError("one voice, one language")


async def test_an_engine_that_cannot_read_the_text_is_passed_over(
    autojump_clock: MockClock,
) -> None:
    latin, any_script = Latin(speaks(), "a"), ScriptedEngine(speaks(), "b")
    async with chain_of(latin, any_script) as chain:
        chain.check_text("नमस्ते", DEFAULT)
        callee = Callee()
        await chain.speak(WholeText("नमस्ते।"), callee, DEFAULT)
        assert callee.engines == ["b"]
    async with chain_of(latin) as chain:
        with pytest.raises(TextError):
            chain.check_text("नमस्ते", DEFAULT)
        with pytest.raises(TextError):
            await chain.speak(WholeText("नमस्ते।"), Callee(), DEFAULT)


async def test_the_voice_is_the_first_engines_and_the_language_everybodys(
    autojump_clock: MockClock,
) -> None:
    class Asked(ScriptedEngine):
        def __init__(self, name: str) -> None:
            super().__init__(speaks(fails_at=0) if name == "a" else speaks(), name)
            self.choices: list[VoiceChoice] = []

        async def synthesize(
            self, clauses: AsyncIterable[str], sink: PcmSink, choice: VoiceChoice, sample_rate: int
        ) -> None:
            self.choices.append(choice)
            await super().synthesize(clauses, sink, choice, sample_rate)

    first, second, third = Asked("a"), Asked("b"), Latin(speaks(), "c")
    async with chain_of(first, second) as chain:
        assert chain.name == "a,b"
        assert await chain.voices() == []
        chain.check(VoiceChoice("warm", "hi"))
        await chain.speak(Pieces("One."), Callee(), VoiceChoice("warm", "hi"))
    assert first.choices == [VoiceChoice("warm", "hi")]
    assert second.choices == [VoiceChoice(None, "hi")]
    async with chain_of(first, third) as chain:
        callee = Callee()
        await chain.speak(Pieces("One."), callee, VoiceChoice("warm", "hi"))
    assert callee.engines == ["c"]


async def test_what_the_author_raises_is_raised(autojump_clock: MockClock) -> None:
    class Broken(Pieces):
        async def __anext__(self) -> str:
            await trio.lowlevel.checkpoint()
            raise TextError("too long")

    async with chain_of(ScriptedEngine(speaks(), "a")) as chain:
        with pytest.raises(TextError, match="too long"):
            await chain.speak(Broken(), Callee(), DEFAULT)


async def test_nothing_to_say_is_nothing(autojump_clock: MockClock) -> None:
    for pieces in (Pieces(), Pieces("  ", "\n"), WholeText("🙂"), WholeText("")):
        engine, callee = ScriptedEngine(speaks(), "a"), Callee()
        async with chain_of(engine) as chain:
            await chain.speak(pieces, callee, DEFAULT)
        assert (bytes(callee.pcm), callee.changes) == (b"", [])


async def test_cut_by_its_call_it_tells_what_was_spoken(autojump_clock: MockClock) -> None:
    callee = Callee()
    async with chain_of(ScriptedEngine(speaks(), "a")) as chain:
        with trio.move_on_after(3.0):
            await chain.speak(Pieces(TEXT), callee, DEFAULT)
    (stretch,) = callee.stretches
    assert stretch.start == 0
    assert stretch.audio_ms == pytest.approx(len(callee.pcm) / 16, abs=1)


async def test_a_book_in_one_piece_lets_others_run(autojump_clock: MockClock) -> None:
    async def at_once(clauses: AsyncIterable[str], sink: PcmSink) -> None:
        number = 0
        async for clause in clauses:
            await sink.write(bytes(2 * len(clause)))
            number += 1
            sink.tell_spoken(number)

    engine = ScriptedEngine(at_once, "a")
    book = "It was a dark and stormy night, and the rain fell in torrents all over town. " * 1300
    steps = 0

    async def others() -> None:
        nonlocal steps
        while True:
            await trio.lowlevel.checkpoint()
            steps += 1

    callee = Callee(ahead_s=1e9)
    async with chain_of(engine) as chain, trio.open_nursery() as nursery:
        nursery.start_soon(others)
        await chain.speak(WholeText(book), callee, DEFAULT)
        nursery.cancel_scope.cancel()
    assert covers(callee, len(book))
    assert steps > len(book) // 500


async def test_words_are_estimated_where_the_engine_tells_none(autojump_clock: MockClock) -> None:
    callee = Callee()
    async with chain_of(ScriptedEngine(speaks(words=False), "a")) as chain:
        await chain.speak(Pieces(TEXT), callee, DEFAULT)
    assert all(word.estimated for word in callee.words)
    words = [TEXT[word.start : word.start + word.length].strip(".,") for word in callee.words]
    assert words == [word.strip(".,") for word in TEXT.split()]
    times = [word.at_ms for word in callee.words]
    assert times == sorted(times)
    assert times[-1] < len(callee.pcm) / 16


async def test_numbers_are_spoken_and_accounted_for_as_written(autojump_clock: MockClock) -> None:
    callee = Callee()
    text = "It costs ₹250 in all."
    async with chain_of(ScriptedEngine(speaks(), "a")) as chain:
        await chain.speak(Pieces(text), callee, VoiceChoice(language="en-IN"))
    assert "two hundred" in text_of(bytes(callee.pcm))
    assert "₹250" in {text[word.start : word.start + word.length] for word in callee.words}
    assert covers(callee, len(text))


# --- Prompts made before ---------------------------------------------------------------------


async def test_a_prompt_ordered_before_costs_no_engine(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    engine, cache = ScriptedEngine(speaks(), "a"), PromptCache(tmp_path / "prompts", 10**7)
    async with chain_of(engine, cache=cache) as chain:
        made = await chain.precache(TEXT, DEFAULT, 8000)
        there = await chain.precache(TEXT, DEFAULT, 8000)
        assert (made.made, there.made, made.digest) == (True, False, there.digest)
        assert engine.turns == 1
        live, kept = Callee(), Callee()
        await chain.speak(Pieces(TEXT), live, DEFAULT)
        await chain.speak(WholeText(TEXT), kept, DEFAULT)
        assert engine.turns == 2
    assert bytes(kept.pcm) == bytes(live.pcm)
    assert made.audio_ms == there.audio_ms == len(live.pcm) / 16
    assert kept.words == live.words
    assert [each.cached for each in kept.stretches] == [True]
    assert covers(kept, len(TEXT))
    # Another process, and another voice.
    async with chain_of(engine, cache=PromptCache(tmp_path / "prompts", 10**7)) as chain:
        again = Callee()
        await chain.speak(WholeText(TEXT), again, DEFAULT)
        assert (bytes(again.pcm), engine.turns) == (bytes(live.pcm), 2)
        await chain.speak(WholeText(TEXT), Callee(), VoiceChoice(voice="other"))
        assert engine.turns == 3


async def test_a_resting_engines_prompts_are_still_good(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    cache = PromptCache(tmp_path, 10**7)
    first = ScriptedEngine(speaks(), "cartesia")
    async with chain_of(first, ScriptedEngine(speaks(), "espeak"), cache=cache) as chain:
        await chain.precache("Welcome back.", DEFAULT, 8000)
        chain.members[0].health.resting = True
        callee = Callee()
        await chain.speak(WholeText("Welcome back."), callee, DEFAULT)
        assert callee.engines == ["cartesia"]
        other = Callee()
        await chain.speak(WholeText("Something else."), other, DEFAULT)
        assert other.engines == ["espeak"]


async def test_all_that_is_said_whole_can_be_kept(
    autojump_clock: MockClock, tmp_path: Path
) -> None:
    cache = PromptCache(tmp_path, 10**7)
    engine = ScriptedEngine(speaks(), "a")
    options = SpeechOptions(level=None, keep_all=True)
    async with chain_of(engine, cache=cache, options=options) as chain:
        for _ in range(2):
            await chain.speak(WholeText("Welcome back."), Callee(), DEFAULT)
            await trio.testing.wait_all_tasks_blocked(0.01)
    assert engine.turns == 1


@pytest.mark.parametrize(
    ("text", "error"), [("🙂", TextError), ("x " * 2000, TextError), ("नमस्ते", TextError)]
)
async def test_what_is_no_prompt(
    text: str, error: type[Exception], autojump_clock: MockClock, tmp_path: Path
) -> None:
    async with chain_of(Latin(speaks(), "a"), cache=PromptCache(tmp_path, 10**6)) as chain:
        with pytest.raises(error):
            await chain.precache(text, DEFAULT, 8000)


def test_the_fakes_sound_can_be_read() -> None:
    assert text_of(sound_of("Hi there")) == "Hi there"
    assert len(sound_of("x")) == int(8000 * CHARACTER_S) * 2
    assert AS_IT_IS.level is None
    assert WordTiming(0, 0, 1, 0.0).clause == 0
