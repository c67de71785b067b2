"""What a call's record is made of, gathered while the call goes on; bounded, however long it is.

Times are seconds since 1970. `call_record` turns it into the record.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

import attrs

from trioaudio.api.shapes import CallCause, Cause, Certainty
from trioaudio.calls.stages import Stages
from trioaudio.core.ledger import LedgerStatistics
from trioaudio.core.percentiles import Durations, Histogram
from trioaudio.core.speech import Stretch
from trioaudio.line import CallTotals

UTTERANCES_KEPT = 200
"""The last ones; the totals count all."""

FAILOVERS_KEPT = 50
RECORDINGS_KEPT = 50


@attrs.frozen(kw_only=True)
class UtteranceHistory:
    """One utterance that is complete."""

    utterance: int
    cause: Cause
    accepted_at: float
    first_frame_at: float | None = None
    completed_at: float
    played_ms: float = 0.0
    unheard_ms: float = 0.0
    """Made by an engine, and never played."""
    characters: int = 0
    heard_characters: int = 0
    certainty: Certainty | None = None
    spoken_by: tuple[str, ...] = ()
    """The engines that spoke it, in order."""
    spoken_characters: Mapping[str, int] = attrs.field(factory=dict)
    """What each engine was asked for and spoke, in characters; what was made before is not."""
    cached: bool = False
    """All of it was made before."""
    stages: Stages | None = None
    """What it waited for before its first frame; None if there was none."""
    error: str | None = None

    @property
    def unheard_characters(self) -> int:
        """Characters accepted and not heard."""
        return max(0, self.characters - self.heard_characters)


@attrs.define(eq=False)
class UtteranceTotals:
    """All utterances of a call together."""

    count: int = 0
    interrupted: int = 0
    """Cut short, by the callee or by control."""
    failed: int = 0
    played_ms: float = 0.0
    unheard_ms: float = 0.0
    heard_characters: int = 0
    unheard_characters: int = 0

    def add(self, utterance: UtteranceHistory) -> None:
        """Count one."""
        self.count += 1
        if utterance.cause in _CUT:
            self.interrupted += 1
        elif utterance.cause != "normal":
            self.failed += 1
        self.played_ms += utterance.played_ms
        self.unheard_ms += utterance.unheard_ms
        self.heard_characters += utterance.heard_characters
        self.unheard_characters += utterance.unheard_characters


_CUT: tuple[Cause, ...] = ("barge-in", "cancelled", "drained")


@attrs.define(eq=False)
class EngineUse:
    """What one engine spoke on a call."""

    characters: int = 0
    audio_ms: float = 0.0


@attrs.frozen
class FailoverHistory:
    """An engine failed, and another went on."""

    at: float
    utterance: int
    failed: str
    by: str
    reason: str


@attrs.define(eq=False, kw_only=True)
class CallHistory:
    """One call, from its creation to its end."""

    call: str
    carrier: str
    created_at: float
    carrier_call_id: str | None = None
    stream_id: str | None = None
    to: str | None = None
    caller_id: str | None = None
    labels: Mapping[str, str] = attrs.field(factory=dict)
    traceparent: str | None = None
    answered_at: float | None = None
    first_audio_at: float | None = None
    """When the first frame of speech went out."""
    ended_at: float | None = None
    cause: CallCause | None = None
    reason: str = ""
    utterances: deque[UtteranceHistory] = attrs.field(
        factory=lambda: deque[UtteranceHistory](maxlen=UTTERANCES_KEPT)
    )
    utterance_totals: UtteranceTotals = attrs.field(factory=UtteranceTotals)
    engines: dict[tuple[str, bool], EngineUse] = attrs.field(factory=dict)
    """By the engine's name and whether it was a prompt made before."""
    failovers: int = 0
    failovers_kept: deque[FailoverHistory] = attrs.field(
        factory=lambda: deque[FailoverHistory](maxlen=FAILOVERS_KEPT)
    )
    ledger: LedgerStatistics = LedgerStatistics(0, 0, 0, 0, 0)
    """As it stands at the end."""
    totals: CallTotals = attrs.field(factory=CallTotals)
    """Counts over all legs, as they stand at the end."""
    lateness: Durations = attrs.field(factory=Histogram)
    """Of this call's frames."""
    reconnects: int = 0
    reconnect_gap_s: float = 0.0
    """In all, without a connection between two."""
    barge_ins: int = 0
    worst_barge_in_s: float | None = None
    """From the cause of a barge-in until the carrier was told to forget."""
    dtmf: int = 0
    recordings: deque[str] = attrs.field(factory=lambda: deque[str](maxlen=RECORDINGS_KEPT))
    """Where its recordings are."""

    def complete(self, utterance: UtteranceHistory) -> None:
        """Note an utterance that is complete."""
        self.utterances.append(utterance)
        self.utterance_totals.add(utterance)

    def speak(self, stretch: Stretch) -> None:
        """Note what one engine spoke without a break."""
        use = self.engines.setdefault((stretch.engine, stretch.cached), EngineUse())
        use.characters += stretch.end - stretch.start
        use.audio_ms += stretch.audio_ms

    def fail_over(self, failover: FailoverHistory) -> None:
        """Note that an engine failed and another went on."""
        self.failovers += 1
        self.failovers_kept.append(failover)

    def barge_in(self, seconds: float) -> None:
        """Note a barge-in, and how long it took until the carrier was told."""
        self.barge_ins += 1
        self.worst_barge_in_s = max(seconds, self.worst_barge_in_s or 0.0)

    def reconnect(self, gap_s: float) -> None:
        """Note that the audio was gone for so long, and is back."""
        self.reconnects += 1
        self.reconnect_gap_s += gap_s
