"""What happens on calls, for people and machines: log lines, metrics, and a record of each call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import attrs

from trioaudio.calls.call_history import UtteranceHistory
from trioaudio.core.carrier import (
    Cleared,
    Event,
    FlowPaused,
    FlowResumed,
    MarkPlayed,
    QueueDrained,
)
from trioaudio.core.errors import ConfigError
from trioaudio.core.facts import Fact, FirstFrameSent, UtteranceSent
from trioaudio.observe.fact_log import log_event, log_fact
from trioaudio.observe.logs import get_logger
from trioaudio.observe.loop_watch import SlowStep
from trioaudio.observe.metrics import NodeMetrics
from trioaudio.observe.record_file import RecordFile

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger


OF_EVERY_UTTERANCE: Final = (MarkPlayed, Cleared, QueueDrained, FlowPaused, FlowResumed)


@attrs.define(eq=False)
class Watch:
    """A `calls.shared.Watcher`."""

    metrics: NodeMetrics
    records: RecordFile | None
    log_text: bool = False
    """Whether what is said may stand in the log."""
    log: FilteringBoundLogger = attrs.field(factory=lambda: get_logger("trioaudio.calls"))

    def fact(self, carrier: str, call: str, fact: Fact) -> None:
        """Count and log a rare occurrence."""
        self.metrics.tell(carrier, fact)
        if isinstance(fact, FirstFrameSent | UtteranceSent):
            self.log.debug(
                type(fact).__name__, call=call, carrier=carrier, utterance=fact.utterance
            )
            return
        log_fact(self.log.bind(call=call, carrier=carrier), fact)

    def node_fact(self, fact: Fact) -> None:
        """Count and log an occurrence that belongs to no call."""
        self.metrics.tell("", fact)
        log_fact(self.log, fact)

    def carrier_event(self, carrier: str, call: str, event: Event) -> None:
        """Log what a carrier reported; what comes with every utterance, at debug."""
        if isinstance(event, OF_EVERY_UTTERANCE):
            self.log.debug(type(event).__name__, call=call, carrier=carrier)
            return
        log_event(self.log.bind(call=call, carrier=carrier), event)

    def slow_step(self, step: SlowStep) -> None:
        """Log a task that held the event loop."""
        self.log.warning(
            "a task held the event loop",
            task=step.task,
            held_ms=round(step.seconds * 1000, 1),
            untold=step.untold,
        )

    def utterance_completed(
        self, carrier: str, call: str, done: UtteranceHistory, text: str
    ) -> None:
        """Count an utterance, and log it; its text only where that is allowed."""
        first = None
        if done.first_frame_at is not None:
            first = done.first_frame_at - done.accepted_at
        self.metrics.utterance_completed(
            done.spoken_by[-1] if done.spoken_by else None,
            done.cause,
            done.certainty,
            first,
            cached=done.cached,
            characters=done.spoken_characters,
            unheard_s=done.unheard_ms / 1000,
            stages=done.stages,
        )
        facts = {"call": call, "carrier": carrier, "utterance": done.utterance, "cause": done.cause}
        if self.log_text:
            heard, unheard = text[: done.heard_characters], text[done.heard_characters :]
            self.log.info("utterance completed", **facts, heard=heard, unheard=unheard)
        else:
            self.log.debug("utterance completed", **facts, played_ms=done.played_ms)

    def barged_in(self, carrier: str, call: str, seconds: float) -> None:
        """Count a barge-in."""
        self.metrics.barged_in(carrier, seconds)
        self.log.debug("barge-in", call=call, carrier=carrier, took_ms=round(seconds * 1000, 3))

    def call_ended(self, carrier: str, call: str, record: dict[str, Any]) -> None:
        """Count a call, log its record, and keep it."""
        del call  # the record names it
        duration_ms = record["duration_ms"]
        self.metrics.call_ended(
            carrier, record["cause"], None if duration_ms is None else duration_ms / 1000
        )
        self.log.info("call.end", **record)
        if self.records is not None:
            self.records.write(record)

    def tokens_damaged(self, error: ConfigError) -> None:
        """Log that the file of tokens cannot be read, so that those known go on."""
        self.log.error("the tokens stay as they were", reason=str(error))

    def recording_failed(self, carrier: str, call: str, reason: str) -> None:
        """Log that a call was not recorded, or not all of it."""
        self.log.error("a call was not recorded", call=call, carrier=carrier, reason=reason)

    def bug(self, carrier: str, call: str, error: BaseException) -> None:
        """Log a bug that ended one call."""
        self.log.error(
            "a bug ended the call; please report it", call=call, carrier=carrier, exc_info=error
        )
