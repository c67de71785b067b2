"""What an utterance is like that two engines spoke, or nearly: words, changes, silence."""

from __future__ import annotations

from collections.abc import AsyncIterable

import pytest
from trio.testing import MockClock

from fakes import EngineScript, Pieces, ScriptedEngine
from speech.listening import Callee, broken, chain_of, speaks
from trioaudio.core.engine import PcmSink, VoiceChoice
from trioaudio.core.errors import EngineFault, TextError

TEXT = "Good morning, this is the pharmacy. Your medicine is ready, so please come before six."


async def heard(*engines: EngineScript) -> Callee:
    callee = Callee()
    named = [ScriptedEngine(each, "abc"[at]) for at, each in enumerate(engines)]
    async with chain_of(*named) as chain:
        await chain.speak(Pieces(TEXT), callee, VoiceChoice(language="en"))
    return callee


@pytest.mark.parametrize("words", [False, True])
async def test_the_words_of_the_second_follow_those_of_the_first(
    words: bool, autojump_clock: MockClock
) -> None:
    callee = await heard(speaks(fails_at=50, words=words), speaks(words=words))
    first, second = callee.stretches
    at = [word.at_ms for word in callee.words]
    assert at == sorted(at)
    assert at[-1] < len(callee.pcm) / 16
    of_second = [word for word in callee.words if word.at_ms >= first.audio_ms]
    assert of_second[0].start == second.start + 1, "a space belongs to the word after it"
    assert of_second[0].at_ms == pytest.approx(first.audio_ms)
    spoken = [TEXT[word.start : word.start + word.length].strip(".,") for word in of_second]
    assert spoken == [word.strip(".,") for word in TEXT[second.start :].split()]


async def test_the_words_of_three_that_took_turns_are_at_rising_places(
    autojump_clock: MockClock,
) -> None:
    callee = await heard(speaks(fails_at=20), speaks(fails_at=30), speaks())
    assert callee.engines == ["a", "b", "c"]
    at = [word.at_ms for word in callee.words]
    assert at == sorted(at)
    begin_of_third = callee.stretches[0].audio_ms + callee.stretches[1].audio_ms
    third = [word for word in callee.words if word.at_ms >= begin_of_third]
    assert third[0].start == callee.stretches[2].start + 1


def after_all(error: Exception | None) -> EngineScript:
    async def script(clauses: AsyncIterable[str], sink: PcmSink) -> None:
        await speaks()(clauses, sink)
        if error is not None:
            raise error

    return script


@pytest.mark.parametrize("kind", [EngineFault.TIMEOUT, EngineFault.AUTH])
async def test_who_fails_when_all_is_said_is_followed_by_nobody(
    kind: EngineFault, autojump_clock: MockClock
) -> None:
    callee = await heard(after_all(broken(kind)), speaks())
    assert (callee.engines, callee.changes) == (["a"], [])
    assert callee.stretches[0].end == len(TEXT)


async def silent(clauses: AsyncIterable[str], sink: PcmSink) -> None:
    number = 0
    async for _ in clauses:
        number += 1
        sink.tell_spoken(number)


async def test_when_nobody_has_a_sound_for_it_the_text_is_at_fault(
    autojump_clock: MockClock,
) -> None:
    with pytest.raises(TextError, match="the voice has no sound for this text"):
        await heard(silent, silent)


async def test_who_leaves_early_is_followed(autojump_clock: MockClock) -> None:
    async def leaves(clauses: AsyncIterable[str], sink: PcmSink) -> None:
        await speaks()(Pieces(await clauses.__aiter__().__anext__()), sink)

    callee = await heard(leaves, speaks())
    assert callee.engines == ["a", "b"]
    assert callee.changes[0].reason == "a left off before the text had ended"
    first, second = callee.stretches
    assert (first.start, first.end, second.end) == (0, second.start, len(TEXT))
