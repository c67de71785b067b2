"""One call: what is to be said, in order; the leg it is said on; and what became of it.

The call outlives its legs. Its playout queue, generation and ledger are here, so that what was
framed and not yet sent survives a lost connection, up to a stated age.
"""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable
from functools import partial
from random import Random
from typing import TypeAlias

import attrs
import trio

from trioaudio.core.carrier import (
    Carrier,
    CarrierSettings,
    Event,
    HangUp,
    Idle,
    Stopped,
)
from trioaudio.core.comfort_noise import comfort_noise
from trioaudio.core.connection import Closing, Connect, MediaConnection
from trioaudio.core.encoding import Payload
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import EngineError, LegLostError, TextError, TrioaudioError
from trioaudio.core.facts import (
    EngineSwitched,
    Fact,
    FirstFrameSent,
    FramesExpired,
    Tell,
    UtteranceSent,
)
from trioaudio.core.pcm import silence
from trioaudio.core.percentiles import Histogram
from trioaudio.core.playout_item import Action, UtteranceEnd
from trioaudio.core.speech import EngineChanged, Speaker, SpeechNews, SpokenWord, Stretch
from trioaudio.core.utterance import Cause, Certainty, Utterance, UtteranceEvent
from trioaudio.core.verdict import Verdict, leaves
from trioaudio.heartbeat import LegTiming
from trioaudio.leg import Leg, LegStatistics, SentHook
from trioaudio.media_path import Script, Shape, speak
from trioaudio.pacer import Pacer
from trioaudio.playout_queue import PlayoutQueue
from trioaudio.supervise import LegFailure, RecoveryPolicy, supervise

UTTERANCES_AHEAD = 64
"""Texts that may wait to be said; the next `say` waits for room."""

NOISE_FRAMES = 16
"""960 ms of comfort noise before it repeats."""

_draw = Random().random  # jitter for everybody; a generator of one's own takes 2.5 kB


@attrs.frozen
class Line:
    """What a call is made with: the carrier, its settings, and what our side does about it."""

    carrier: Carrier
    settings: CarrierSettings
    shape: Shape
    policy: RecoveryPolicy
    timing: LegTiming = LegTiming()
    keep: float = 2.0
    """Seconds: how old unsent audio may get while there is no connection; older is dropped."""


@attrs.define(eq=False)
class CallTotals:
    """Counts over all legs of a call that have ended."""

    underruns: int = 0
    underrun_seconds: float = 0.0
    resyncs: int = 0
    stalls: int = 0
    idle_frames: int = 0
    wire_bytes: int = 0

    def add(self, leg: LegStatistics) -> None:
        """Add what a leg counted."""
        self.underruns += leg.clock.underruns
        self.underrun_seconds += leg.clock.underrun_seconds
        self.resyncs += leg.clock.resyncs
        self.stalls += leg.stalls
        self.idle_frames += leg.idle_frames
        self.wire_bytes += leg.wire_bytes


@attrs.define(eq=False)
class Say:
    """An utterance with its text still to come."""

    utterance: Utterance
    pieces: AsyncIterable[str]
    choice: VoiceChoice
    on_word: Callable[[SpokenWord], None]
    stretches: list[Stretch] = attrs.field(factory=list)
    """Who spoke what of it, as far as it has come."""
    error: TrioaudioError | None = None
    """What made it fail, if an engine or its text did."""
    done: trio.Event = attrs.field(factory=trio.Event)


Work: TypeAlias = Say | HangUp


def idle_filler(settings: CarrierSettings, shape: Shape) -> list[Payload]:
    """Return the payloads sent while nobody speaks, one frame each."""
    samples = shape.pcm.frame_samples
    if settings.idle is Idle.NONE:
        return []
    if settings.idle is Idle.COMFORT_NOISE:
        return [shape.to_payload(comfort_noise(samples, seed)) for seed in range(NOISE_FRAMES)]
    return [shape.to_payload(silence(samples))]


