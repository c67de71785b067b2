"""What an application is told of what happened on its call.

Documented: https://www.twilio.com/docs/voice/conversationrelay/websocket-messages
One `interrupt` a barge-in, however many utterances it cut. It comes before the key that caused it:
an application that stops its answer on `interrupt` must not stop the answer to that key.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Final

import attrs

from trioaudio.api.events import (
    ControlFailed,
    DtmfCame,
    Event,
    UtteranceAccepted,
    UtteranceCompleted,
)
from trioaudio.api.views import CallView
from trioaudio.relay.messages import (
    DtmfMessage,
    ErrorMessage,
    InterruptMessage,
    RelayMessage,
    SetupMessage,
)

_ONE_BARGE_IN_S: Final = 0.5
"""Within this time of one, cuts of what was accepted before it belong to it."""
_FAILURES: Final = frozenset({"error", "parse-failure", "language-unsupported", "expired"})


def new_session() -> str:
    """Return an id of the form ConversationRelay's have."""
    return f"VX{secrets.token_hex(16)}"


def setup_message(view: CallView, session: str, account_sid: str) -> SetupMessage:
    """Introduce a call. Numbers nobody told are empty; callSid is the call's id here.

    `outbound-api` and `IN_PROGRESS` are what applications say they see of answered calls; the
    page shows an incoming one that rings.
    """
    return SetupMessage(
        session_id=session,
        account_sid=account_sid,
        call_sid=view.call,
        from_=view.caller_id or "",
        to=view.to or "",
        direction="inbound" if view.to is None else "outbound-api",
        custom_parameters=dict(view.labels),
    )


@attrs.define(eq=False)
class Reports:
    """Makes messages of events."""

    _accepted: int = 0
    _interrupted_at: float | None = None
    _accepted_before: int = 0
    """The newest utterance when the last barge-in was told."""

    def tell(self, events: Sequence[Event]) -> list[RelayMessage]:
        """Return what is to be sent; events that came together are given together."""
        told = [message for event in events if (message := _message(event)) is not None]
        interrupt = self._interrupt(events)
        return told if interrupt is None else [interrupt, *told]

    def _interrupt(self, events: Sequence[Event]) -> InterruptMessage | None:
        cut: list[UtteranceCompleted] = []
        before = self._accepted_before
        for event in events:
            match event:
                case UtteranceAccepted(utterance=number):
                    self._accepted = max(self._accepted, number)
                case UtteranceCompleted(utterance=number, cause="barge-in"):
                    if not self._was_told(event):
                        cut.append(event)
                        before = max(self._accepted, number)
                case _:
                    pass
        if not cut:
            return None
        cut.sort(key=lambda each: each.utterance)
        self._interrupted_at = max(each.at for each in cut)
        self._accepted_before = before
        return InterruptMessage(
            "".join(each.text_heard for each in cut), round(sum(each.played_ms for each in cut))
        )

    def _was_told(self, cut: UtteranceCompleted) -> bool:
        return (
            self._interrupted_at is not None
            and cut.utterance <= self._accepted_before
            and cut.at - self._interrupted_at < _ONE_BARGE_IN_S
        )


def _message(event: Event) -> RelayMessage | None:
    match event:
        case DtmfCame(digit=digit):
            return DtmfMessage(digit)
        case UtteranceCompleted(cause=cause, error=error) if cause in _FAILURES:
            why = f": {error}" if error else ""
            return ErrorMessage(f"utterance {event.utterance} was not spoken: {cause}{why}")
        case ControlFailed(what=what, reason=reason):
            return ErrorMessage(f"the carrier did not {what}: {reason}")
        case _:
            return None
