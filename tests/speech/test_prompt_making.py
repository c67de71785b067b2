from __future__ import annotations

from collections.abc import AsyncIterable

import pytest
import trio
from trio.testing import MockClock

from fakes import ScriptedEngine
from speech.listening import broken, sound_of, speaks
from trioaudio.core.engine import PcmSink, VoiceChoice
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.speech.prompt_making import make_prompt

CLAUSES = ("Good morning.", "It is six.")
CHOICE = VoiceChoice("asha", "hi")


class Rendering(ScriptedEngine):
    """An engine that makes a prompt in one go."""

    def __init__(self, pcm: bytes | Exception) -> None:
        super().__init__(speaks(), "rendering")
        self.pcm = pcm
        self.asked: list[tuple[str, VoiceChoice, int]] = []

    async def render(self, text: str, choice: VoiceChoice, sample_rate: int) -> bytes:
        self.asked.append((text, choice, sample_rate))
        if isinstance(self.pcm, Exception):
            raise self.pcm
        return self.pcm


async def test_spoken_by_an_engine(autojump_clock: MockClock) -> None:
    prompt = await make_prompt(ScriptedEngine(speaks()), CLAUSES, CHOICE, 8000)
    assert prompt.pcm == sound_of("".join(CLAUSES))
    assert prompt.clause_ends == (len(sound_of(CLAUSES[0])), len(prompt.pcm))
    text = [CLAUSES[word.clause][word.start : word.start + word.length] for word in prompt.words]
    assert text == ["Good", "morning.", "It", "is", "six."]


async def test_rendered_in_one_go() -> None:
    engine = Rendering(b"\1\2" * 24_000 + b"\3")
    prompt = await make_prompt(engine, CLAUSES, CHOICE, 24_000)
    assert engine.asked == [("Good morning. It is six.", CHOICE, 24_000)]
    assert engine.turns == 0
    assert prompt.pcm == b"\1\2" * 24_000, "whole samples only"
    assert prompt.clause_ends[-1] == 48_000
    assert prompt.clause_ends[0] == pytest.approx(48_000 * 14 / 24, abs=2)
    assert prompt.clause_ends[0] % 2 == 0
    words = [
        (CLAUSES[each.clause][each.start : each.start + each.length], each.at_ms)
        for each in prompt.words
    ]
    assert [word for word, _ in words] == ["Good", "morning", "It", "is", "six"]
    at = [at_ms for _, at_ms in words]
    assert at == sorted(at)
    assert at[0] == 0.0
    assert at[-1] < 1000.0


async def test_one_clause_rendered() -> None:
    prompt = await make_prompt(Rendering(b"\1\2" * 80), ["Yes."], CHOICE, 8000)
    assert prompt.clause_ends == (160,)


async def nothing(clauses: AsyncIterable[str], sink: PcmSink) -> None:
    async for _ in clauses:
        await sink.write(b"")


async def zeros(clauses: AsyncIterable[str], sink: PcmSink) -> None:
    async for _ in clauses:
        await sink.write(bytes(8000))


@pytest.mark.parametrize(
    "engine",
    [ScriptedEngine(nothing), ScriptedEngine(zeros), Rendering(b""), Rendering(bytes(8001))],
)
async def test_silence_is_no_prompt(engine: ScriptedEngine) -> None:
    with pytest.raises(
        EngineError, match=r"has no sound for the prompt 'Good morning\.'"
    ) as raised:
        await make_prompt(engine, CLAUSES, CHOICE, 8000)
    assert raised.value.kind is EngineFault.EMPTY


@pytest.mark.parametrize("error", [broken(), ExceptionGroup("", [broken(), broken()])])
async def test_what_it_raises_is_one_error(error: Exception) -> None:
    async def fails(clauses: AsyncIterable[str], sink: PcmSink) -> None:
        await trio.lowlevel.checkpoint()
        raise error

    for engine in (ScriptedEngine(fails), Rendering(error)):
        with pytest.raises(EngineError, match="broken"):
            await make_prompt(engine, CLAUSES, CHOICE, 8000)
