"""One call: what is to be said, in order; the leg it is said on; and what became of it.

The call outlives its legs. Its playout queue, generation and ledger are here, so that what was
framed and not yet sent survives a lost connection, up to a stated age.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from functools import partial
from random import Random
from typing import TypeAlias

import trio

from trioaudio.core.carrier import (
    EndStream,
    Event,
    HangUp,
    MarkPlayed,
    Started,
    Stopped,
    Transfer,
)
from trioaudio.core.connection import CallControlLink, Closing, Connect, MediaConnection
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import (
    EngineError,
    LegLostError,
    LocalProtocolError,
    RemoteProtocolError,
    TextError,
    TrioaudioError,
)
from trioaudio.core.facts import (
    CallControlFailed,
    EngineSwitched,
    Fact,
    FirstFrameSent,
    FramesExpired,
    Tell,
    UtteranceSent,
)
from trioaudio.core.percentiles import Histogram
from trioaudio.core.playout_item import Action, UtteranceEnd
from trioaudio.core.speech import EngineChanged, Speaker, SpeechNews, SpokenWord, Stretch
from trioaudio.core.utterance import Cause, UtteranceEvent
from trioaudio.core.verdict import Verdict, leaves
from trioaudio.leg import Leg, SentHook
from trioaudio.line import CallTotals, Line, idle_filler
from trioaudio.media_path import Script, speak
from trioaudio.pacer import Pacer
from trioaudio.playout_queue import PlayoutQueue
from trioaudio.supervise import LegFailure, supervise
from trioaudio.utterances import Say, Utterances

UTTERANCES_AHEAD = 64
"""Texts that may wait to be said; the next `say` waits for room."""

CONTROL_S = 15.0
"""How long the carrier's REST interface may take for a hang-up or a transfer."""

_draw = Random().random  # jitter for everybody; a generator of one's own takes 2.5 kB

Work: TypeAlias = Say | HangUp | Transfer | EndStream


