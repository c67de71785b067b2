"""One call over the loss and return of its legs: what it says, and what became of it.

The call outlives its legs. Its speech, playout queue, generation and ledger are its own, so that
what was framed and not yet sent survives a lost connection, up to a stated age; and what a carrier
was sent and nobody heard is called back.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from random import Random

import attrs
import trio

from trioaudio.agenda import Deed
from trioaudio.call_speech import CallSpeech, Cut
from trioaudio.core.carrier import (
    EndStream,
    Event,
    HangUp,
    MarkPlayed,
    SendDtmf,
    Started,
    Stopped,
    Transfer,
)
from trioaudio.core.connection import CallControlLink, Closing, Connect, MediaConnection
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import LegLostError, LocalProtocolError, RemoteProtocolError
from trioaudio.core.facts import Fact, FirstFrameSent, FramesExpired, Tell, UtteranceSent
from trioaudio.core.percentiles import Durations
from trioaudio.core.speech import Speaker, SpokenWord
from trioaudio.core.utterance import Cause, Interruptible, UtteranceEvent
from trioaudio.core.verdict import Verdict
from trioaudio.leg import Leg, SentHook
from trioaudio.line import CallTotals, Line, idle_filler
from trioaudio.pacer import Pacer
from trioaudio.playout_queue import PlayoutQueue
from trioaudio.steering import Steering
from trioaudio.supervise import LegFailure, supervise
from trioaudio.utterances import Say, Utterances

_draw = Random().random  # jitter for everybody; a generator of one's own takes 2.5 kB


def _ignore(_said: Say) -> None:
    """Take no interest."""


@attrs.frozen(kw_only=True)
class Hooks:
    """Who is told what of a call. Nothing here may wait; the pacer's turn calls some of them."""

    tell: Tell
    """Rare facts."""
    on_event: Callable[[Event], None]
    """What the carrier reports; the caller's audio only while the call listens."""
    on_sent: SentHook | None = None
    """Every item of speech; `Call.watch_sent` changes it."""
    on_done: Callable[[Say], None] = _ignore
    """Every utterance that is complete."""
    gain: Callable[[bytes], bytes] | None = None
    """Makes PCM louder or softer, sample for sample."""


