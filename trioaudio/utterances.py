"""A call's utterances that are not complete: what was sent of each, and what was heard.

*Played* is what the carrier says, where it echoes marks, as far as that can be true; else our
estimate. What a carrier held when it was told to forget it was not heard.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Collection, Iterator

import attrs
import trio

from trioaudio.core.carrier import EndStream, HangUp, MarkPlayed
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import TrioaudioError
from trioaudio.core.facts import FirstFrameSent, UtteranceSent
from trioaudio.core.mark_name import marked_utterance
from trioaudio.core.speech import Speaker, SpokenWord, Stretch, WholeText
from trioaudio.core.utterance import (
    Cause,
    Certainty,
    Interruptible,
    Utterance,
    UtteranceEvent,
    UtteranceState,
)
from trioaudio.core.word_track import WordTrack
from trioaudio.leg import Leg
from trioaudio.line import Line
from trioaudio.media_path import Script
from trioaudio.pacer import Pacer
from trioaudio.playout_queue import Recalled

EARLY_MARK_S = 0.1
"""How much sooner than estimated a carrier may say that speech was played, to be believed: its
clock, its frames and the network differ that much from ours, and nobody plays faster than time."""

_NOTHING = WholeText("")


@attrs.frozen
class Order:
    """What an author asks for: a text that may still come, and how it is to be said."""

    pieces: AsyncIterable[str]
    choice: VoiceChoice = VoiceChoice()
    on_word: Callable[[SpokenWord], None] | None = None
    speaker: Speaker | None = None
    """None: the call's."""
    priority: int = 0
    interruptible: Interruptible = Interruptible.ANY
    then: HangUp | EndStream | None = None
    """Done once it has been played, or has failed; not if it was cut."""
    tail: float | None = None
    """Seconds after the last sound that `then` happens; None: the carrier's."""
    expires: float | None = None
    """Seconds within which it must begin, or is not said at all."""
    name: str | None = None
    """The author's, of a mark."""


@attrs.define(eq=False)
class Say:
    """An utterance with its text still to come."""

    utterance: Utterance
    order: Order
    script: Script | None = None
    """Once it is being spoken."""
    words: WordTrack = attrs.field(factory=WordTrack)
    """Where they begin in its sound, as far as it has come."""
    stretches: list[Stretch] = attrs.field(factory=list)
    """Who spoke what of it, as far as it has come."""
    engine: str | None = None
    """Whose turn began last; it is among the stretches only once it is over."""
    settle: Callable[[], None] | None = None
    """Tells the stretch that is being spoken, as far as it has come."""
    error: TrioaudioError | None = None
    """What made it fail, if an engine or its text did."""
    heard_at: float | None = None
    """When it will have been played, by the estimate; None until all of it was sent."""
    done: trio.Event = attrs.field(factory=trio.Event)

    @property
    def priority(self) -> int:
        """The highest goes first."""
        return self.order.priority


