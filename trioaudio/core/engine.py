"""What an engine is to us: text pieces in, PCM chunks out.

An engine module exports `open_engine(settings)`, an async context manager that keeps sockets
or processes warm, and yields an `Engine`. Waiting in the sink is the backpressure, cancelling
`synthesize` is the interruption; the engine tells its service within a shielded deadline.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

import attrs

from trioaudio.core.facts import Tell


@attrs.frozen
class VoiceChoice:
    """What the author asks of an engine; None leaves it to the engine's default.

    `voice` is the engine's own name for a voice, `language` a BCP 47 tag.
    """

    voice: str | None = None
    language: str | None = None


@attrs.frozen
class Voice:
    """A voice an engine has."""

    name: str
    languages: tuple[str, ...]
    gender: str | None = None
    description: str = ""


@attrs.frozen
class WordTiming:
    """A word of the text and when it begins in the utterance's audio."""

    start: int
    """Characters of the utterance before it."""
    length: int
    at_ms: float
    """Milliseconds of the utterance's own audio before it."""


class PcmSink(Protocol):
    """Where an engine writes one utterance."""

    async def write(self, chunk: bytes) -> None:
        """Take PCM16 LE mono of any length at the engine's rate; waiting is the backpressure."""
        ...

    def tell_word(self, word: WordTiming) -> None:
        """Take a word timing; may come before or after the audio it speaks of."""
        ...


class Engine(Protocol):
    """A warm engine, used by many utterances at once."""

    @property
    def name(self) -> str:
        """The name it is chosen by."""
        ...

    @property
    def sample_rate(self) -> int:
        """Hz of the PCM it writes."""
        ...

    def check(self, choice: VoiceChoice) -> None:
        """Raise ConfigError, with near matches, if there is no such voice or language."""
        ...

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Raise TextError if the chosen voice cannot read this text at all."""
        ...

    async def synthesize(
        self, pieces: AsyncIterable[str], sink: PcmSink, choice: VoiceChoice
    ) -> None:
        """Speak an utterance whose text comes in pieces; return when all of it is written.

        Raises EngineError. On cancellation it stops within one chunk.
        """
        ...

    async def voices(self) -> list[Voice]:
        """List the voices it has."""
        ...


OpenEngine: TypeAlias = Callable[[Tell], AbstractAsyncContextManager[Engine]]
"""What an engine module exports as `open_engine`: enter it and the engine is warm.

The argument is told of restarts. EngineError or ChildError when it cannot be opened.
"""
