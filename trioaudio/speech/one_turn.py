"""One turn from its beginning to its end: spoken, or broken off, and told who spoke what."""

from __future__ import annotations

from typing import TypeAlias

from trioaudio.core.engine import Engine, PcmSink, VoiceChoice
from trioaudio.core.errors import EngineError, TextError
from trioaudio.speech.engine_errors import one_engine_error, without_text
from trioaudio.speech.engine_turn import EngineTurn
from trioaudio.speech.finished_prompt import FinishedPrompt
from trioaudio.speech.prompt import Prompt
from trioaudio.speech.script import Script

Source: TypeAlias = Engine | Prompt | FinishedPrompt


async def take_turn(
    source: Source, turn: EngineTurn, script: Script, sink: PcmSink, choice: VoiceChoice, rate: int
) -> EngineError | TextError | None:
    """Have an engine or a prompt speak what is left of a script, at `rate` Hz.

    `sink` is the turn, or passes everything on to it. Returned is why it stopped before the end,
    if it did.
    """
    turn.tell_begun()
    try:
        error = await _speak(source, turn, sink, choice, rate)
        texts = script.unspoken
        if error is None or script.finished:
            unheard = await turn.finish()
            return without_text(error or unheard, texts)
        await turn.break_off()
        return without_text(error, texts)
    finally:
        turn.tell_stretch()


async def _speak(
    source: Source, turn: EngineTurn, sink: PcmSink, choice: VoiceChoice, rate: int
) -> EngineError | None:
    try:
        with turn.scope, one_engine_error():
            await source.synthesize(turn.feed(), sink, choice, rate)
    except EngineError as exc:
        return exc
    return turn.fault
