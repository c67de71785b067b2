"""What the node can be told: a new call, prompts to be made, and the stream's subscriptions."""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, field

from trioaudio.api.commands import CallCommand, Say
from trioaudio.api.shapes import (
    CallId,
    CarrierName,
    Message,
    Milliseconds,
    Name,
    Number,
    Rate,
    Text,
)


class NewCall(Message):
    """A call to be dialled (`to`, or `url` for a carrier that listens), or expected (neither)."""

    carrier: CarrierName | None = None
    """None: the node's first."""
    to: Number | None = None
    caller_id: Number | None = None
    """The number it is placed from; None: the node's."""
    url: Annotated[str, Meta(min_length=1, max_length=2000, pattern="^wss?://")] | None = None
    """ws:// or wss:// of a carrier that is dialled; the operator allows which."""
    carrier_call_id: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    """Of an expected call, if the carrier has told it: a stream of another one is refused."""
    sample_rate: Rate | None = None
    voice: Name | None = None
    language: Name | None = None
    greeting: bool = True
    """Whether the node's greeting is said first, if it has one."""
    first: Annotated[list[Say], Meta(max_length=20)] = field(default_factory=list)
    """Said as soon as the call is up; spoken ahead while it rings."""
    start_gate_ms: Milliseconds = 0
    """Nothing is said before the far end's first audio, or this long after the connection."""
    ring_s: Annotated[int, Meta(ge=1, le=600)] = 40
    wait_ms: Milliseconds = 120_000
    """How long an expected call's carrier may take to come; 0: as long as the node runs."""
    most_s: Annotated[int, Meta(ge=0, le=86_400)] = 0
    """Seconds the call may last once it is up; 0: the node's."""
    no_media_ms: Milliseconds = 0
    """Ended when the far end sends nothing for so long; 0: never."""
    record: bool = False
    labels: Annotated[
        dict[Annotated[str, Meta(max_length=64)], Annotated[str, Meta(max_length=256)]],
        Meta(max_length=16),
    ] = field(default_factory=dict)
    """The author's own; in every view and in the record."""


class Precache(Message):
    """Prompts to be made and kept."""

    texts: Annotated[list[Text], Meta(min_length=1, max_length=50)]
    voice: Name | None = None
    language: Name | None = None
    sample_rate: Rate | None = None


# --- The stream: one WebSocket per client ------------------------------------------------


class Command(Message, tag_field="kind", tag="command"):
    """A command to a call; it is answered with `ref`."""

    call: CallId
    command: CallCommand
    ref: Annotated[str, Meta(max_length=64)] = ""


class Create(Message, tag_field="kind", tag="create"):
    """A new call; it is answered with `ref`."""

    call: NewCall
    ref: Annotated[str, Meta(max_length=64)] = ""


class Subscribe(Message, tag_field="kind", tag="subscribe"):
    """Have events told; replaces what was subscribed before."""

    calls: Annotated[list[CallId], Meta(max_length=1000)] | None = None
    """None: every call."""
    events: Annotated[list[str], Meta(max_length=100)] | None = None
    """By their names, such as `dtmf`; None: all."""
    ref: Annotated[str, Meta(max_length=64)] = ""


class Listen(Message, tag_field="kind", tag="listen"):
    """Have a call's audio sent as binary messages, or end that. See docs/control-api.md."""

    call: CallId
    on: bool = True
    side: Literal["callee", "ours"] = "callee"
    sample_rate: Rate = 8000
    ref: Annotated[str, Meta(max_length=64)] = ""


StreamRequest: TypeAlias = Command | Create | Subscribe | Listen

__all__ = [
    "Command",
    "Create",
    "Listen",
    "NewCall",
    "Precache",
    "StreamRequest",
    "Subscribe",
]
