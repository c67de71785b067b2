"""Facts and carrier events as log lines: what happened, at the level it deserves."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from trioaudio.core.carrier import Complaint, Event, Ignored, Metadata
from trioaudio.core.facts import (
    CallControlFailed,
    CallPlaced,
    DoorRefused,
    EngineRestarted,
    EngineRested,
    EngineReturned,
    EngineSwitched,
    Fact,
    FirstFrameSent,
    FramesExpired,
    LegConnected,
    LegEnded,
    MoreDoorRefusals,
    PromptNotKept,
    RecoveryBegan,
    Resynced,
    Stalled,
    Underrun,
    UtteranceSent,
    WebhookFailed,
)

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


def log_fact(log: FilteringBoundLogger, fact: Fact) -> None:  # noqa: C901, PLR0912  a line a fact
    """Log one fact; docs/operations.md lists what each means and what to do."""
    match fact:
        case LegConnected(peer=peer, attempt=attempt):
            log.info("carrier connected", peer=peer, connection=attempt)
        case LegEnded(verdict=None, reason=reason):
            log.info("connection closed", reason=reason)
        case LegEnded(reason=reason, bug=Exception() as bug):
            log.error("a bug ended the call; please report it", reason=reason, exc_info=bug)
        case LegEnded(verdict=verdict, reason=reason):
            log.warning("connection ended", verdict=verdict, reason=reason)
        case RecoveryBegan(how=how, seconds=seconds):
            log.warning("recovering", how=how, seconds=round(seconds, 3))
        case Underrun(seconds=seconds):
            log.warning("underrun: the engine was too slow", gap_ms=round(seconds * 1000, 1))
        case Resynced(seconds=seconds):
            log.warning("resync: we were too late", late_ms=round(seconds * 1000, 1))
        case Stalled():
            log.warning("the carrier takes no more for now")
        case CallPlaced(call_id=call_id, state=state):
            log.info("call placed", call_id=call_id, state=state)
        case CallControlFailed(what=what, reason=reason):
            log.error("the carrier did not do what it was asked", what=what, reason=reason)
        case FramesExpired(frames=frames):
            log.warning("speech too old to be said was dropped", frames=frames)
        case EngineRestarted(engine=engine, reason=reason):
            log.warning("engine restarted", engine=engine, reason=reason)
        case EngineSwitched(failed=failed, takes_over=takes_over, reason=reason):
            log.warning(
                "engine failed; another goes on", failed=failed, by=takes_over, reason=reason
            )
        case EngineRested(engine=engine, seconds=seconds, reason=reason):
            log.error("engine not asked for a while", engine=engine, seconds=seconds, reason=reason)
        case EngineReturned(engine=engine):
            log.info("engine speaks again", engine=engine)
        case PromptNotKept(reason=reason):
            log.warning("prompt not kept", reason=reason)
        case DoorRefused(peer=peer, bug=Exception() as bug):
            log.error("a bug refused a carrier; please report it", peer=peer, exc_info=bug)
        case DoorRefused(peer=peer, status=status, reason=reason):
            log.warning("connection refused at the door", peer=peer, status=status, reason=reason)
        case MoreDoorRefusals(count=count, seconds=seconds, busiest=busiest):
            log.warning(
                "more connections refused at the door",
                count=count,
                seconds=round(seconds),
                busiest=busiest,
            )
        case WebhookFailed(reason=reason, lost=0, waiting=waiting):
            log.warning("events wait for the webhook", reason=reason, waiting=waiting)
        case WebhookFailed(reason=reason, lost=lost, waiting=waiting):
            log.error("events not delivered", reason=reason, lost=lost, waiting=waiting)
        case FirstFrameSent(utterance=utterance):
            log.info("first frame sent", utterance=utterance)
        case UtteranceSent(utterance=utterance, frames=frames):
            log.info("all frames sent", utterance=utterance, frames=frames)
        case _:
            assert_never(fact)


def log_event(log: FilteringBoundLogger, event: Event) -> None:
    """Log what the carrier reported."""
    match event:
        case Complaint(text=text, code=code):
            log.warning("the carrier complains", text=text, code=code)
        case Metadata():
            log.info("metadata from the carrier")
        case Ignored(what=what):
            log.debug("ignored what the carrier sent", what=what)
        case _:
            log.info("event from the carrier", event_name=type(event).__name__)
