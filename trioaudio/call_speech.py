"""What one call says: queued, spoken in order, cut, silenced, and taken up again.

It goes on over the loss and return of legs. Nothing that cuts waits: the generation is bumped
first, so that a frame still on its way through framing is dropped when its turn comes.
"""

from __future__ import annotations

import weakref
from collections.abc import AsyncIterable, Callable, Collection
from functools import partial

import attrs
import trio

from trioaudio.agenda import Agenda, Deed
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import EngineError, LegLostError, TextError, TrioaudioError
from trioaudio.core.facts import EngineSwitched, Tell
from trioaudio.core.heard_text import word_start_before
from trioaudio.core.playout_item import Action, UtteranceEnd
from trioaudio.core.speech import EngineChanged, Speaker, SpeechNews, SpokenWord, Stretch, TurnBegan
from trioaudio.core.utterance import Cause, Interruptible, UtteranceEvent
from trioaudio.core.verdict import leaves
from trioaudio.leg import Leg
from trioaudio.line import Line
from trioaudio.media_path import Script, speak
from trioaudio.pacer import Pacer
from trioaudio.playout_queue import PlayoutQueue
from trioaudio.turnstile import wait_turn
from trioaudio.utterances import Order, Say, Utterances


@attrs.frozen
class Cut:
    """What was cut: utterances that were not complete, and frames of them dropped unsent."""

    utterances: tuple[int, ...]
    frames: int