class Call:
    """Say texts on one call. `run` is its life; everything else may be called while it runs.

    `tell` is given rare facts, `on_event` what the carrier reports, `on_sent` every frame.
    """

    __slots__ = (
        "_filler",
        "_hung_up",
        "_lateness",
        "_life",
        "_lost_at",
        "_on_event_outside",
        "_on_sent",
        "_open",
        "_pacer",
        "_speaker",
        "_speech",
        "_tell_outside",
        "_utterances",
        "_work_in",
        "_work_out",
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
    ) -> None:
        self.line = line
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
        self._open: dict[int, Say] = {}  # not complete yet, by utterance id
        self._utterances = 0
        self._speech: trio.CancelScope | None = None
        self._lost_at: float | None = None
        self._life: trio.CancelScope | None = None
        self._hung_up = False

    # --- Life ------------------------------------------------------------------------

    async def run(self, connect: Connect) -> Closing | LegFailure:
        """Connect, speak, recover; return how the media connection ended for good.

        Cancelling it drops everything at once; `stop` is the polite way.
        """
        outcome: Closing | LegFailure = Closing(reason="told to stop")
        try:
            async with trio.open_nursery() as nursery:
                self._life = nursery.cancel_scope
                if self._hung_up:
                    self._life.cancel()
                nursery.start_soon(self._do_work)
                outcome = await supervise(
                    connect, self._run_leg, self.line.policy, self._tell, self._wants_a_leg, _draw
                )
                nursery.cancel_scope.cancel()
            if (
                self._hung_up
                and isinstance(outcome, LegFailure)
                and outcome.verdict is Verdict.LOST
            ):
                return Closing(reason=f"after the hang-up: {outcome.reason}")
            return outcome
        finally:
            self.queue.flush()
            self._end_open(UtteranceEvent.FAIL, Cause.CARRIER_LOST)

    async def _run_leg(self, connection: MediaConnection) -> Closing:
        line = self.line
        leg = Leg(
            carrier=line.carrier,
            settings=line.settings,
            codec=line.carrier.new_codec(line.settings, line.shape.pcm.sample_rate),
            connection=connection,
            queue=self.queue,
            pacer=self._pacer,
            ptime=line.shape.pcm.ptime,
            filler=self._filler,
            lateness=self._lateness,
            tell=self._tell,
            on_event=self._on_event,
            on_sent=self._on_sent,
            timing=line.timing,
        )
        self._expire_what_is_too_old()
        connection.start_soon(leg.watch)
        self.leg = leg
        try:
            leg.attach()
            return await connection.receive(leg.receive)
        finally:
            leg.detach()
            self.totals.add(leg.statistics())
            self._hung_up = self._hung_up or leg.finishing
            self.leg = None
            self._lost_at = trio.current_time()

    def _wants_a_leg(self) -> bool:
        return not self._hung_up

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
        self._utterances += 1
        utterance = Utterance(self._utterances, accepted_at=trio.current_time())
        said = Say(utterance, pieces, choice, on_word)
        self._open[utterance.id] = said
        await self._work_in.send(said)
        return said

    async def hang_up(self) -> None:
        """End the call once everything said before has been played, plus the carrier's tail."""
        await self._work_in.send(HangUp())

    def barge_in(self, cause: Cause = Cause.BARGE_IN) -> int:
        """Cut all speech at once, queued texts too; return the frames dropped.

        Nothing here waits: the generation is bumped first, so that a frame still on its way
        through framing is dropped when its turn comes.
        """
        dropped = self.queue.flush()
        if self._speech is not None:
            self._speech.cancel()
        self._drop_work()
        if self.leg is not None:
            try:
                self.leg.clear()
            except LegLostError as exc:
                self.leg.fail(exc)
        self._end_open(UtteranceEvent.INTERRUPT, cause)
        return dropped

    def stop(self, cause: Cause = Cause.CANCELLED) -> None:
        """Cut speech, tell the carrier to hang up, and close; `run` returns when it is done."""
        self.barge_in(cause)
        self._hung_up = True
        if self.leg is None:
            if self._life is not None:
                self._life.cancel()
            return
        try:
            self.leg.command(HangUp())
        except LegLostError as exc:
            self.leg.fail(exc)
        else:
            self.leg.finish()

    async def _do_work(self) -> None:
        async for work in self._work_out:
            match work:
                case Say():
                    await self._speak(work)
                case HangUp():
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
                self._complete(said, UtteranceEvent.FAIL, Cause.ERROR, str(said.error))
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

    # --- What became of it -----------------------------------------------------------

    def heard_out(self, said: Say, heard_at: float) -> None:
        """Complete an utterance that has been played, by the estimate."""
        if not said.utterance.state.final:
            said.utterance.certainty = Certainty.ESTIMATED
            said.utterance.played_at = heard_at
            self._complete(said, UtteranceEvent.PLAYED, Cause.NORMAL)

    def _complete(
        self, said: Say, event: UtteranceEvent, cause: Cause, error: str | None = None
    ) -> None:
        if said.utterance.end(event, cause, error):
            self._open.pop(said.utterance.id, None)
            said.done.set()

    def _end_open(self, event: UtteranceEvent, cause: Cause) -> None:
        for said in list(self._open.values()):
            self._complete(said, event, cause)

    def _tell(self, fact: Fact) -> None:
        match fact:
            case FirstFrameSent(utterance=utterance, at=at):
                if (said := self._open.get(utterance)) and said.utterance.first_frame_at is None:
                    said.utterance.first_frame_at = at
            case UtteranceSent(utterance=utterance, frames=frames, heard_at=heard_at):
                if said := self._open.get(utterance):
                    said.utterance.frames_sent += frames
                    said.utterance.happen(UtteranceEvent.SENT)
                    self._pacer.wake(_HeardOut(self, said, heard_at), heard_at)
            case _:
                pass
        self._tell_outside(fact)

    def _on_event(self, event: Event) -> None:
        if isinstance(event, Stopped) and self.leg is not None:
            self.leg.finish()
        self._on_event_outside(event)


@attrs.define(eq=False)
class _HeardOut:
    """Has the pacer complete an utterance when it has been played: cheaper than a task."""

    call: Call
    said: Say
    heard_at: float
    turn: int = 0

    def tick(self, now: float) -> float | None:
        """Complete it; see `pacer.Paced`."""
        del now
        self.call.heard_out(self.said, self.heard_at)
        return None

    def fail(self, exc: Exception) -> None:
        """Hand a bug in the completion to the leg it belongs to."""
        if self.call.leg is not None:
            self.call.leg.fail(exc)


def _first(group: BaseException) -> TrioaudioError:
    return next(leaf for leaf in leaves(group) if isinstance(leaf, TrioaudioError))
