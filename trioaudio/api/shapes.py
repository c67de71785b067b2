"""The types the messages are made of, with the limits both sides hold to.

Limits stand in the types, so that validation, the OpenAPI document and the client agree.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from msgspec import Meta, Struct

LONGEST_TEXT = 100_000
"""Characters of one request; a longer text is appended in several."""

Text: TypeAlias = Annotated[str, Meta(max_length=LONGEST_TEXT, description="text to be spoken")]
Name: TypeAlias = Annotated[
    str, Meta(min_length=1, max_length=100, pattern=r"^[\w.:/+-]+$", description="a name")
]
CarrierName: TypeAlias = Annotated[str, Meta(min_length=1, max_length=40, pattern=r"^[a-z0-9_]+$")]
CallId: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")]
UtteranceId: TypeAlias = Annotated[int, Meta(ge=1, le=2**53)]
Number: TypeAlias = Annotated[
    str,
    Meta(
        min_length=1,
        max_length=128,
        pattern=r"^(\+?[0-9]{2,20}|sips?:[\x21-\x7e]+|[A-Za-z0-9._@+-]+)$",
        description="a telephone number with its country code, or what the carrier takes for one",
    ),
]
Milliseconds: TypeAlias = Annotated[int, Meta(ge=0, le=86_400_000)]
Rate: TypeAlias = Annotated[int, Meta(ge=8000, le=48000, description="hertz")]
Digits: TypeAlias = Annotated[
    str,
    Meta(min_length=1, max_length=64, pattern=r"^[0-9A-D*#w]+$", description="w: half a second"),
]

Interruptible: TypeAlias = Literal["never", "dtmf", "speech", "any"]
"""What may cut an utterance short: nothing; a key; the callee's speech; both, and control."""

Then: TypeAlias = Literal["hang-up", "end-stream"]
"""What happens once an utterance has been played, before any other one."""

CallState: TypeAlias = Literal["placing", "expected", "up", "lost", "ended"]
"""Being dialled; waited for; its audio is up; its audio was lost and may return; over."""

UtteranceState: TypeAlias = Literal["queued", "speaking", "sent", "played", "interrupted", "failed"]

Cause: TypeAlias = Literal[
    "normal",
    "barge-in",
    "parse-failure",
    "error",
    "language-unsupported",
    "cancelled",
    "expired",
    "carrier-lost",
    "drained",
]
"""Why an utterance is complete: RFC 6787, 8.4.2, and three of ours."""

CallCause: TypeAlias = Literal[
    "hung-up",
    "far-end",
    "transferred",
    "stream-ended",
    "carrier-lost",
    "carrier-refused",
    "not-answered",
    "no-media",
    "too-long",
    "drained",
    "bug",
]
"""Why a call is over."""

Certainty: TypeAlias = Literal["acked", "estimated"]
Role: TypeAlias = Literal["read-only", "operator", "admin"]


class Message(Struct, kw_only=True, forbid_unknown_fields=True):
    """What a client sends: an unknown field is a mistake, and is told."""


class View(Struct, kw_only=True):
    """What the server sends: fields may be added, and clients pass over what they do not know."""