class Call:
    """Say texts on one call. `run` is its life; everything else may be called while it runs."""

    __slots__ = (
        "_filler",
        "_handed_over",
        "_heard_until",
        "_hooks",
        "_hung_up",
        "_lateness",
        "_life",
        "_lost_at",
        "_on_sent",
        "_pacer",
        "_steering",
        "_to_end",
        "call_id",
        "ended_by_far_end",
        "line",
        "listening",
        "speech",
        "totals",
    )

    def __init__(
        self,
        *,
        line: Line,
        speaker: Speaker,
        pacer: Pacer,
        lateness: Durations,
        hooks: Hooks,
        control: CallControlLink | None = None,
    ) -> None:
        self.line = line
        self.call_id: str | None = None
        """The carrier's id of the telephone call, when it is known; a stream of another call
        is refused."""
        self.ended_by_far_end = False
        """Whether the carrier has ended the stream, and not because we did."""
        self.totals = CallTotals()
        self.listening = False
        """Whether the caller's audio is wanted; `listen` changes it."""
        self.speech = CallSpeech(
            line=line,
            speaker=speaker,
            pacer=pacer,
            tell=hooks.tell,
            on_done=hooks.on_done,
            gain=hooks.gain,
        )
        self._hooks = hooks
        self._on_sent = hooks.on_sent
        self._pacer = pacer
        self._lateness = lateness
        self._steering = None if control is None else Steering(control, hooks.tell)
        self._filler = idle_filler(line.settings, line.shape)
        self._lost_at: float | None = None
        self._heard_until = 0.0
        self._life: trio.CancelScope | None = None
        self._hung_up = False
        self._to_end = False  # told to stop while there was no stream to say it on
        self._handed_over = False  # the callee is somewhere else now, and not ours to hang up on

    # --- What it is ------------------------------------------------------------------

    @property
    def leg(self) -> Leg | None:
        """What it is said on, while there is a connection."""
        return self.speech.leg

    @property
    def queue(self) -> PlayoutQueue:
        """Speech on its way to the pacer, and the ledger."""
        return self.speech.queue

    @property
    def utterances(self) -> Utterances:
        """Those that were accepted and are not complete."""
        return self.speech.utterances

    @property
    def open_utterances(self) -> int:
        """How many were accepted and are not complete."""
        return len(self.speech.utterances)

    @property
    def handed_over(self) -> bool:
        """Whether the callee was transferred, or the stream ended without the call."""
        steered = self._steering is not None and self._steering.transferred
        return self._handed_over or steered or (self.leg is not None and self.leg.handed_over)

    @property
    def hung_up(self) -> bool:
        """Whether we have ended the call, or are doing so."""
        return self._hung_up or (self.leg is not None and self.leg.finishing)

    # --- Life ------------------------------------------------------------------------

    async def run(self, connect: Connect) -> Closing | LegFailure:
        """Connect, speak, recover; return how the media connection ended for good.

        Cancelling it drops everything at once; `stop` is the polite way.
        """
        bug: ExceptionGroup[Exception] | None = None
        outcome: Closing | LegFailure = Closing(reason="told to stop")
        try:
            outcome = await self._live(connect)
        except ExceptionGroup as group:
            # Raised again below: nobody cancels, and the telephone may still be up.
            bug, outcome = group, LegFailure(Verdict.BUG, group)
        finally:
            self.queue.flush()
            self.utterances.end_all(UtteranceEvent.FAIL, Cause.CARRIER_LOST)
            if self._steering is not None:
                self._steering.let_go()
        await self._end_call_left_alone(outcome)
        if bug is not None:
            raise bug
        over = self._hung_up or self.handed_over
        if over and isinstance(outcome, LegFailure) and outcome.verdict is Verdict.LOST:
            return Closing(reason=f"after the hang-up: {outcome.reason}")
        return outcome

    async def _live(self, connect: Connect) -> Closing | LegFailure:
        """Speak on one leg after the other, until there is none any more."""
        outcome: Closing | LegFailure = Closing(reason="told to stop")
        async with trio.open_nursery() as nursery:
            self._life = nursery.cancel_scope
            if self._steering is not None:
                self._steering.nursery = nursery
            if self._hung_up:
                self._life.cancel()
            nursery.start_soon(self.speech.work)
            outcome = await supervise(
                connect, self._run_leg, self.line.policy, self._tell, self._wants_a_leg, _draw
            )
            if self._steering is not None:
                await self._steering.wait_answered()
            nursery.cancel_scope.cancel()
        return outcome

    async def _run_leg(self, connection: MediaConnection) -> Closing:
        leg = self._make_leg(connection)
        leg.hearing.listening = self.listening
        self._expire_what_is_too_old()
        connection.start_soon(leg.watch)
        self.speech.leg = leg
        if self.speech.gated and self.line.start_gate is not None:
            leg.hearing.on_media = self.speech.open_gate
            gate = _Gate(self.speech.open_gate, leg.lose)
            self._pacer.wake(gate, trio.current_time() + self.line.start_gate)
        try:
            leg.attach()
            return await connection.receive(leg.hearing.receive, polled=leg.polled)
        finally:
            self._take_leave(leg)

    def _make_leg(self, connection: MediaConnection) -> Leg:
        line = self.line
        return Leg(
            carrier=line.carrier,
            settings=line.settings,
            codec=line.carrier.new_codec(line.settings, line.shape.media),
            connection=connection,
            queue=self.queue,
            pacer=self._pacer,
            ptime=line.shape.pcm.ptime,
            filler=self._filler,
            filler_frames=line.shape.smallest_item,
            lateness=self._lateness,
            tell=self._tell,
            on_event=self._on_event,
            on_sent=self._on_sent,
            timing=line.timing,
            steer=None if self._steering is None else self._steer,
            heard_before=self._heard_until,
            silenced=self.speech.silent,
        )

    def _take_leave(self, leg: Leg) -> None:
        """Keep what is worth keeping of a leg that is gone."""
        leg.detach()
        self.utterances.count_played(leg)
        self._hung_up = self._hung_up or leg.finishing
        self._handed_over = self._handed_over or leg.handed_over
        unheard = self.speech.unheard_frames(leg)
        if unheard and self._wants_a_leg():
            self.speech.call_back(unheard)
        self.utterances.expect_no_marks()
        self.totals.add(leg.statistics())
        self._heard_until = leg.heard_until
        self.speech.leg = None
        self._lost_at = trio.current_time()
        leg.let_go()

    def _wants_a_leg(self) -> bool:
        return not (self._hung_up or self.handed_over)

    def _expire_what_is_too_old(self) -> None:
        """After a reconnection, skip speech that waited longer than the line keeps it."""
        waiting_since = self.queue.waiting_since
        if self._lost_at is None or waiting_since is None or self.speech.silent:
            return  # what is silent waits by wish
        too_old = trio.current_time() - max(self._lost_at, waiting_since) - self.line.keep
        frames = int(too_old / self.line.shape.pcm.ptime)
        if not self.speech.is_being_made:
            frames = min(frames, self.queue.ledger.queued)  # there is no more to come
        if frames > 0:
            self.queue.expire(frames)
            self._tell(FramesExpired(frames))

    # --- What it is told -------------------------------------------------------------

    async def say(
        self,
        pieces: AsyncIterable[str],
        choice: VoiceChoice,
        on_word: Callable[[SpokenWord], None] | None = None,
    ) -> Say:
        """Queue an utterance whose text comes in pieces; waits while too many are queued."""
        return await self.speech.say(pieces, choice, on_word)

    def barge_in(self, cause: Cause = Cause.BARGE_IN, by: Interruptible = Interruptible.ANY) -> Cut:
        """Cut at once what may be cut by somebody, queued texts too."""
        return self.speech.barge_in(cause, by)

    async def hang_up(self, tail: float | None = None) -> None:
        """End the call once everything said before has been played, plus the carrier's tail."""
        await self.speech.do_afterwards(Deed(HangUp(), tail))

    async def transfer(self, transfer: Transfer) -> None:
        """Connect the callee to somebody else, once everything said before has been played.

        What the media stream is good for afterwards is the carrier's business. LocalProtocolError
        when neither the stream nor the carrier's REST interface can do it, or a number is none.
        """
        line = self.line
        if line.carrier.transfers:
            line.carrier.new_codec(line.settings, line.shape.media).send(transfer)  # or it raises
        elif self._steering is None or not self._steering.link.transfers:
            raise LocalProtocolError(
                f"{line.carrier.name}: a call cannot be transferred on its media stream, and the"
                " carrier's REST interface is not set up"
            )
        await self.speech.do_afterwards(Deed(transfer))

    async def end_stream(self) -> None:
        """End the media stream, not the call, once everything said before has been played."""
        await self.speech.do_afterwards(Deed(EndStream()))

    async def press(self, digits: str) -> None:
        """Press keys towards the callee, once everything said before has been played.

        LocalProtocolError when the carrier has no message for it: tones can be said.
        """
        line = self.line
        command = SendDtmf(digits)
        line.carrier.new_codec(line.settings, line.shape.media).send(command)  # or it raises
        await self.speech.do_afterwards(Deed(command, 0.0))

    def listen(self, *, on: bool) -> None:
        """Have the caller's audio decoded and told as events, or not any more."""
        self.listening = on
        if self.leg is not None:
            self.leg.listen(on=on)

    def catch_up(self) -> None:
        """Take what the carrier has said until now, so that it comes before what is asked next."""
        if self.leg is not None:
            self.leg.catch_up()

    def watch_sent(self, hook: SentHook | None) -> None:
        """Have every item of speech told from now on, or none."""
        self._on_sent = hook
        if self.leg is not None:
            self.leg.on_sent = hook

    def count_played(self) -> None:
        """Bring what was played of each utterance up to date, by the playout estimate."""
        if self.leg is not None:
            self.utterances.count_played(self.leg, ends=True)

    def stop(self, cause: Cause = Cause.CANCELLED) -> None:
        """Cut speech, tell the carrier to hang up, and close; `run` returns when it is done."""
        self.speech.cut_all(cause, ends=True)
        self._hung_up = True
        if self.leg is None:
            self._to_end = True
            if self._life is not None:
                self._life.cancel()
            return
        try:
            self.leg.hang_up()
        except LegLostError as exc:
            self.leg.fail(exc)

    # --- What is told ----------------------------------------------------------------

    def _tell(self, fact: Fact) -> None:
        match fact:
            case FirstFrameSent():
                self.utterances.take_first_frame(fact)
            case UtteranceSent():
                self.utterances.take_sent(fact)
            case _:
                pass
        self._hooks.tell(fact)

    def _on_event(self, event: Event) -> None:
        match event:
            case Started(call_id=str() as call_id):
                self._check_call(call_id)
            case MarkPlayed():
                self.utterances.take_mark(event)
            case Stopped() if self.leg is not None:
                self.ended_by_far_end = self.ended_by_far_end or not self.hung_up
                self.leg.finish()
            case _:
                pass
        self._hooks.on_event(event)

    def _check_call(self, call_id: str) -> None:
        """Refuse a stream that belongs to another telephone call than this one."""
        if self.call_id is None:
            self.call_id = call_id
        elif call_id != self.call_id:
            raise RemoteProtocolError(
                f"the stream belongs to call {call_id[:80]!r}, and {self.call_id!r} was expected"
            )

    # --- Round the media stream ----------------------------------------------------------

    async def _steer(self, command: HangUp | Transfer) -> None:
        """Have the carrier's REST interface do what has no message on the stream."""
        assert self._steering is not None
        if isinstance(command, HangUp):
            self._hung_up = True  # no other leg is wanted, whatever becomes of this one
        self._steering.call_id = self.call_id
        await self._steering.steer(command)
        if self._steering.transferred and self.leg is not None:
            self.leg.handed_over = True

    async def _end_call_left_alone(self, outcome: Closing | LegFailure) -> None:
        """End a telephone call whose media stream is gone while it may still be up."""
        steering = self._steering
        if steering is None:
            return
        left_alone = self._to_end or isinstance(outcome, LegFailure)
        # One that nobody ever connected is ended by whoever had it placed.
        known = self.call_id is not None or self._lost_at is not None
        if left_alone and known and not (steering.hung_up or self.handed_over):
            steering.call_id = self.call_id
            await steering.hang_up()


@attrs.define(eq=False)
class _Gate:
    """Has the pacer open the gate when nothing was heard for long enough."""

    open: Callable[[], None]
    fail: Callable[[Exception], None]
    turn: int = 0

    def tick(self, now: float) -> float | None:
        """Open it; see `pacer.Paced`."""
        del now
        self.open()
        return None
