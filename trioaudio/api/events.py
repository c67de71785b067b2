"""What subscribers are told, over the stream and by webhook. `at` is seconds since 1970."""

from __future__ import annotations

from typing import Any, TypeAlias

from msgspec import field

from trioaudio.api.shapes import CallCause, Cause, Certainty, View


class _Event(View, tag_field="event"):
    call: str
    at: float


class CallStarted(_Event, tag="call.started"):
    """A call was created: it is being dialled, or its carrier is expected, or has just come."""

    carrier: str
    to: str | None
    media_url: str | None = None
    labels: dict[str, str] = field(default_factory=dict)


class CallAnswered(_Event, tag="call.answered"):
    """Its audio is up for the first time, and the carrier's start message has come."""

    peer: str
    carrier_call_id: str | None
    stream_id: str | None
    metadata: Any = None
    """What the carrier told about the call, as it told it."""


class CallLost(_Event, tag="call.lost"):
    """Its audio is gone, and may return."""

    reason: str
    seconds: float
    """How long is waited."""


class CallReturned(_Event, tag="call.returned"):
    """Its audio is back."""

    peer: str
    gap_ms: float


class CallEnded(_Event, tag="call.ended"):
    """It is over. `record` is the per-call record; see docs/records.md."""

    cause: CallCause
    reason: str
    record: dict[str, Any]


class UtteranceAccepted(_Event, tag="utterance.accepted"):
    """It waits to be said."""

    utterance: int
    position: int
    eta_ms: float | None


class UtteranceStarted(_Event, tag="utterance.started"):
    """Its first frame went out."""

    utterance: int
    first_frame_ms: float
    """Since it was accepted."""


class Marker(_Event, tag="marker"):
    """A mark was played, or a word of an utterance that wished its words to be told."""

    name: str | None = None
    utterance: int | None = None
    start: int | None = None
    """Characters of the utterance's text before the word."""
    text: str | None = None
    played_ms: float = 0.0
    certainty: Certainty = "estimated"


class UtteranceCompleted(_Event, tag="utterance.completed"):
    """It was played, cut, or failed; each accepted character is heard or unheard."""

    utterance: int
    cause: Cause
    error: str | None
    played_ms: float
    text_heard: str
    text_unheard: str
    certainty: Certainty
    spoken_by: list[str]


class TextPaused(_Event, tag="text.paused"):
    """Of an open utterance so much text waits that its author should."""

    utterance: int
    waiting: int


class TextResumed(_Event, tag="text.resumed"):
    """There is room for text again."""

    utterance: int
    waiting: int


class UnderrunBegan(_Event, tag="underrun"):
    """The callee heard a gap: an engine was too slow."""

    gap_ms: float


class DtmfCame(_Event, tag="dtmf"):
    """The callee pressed a key."""

    digit: str
    duration_ms: float | None


class Failover(_Event, tag="failover"):
    """An engine failed, and another goes on in mid-utterance."""

    utterance: int
    failed: str
    by: str
    reason: str


class ControlFailed(_Event, tag="control.failed"):
    """The carrier did not do what it was asked: hang up, transfer."""

    what: str
    reason: str


class RecordingDone(_Event, tag="recording.done"):
    """A recording is complete, or why it is not."""

    wav: str
    index: str
    error: str | None = None


Event: TypeAlias = (
    CallStarted
    | CallAnswered
    | CallLost
    | CallReturned
    | CallEnded
    | UtteranceAccepted
    | UtteranceStarted
    | Marker
    | UtteranceCompleted
    | TextPaused
    | TextResumed
    | UnderrunBegan
    | DtmfCame
    | Failover
    | ControlFailed
    | RecordingDone
)