class Call:
    """Say texts on one call. `run` is its life; everything else may be called while it runs.

    `tell` is given rare facts, `on_event` what the carrier reports, `on_sent` every frame.
    """

    __slots__ = (
        "_answered",
        "_asked",
        "_control",
        "_filler",
        "_handed_over",
        "_heard_until",
        "_hung_up",
        "_lateness",
        "_life",
        "_lost_at",
        "_nursery",
        "_on_event_outside",
        "_on_sent",
        "_pacer",
        "_speaker",
        "_speech",
        "_tell_outside",
        "_to_end",
        "_utterances",
        "_work_in",
        "_work_out",
        "call_id",
        "leg",
        "line",
        "queue",
        "totals",
    )

    def __init__(  # noqa: PLR0913  the parts a call is made of, each given once, by name
        self,
        *,
        line: Line,
        speaker: Speaker,
        pacer: Pacer,
        lateness: Histogram,
        tell: Tell,
        on_event: Callable[[Event], None],
        on_sent: SentHook | None = None,
        control: CallControlLink | None = None,
    ) -> None:
        self.line = line
        self.call_id: str | None = None
        """The carrier's id of the telephone call, when it is known; a stream of another call
        is refused."""
        self._control = control
        self.queue = PlayoutQueue(line.shape.queue_bound)
        self.leg: Leg | None = None
        self.totals = CallTotals()
        self._speaker = speaker
        self._pacer = pacer
        self._lateness = lateness
        self._tell_outside = tell
        self._on_event_outside = on_event
        self._on_sent = on_sent
        self._filler = idle_filler(line.settings, line.shape)
        self._work_in, self._work_out = trio.open_memory_channel[Work](UTTERANCES_AHEAD)
        self._utterances = Utterances(line, pacer, self._bug)
        self._speech: trio.CancelScope | None = None
        self._lost_at: float | None = None
        self._heard_until = 0.0
        self._life: trio.CancelScope | None = None
        self._hung_up = False
        self._to_end = False  # told to stop while there was no stream to say it on
        self._asked = False  # the carrier has ended the call, asked round the stream
        self._handed_over = False  # the callee is somewhere else now, and not ours to hang up on
        self._nursery: trio.Nursery | None = None
        self._answered: trio.Event | None = None

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
            self._utterances.end_all(UtteranceEvent.FAIL, Cause.CARRIER_LOST)
        await self._end_call_left_alone(outcome)
        if bug is not None:
            raise bug
        over = self._hung_up or self._handed_over
        if over and isinstance(outcome, LegFailure) and outcome.verdict is Verdict.LOST:
            return Closing(reason=f"after the hang-up: {outcome.reason}")
        return outcome

    async def _live(self, connect: Connect) -> Closing | LegFailure:
        """Speak on one leg after the other, until there is none any more."""
        outcome: Closing | LegFailure = Closing(reason="told to stop")
        async with trio.open_nursery() as nursery:
            self._life, self._nursery = nursery.cancel_scope, nursery
            if self._hung_up:
                self._life.cancel()
            nursery.start_soon(self._do_work)
            outcome = await supervise(
                connect, self._run_leg, self.line.policy, self._tell, self._wants_a_leg, _draw
            )
            if self._answered is not None:
                await self._answered.wait()  # it says whether the call is still up
            nursery.cancel_scope.cancel()
        return outcome

    async def _run_leg(self, connection: MediaConnection) -> Closing:
        line = self.line
        leg = Leg(
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
            steer=None if self._control is None else self._steer,
            heard_before=self._heard_until,
        )
        self._expire_what_is_too_old()
        connection.start_soon(leg.watch)
        self.leg = leg
        try:
            leg.attach()
            return await connection.receive(leg.receive)
        finally:
            leg.detach()
            self._utterances.count_played(leg)
            self._utterances.expect_no_marks()
            self.totals.add(leg.statistics())
            self._heard_until = leg.heard_until
            self._hung_up = self._hung_up or leg.finishing
            self._handed_over = self._handed_over or leg.handed_over
            self.leg = None
            self._lost_at = trio.current_time()

    def _wants_a_leg(self) -> bool:
        return not (self._hung_up or self._handed_over)

    @property
    def open_utterances(self) -> int:
        """How many were accepted and are not complete."""
        return len(self._utterances)

    @property
    def handed_over(self) -> bool:
        """Whether the callee was transferred, or the stream ended without the call."""
        return self._handed_over or (self.leg is not None and self.leg.handed_over)

    def _expire_what_is_too_old(self) -> None:
        """After a reconnection, skip speech that waited longer than the line keeps it."""
        waiting_since = self.queue.waiting_since
        if self._lost_at is None or waiting_since is None:
            return
        too_old = trio.current_time() - max(self._lost_at, waiting_since) - self.line.keep
        frames = int(too_old / self.line.shape.pcm.ptime)
        if self._speech is None:
            frames = min(frames, self.queue.ledger.queued)  # there is no more to come
        if frames > 0:
            self.queue.expire(frames)
            self._tell(FramesExpired(frames))

    # --- Speech ----------------------------------------------------------------------

    async def say(
        self,
        pieces: AsyncIterable[str],
        choice: VoiceChoice,
        on_word: Callable[[SpokenWord], None] = lambda _word: None,
    ) -> Say:
        """Queue an utterance whose text comes in pieces; waits while too many are queued."""
        said = self._utterances.begin(pieces, choice, on_word)
        try:
            await self._work_in.send(said)
        except trio.Cancelled:
            self._utterances.complete(said, UtteranceEvent.INTERRUPT, Cause.CANCELLED)
            raise
        return said

    async def hang_up(self) -> None:
        """End the call once everything said before has been played, plus the carrier's tail."""
        await self._work_in.send(HangUp())

    async def transfer(self, transfer: Transfer) -> None:
        """Connect the callee to somebody else, once everything said before has been played.

        What the media stream is good for afterwards is the carrier's business. LocalProtocolError
        when neither the stream nor the carrier's REST interface can do it, or a number is none.
        """
        line = self.line
        if line.carrier.transfers:
            line.carrier.new_codec(line.settings, line.shape.media).send(transfer)  # or it raises
        elif self._control is None:
            raise LocalProtocolError(
                f"{line.carrier.name}: a call cannot be transferred on its media stream, and the"
                " carrier's REST interface is not set up"
            )
        await self._work_in.send(transfer)

    async def end_stream(self) -> None:
        """End the media stream, not the call, once everything said before has been played."""
        await self._work_in.send(EndStream())

    def barge_in(self, cause: Cause = Cause.BARGE_IN) -> int:
        """Cut all speech at once, queued texts too; return the frames dropped.

        Nothing here waits: the generation is bumped first, so that a frame still on its way
        through framing is dropped when its turn comes.
        """
        return self._cut(cause, ends=False)

    def _cut(self, cause: Cause, *, ends: bool) -> int:
        dropped = self.queue.flush()
        if self._speech is not None:
            self._speech.cancel()
        self._drop_work()
        if self.leg is not None:
            self._utterances.count_played(self.leg, ends=ends)
            try:
                self.leg.clear()
            except LegLostError as exc:
                self.leg.fail(exc)
        self._utterances.end_all(UtteranceEvent.INTERRUPT, cause)
        return dropped

    def stop(self, cause: Cause = Cause.CANCELLED) -> None:
        """Cut speech, tell the carrier to hang up, and close; `run` returns when it is done."""
        self._cut(cause, ends=True)
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

    async def _do_work(self) -> None:
        async for work in self._work_out:
            match work:
                case Say():
                    await self._speak(work)
                case HangUp() | Transfer() | EndStream():
                    await self.queue.put([Action(self.queue.generation, work)])

    async def _speak(self, said: Say) -> None:
        utterance = said.utterance
        if utterance.state.final:
            return
        utterance.happen(UtteranceEvent.SPEAK)
        script = Script(utterance.id, said.pieces, said.choice, partial(self._note, said))
        generation = self.queue.generation
        with trio.CancelScope() as self._speech:
            try:
                await speak(script, self._speaker, self.line.shape, self.queue)
            except* (EngineError, TextError) as group:
                said.error = _first(group)
                if self.leg is not None:
                    self._utterances.count_played(self.leg)
                self._utterances.complete(said, UtteranceEvent.FAIL, Cause.ERROR, str(said.error))
                # What it has said so far is played, and is not an underrun afterwards.
                await self.queue.put([UtteranceEnd(generation, utterance.id)])
        self._speech = None

    def _note(self, said: Say, news: SpeechNews) -> None:
        match news:
            case SpokenWord():
                said.on_word(news)
            case Stretch():
                said.stretches.append(news)
            case EngineChanged(failed=failed, takes_over=takes_over, reason=reason):
                self._tell(EngineSwitched(said.utterance.id, failed, takes_over, reason))

    def _drop_work(self) -> None:
        while True:
            try:
                self._work_out.receive_nowait()
            except trio.WouldBlock:
                return

    # --- What is told ----------------------------------------------------------------

    def _bug(self, exc: Exception) -> None:
        """Hand a bug in completing an utterance to the leg, whose supervisor judges it."""
        if self.leg is not None:
            self.leg.fail(exc)

    def _tell(self, fact: Fact) -> None:
        match fact:
            case FirstFrameSent():
                self._utterances.take_first_frame(fact)
            case UtteranceSent():
                self._utterances.take_sent(fact)
            case _:
                pass
        self._tell_outside(fact)

    def _on_event(self, event: Event) -> None:
        match event:
            case Started(call_id=str() as call_id):
                self._check_call(call_id)
            case MarkPlayed():
                self._utterances.take_mark(event)
            case Stopped() if self.leg is not None:
                self.leg.finish()
            case _:
                pass
        self._on_event_outside(event)

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
        """Have the carrier's REST interface do what has no message on the stream.

        Heard out in the call's own nursery: doing it is what may end the stream.
        """
        assert self._nursery is not None
        if isinstance(command, HangUp):
            self._hung_up = True  # no other leg is wanted, whatever becomes of this one
        answered = self._answered = trio.Event()
        self._nursery.start_soon(self._ask, command, answered)
        await answered.wait()

    async def _ask(self, command: HangUp | Transfer, answered: trio.Event) -> None:
        assert self._control is not None
        what = "hang up" if isinstance(command, HangUp) else "transfer the call"
        try:
            with trio.fail_after(CONTROL_S):
                if isinstance(command, HangUp):
                    await self._control.hang_up(self.call_id)
                    self._asked = True
                else:
                    await self._control.transfer(self.call_id, command)
                    self._handed_over = True
                    if self.leg is not None:
                        self.leg.handed_over = True
        except trio.TooSlowError:
            self._tell(CallControlFailed(what, f"no answer within {CONTROL_S:g} s"))
        except TrioaudioError as exc:
            self._tell(CallControlFailed(what, str(exc)))
        answered.set()

    async def _end_call_left_alone(self, outcome: Closing | LegFailure) -> None:
        """End a telephone call whose media stream is gone while it may still be up."""
        left_alone = self._to_end or isinstance(outcome, LegFailure)
        # One that nobody ever connected is ended by whoever had it placed.
        known = self.call_id is not None or self._lost_at is not None
        done = self._asked or self._handed_over
        if left_alone and known and not done and self._control is not None:
            await self._ask(HangUp(), trio.Event())


def _first(group: BaseException) -> TrioaudioError:
    return next(leaf for leaf in leaves(group) if isinstance(leaf, TrioaudioError))
