"""Rare occurrences, pushed to whoever wants to know. Counts are pulled instead (`statistics()`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import attrs


@attrs.frozen
class LegConnected:
    """A leg is up; `peer` is the far end's address."""

    peer: str
    attempt: int


@attrs.frozen
class LegEnded:
    """A leg is gone. `verdict` is lost, refused or bug; None when the far end closed in order."""

    verdict: str | None
    reason: str
    bug: Exception | None = None
    """What to log with its traceback, if it was a bug."""


@attrs.frozen
class RecoveryBegan:
    """We wait before trying again, or for the carrier to come back."""

    how: str
    seconds: float


@attrs.frozen
class Underrun:
    """The callee heard a gap because the engine was too slow."""

    seconds: float


@attrs.frozen
class Resynced:
    """The schedule moved once because we were too late."""

    seconds: float


@attrs.frozen
class Stalled:
    """The carrier's socket takes no more for now."""


@attrs.frozen
class UtteranceSent:
    """The last frame of an utterance was handed over; it will have been played at `heard_at`."""

    utterance: int
    frames: int
    """Frames of it sent on this leg."""
    heard_at: float


@attrs.frozen
class FirstFrameSent:
    """The first frame of an utterance went out."""

    utterance: int
    at: float


@attrs.frozen
class CallPlaced:
    """The carrier has accepted a call; its id there, and how it calls its state, if told."""

    call_id: str | None
    state: str | None


@attrs.frozen
class CallControlFailed:
    """What could not be said on the stream was asked of the carrier otherwise, in vain."""

    what: str
    """Such as "hang up"."""
    reason: str


@attrs.frozen
class FramesExpired:
    """Frames were dropped after a reconnection because they were too old."""

    frames: int


@attrs.frozen
class EngineRestarted:
    """An engine's process died and was started again."""

    engine: str
    reason: str


@attrs.frozen
class EngineSwitched:
    """An engine failed in an utterance, and another goes on with it."""

    utterance: int
    failed: str
    takes_over: str
    reason: str


@attrs.frozen
class EngineRested:
    """An engine failed too often, and is not asked for a while."""

    engine: str
    seconds: float
    reason: str


@attrs.frozen
class EngineReturned:
    """An engine that rested has spoken again, and is asked again."""

    engine: str


@attrs.frozen
class PromptNotKept:
    """A prompt could not be written to the cache; it was spoken all the same."""

    reason: str


@attrs.frozen
class DoorRefused:
    """Somebody came to the media listener and was not let in."""

    peer: str
    """Their address; behind a proxy what the proxy says."""
    status: int
    """The HTTP status they were told, or would have been."""
    reason: str
    bug: Exception | None = None
    """What to log with its traceback, if the check itself failed."""


@attrs.frozen
class MoreDoorRefusals:
    """What was refused besides, in `seconds`, too often to be told one by one."""

    count: int
    seconds: float
    busiest: str
    """The address most of them came from."""


@attrs.frozen
class WebhookFailed:
    """Events could not be posted to the operator's URL; told at most once a minute."""

    reason: str
    """Of the latest."""
    lost: int
    """Given up since the last time; the others are tried again."""
    waiting: int
    """Still to be posted."""


Fact: TypeAlias = (
    LegConnected
    | LegEnded
    | RecoveryBegan
    | Underrun
    | Resynced
    | Stalled
    | UtteranceSent
    | FirstFrameSent
    | CallPlaced
    | CallControlFailed
    | FramesExpired
    | EngineRestarted
    | EngineSwitched
    | EngineRested
    | EngineReturned
    | PromptNotKept
    | DoorRefused
    | MoreDoorRefusals
    | WebhookFailed
)
Tell: TypeAlias = Callable[[Fact], None]
