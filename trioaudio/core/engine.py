"""What an engine is to us: clauses of text in, PCM chunks out, at a rate of its own.

An engine module exports `ENGINE`, an `EngineKind`: its settings, and how it is opened. What is
open keeps sockets or processes warm and is used by many utterances at once. Waiting in the sink
is the backpressure; cancelling `synthesize` is the interruption.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias, runtime_checkable

import attrs

from trioaudio.core.facts import Tell
from trioaudio.core.secret import Secret


@attrs.frozen
class VoiceChoice:
    """What the author asks of an engine; None leaves it to the engine's settings.

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
    """A word of a clause and when it begins in the audio."""

    clause: int
    """The clause it is in, by the order the engine took them, from 0."""
    start: int
    """Characters of the clause before it."""
    length: int
    at_ms: float
    """Milliseconds of all audio written by this `synthesize` before it."""


class PcmSink(Protocol):
    """Where an engine writes what it makes of one utterance, or of the rest of one."""

    async def write(self, chunk: bytes) -> None:
        """Take PCM16 LE mono of any length, odd ones too; waiting is the backpressure."""
        ...

    def tell_word(self, word: WordTiming) -> None:
        """Take a word timing; may come before or after the audio it speaks of."""
        ...

    def tell_spoken(self, clauses: int) -> None:
        """Learn that all audio of the first `clauses` clauses has been written.

        Without it a service that stalls cannot be told from an author who thinks.
        """
        ...


class Engine(Protocol):
    """A warm engine, used by many utterances at once."""

    @property
    def name(self) -> str:
        """The name it is chosen by."""
        ...

    def sample_rate_for(self, wanted: int) -> int:
        """Return the rate in Hz it writes when `wanted` would be best: that, or the nearest."""
        ...

    def check(self, choice: VoiceChoice) -> None:
        """Raise ConfigError, with near matches, if it knows that it has no such voice."""
        ...

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Raise TextError if it knows that the chosen voice cannot read this text at all."""
        ...

    def recipe(self, choice: VoiceChoice) -> str:
        """Return all that shapes the sound but text and rate: model, voice, language, speed.

        Equal recipes sound alike: prompts are cached and levels learned by it. Holds no secret.
        """
        ...

    async def synthesize(
        self,
        clauses: AsyncIterable[str],
        sink: PcmSink,
        choice: VoiceChoice,
        sample_rate: int,
    ) -> None:
        """Speak an utterance, clause by clause as they come; return when all of it is written.

        A clause is never empty, has something speakable in it and at most some 300 characters,
        and is asked for when the engine is ready to speak it. `sample_rate` is what
        `sample_rate_for` returned. Raises EngineError. On cancellation it stops within one
        chunk, and without waiting.
        """
        ...

    async def voices(self) -> list[Voice]:
        """List the voices it has, or is set to use. EngineError if it asks and gets no answer."""
        ...


@runtime_checkable
class Renders(Protocol):
    """An engine with a cheaper way to make a whole prompt ahead of time."""

    async def render(self, text: str, choice: VoiceChoice, sample_rate: int) -> bytes:
        """Return the whole text as PCM16 LE mono at `sample_rate`. Raises EngineError."""
        ...


@runtime_checkable
class KnowsLanguage(Protocol):
    """An engine that knows what language a choice will be spoken in."""

    def language_of(self, choice: VoiceChoice) -> str | None:
        """Return the BCP 47 tag; None when the choice leaves it open."""
        ...


@attrs.frozen(kw_only=True)
class EngineLoad:
    """What an engine that is a service elsewhere holds of it now."""

    open: int
    """Connections that can be used."""
    opening: int
    """Connections that cannot be used yet, or not any more."""
    speaking: int
    """Texts the service is speaking, as far as it may still count them."""
    waiting: int
    """Texts that wait until it may speak one more."""
    most: int
    """Texts it may be speaking at once."""


@runtime_checkable
class TellsLoad(Protocol):
    """An engine that knows what it holds."""

    def load(self) -> EngineLoad:
        """Return what it holds now; cheap, and asked for every few seconds."""
        ...


@attrs.frozen(kw_only=True)
class EngineSettings:
    """What an operator may set about every engine; an engine may subclass it with more.

    Field metadata `help` is the text of the settings reference, units included.
    """

    voice: str | None = attrs.field(
        default=None, metadata={"help": "the engine's own name of the voice used by default"}
    )
    first_audio_ms: int = attrs.field(
        default=800,
        metadata={
            "help": "milliseconds until the first audio of a text before the next engine is"
            " asked instead",
            "least": 50,
            "most": 60_000,
        },
    )
    gain_db: float | None = attrs.field(
        default=None,
        metadata={
            "help": "decibels its voices are made louder or softer; empty: measured",
            "least": -40,
            "most": 40,
        },
    )


@attrs.frozen(kw_only=True)
class ServiceSettings(EngineSettings):
    """What an operator may set about every engine that is a service elsewhere."""

    api_key: Secret = attrs.field(
        factory=Secret, metadata={"help": "the key the service gave you; never shown"}
    )
    url: str = attrs.field(
        default="", metadata={"help": "where the service is: scheme, host and port, no path"}
    )
    concurrency: int = attrs.field(
        default=15,
        metadata={
            "help": "texts the service may be speaking at once; further ones wait their turn",
            "least": 1,
            "most": 100_000,
        },
    )


@attrs.frozen
class EngineSetup:
    """What an engine is opened with."""

    settings: EngineSettings
    """An instance of the class of `EngineKind.settings`, with the operator's values."""
    tell: Tell
    """Told of restarts and lost connections."""
    sample_rate: int = 8000
    """Hz that most calls will want: what is worth warming up for."""
    ca_file: str | None = None
    """PEM file of the authorities trusted for TLS; None: the system's."""


OpenEngine: TypeAlias = Callable[[EngineSetup], AbstractAsyncContextManager[Engine]]
"""Enter it and the engine is warming up or warm.

ConfigError when a setting is missing or wrong; EngineError or ChildError when an embedded engine
cannot start. A service that is away is no error here: it shows when an utterance needs it.
"""


@attrs.frozen
class EngineKind:
    """An engine's description: all that the rest of the program knows of it before it is open."""

    name: str
    open: OpenEngine
    settings: EngineSettings
    """The defaults."""
    documentation: str
    embedded: bool = False
    """It speaks on this machine, without network, key or cost."""
    speech: bool = True
    """False for tones and recordings: their level and edges are the author's."""


@attrs.frozen
class ChosenEngine:
    """An engine the operator chose, with the operator's values."""

    kind: EngineKind
    settings: EngineSettings
