"""One call as the daemon keeps it: its life, what is told of it, and what it is asked by name.

`call.Call` speaks; this knows who the call is with, why it ended, and who wants to hear of it.
"""

from __future__ import annotations

import secrets
import weakref
from typing import Any, Literal

import attrs
import trio

from trioaudio.api import events
from trioaudio.api.requests import NewCall
from trioaudio.api.shapes import CallCause, CallState
from trioaudio.call import Call, Hooks
from trioaudio.calls.call_audio import CallAudio
from trioaudio.calls.call_history import CallHistory
from trioaudio.calls.call_teller import CallTeller
from trioaudio.calls.shared import Shared
from trioaudio.calls.utterance_book import UtteranceBook
from trioaudio.core.call_lateness import CallLateness
from trioaudio.core.connection import CallControlLink, Closing, Connect
from trioaudio.core.level.gain import Gain
from trioaudio.core.utterance import Cause as UtteranceCause
from trioaudio.core.utterance import UtteranceEvent
from trioaudio.core.verdict import Verdict, split_control
from trioaudio.line import Line
from trioaudio.supervise import LegFailure

FINISH_RECORDING_S = 5.0


def new_call_id() -> str:
    """Return an id nobody else has."""
    return f"c_{secrets.token_hex(8)}"


@attrs.define(eq=False)
class LiveCall:
    """A call from its creation to its record."""

    wanted: NewCall
    line: Line
    shared: Shared
    control: CallControlLink | None = None
    traceparent: str | None = None
    id: str = attrs.field(factory=new_call_id)
    media_url: str | None = None
    """What its carrier has to dial, if it is to."""
    state: CallState = "expected"
    cause: CallCause | None = None
    reason: str | None = None
    created_at: float = attrs.field(factory=trio.current_time)
    answered_at: float | None = None
    ended_at: float | None = None
    peer: str | None = None
    stream_id: str | None = None
    caller: str | None = None
    """Who called us, if the carrier told."""
    called: str | None = None
    incoming_id: str | None = None
    """The carrier's id of a call that came in, as its webhook told it."""
    call: Call = attrs.field(init=False)
    book: UtteranceBook = attrs.field(factory=UtteranceBook)
    history: CallHistory = attrs.field(init=False)
    lateness: CallLateness = attrs.field(init=False)
    gain: Gain = attrs.field(init=False)
    audio: CallAudio = attrs.field(init=False)
    teller: CallTeller = attrs.field(init=False)
    over: trio.Event = attrs.field(factory=trio.Event)
    leaving: Literal["hang-up", "transfer", "end-stream"] | None = None
    """What is to be done once all is said, after which nothing more can be."""
    record: dict[str, Any] | None = None
    _stopped: bool = False

    def __attrs_post_init__(self) -> None:
        self.lateness = CallLateness(self.shared.lateness)
        self.history = CallHistory(
            call=self.id,
            carrier=self.carrier,
            created_at=self.shared.clock.since_1970(self.created_at),
            to=self.wanted.to,
            caller_id=self.wanted.caller_id,
            labels=self.wanted.labels,
            traceparent=self.traceparent,
        )
        weak = weakref.ref(self)
        self.audio, self.teller = CallAudio(weak), CallTeller(weak)
        self.gain = Gain(self.line.shape.pcm.sample_rate)
        self.call = Call(
            line=self.line,
            speaker=self.shared.speech,
            pacer=self.shared.pacer,
            lateness=self.lateness,
            hooks=Hooks(
                tell=self.teller.take_fact,
                on_event=self.teller.take_event,
                on_done=self.teller.take_done,
                gain=self.gain.apply,
            ),
            control=self.control,
        )
        if self.wanted.carrier_call_id is not None:
            self.call.call_id = self.wanted.carrier_call_id

    @property
    def carrier(self) -> str:
        """The carrier's name."""
        return self.line.carrier.name

    @property
    def ended(self) -> bool:
        """Whether it is over."""
        return self.state == "ended"

    # --- Life ------------------------------------------------------------------------

    async def run(self, connect: Connect) -> None:
        """Live the call; whatever goes wrong with it ends here, told and counted.

        Here stands an `except Exception`: a bug of one call ends that call, and no other.
        """
        outcome: Closing | LegFailure | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self.audio.record_when_wished)
                outcome = await self.call.run(connect)
                self.audio.end()
        except Exception as exc:  # noqa: BLE001  see above
            outcome = LegFailure(Verdict.BUG, exc)
            self.shared.watcher.bug(self.carrier, self.id, exc)
        except BaseExceptionGroup as group:
            control, mishap = split_control(group)
            if mishap is not None:
                outcome = LegFailure(Verdict.BUG, mishap)
                self.shared.watcher.bug(self.carrier, self.id, mishap)
            if control is not None:
                raise control from mishap
        finally:
            self._end(outcome)

    def end(self, cause: CallCause, reason: str, *, as_cause: UtteranceCause) -> None:
        """Cut speech, hang up and close; the first cause counts."""
        if self._stopped:
            return
        self._stopped = True
        self._decide(cause, reason)
        self.leaving = "hang-up"
        self.call.stop(as_cause)

    def fail(self, cause: CallCause, reason: str) -> None:
        """End a call that never came to run, or whose surroundings failed."""
        self._decide(cause, reason)
        if not self.ended:
            self.call.utterances.end_all(UtteranceEvent.FAIL, UtteranceCause.CARRIER_LOST)
            self._end(None)

    def _decide(self, cause: CallCause, reason: str) -> None:
        if self.cause is None:
            self.cause, self.reason = cause, reason

    def _end(self, outcome: Closing | LegFailure | None) -> None:
        """Note how it ended; once."""
        # Accepted after the speech had ended: a recording was completed, the carrier's REST asked.
        self.call.utterances.end_all(UtteranceEvent.FAIL, UtteranceCause.CARRIER_LOST)
        self._decide(*_cause_of(outcome, self))
        self.state = "ended"
        self.ended_at = trio.current_time()
        self.audio.close_inboxes()
        self._close_history()
        self.record = self.shared.make_record(self.history)
        self.over.set()
        self.shared.watcher.call_ended(self.carrier, self.id, self.record)
        assert self.cause is not None
        self.tell(
            events.CallEnded(
                call=self.id,
                at=self.shared.clock.now(),
                cause=self.cause,
                reason=self.reason or "",
                record=self.record,
            )
        )

    def _close_history(self) -> None:
        history, call, clock = self.history, self.call, self.shared.clock
        history.carrier_call_id, history.stream_id = call.call_id, self.stream_id
        history.to = self.wanted.to or self.called
        history.caller_id = self.wanted.caller_id or self.caller
        history.answered_at = clock.at(self.answered_at)
        history.ended_at = clock.at(self.ended_at)
        history.cause, history.reason = self.cause, self.reason or ""
        history.ledger = call.queue.ledger.statistics()
        history.totals = call.totals
        history.lateness = self.lateness

    def tell(self, event: events.Event) -> None:
        """Tell an event to whoever subscribed."""
        self.shared.hub.tell(event)


def _cause_of(outcome: Closing | LegFailure | None, live: LiveCall) -> tuple[CallCause, str]:
    """Return why a call is over that nobody here has ended otherwise."""
    call = live.call
    if isinstance(outcome, LegFailure) and outcome.verdict is Verdict.BUG:
        return "bug", outcome.reason
    if call.handed_over:
        if live.leaving == "transfer":
            return "transferred", "the callee was connected to somebody else"
        return "stream-ended", "the stream was ended, and not the call"
    if call.ended_by_far_end:
        return "far-end", "the far end ended the stream"
    if call.hung_up:
        return "hung-up", "all was said"
    return _cause_of_outcome(outcome, live)


def _cause_of_outcome(
    outcome: Closing | LegFailure | None, live: LiveCall
) -> tuple[CallCause, str]:
    match outcome:
        case None:
            return "drained", "the daemon ended"
        case Closing():
            return "far-end", f"the far end closed the connection ({outcome})"
        case LegFailure(verdict=Verdict.REFUSED):
            return "carrier-refused", outcome.reason
        case _ if live.answered_at is None:
            return "not-answered", outcome.reason
        case _:
            return "carrier-lost", outcome.reason
