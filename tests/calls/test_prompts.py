"""Prompts made ahead of time, and whose fault it is when they are not."""

from __future__ import annotations

from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from fakes import ScriptedEngine
from speech.listening import broken, chain_of, speaks
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.calls.prompts import make_prompts
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import ConfigError
from trioaudio.speech.prompt_cache import PromptCache

CHOICE = VoiceChoice()


async def test_they_are_made_once(tmp_path: Path) -> None:
    engine = ScriptedEngine(speaks(first_s=0, speed=1e6), "first")
    async with chain_of(engine, cache=PromptCache(tmp_path, 1 << 20)) as speech:
        made = await make_prompts(speech, ["Hello.", "Good bye."], CHOICE, 8000)
        assert [(each.text, each.made) for each in made.prompts] == [
            ("Hello.", True),
            ("Good bye.", True),
        ]
        assert [each.audio_ms for each in made.prompts] == [420.0, 630.0]
        again = await make_prompts(speech, ["Good bye."], CHOICE, 8000)
        assert [(each.prompt, each.made) for each in again.prompts] == [
            (made.prompts[1].prompt, False)
        ]
        assert engine.turns == 2
        assert await speech.prompt_speaker(made.prompts[0].prompt) is not None


@pytest.mark.parametrize("text", ["", "…", "x" * 2001])
async def test_a_text_that_is_no_prompt(text: str, tmp_path: Path) -> None:
    async with chain_of(
        ScriptedEngine(speaks(first_s=0, speed=1e6), "first"), cache=PromptCache(tmp_path, 1 << 20)
    ) as speech:
        with pytest.raises(RequestError) as caught:
            await make_prompts(speech, [text], CHOICE, 8000)
        assert caught.value.fault is RequestFault.INVALID


async def test_an_engine_that_cannot(tmp_path: Path) -> None:
    async def fails(clauses: object, sink: object) -> None:
        await trio.lowlevel.checkpoint()
        raise broken()

    async with chain_of(
        ScriptedEngine(fails, "first"), cache=PromptCache(tmp_path, 1 << 20)
    ) as speech:
        with pytest.raises(RequestError, match="broken") as caught:
            await make_prompts(speech, ["Hello."], CHOICE, 8000)
        assert caught.value.fault is RequestFault.ENGINE


async def test_nowhere_to_keep_them(autojump_clock: MockClock) -> None:
    async with chain_of(ScriptedEngine(speaks(), "first")) as speech:
        with pytest.raises(RequestError) as caught:
            await make_prompts(speech, ["Hello."], CHOICE, 8000)
        assert caught.value.fault is RequestFault.UNSUPPORTED


async def test_a_voice_nobody_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = ScriptedEngine(speaks(), "first")

    def check(choice: VoiceChoice) -> None:
        raise ConfigError("no voice 'anna'")

    monkeypatch.setattr(engine, "check", check)
    async with chain_of(engine, cache=PromptCache(tmp_path, 1 << 20)) as speech:
        with pytest.raises(RequestError, match="anna") as caught:
            await make_prompts(speech, ["Hello."], VoiceChoice("anna"), 8000)
        assert caught.value.fault is RequestFault.INVALID
