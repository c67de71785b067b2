"""What framing puts in a call's playout queue, in the order the callee is to get it."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from trioaudio.core.carrier import Command
from trioaudio.core.encoding import Payload

# Plain slots classes, not frozen: a frozen one costs three times as much to make, and one is
# made for every frame of every call. Nothing changes them after they are made.


@attrs.define(eq=False)
class Audio:
    """One message's worth of speech: `frames` frames, encoded for the carrier, not yet sealed."""

    generation: int
    utterance: int
    ready_at: float
    """When framing had it ready, seconds on Trio's clock."""
    frames: int
    payload: Payload


@attrs.define(eq=False)
class UtteranceEnd:
    """All audio of an utterance is before this."""

    generation: int
    utterance: int


@attrs.define(eq=False)
class Mark:
    """A named point in the audio, for the carrier to echo."""

    generation: int
    name: str
    utterance: int | None = None
    """Whose end it stands at."""


@attrs.define(eq=False)
class Action:
    """A command that waits until everything before it has been played, plus the tail."""

    generation: int
    command: Command
    utterance: int | None = None
    """Whose consequence it is; None: it was asked for by itself."""
    tail: float | None = None
    """Seconds after the last sound; None: the carrier's."""


PlayoutItem: TypeAlias = Audio | UtteranceEnd | Mark | Action
