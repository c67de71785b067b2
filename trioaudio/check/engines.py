"""Engines: each that is configured is opened and says something to nobody, key and all."""

from __future__ import annotations

from functools import partial
from typing import Final

import attrs
import trio

from trioaudio.check.row import Check, Row
from trioaudio.configuration import Configuration
from trioaudio.core.engine import (
    ChosenEngine,
    Engine,
    EngineSetup,
    ServiceSettings,
    VoiceChoice,
    WordTiming,
)
from trioaudio.core.errors import ConfigError, EngineError, EngineFault
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.core.speech import WholeText
from trioaudio.settings import variable
from trioaudio.speech.engine_errors import one_engine_error

TRIAL: Final = "1 2 3"
"""What is said to nobody: every voice can read it."""
MOST_S: Final = 30.0


def engine_checks(configuration: Configuration) -> list[Check]:
    """Return a check for each engine of the chain, in order."""
    checks = []
    for position, chosen in enumerate(configuration.engines):
        what = f"engine {chosen.kind.name}"
        look = partial(_speak, configuration, chosen, what, first=position == 0)
        checks.append(Check("engines", what, look, MOST_S))
    return checks


@attrs.define(eq=False)
class _Nobody:
    """A `core.engine.PcmSink` that notes when sound began, and how much there was."""

    began: float
    first_s: float | None = None
    written: int = 0
    heard: bool = False

    async def write(self, chunk: bytes) -> None:
        """Count it."""
        if self.first_s is None and chunk:
            self.first_s = trio.current_time() - self.began
        self.written += len(chunk)
        self.heard = self.heard or any(chunk)
        await trio.lowlevel.checkpoint()

    def tell_word(self, word: WordTiming) -> None:
        """Take no interest."""

    def tell_spoken(self, clauses: int) -> None:
        """Take no interest."""


async def _speak(
    configuration: Configuration, chosen: ChosenEngine, what: str, *, first: bool
) -> list[Row]:
    settings = configuration.settings
    setup = EngineSetup(
        chosen.settings,
        lambda _fact: None,
        settings.sample_rate,
        str(settings.tls_ca_file) if settings.tls_ca_file else None,
    )
    row = partial(Row, "engines", what)
    try:
        async with chosen.kind.open(setup) as engine:
            if not chosen.kind.speech:
                return [row("ok", "opens; it plays what it is given, so nothing was said")]
            return [await _say(engine, chosen, _choice(configuration, engine, first=first), row)]
    except EngineError as exc:
        return [row("failed", str(exc), _advice(chosen, exc))]


def _choice(configuration: Configuration, engine: Engine, *, first: bool) -> VoiceChoice:
    """Return the voice it would use: the one that is set is the first engine's."""
    settings = configuration.settings
    if first:
        choice = VoiceChoice(settings.voice, settings.language)
        engine.check(choice)
        return choice
    choice = VoiceChoice(language=settings.language)
    try:
        engine.check(choice)
    except ConfigError:
        return VoiceChoice()
    return choice


async def _say(engine: Engine, chosen: ChosenEngine, choice: VoiceChoice, row: partial[Row]) -> Row:
    rate = engine.sample_rate_for(8000)
    nobody = _Nobody(trio.current_time())
    with one_engine_error():
        await engine.synthesize(WholeText(TRIAL), nobody, choice, rate)
    if nobody.first_s is None or not nobody.heard:
        return row("failed", "it spoke without a sound", "try another voice")
    first_ms = nobody.first_s * 1000
    sound_s = nobody.written / SAMPLE_BYTES / rate
    detail = f"speaks: first audio after {first_ms:.0f} ms, {sound_s:.1f} s of sound"
    if first_ms > chosen.settings.first_audio_ms:
        name = variable(f"{chosen.kind.name}_first_audio_ms")
        return row(
            "warning",
            detail,
            f"later than {name}={chosen.settings.first_audio_ms}: on a call the next engine would"
            " be asked instead",
        )
    return row("ok", detail)


def _advice(chosen: ChosenEngine, exc: EngineError) -> str:
    if not isinstance(chosen.settings, ServiceSettings):
        return ""
    match exc.kind:
        case EngineFault.AUTH:
            return f"check {variable(f'{chosen.kind.name}_api_key')}"
        case EngineFault.QUOTA:
            return "the account has no credit left, or the plan does not include this"
        case EngineFault.UNAVAILABLE | EngineFault.TIMEOUT:
            url = variable(f"{chosen.kind.name}_url")
            return f"is the network up, and {url} right?"
        case _:
            return ""
