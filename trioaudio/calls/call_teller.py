"""What happens on a call, told to whom it concerns: subscribers, the history, a recording."""

from __future__ import annotations

import weakref
from collections.abc import Iterable
from typing import TYPE_CHECKING

import attrs
import trio

from trioaudio.api import events
from trioaudio.calls.call_history import FailoverHistory, UtteranceHistory
from trioaudio.calls.stages import stages_of
from trioaudio.calls.utterance_book import Entry, certainty_of
from trioaudio.calls.word_teller import WordTeller
from trioaudio.core.carrier import CallerAudio, DtmfPressed, Started, Starts
from trioaudio.core.carrier import Event as CarrierEvent
from trioaudio.core.facts import (
    CallControlFailed,
    EngineSwitched,
    Fact,
    FirstFrameSent,
    LegConnected,
    LegEnded,
    RecoveryBegan,
    Underrun,
)
from trioaudio.core.speech import Stretch
from trioaudio.core.utterance import Cause as UtteranceCause
from trioaudio.core.utterance import Interruptible
from trioaudio.utterances import Say

if TYPE_CHECKING:
    from trioaudio.calls.live_call import LiveCall


@attrs.define(eq=False)
class CallTeller:
    """Takes what one call's parts report."""

    _live: weakref.ref[LiveCall]
    """Weak: no collection of cycles may be needed to let go of a call that is over."""
    _lost_at: float | None = None

    @property
    def live(self) -> LiveCall:
        """The call, which whoever runs it holds."""
        live = self._live()
        assert live is not None
        return live

    def take_fact(self, fact: Fact) -> None:
        """Take a rare occurrence, and tell it to whom it concerns."""
        match fact:
            case LegConnected(peer=peer):
                self._connected(peer)
            case LegEnded():
                self._lost_at = trio.current_time()
            case RecoveryBegan(seconds=seconds, how=how):
                self.live.state = "lost"
                at = self.live.shared.clock.now()
                self.live.tell(
                    events.CallLost(call=self.live.id, at=at, reason=how, seconds=seconds)
                )
            case FirstFrameSent(utterance=utterance, at=sent_at):
                self._first_frame(utterance, sent_at)
            case Underrun(seconds=seconds):
                at = self.live.shared.clock.now()
                self.live.tell(events.UnderrunBegan(call=self.live.id, at=at, gap_ms=_ms(seconds)))
            case EngineSwitched():
                self._switched(fact)
            case CallControlFailed():
                self._not_done(fact)
            case _:
                pass
        self.live.shared.watcher.fact(self.live.carrier, self.live.id, fact)

    def _not_done(self, failed: CallControlFailed) -> None:
        if self.live.leaving == "transfer":
            self.live.leaving = None  # somebody is still there, and can be spoken to
        at = self.live.shared.clock.now()
        self.live.tell(
            events.ControlFailed(call=self.live.id, at=at, what=failed.what, reason=failed.reason)
        )

    def _connected(self, peer: str) -> None:
        self.live.peer = peer
        self.live.state = "up"
        now = trio.current_time()
        if self._lost_at is None:
            # Else it is told when the carrier has started the stream.
            if self.live.line.carrier.starts is Starts.ON_CONNECT:
                self._started(Started())
            return
        gap = now - self._lost_at
        self.live.history.reconnect(gap)
        at = self.live.shared.clock.now()
        self.live.tell(events.CallReturned(call=self.live.id, at=at, peer=peer, gap_ms=_ms(gap)))

    def _first_frame(self, utterance: int, sent_at: float) -> None:
        if self.live.history.first_audio_at is None:
            self.live.history.first_audio_at = self.live.shared.clock.since_1970(sent_at)
        entry = self.live.book.incomplete.get(utterance)
        if entry is None or entry.said.utterance.first_frame_at != sent_at:
            return  # it began before, on an earlier leg
        if entry.words:
            teller = WordTeller(self.live, entry)
            entry.tell_words = teller.tell
            self.live.shared.pacer.wake(teller, trio.current_time())
        if self.live.audio.recording is not None:
            self.live.audio.recording.note("utterance.started", sent_at, utterance=utterance)
        if not self.live.shared.hub.wanted(self.live.id, "utterance.started"):
            return
        accepted_at = entry.said.utterance.accepted_at
        assert accepted_at is not None
        self.live.tell(
            events.UtteranceStarted(
                call=self.live.id,
                at=self.live.shared.clock.now(),
                utterance=utterance,
                first_frame_ms=_ms(sent_at - accepted_at),
            )
        )

    def _switched(self, fact: EngineSwitched) -> None:
        at = self.live.shared.clock.now()
        self.live.history.fail_over(
            FailoverHistory(at, fact.utterance, fact.failed, fact.takes_over, fact.reason)
        )
        self.live.tell(
            events.Failover(
                call=self.live.id,
                at=at,
                utterance=fact.utterance,
                failed=fact.failed,
                by=fact.takes_over,
                reason=fact.reason,
            )
        )

    def take_event(self, event: CarrierEvent) -> None:
        """Take what the carrier reports."""
        match event:
            case CallerAudio(payload=payload):
                self.live.audio.hear(payload)
                return
            case Started():
                self._started(event)
            case DtmfPressed(digit=digit, duration_ms=duration_ms):
                self._pressed(digit, duration_ms)
            case _:
                pass
        self.live.shared.watcher.carrier_event(self.live.carrier, self.live.id, event)

    def _started(self, started: Started) -> None:
        self.live.stream_id = started.stream_id
        if self.live.answered_at is not None:
            return
        self.live.answered_at = trio.current_time()
        self.live.tell(
            events.CallAnswered(
                call=self.live.id,
                at=self.live.shared.clock.now(),
                peer=self.live.peer or "",
                carrier_call_id=self.live.call.call_id,
                stream_id=started.stream_id,
                metadata=started.metadata,
            )
        )

    def _pressed(self, digit: str, duration_ms: float | None) -> None:
        self.live.history.dtmf += 1
        at = trio.current_time()
        if self.live.audio.recording is not None:
            self.live.audio.recording.note("dtmf", at, digit=digit)
        self.live.tell(
            events.DtmfCame(
                call=self.live.id,
                at=self.live.shared.clock.now(),
                digit=digit,
                duration_ms=duration_ms,
            )
        )
        if any(
            each.said.utterance.interruptible.yields_to(Interruptible.DTMF)
            for each in self.live.book.incomplete.values()
        ):
            self.barge_in(Interruptible.DTMF)

    def barge_in(self, by: Interruptible) -> tuple[list[int], int]:
        """Cut what may be cut by somebody; return which utterances, and how many frames."""
        began = trio.current_time()
        cut = self.live.call.barge_in(UtteranceCause.BARGE_IN, by)
        self.note_cut(began)
        if self.live.audio.recording is not None:
            self.live.audio.recording.note("barge-in", began, by=by.value)
        seconds = trio.current_time() - began
        self.live.history.barge_in(seconds)
        self.live.shared.watcher.barged_in(self.live.carrier, self.live.id, seconds)
        return list(cut.utterances), cut.frames

    def note_cut(self, at: float) -> None:
        """Have a recording show that the carrier was told to forget what it held."""
        if self.live.audio.recording is not None and self.live.line.carrier.clears:
            self.live.audio.recording.cleared(at)

    def take_done(self, said: Say) -> None:
        """Take an utterance that is complete."""
        entry = self.live.book.finish(said)
        if entry is None:
            return
        if entry.tell_words is not None:
            entry.tell_words()  # those since the last look: none comes after its utterance's end
        if entry.kind == "mark":
            self._tell_mark(entry)
            return
        line = self._keep_history(entry)
        self.live.shared.watcher.utterance_completed(
            self.live.carrier, self.live.id, line, entry.text
        )
        if self.live.audio.recording is not None:
            self.live.audio.recording.note(
                "utterance.completed",
                trio.current_time(),
                utterance=entry.id,
                cause=line.cause,
                played_ms=round(line.played_ms, 1),
            )
        if self.live.shared.hub.wanted(self.live.id, "utterance.completed"):
            self._tell_completed(entry, line)

    def _tell_mark(self, entry: Entry) -> None:
        """Tell that a mark was played, and that it is complete; one that is cut is not played."""
        said, at = entry.said, self.live.shared.clock.now()
        assert said.utterance.cause is not None
        certainty = certainty_of(said)
        if said.utterance.cause is UtteranceCause.NORMAL:
            self.live.tell(
                events.Marker(call=self.live.id, at=at, name=entry.text, certainty=certainty)
            )
        self.live.tell(
            events.UtteranceCompleted(
                call=self.live.id,
                at=at,
                utterance=entry.id,
                cause=said.utterance.cause.value,
                error=said.utterance.error,
                played_ms=0.0,
                text_heard="",
                text_unheard="",
                certainty=certainty,
                spoken_by=[],
            )
        )

    def _keep_history(self, entry: Entry) -> UtteranceHistory:
        said, utterance, clock = entry.said, entry.said.utterance, self.live.shared.clock
        assert utterance.accepted_at is not None
        assert utterance.cause is not None
        sound_ms = max(entry.audio_ms, self.live.call.utterances.sent_ms(said))
        line = UtteranceHistory(
            utterance=entry.id,
            cause=utterance.cause.value,
            accepted_at=clock.since_1970(utterance.accepted_at),
            first_frame_at=clock.at(utterance.first_frame_at),
            completed_at=clock.now(),
            played_ms=round(utterance.played_ms, 1),
            unheard_ms=round(max(0.0, sound_ms - utterance.played_ms), 1),
            characters=len(entry.text) if entry.kind == "text" else 0,
            heard_characters=entry.heard,
            certainty=certainty_of(said),
            spoken_by=tuple(entry.engines),
            spoken_characters=_spoken_characters(said.stretches),
            cached=bool(said.stretches) and all(each.cached for each in said.stretches),
            stages=stages_of(utterance, said.stretches),
            error=utterance.error,
        )
        for stretch in said.stretches:
            self.live.history.speak(stretch)
        self.live.history.complete(line)
        return line

    def _tell_completed(self, entry: Entry, line: UtteranceHistory) -> None:
        spoken = entry.text if entry.kind == "text" else ""
        self.live.tell(
            events.UtteranceCompleted(
                call=self.live.id,
                at=line.completed_at,
                utterance=entry.id,
                cause=line.cause,
                error=line.error,
                played_ms=line.played_ms,
                text_heard=spoken[: entry.heard],
                text_unheard=spoken[entry.heard :],
                certainty=line.certainty or "estimated",
                spoken_by=list(line.spoken_by),
            )
        )


def _spoken_characters(stretches: Iterable[Stretch]) -> dict[str, int]:
    """Return what each engine spoke, what was made before left out."""
    spoken: dict[str, int] = {}
    for each in stretches:
        if not each.cached:
            spoken[each.engine] = spoken.get(each.engine, 0) + each.end - each.start
    return spoken


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