@attrs.define(eq=False)
class Utterances:
    """The incomplete ones of one call, in the order they are spoken."""

    line: Line
    pacer: Pacer
    on_bug: Callable[[Exception], None]
    """Takes what completing one raised: it happens in the pacer's turn."""
    on_done: Callable[[Say], None]
    """Told of each that is complete."""
    _open: dict[int, Say] = attrs.field(factory=dict)
    _made: int = 0

    def begin(self, order: Order) -> Say:
        """Accept an utterance."""
        self._made += 1
        utterance = Utterance(self._made, order.interruptible, accepted_at=trio.current_time())
        said = self._open[utterance.id] = Say(utterance, order)
        return said

    def reject(self, said: Say) -> None:
        """Take back the last one accepted: there was no room for it."""
        del self._open[said.utterance.id]
        self._made -= 1

    def speak(self, said: Say) -> None:
        """Note that one is being spoken from now on: after those that were begun before."""
        self._open[said.utterance.id] = self._open.pop(said.utterance.id)
        said.utterance.happen(UtteranceEvent.SPEAK)
        said.utterance.begun_at = trio.current_time()

    @property
    def open(self) -> Collection[int]:
        """The ids of those that are not complete."""
        return self._open.keys()

    def __iter__(self) -> Iterator[Say]:
        """Give those that are not complete, in the order they were accepted."""
        return iter(self._open.values())

    def __len__(self) -> int:
        """Return how many are not complete."""
        return len(self._open)

    # --- What was sent ---------------------------------------------------------------

    def take_first_frame(self, fact: FirstFrameSent) -> None:
        """Note when an utterance began to go out; on the first leg that carries it."""
        said = self._open.get(fact.utterance)
        if said is not None and said.utterance.first_frame_at is None:
            said.utterance.first_frame_at = fact.at

    def take_sent(self, fact: UtteranceSent) -> None:
        """Note that all of an utterance is out; it completes when it has been played."""
        said = self._open.get(fact.utterance)
        if said is None:
            return
        said.utterance.frames_sent += fact.frames
        said.utterance.happen(UtteranceEvent.SENT)
        said.heard_at = fact.heard_at
        patience_ms = self.line.settings.mark_wait_ms if self.line.shape.marks else 0
        self._complete_later(said, fact.heard_at, fact.heard_at + patience_ms / 1000)

    def count_played(self, leg: Leg, *, ends: bool = False) -> None:
        """Work out what was heard of each, should no more be heard: before a clear, after a loss.

        What the carrier holds and can be made to forget is not heard: of the last one first.
        """
        utterance, frames = leg.take_frames()
        said = None if utterance is None else self._open.get(utterance)
        if said is not None:
            said.utterance.frames_sent += frames
        unheard_ms = 0.0
        if ends or self.line.carrier.clears:
            unheard_ms = leg.unheard_s(trio.current_time()) * 1000
        for said in reversed(self._open.values()):
            sent_ms = self.sent_ms(said)
            cut_ms = min(unheard_ms, sent_ms)
            unheard_ms -= cut_ms
            said.utterance.played_ms = sent_ms - cut_ms

    def sent_ms(self, said: Say) -> float:
        """Return how much sound of one was sent, as last counted."""
        return said.utterance.frames_sent * self.line.shape.pcm.ptime * 1000

    def has_unheard(self, utterances: Collection[int]) -> bool:
        """Say whether any of these was sent and not all heard, as last counted."""
        return any(
            self.sent_ms(each) > each.utterance.played_ms
            for each in self._open.values()
            if each.utterance.id in utterances and not each.utterance.state.final
        )

    def recall(self, recalled: Recalled) -> None:
        """Take note that what was sent of some is to be sent again."""
        for utterance, frames in recalled.frames.items():
            said = self._open[utterance]
            said.utterance.frames_sent -= frames
            said.utterance.played_ms = min(said.utterance.played_ms, self.sent_ms(said))
            said.heard_at = None
            if said.utterance.state is UtteranceState.SENT:
                said.utterance.happen(UtteranceEvent.RECALL)

    def being_heard(self, now: float) -> Say | None:
        """Return the one a cut would fall into, as last counted: the first not heard out.

        Else the last one that was sent, unless that is over.
        """
        begun = [
            each
            for each in self._open.values()
            if each.utterance.frames_sent and (each.heard_at is None or each.heard_at > now)
        ]
        cut = (each for each in begun if each.utterance.played_ms < self.sent_ms(each))
        return next(cut, begun[-1] if begun else None)

    def expect_no_marks(self) -> None:
        """Let the estimate complete what was sent: the leg its marks were asked on is gone."""
        for said in self._open.values() if self.line.shape.marks else ():
            if said.heard_at is not None:
                self._complete_later(said, said.heard_at, said.heard_at)

    # --- What was heard --------------------------------------------------------------

    def take_mark(self, mark: MarkPlayed) -> None:
        """Take the carrier's word about an utterance, as far as it can be true."""
        utterance = marked_utterance(mark.name)
        said = None if utterance is None else self._open.get(utterance)
        if said is None or said.heard_at is None:
            return
        now = trio.current_time()
        if mark.heard is False:
            # It was waited for, so nobody here cleared anything: the carrier did.
            unheard_ms = max(0.0, said.heard_at - now) * 1000
            said.utterance.played_ms = max(0.0, self.sent_ms(said) - unheard_ms)
            self.complete(said, UtteranceEvent.INTERRUPT, Cause.CANCELLED)
        elif now >= said.heard_at - EARLY_MARK_S:
            self.heard_out(said, now, Certainty.ACKED)
        else:
            # Sooner than it can have been played: then our own clock is the better witness.
            self._complete_later(said, said.heard_at, said.heard_at)

    def heard_out(self, said: Say, heard_at: float, certainty: Certainty) -> None:
        """Complete an utterance that has been played, unless it is complete."""
        if not said.utterance.state.final:
            self._played(said, heard_at, certainty)

    def heard_out_if(self, said: Say, heard_at: float) -> None:
        """Complete it by the estimate, unless that has changed: it was called back, cut short."""
        if said.heard_at == heard_at:
            self.heard_out(said, heard_at, Certainty.ESTIMATED)

    def _played(self, said: Say, heard_at: float, certainty: Certainty) -> None:
        said.utterance.certainty = certainty
        said.utterance.played_at = heard_at
        said.utterance.played_ms = self.sent_ms(said)
        self.complete(said, UtteranceEvent.PLAYED, Cause.NORMAL)

    def _complete_later(self, said: Say, heard_at: float, at: float) -> None:
        self.pacer.wake(_HeardOut(self, said, heard_at), at)

    def complete(
        self, said: Say, event: UtteranceEvent, cause: Cause, error: str | None = None
    ) -> None:
        """End an utterance, unless it has ended."""
        if said.utterance.end(event, cause, error):
            self._open.pop(said.utterance.id, None)
            said.script = None
            # A recording may be 60 MB, and what is complete is remembered for a while.
            said.order = attrs.evolve(said.order, pieces=_NOTHING, speaker=None, on_word=None)
            said.done.set()
            self.on_done(said)

    def end_heard_out(self) -> None:
        """Complete those whose time is over: they have been played, mark or no mark."""
        now = trio.current_time()
        for said in list(self._open.values()):
            if said.heard_at is not None and said.heard_at <= now:
                self._played(said, said.heard_at, Certainty.ESTIMATED)

    def end_all(self, event: UtteranceEvent, cause: Cause) -> None:
        """End all that are left; one whose time is over has been played, mark or no mark."""
        for said in list(self._open.values()):
            self.end(said, event, cause)

    def end(self, said: Say, event: UtteranceEvent, cause: Cause) -> None:
        """End one; if its time is over, it has been played, mark or no mark."""
        if said.heard_at is not None and said.heard_at <= trio.current_time():
            self._played(said, said.heard_at, Certainty.ESTIMATED)
        self.complete(said, event, cause)


@attrs.define(eq=False)
class _HeardOut:
    """Has the pacer complete an utterance when it has been played: cheaper than a task."""

    utterances: Utterances
    said: Say
    heard_at: float
    turn: int = 0

    def tick(self, now: float) -> float | None:
        """Complete it; see `pacer.Paced`."""
        del now
        self.utterances.heard_out_if(self.said, self.heard_at)
        return None

    def fail(self, exc: Exception) -> None:
        """Hand on a bug in the completion."""
        self.utterances.on_bug(exc)
