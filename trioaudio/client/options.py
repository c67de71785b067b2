"""The optional fields of what is asked for most, as keyword arguments."""

from __future__ import annotations

from typing import Literal, TypedDict

from trioaudio.api.commands import Say
from trioaudio.api.shapes import Interruptible, Then


class PlayOptions(TypedDict, total=False):
    """Of `play`; see `api.commands.Play`."""

    priority: int
    interruptible: Interruptible
    then: Then | None
    tail_ms: int | None
    expires_ms: int | None


class UploadOptions(TypedDict, total=False):
    """Of `upload`."""

    priority: int
    interruptible: Interruptible
    then: Then | None
    tail_ms: int | None


class SayOptions(TypedDict, total=False):
    """Of `say`, `open` and `say_tokens`; see `api.commands.Say`."""

    voice: str | None
    language: str | None
    engines: list[str] | None
    priority: int
    interruptible: Interruptible
    then: Then | None
    tail_ms: int | None
    words: bool
    expires_ms: int | None


class CallOptions(TypedDict, total=False):
    """Of `create_call`; see `api.requests.NewCall`."""

    carrier: str | None
    to: str | None
    caller_id: str | None
    url: str | None
    carrier_call_id: str | None
    sample_rate: int | None
    voice: str | None
    language: str | None
    greeting: bool
    first: list[Say]
    start_gate_ms: int
    ring_s: int
    wait_ms: int
    most_s: int
    no_media_ms: int
    record: bool
    labels: dict[str, str]


Side = Literal["callee", "ours"]
