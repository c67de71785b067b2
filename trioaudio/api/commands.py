"""What a call can be told, by HTTP (`POST /v1/calls/{call}/{do}`) and over the stream alike."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta

from trioaudio.api.shapes import (
    Digits,
    Interruptible,
    Message,
    Milliseconds,
    Name,
    Number,
    Text,
    Then,
    UtteranceId,
)


class Say(Message, tag_field="do", tag="say"):
    """Say a text; with `open`, more of it is appended later."""

    text: Text = ""
    open: bool = False
    voice: Name | None = None
    language: Name | None = None
    engines: Annotated[list[Name], Meta(min_length=1, max_length=8)] | None = None
    """In order; None: the node's."""
    priority: Annotated[int, Meta(ge=-100, le=100)] = 0
    """Orders what waits, the highest first; it never cuts what is being said."""
    interruptible: Interruptible = "any"
    then: Then | None = None
    tail_ms: Milliseconds | None = None
    """How long after the last sound `then` happens; None: the carrier's."""
    words: bool = False
    """Tell each word when it is played."""
    expires_ms: Milliseconds | None = None
    """Not said at all if its turn comes later than this; told then."""


class Append(Message, tag_field="do", tag="append"):
    """Add text to an open utterance."""

    utterance: UtteranceId
    text: Text


class Flush(Message, tag_field="do", tag="flush"):
    """Speak what was appended so far, though no sentence has ended."""

    utterance: UtteranceId


class Close(Message, tag_field="do", tag="close"):
    """End an open utterance's text."""

    utterance: UtteranceId


class Play(Message, tag_field="do", tag="play"):
    """Play a recording: a prompt made before, or a WAV file at a URL the operator allows."""

    prompt: Name | None = None
    url: Annotated[str, Meta(min_length=1, max_length=2000)] | None = None
    priority: Annotated[int, Meta(ge=-100, le=100)] = 0
    interruptible: Interruptible = "any"
    then: Then | None = None
    tail_ms: Milliseconds | None = None
    expires_ms: Milliseconds | None = None


class Pause(Message, tag_field="do", tag="pause"):
    """Fall silent at once; what was not heard is kept."""


class Resume(Message, tag_field="do", tag="resume"):
    """Go on where `pause` cut, from the beginning of the word that was cut."""


class Stop(Message, tag_field="do", tag="stop"):
    """Drop utterances, whatever they say about interruptions; all of them unless told which."""

    utterances: Annotated[list[UtteranceId], Meta(min_length=1, max_length=1000)] | None = None


class BargeIn(Message, tag_field="do", tag="barge-in"):
    """Drop what may be interrupted by `kind`, and have the carrier forget it."""

    kind: Literal["speech", "dtmf", "any"] = "any"


class Mark(Message, tag_field="do", tag="mark"):
    """Tell when everything said before has been played."""

    name: Name


class Dtmf(Message, tag_field="do", tag="dtmf"):
    """Press keys towards the callee, in order with what is said."""

    digits: Digits


class Gain(Message, tag_field="do", tag="gain"):
    """Make this call louder or softer from now on; the loudest sounds are rounded off."""

    db: Annotated[float, Meta(ge=-40, le=20)]


class Prepare(Message, tag_field="do", tag="prepare"):
    """Have texts spoken ahead of time, so that each begins at once when it is said."""

    texts: Annotated[list[Text], Meta(min_length=1, max_length=50)]
    voice: Name | None = None
    language: Name | None = None


class HangUp(Message, tag_field="do", tag="hang-up"):
    """End the telephone call."""

    when: Literal["now", "after-played"] = "now"
    tail_ms: Milliseconds | None = None
    """With after-played: how long after the last sound; None: the carrier's."""


class Transfer(Message, tag_field="do", tag="transfer"):
    """Connect the callee to a human once everything said before has been played."""

    to: Annotated[list[Number], Meta(min_length=1, max_length=10)]
    caller_id: Number | None = None
    ring_s: Annotated[int, Meta(ge=1, le=600)] = 40


class Record(Message, tag_field="do", tag="record"):
    """Begin to record both sides, or end that."""

    on: bool = True


CallCommand: TypeAlias = (
    Say
    | Append
    | Flush
    | Close
    | Play
    | Pause
    | Resume
    | Stop
    | BargeIn
    | Mark
    | Dtmf
    | Gain
    | Prepare
    | HangUp
    | Transfer
    | Record
)
