"""One text to be said: its states as a table, its cause of completion, and what was heard of it.

    queued → speaking → sent → played
    sent → speaking, when sound is called back before it was heard
    queued | speaking | sent → interrupted
    queued | speaking | sent → failed

*Sent* is ours: every frame was handed to the carrier. *Played* is the callee's: the carrier
said so, or the playout estimate did. All that affects a transition is in `TRANSITIONS`.
"""

from __future__ import annotations

import enum

import attrs

from trioaudio.core.errors import LocalProtocolError


class UtteranceState(enum.Enum):
    """Where an utterance is; the last three are final."""

    QUEUED = "queued"
    SPEAKING = "speaking"
    SENT = "sent"
    PLAYED = "played"
    INTERRUPTED = "interrupted"
    FAILED = "failed"

    @property
    def final(self) -> bool:
        """Whether nothing more can happen to it."""
        return self not in TRANSITIONS


class UtteranceEvent(enum.Enum):
    """What can happen to an utterance."""

    SPEAK = "speak"
    SENT = "sent"
    RECALL = "recall"
    """Sound of it that was sent and not heard is to be sent again."""
    PLAYED = "played"
    INTERRUPT = "interrupt"
    FAIL = "fail"


TRANSITIONS: dict[UtteranceState, dict[UtteranceEvent, UtteranceState]] = {
    UtteranceState.QUEUED: {
        UtteranceEvent.SPEAK: UtteranceState.SPEAKING,
        UtteranceEvent.INTERRUPT: UtteranceState.INTERRUPTED,
        UtteranceEvent.FAIL: UtteranceState.FAILED,
    },
    UtteranceState.SPEAKING: {
        UtteranceEvent.SENT: UtteranceState.SENT,
        UtteranceEvent.INTERRUPT: UtteranceState.INTERRUPTED,
        UtteranceEvent.FAIL: UtteranceState.FAILED,
    },
    UtteranceState.SENT: {
        UtteranceEvent.RECALL: UtteranceState.SPEAKING,
        UtteranceEvent.PLAYED: UtteranceState.PLAYED,
        UtteranceEvent.INTERRUPT: UtteranceState.INTERRUPTED,
        UtteranceEvent.FAIL: UtteranceState.FAILED,
    },
}


class Cause(enum.Enum):
    """Why an utterance ended: MRCPv2's vocabulary (RFC 6787, 8.4.2) and three of ours."""

    NORMAL = "normal"
    BARGE_IN = "barge-in"
    PARSE_FAILURE = "parse-failure"
    ERROR = "error"
    LANGUAGE_UNSUPPORTED = "language-unsupported"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    CARRIER_LOST = "carrier-lost"
    DRAINED = "drained"


class Certainty(enum.Enum):
    """How it is known what was heard."""

    ACKED = "acked"
    ESTIMATED = "estimated"


class Interruptible(enum.Enum):
    """What may cut an utterance short."""

    NEVER = "never"
    DTMF = "dtmf"
    SPEECH = "speech"
    ANY = "any"

    def yields_to(self, cutter: Interruptible) -> bool:
        """Say whether `cutter` may cut it: a key, the callee's speech, or ANY, which is control."""
        if self is Interruptible.NEVER:
            return False
        return cutter is Interruptible.ANY or self in (cutter, Interruptible.ANY)


@attrs.define(eq=False)
class Utterance:
    """One utterance's life. Times are seconds on Trio's clock, None until they happened."""

    id: int
    interruptible: Interruptible = Interruptible.ANY
    state: UtteranceState = UtteranceState.QUEUED
    cause: Cause | None = None
    error: str | None = None
    accepted_at: float | None = None
    begun_at: float | None = None
    """When its turn came to be spoken."""
    first_frame_at: float | None = None
    played_at: float | None = None
    certainty: Certainty | None = None
    characters: int = 0
    """Characters accepted from the author so far."""
    frames_sent: int = 0
    played_ms: float = 0.0
    """What the callee heard of it; by the estimate unless it is played and acked."""

    def happen(self, event: UtteranceEvent) -> None:
        """Move to the next state; LocalProtocolError when the table has no such move."""
        try:
            self.state = TRANSITIONS[self.state][event]
        except KeyError:
            raise LocalProtocolError(
                f"utterance {self.id} is {self.state.value}: it cannot {event.value}"
            ) from None

    def end(self, event: UtteranceEvent, cause: Cause, error: str | None = None) -> bool:
        """Complete it with `cause`, unless it is complete already; say whether it was us."""
        if self.state.final:
            return False
        self.happen(event)
        self.cause = cause
        self.error = error
        return True
