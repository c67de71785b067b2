"""An engine in its place in the order: its own voice, its health, and a way to try it."""

from __future__ import annotations

import attrs
import trio

from trioaudio.core.engine import (
    Engine,
    EngineKind,
    EngineSettings,
    KnowsLanguage,
    VoiceChoice,
    WordTiming,
)
from trioaudio.core.errors import ConfigError, EngineError, EngineFault, TextError
from trioaudio.core.speech import WholeText
from trioaudio.speech.engine_errors import one_engine_error
from trioaudio.speech.engine_health import EngineHealth

_PROBE = "Yes."
_PROBE_S = 5.0
_PROBE_RATE = 8000


@attrs.frozen
class EngineStatus:
    """How an engine of a chain is."""

    engine: str
    position: int
    """In the order they are asked, from 0."""
    embedded: bool
    resting: bool
    """Not asked for a while, since it failed."""


@attrs.define(eq=False)
class Member:
    """An open engine of a chain."""

    kind: EngineKind
    settings: EngineSettings
    engine: Engine
    health: EngineHealth
    first: bool
    """The voice an author names is one of the first engine's."""

    @property
    def name(self) -> str:
        """The engine's name."""
        return self.kind.name

    def status(self, position: int) -> EngineStatus:
        """Describe it."""
        return EngineStatus(self.name, position, self.kind.embedded, self.health.resting)

    def choice(self, asked: VoiceChoice) -> VoiceChoice:
        """Return what of an author's choice this engine can follow."""
        if self.first:
            return asked
        own = VoiceChoice(language=asked.language)
        try:
            self.engine.check(own)
        except ConfigError:
            return VoiceChoice()
        return own

    def language(self, choice: VoiceChoice) -> str | None:
        """Return the language a choice will be spoken in, as far as is known."""
        if isinstance(self.engine, KnowsLanguage):
            return self.engine.language_of(choice)
        return choice.language

    def unreadable(self, text: str, choice: VoiceChoice) -> TextError | None:
        """Return why the chosen voice cannot read a text, if it is known not to."""
        try:
            self.engine.check_text(text, choice)
        except TextError as exc:
            return exc
        return None

    async def try_it(self) -> None:
        """Have it say a word to nobody. EngineError when it cannot."""
        rate = self.engine.sample_rate_for(_PROBE_RATE)
        nobody = _Nobody()
        with trio.move_on_after(_PROBE_S) as patience, one_engine_error():
            await self.engine.synthesize(WholeText(_PROBE), nobody, VoiceChoice(), rate)
        if patience.cancelled_caught:
            raise EngineError(
                f"{self.name} did not speak within {_PROBE_S:g} s",
                kind=EngineFault.TIMEOUT,
                retryable=True,
            )
        if not nobody.heard:
            raise EngineError(
                f"{self.name} spoke without a sound", kind=EngineFault.EMPTY, retryable=True
            )


class _Nobody:
    """Listens to nothing, but whether there is a sound."""

    heard = False

    async def write(self, chunk: bytes) -> None:
        """Drop it."""
        self.heard = self.heard or any(chunk)
        await trio.lowlevel.checkpoint()

    def tell_word(self, word: WordTiming) -> None:
        """Drop it."""

    def tell_spoken(self, clauses: int) -> None:
        """Drop it."""