class CallSpeech:
    """One call's utterances and its playout queue; `leg` is what they are said on, if any.

    `on_done` takes every utterance that is complete; `gain` makes PCM louder or softer, sample for
    sample. A line with a start gate is silent until `open_gate`.
    """

    __slots__ = (
        "__weakref__",
        "_agenda",
        "_gain",
        "_gated",
        "_line",
        "_paused",
        "_speaker",
        "_speaking",
        "_speech",
        "_tell",
        "leg",
        "queue",
        "utterances",
    )

    def __init__(
        self,
        *,
        line: Line,
        speaker: Speaker,
        pacer: Pacer,
        tell: Tell,
        on_done: Callable[[Say], None],
        gain: Callable[[bytes], bytes] | None,
    ) -> None:
        self.queue = PlayoutQueue(line.shape.queue_bound, line.shape.kept)
        self.utterances = Utterances(line, pacer, _hand_to_leg(self), on_done)
        self.leg: Leg | None = None
        self._line = line
        self._speaker = speaker
        self._tell = tell
        self._gain = gain
        self._agenda = Agenda(line.utterances_ahead)
        self._speech: trio.CancelScope | None = None
        self._speaking: Say | None = None
        self._paused = False
        self._gated = line.start_gate is not None

    # --- What is to be said ------------------------------------------------------------

    async def say(
        self,
        pieces: AsyncIterable[str],
        choice: VoiceChoice,
        on_word: Callable[[SpokenWord], None] | None = None,
    ) -> Say:
        """Queue an utterance whose text comes in pieces; waits while too many are queued."""
        said = self.utterances.begin(Order(pieces, choice, on_word))
        try:
            await self._agenda.put(said)
        except trio.Cancelled:
            self.utterances.complete(said, UtteranceEvent.INTERRUPT, Cause.CANCELLED)
            raise
        return said

    def order(self, order: Order) -> tuple[Say, int]:
        """Queue an utterance, and return how many are begun before it; trio.WouldBlock."""
        said = self.utterances.begin(order)
        try:
            before = self._agenda.put_nowait(said)
        except trio.WouldBlock:
            self.utterances.reject(said)
            raise
        return said, before

    async def do_afterwards(self, deed: Deed) -> None:
        """Have something done once everything said before has been played."""
        await self._agenda.put(deed)

    @property
    def is_being_made(self) -> bool:
        """Whether an utterance is being spoken into the queue."""
        return self._speech is not None

    async def work(self) -> None:
        """Do what is queued, for ever; cancel to stop."""
        while True:
            work = await self._agenda.take()
            if isinstance(work, Say):
                # Behind speech that is still on its way it would be heard if this one waited long.
                await wait_turn(urgent=self.queue.depth > 0)
                await self._speak(work)
            else:
                await self.queue.put([work.action(self.queue.generation)])

    async def _speak(self, said: Say) -> None:
        utterance, order = said.utterance, said.order
        if utterance.state.final:
            return
        assert utterance.accepted_at is not None
        waited = trio.current_time() - utterance.accepted_at
        if order.expires is not None and waited > order.expires:
            self.utterances.complete(said, UtteranceEvent.INTERRUPT, Cause.EXPIRED)
            return
        self.utterances.speak(said)
        note = partial(self._note, said)
        script = Script(utterance.id, order.pieces, order.choice, note, gain=self._gain)
        said.script, self._speaking = script, said
        with trio.CancelScope() as self._speech:
            try:
                await speak(script, order.speaker or self._speaker, self._line.shape, self.queue)
            except* (EngineError, TextError) as group:
                self._fail(said, _first(group))
                # What it has said so far is played, and is not an underrun afterwards.
                await self.queue.put([UtteranceEnd(script.generation, utterance.id)])
            finally:
                said.settle = None  # it holds the turn, which holds us
            if order.then is not None:
                then = Action(script.generation, order.then, utterance.id, order.tail)
                await self.queue.put([then])
        self._speech = self._speaking = None

    def _fail(self, said: Say, error: TrioaudioError) -> None:
        said.error = error
        if self.leg is not None:
            self.utterances.count_played(self.leg)
        self.utterances.complete(said, UtteranceEvent.FAIL, Cause.ERROR, str(error))

    def _note(self, said: Say, news: SpeechNews) -> None:
        match news:
            case SpokenWord():
                said.words.add(news)
                if said.order.on_word is not None:
                    said.order.on_word(news)
            case Stretch():
                said.stretches.append(news)
            case TurnBegan(engine=engine, settle=settle):
                said.engine, said.settle = engine, settle
            case EngineChanged(failed=failed, takes_over=takes_over, reason=reason):
                self._tell(EngineSwitched(said.utterance.id, failed, takes_over, reason))

    # --- What is cut -----------------------------------------------------------------

    def barge_in(self, cause: Cause = Cause.BARGE_IN, by: Interruptible = Interruptible.ANY) -> Cut:
        """Cut at once what may be cut by somebody, queued texts too."""
        yields = {
            each.utterance.id
            for each in self.utterances
            if each.utterance.interruptible.yields_to(by)
        }
        if len(yields) == len(self.utterances):
            return self.cut_all(cause)
        return self.cut(yields, cause)

    def cut(self, utterances: Collection[int], cause: Cause = Cause.CANCELLED) -> Cut:
        """Cut some utterances at once, and what follows of them; the others are said as ever."""
        self.utterances.end_heard_out()
        utterances = set(utterances).intersection(self.utterances.open)
        if len(utterances) == len(self.utterances):
            return self.cut_all(cause)
        dropped = self.queue.drop(utterances)
        self._agenda.drop(lambda work: isinstance(work, Say) and work.utterance.id in utterances)
        speaking = self._speaking
        if speaking is not None and speaking.utterance.id in utterances:
            assert self._speech is not None
            self._speech.cancel()
        elif speaking is not None and speaking.script is not None:
            speaking.script.generation = self.queue.generation
        if self.leg is not None:
            self._forget_sent(self.leg, utterances)
        return self._complete_cut(utterances, cause, dropped)

    def _forget_sent(self, leg: Leg, utterances: Collection[int]) -> None:
        """Have the carrier forget what it holds of some, and send again what it held of others."""
        leg.drop_at_hand(utterances)
        self.utterances.count_played(leg)
        if self.utterances.has_unheard(utterances):
            kept = set(self.utterances.open) - set(utterances)
            unheard = self.unheard_frames(leg)
            leg.put_back_at_hand()
            _clear(leg)
            self.utterances.recall(self.queue.recall(unheard, kept))

    def cut_all(self, cause: Cause, *, ends: bool = False) -> Cut:
        """Cut everything that is said at once, not what is to be done afterwards.

        `ends`: the call is over, so that goes too, and what the carrier holds is lost.
        """
        if ends:
            dropped = self.queue.flush()
            self._agenda.drop()
        else:
            self.utterances.end_heard_out()
            dropped = self.queue.cut(self.utterances.open)
            self._agenda.drop(lambda work: isinstance(work, Say))
        if self._speech is not None:
            self._speech.cancel()
        if self.leg is not None:
            self.leg.drop_at_hand(None if ends else self.utterances.open)
            self.utterances.count_played(self.leg, ends=ends)
            _clear(self.leg)
        self._paused = False
        self._set_silence()
        return self._complete_cut(tuple(self.utterances.open), cause, dropped)

    def _complete_cut(self, utterances: Collection[int], cause: Cause, dropped: int) -> Cut:
        cut = [each for each in self.utterances if each.utterance.id in utterances]
        for said in cut:
            if said.settle is not None:
                said.settle()
                said.settle = None
            self.utterances.end(said, UtteranceEvent.INTERRUPT, cause)
        return Cut(tuple(said.utterance.id for said in cut), dropped)

    # --- Silence ---------------------------------------------------------------------

    @property
    def silent(self) -> bool:
        """Whether nothing is to be sent: it is paused, or the gate is not open yet."""
        return self._paused or self._gated

    @property
    def paused(self) -> bool:
        """Whether it is silent because it was told to be."""
        return self._paused

    @property
    def gated(self) -> bool:
        """Whether it is silent because the far end has not been heard yet."""
        return self._gated

    def pause(self) -> None:
        """Fall silent at once; what was not heard is kept, and so is what comes meanwhile."""
        if self._paused:
            return
        self._paused = True
        self._set_silence()
        leg = self.leg
        if leg is None:
            return
        self.utterances.count_played(leg)
        unheard = self.unheard_frames(leg)
        leg.put_back_at_hand()
        if unheard and self._line.shape.kept:  # what cannot be sent again is heard out
            _clear(leg)
        self.call_back(unheard)

    def resume(self) -> None:
        """Go on where `pause` cut, from the beginning of the word that was cut."""
        self._paused = False
        self._set_silence()

    def open_gate(self) -> None:
        """Let speech out: the far end is there."""
        self._gated = False
        self._set_silence()

    def _set_silence(self) -> None:
        leg = self.leg
        if leg is None:
            return
        if self.silent and not leg.silenced:
            leg.silence()
        elif leg.silenced and not self.silent:
            leg.speak_again()

    def call_back(self, unheard: int) -> None:
        """Have sent again what the callee did not hear, from the beginning of a word if known.

        `unheard` frames, as `unheard_frames` counted them, after `count_played`.
        """
        frames = unheard
        said = self.utterances.being_heard(trio.current_time())
        if said is not None and len(said.words):
            ptime_ms = self._line.shape.pcm.ptime * 1000
            begins_ms = word_start_before(said.words, said.utterance.played_ms)
            sent = round(self.utterances.sent_ms(said) / ptime_ms)
            frames = max(frames, self._frames_after(said) + sent - int(begins_ms / ptime_ms))
        self.utterances.recall(self.queue.recall(frames, self.utterances.open))

    def _frames_after(self, said: Say) -> int:
        """Return how many frames were sent of utterances that were begun after one."""
        ptime_ms = self._line.shape.pcm.ptime * 1000
        begun = list(self.utterances)
        later = begun[begun.index(said) + 1 :]
        return sum(round(self.utterances.sent_ms(each) / ptime_ms) for each in later)

    def unheard_frames(self, leg: Leg) -> int:
        """Return how many whole frames the carrier holds that it can be made to forget."""
        if not self._line.carrier.clears:
            return 0
        return int(leg.unheard_s(trio.current_time()) / self._line.shape.pcm.ptime + 1e-6)


def _hand_to_leg(speech: CallSpeech) -> Callable[[Exception], None]:
    """Return what hands a bug in completing an utterance to the leg, whose supervisor judges it."""
    weak = weakref.ref(speech)  # no cycle: thousands of calls a minute may end

    def hand_over(exc: Exception) -> None:
        there = weak()
        if there is not None and there.leg is not None:
            there.leg.fail(exc)

    return hand_over


def _clear(leg: Leg) -> None:
    """Have the carrier forget what it holds; a leg that is gone ends by itself."""
    try:
        leg.clear()
    except LegLostError as exc:
        leg.fail(exc)


def _first(group: BaseException) -> TrioaudioError:
    return next(leaf for leaf in leaves(group) if isinstance(leaf, TrioaudioError))
