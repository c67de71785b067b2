"""What speaks an utterance: an author's text in, PCM at the call's rate out, and who spoke what.

`Speaker` is to a call what an engine is to a speaker. The daemon's is `speech.chain.EngineChain`.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from typing import Protocol, TypeAlias

import attrs

from trioaudio.core.engine import VoiceChoice


@attrs.define(eq=False)
class WholeText:
    """A text that is all there, as pieces: one of them. Only such a text can be a known prompt."""

    text: str
    _given: bool = False

    def __aiter__(self) -> WholeText:
        """Return itself."""
        return self

    async def __anext__(self) -> str:
        """Return the text, once."""
        if self._given:
            raise StopAsyncIteration
        self._given = True
        return self.text


class FlushText(str):
    """A piece without text: what came before it is to be spoken now, as if a sentence ended there.

    Joined with others it is nothing, so that who only reads pieces need not know it.
    """

    __slots__ = ()


FLUSH = FlushText()
"""What an author who hurries yields among the pieces."""


@attrs.frozen
class SpokenWord:
    """A word of the author's text and when it begins in the utterance's audio."""

    start: int
    """Characters of the text before it."""
    length: int
    at_ms: float
    """Milliseconds of the utterance's audio before it."""
    estimated: bool = False
    """The engine did not tell; its place was computed from the clause's length."""


@attrs.frozen
class Beginning:
    """When a turn's first sound passed each stage, in seconds on Trio's clock."""

    turn_at: float
    """The engine was chosen."""
    asked_at: float
    """It was given its first clause."""
    audio_at: float
    """It wrote its first samples, silent ones included."""
    sound_at: float
    """The first of them went on: resampled, levelled, and without leading silence."""
    trimmed_s: float
    """The leading silence that was dropped, in seconds of sound."""


@attrs.frozen
class Stretch:
    """What one engine spoke of an utterance without a break. Told when it is over."""

    engine: str
    start: int
    """Characters of the author's text before it."""
    end: int
    """Characters up to its end; the next stretch begins here."""
    audio_ms: float
    cached: bool = False
    """It was a prompt made before."""
    beginning: Beginning | None = attrs.field(default=None, eq=False)
    """None: it has no sound, or nobody took the times."""


@attrs.frozen
class EngineChanged:
    """An engine failed in an utterance, and another goes on with it."""

    failed: str
    takes_over: str
    reason: str


@attrs.frozen
class TurnBegan:
    """An engine's turn has begun."""

    engine: str
    settle: Callable[[], None]
    """Has its stretch told now, if there is one: before what was cut is accounted for."""


SpeechNews: TypeAlias = SpokenWord | Stretch | EngineChanged | TurnBegan


class SpeechSink(Protocol):
    """Where one utterance's speech goes."""

    @property
    def sample_rate(self) -> int:
        """Hz of what is written."""
        ...

    async def write(self, chunk: bytes) -> None:
        """Take PCM16 LE mono of any length; waiting is the backpressure."""
        ...

    def tell(self, news: SpeechNews) -> None:
        """Take what is known beside the sound."""
        ...

    def ahead_s(self) -> float:
        """Return how many seconds of what was written are still to be heard."""
        ...


class Speaker(Protocol):
    """Speaks utterances, many at once."""

    @property
    def name(self) -> str:
        """What it is called in reports: its engines."""
        ...

    def check(self, choice: VoiceChoice) -> None:
        """Raise ConfigError, with near matches, if there is no such voice or language."""
        ...

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Raise TextError if no voice there is can read this text at all."""
        ...

    async def speak(
        self, pieces: AsyncIterable[str], sink: SpeechSink, choice: VoiceChoice
    ) -> None:
        """Speak an utterance whose text comes in pieces; return when all of it is written.

        Raises EngineError when no engine could, after what was spoken is written and told; and
        whatever the pieces raise. On cancellation it stops within one chunk.
        """
        ...
