"""What the control API asks of the daemon: the whole of it, so that neither knows the other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import attrs

from trioaudio.api.commands import CallCommand
from trioaudio.api.requests import NewCall, Precache
from trioaudio.api.shapes import Interruptible, Then
from trioaudio.api.views import (
    Accepted,
    CallView,
    CarrierView,
    EngineView,
    NodeView,
    Prepared,
    Reply,
    SayingView,
    UtteranceView,
    VoiceView,
)
from trioaudio.calls.hub import EventHub, Inbox


@attrs.frozen
class Upload:
    """A recording to be played, as it came: WAV, or PCM16 LE mono when a rate is told."""

    audio: bytes
    sample_rate: int | None = None
    """Of bare PCM; None: it is a WAV file."""
    interruptible: Interruptible = "any"
    priority: int = 0
    then: Then | None = None
    tail_ms: int | None = None


@attrs.frozen
class Readiness:
    """Whether new calls are taken, and if not, why."""

    ready: bool
    reason: str
    """A word: ready, starting, full, overloaded, draining, no-engine."""
    detail: str = ""
    retry_after_s: float | None = None


class Desk(Protocol):
    """Raises `api.request_error.RequestError` for what cannot be done; it names the mistake.

    What does not wait returns at once and may be called from any task of the event loop.
    """

    @property
    def hub(self) -> EventHub:
        """Where events are told."""
        ...

    def node(self) -> NodeView:
        """Describe the process."""
        ...

    def readiness(self) -> Readiness:
        """Say whether new calls are taken."""
        ...

    async def metrics(self) -> tuple[bytes, str]:
        """Return the metrics in Prometheus' text format, and its content type."""
        ...

    async def create_call(self, wanted: NewCall, traceparent: str | None) -> CallView:
        """Dial, or expect, a call; return as soon as its id is known."""
        ...

    def call_ids(self) -> list[str]:
        """Return all calls that are not over, and those that ended lately, oldest first."""
        ...

    def call(self, call: str) -> CallView:
        """Return one call."""
        ...

    def utterances(self, call: str) -> list[UtteranceView]:
        """Return a call's utterances, those that ended lately included, oldest first."""
        ...

    def utterance(self, call: str, utterance: int) -> UtteranceView:
        """Return one utterance."""
        ...

    def saying(self, call: str) -> SayingView | None:
        """Return what is being heard on a call; None if nothing is, or the call is over."""
        ...

    async def command(self, call: str, command: CallCommand) -> Reply:
        """Tell a call something."""
        ...

    async def play_upload(self, call: str, upload: Upload) -> Accepted:
        """Play a recording on a call."""
        ...

    async def precache(self, wanted: Precache) -> Prepared:
        """Make prompts and keep them."""
        ...

    async def voices(self, engine: str | None) -> list[VoiceView]:
        """List the voices of an engine, or of all of the chain."""
        ...

    def engines(self) -> list[EngineView]:
        """List the engines of the chain."""
        ...

    def carriers(self) -> list[CarrierView]:
        """List the carriers whose calls are taken."""
        ...

    def listening(
        self, call: str, side: str, sample_rate: int
    ) -> AbstractContextManager[Inbox[bytes]]:
        """Have a call's audio decoded while the block runs: 60 ms frames of PCM16 LE mono.

        `side` is callee or ours. The inbox is closed when the call is over.
        """
        ...

    def drain(self) -> None:
        """Take no new calls, and leave once those there are have ended."""
        ...

    async def reload(self) -> list[str]:
        """Read the configuration anew, for new calls; return what was wrong, if it was refused."""
        ...

    def audit(self, who: str, verb: str, call: str | None, status: int) -> None:
        """Note who asked for what, and how it ended."""
        ...


WallClock = Callable[[], float]
"""Seconds since 1970."""
