"""What all calls of a daemon share: pacer, speech, events, limits, and who counts and records."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import attrs

from trioaudio.calls.call_history import CallHistory, UtteranceHistory
from trioaudio.calls.hub import EventHub
from trioaudio.calls.text_feed import TextLimits
from trioaudio.calls.wall_clock import WallClock
from trioaudio.core.carrier import Event as CarrierEvent
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.facts import Fact
from trioaudio.core.percentiles import Histogram
from trioaudio.core.playout_item import Audio
from trioaudio.pacer import Pacer
from trioaudio.speech.chain import EngineChain

Plain: TypeAlias = str | int | float | bool | None
"""What may stand in a recording's index."""


class Recorded(Protocol):
    """A recording that is complete, or why it is not."""

    @property
    def wav(self) -> Path:
        """The sound."""
        ...

    @property
    def index(self) -> Path:
        """What is where in it."""
        ...

    @property
    def error(self) -> str | None:
        """What it lacks, if anything."""
        ...


class Recording(Protocol):
    """A recording of both sides of a call, under way. Nothing here waits but `finish`."""

    def ours(self, item: Audio, sent_at: float, lateness: float, due: float) -> None:
        """Note an item of speech: a `leg.SentHook`."""
        ...

    def theirs(self, pcm: bytes, arrived_at: float) -> None:
        """Note the caller's audio: PCM16 LE at the call's rate."""
        ...

    def cleared(self, at: float) -> None:
        """Note that what was due later was not heard."""
        ...

    def note(self, name: str, at: float, **facts: Plain) -> None:
        """Put an occurrence in the index."""
        ...

    async def finish(self) -> Recorded:
        """Complete the files; OutputError."""
        ...


class Watcher(Protocol):
    """Who counts, logs and keeps records of what happens on calls. Nothing here waits."""

    def fact(self, carrier: str, call: str, fact: Fact) -> None:
        """Take a rare occurrence."""
        ...

    def carrier_event(self, carrier: str, call: str, event: CarrierEvent) -> None:
        """Take what a carrier reported."""
        ...

    def utterance_completed(
        self, carrier: str, call: str, done: UtteranceHistory, text: str
    ) -> None:
        """Take how an utterance ended, and its text: who keeps it must be allowed to."""
        ...

    def barged_in(self, carrier: str, call: str, seconds: float) -> None:
        """Take how long a barge-in took, from the request to the clear in the socket."""
        ...

    def recording_failed(self, carrier: str, call: str, reason: str) -> None:
        """Take that a call was not recorded, or not all of it."""
        ...

    def call_ended(self, carrier: str, call: str, record: dict[str, Any]) -> None:
        """Take the per-call record."""
        ...

    def bug(self, carrier: str, call: str, error: BaseException) -> None:
        """Take a bug that ended one call, to be logged with its traceback."""
        ...


@attrs.frozen(kw_only=True)
class Shared:
    """What a call needs of the daemon around it."""

    pacer: Pacer
    clock: WallClock
    hub: EventHub
    watcher: Watcher
    speech: EngineChain
    choice: VoiceChoice
    """The voice and language of whoever asks for none."""
    lateness: Histogram
    """Of the carrier's calls together."""
    text_limits: TextLimits = TextLimits()
    text_most: int = 100_000
    """Characters of one utterance; 0: no bound."""
    make_record: Callable[[CallHistory], dict[str, Any]]
    """Turns what happened on a call into its record."""
    fetch: Callable[[str], Awaitable[bytes]] | None = None
    """Gets the recording at a URL the operator allows, or raises TrioaudioError; None: none is."""
    open_recording: Callable[[Any], AbstractAsyncContextManager[Recording]] | None = None
    """Opens a recording of a live call; None: there is no place for any."""
