"""One call's media connection with one carrier, as the pacer serves it.

A leg takes playout items from its call's queue at the time they are due, seals them with the
carrier codec, and gives them to the connection without waiting. Its states:

* *starved*: nothing to send; the next item put wakes it. Under an idle policy it sends filler
  meanwhile, at the moment the carrier would run dry.
* *stalled*: the connection takes no more; a task waits until it does, and a stall longer
  than the send deadline loses the leg, never just a frame.
* *held*: the carrier asked for a pause, a clear was just sent and audio could overtake it, or
  the carrier is being asked for something by another way than this connection.
* *silenced*: the call is paused, or nobody is to speak yet. Filler goes on.

Marks the carrier has not answered yet are kept here, since they die with the connection. A clear
forgets them: one that comes back afterwards was not heard, whatever it says.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Sequence
from functools import partial
from typing import Final, assert_never

import attrs
import trio

from trioaudio.core.carrier import (
    Answer,
    Carrier,
    CarrierCodec,
    CarrierSettings,
    ClearAudio,
    Command,
    EndStream,
    Event,
    FlowPaused,
    FlowResumed,
    HangUp,
    Idle,
    Ignored,
    MarkPlayed,
    Message,
    SendMark,
    Started,
    Starts,
    Transfer,
)
from trioaudio.core.connection import MediaConnection
from trioaudio.core.encoding import Payload
from trioaudio.core.errors import LegLostError, LocalProtocolError
from trioaudio.core.facts import FirstFrameSent, Resynced, Stalled, Tell, Underrun, UtteranceSent
from trioaudio.core.pending_marks import PendingMarks
from trioaudio.core.percentiles import Durations
from trioaudio.core.playout import PlayoutClock, PlayoutStatistics
from trioaudio.core.playout_item import Action, Audio, Mark, PlayoutItem, UtteranceEnd
from trioaudio.hearing import Hearing
from trioaudio.heartbeat import Heartbeat, LegTiming
from trioaudio.pacer import Pacer
from trioaudio.playout_queue import PlayoutQueue
from trioaudio.reading import Reading


@attrs.frozen
class LegStatistics:
    """What a leg has counted so far."""

    clock: PlayoutStatistics
    idle_frames: int
    """Filler sent while nobody spoke; not speech, not in the ledger."""
    stalls: int
    messages_in: int
    media_in: int
    wire_bytes: int
    complaints: int
    """Messages of the carrier's that were wrong, or were complaints about ours."""
    stale_marks: int
    """Marks that came back and were not waited for: cleared, late, or never asked for."""


Steer = Callable[[HangUp | Transfer], Awaitable[None]]
"""Does by another way than the media connection what has no message there. Bounded in time;
raises nothing but what ends the call as a bug."""

SentHook = Callable[[Audio, float, float, float], None]
"""Called with an item, the time it was sent, its lateness, and when it was due: when the callee is
to hear it. All in seconds; the due times of a talkspurt's items follow each other exactly."""


LAST_READS: Final = 64
"""Of a connection that broke: more than the kernel holds, and no end without end."""

LAST_WORDS_S: Final = 1.0
"""How long whoever receives may take to find the end in what was read."""


def _ignore(_told: object) -> None:
    """Take no interest."""


class Leg:
    """Serve one connection. Made for a connection that is open, and gone with it.

    `filler` holds payloads of `filler_frames` frames each, sent in turn while nobody speaks;
    `lateness` is shared by many legs; `steer` is there if the carrier can be asked for something
    by another way than the connection.
    """

    __slots__ = (
        "_at_hand",
        "_failure",
        "_filler",
        "_filler_frames",
        "_filling",
        "_finishing",
        "_going",
        "_heartbeat",
        "_held_until",
        "_idle_clock",
        "_idle_frames",
        "_lateness",
        "_mark_wait",
        "_marks",
        "_mid_utterance",
        "_on_event",
        "_open",
        "_outlet",
        "_pacer",
        "_paused",
        "_posted",
        "_queue",
        "_reading",
        "_stalls",
        "_starved",
        "_steer",
        "_steering",
        "_tail",
        "_talking",
        "_tell",
        "_timing",
        "_trouble",
        "_utterance",
        "_utterance_frames",
        "_wire",
        "_wire_bytes",
        "carrier",
        "clock",
        "codec",
        "connection",
        "handed_over",
        "hearing",
        "on_sent",
        "settings",
        "silenced",
        "turn",
    )

    def __init__(  # noqa: PLR0913  the parts a leg is made of, each given once, by name
        self,
        *,
        carrier: Carrier,
        settings: CarrierSettings,
        codec: CarrierCodec,
        connection: MediaConnection,
        queue: PlayoutQueue,
        pacer: Pacer,
        ptime: float,
        filler: Sequence[Payload],
        filler_frames: int = 1,
        lateness: Durations,
        tell: Tell,
        on_event: Callable[[Event], None],
        on_sent: SentHook | None = None,
        timing: LegTiming | None = None,
        steer: Steer | None = None,
        heard_before: float = 0.0,
        silenced: bool = False,
    ) -> None:
        self.turn = 0
        self.silenced = silenced
        self.carrier = carrier
        self.settings = settings
        self.codec = codec
        self.connection = connection
        self.clock = PlayoutClock(
            ptime, 0.0 if carrier.stamps_by_arrival else settings.lead_ms / 1000
        )
        self._outlet = connection.outlet
        self._wire = connection.wire
        self._queue = queue
        self._pacer = pacer
        self._filler = filler
        self._filler_frames = filler_frames
        self._lateness = lateness
        self._tell = tell
        self.hearing = Hearing(codec, self._hear)
        self._on_event = on_event
        self.on_sent = on_sent
        self._timing = timing or LegTiming()
        self._heartbeat = Heartbeat(connection, pacer, self._timing, self.lose)
        inlet = connection.inlet
        self._reading = (
            None if inlet is None else Reading(inlet, pacer.rounds, self._is_waiting, self.lose)
        )
        self._tail = settings.tail_ms / 1000
        self._open = carrier.starts is Starts.ON_CONNECT
        self._at_hand: Action | None = None
        self._talking = False  # a talkspurt is on: the clock's schedule is in force
        self._mid_utterance = False
        self._going: Audio | None = None  # what `act` is to send,
        self._posted = b""  # sealed
        self._starved = False
        self._paused = False
        self._held_until = 0.0
        self._idle_clock = None if settings.idle is Idle.NONE else PlayoutClock(ptime, 0.0)
        self._filling = False
        self._trouble = trio.Event()  # a stall, or a turn that raised
        self._failure: Exception | None = None
        self._finishing = False
        self._utterance: int | None = None
        self._utterance_frames = 0
        self._steer = steer
        self._steering: HangUp | Transfer | None = None
        self.handed_over = False
        """Whether the callee is not ours any more: transferred, or the stream was ended alone."""
        self._marks = PendingMarks(answered_at=heard_before)
        self._mark_wait = settings.mark_wait_ms / 1000
        self._idle_frames = 0
        self._stalls = 0
        self._wire_bytes = 0

    # --- Life ------------------------------------------------------------------------

    def attach(self) -> None:
        """Begin to take items, now or as soon as the carrier has started the stream."""
        self._queue.serve(self._item_put)
        self._heartbeat.start()
        if self._reading is not None:
            self._reading.start()
        if self._open:
            self._begin()

    def detach(self) -> None:
        """Take no more items; what is queued stays for the next leg."""
        self._queue.serve(None)
        self._pacer.forget(self)
        self._pacer.forget(self._heartbeat)
        if self._reading is not None:
            self._reading.stop()
        if self._at_hand is not None:
            self._queue.put_back(self._at_hand)

    def let_go(self) -> None:
        """Refer to the call no more, nor in a circle to itself: calls end without a collection."""
        self._heartbeat.fail = _ignore
        self.hearing.on_event = _ignore
        self.hearing.on_media = None
        self._tell = self._on_event = _ignore
        self.on_sent = self._steer = None

    def _begin(self) -> None:
        self._open = True
        self.command(Answer())
        self._pacer.wake(self, trio.current_time())

    def fail(self, exc: Exception) -> None:
        """Take what its own turn raised."""
        if self._going is not None:
            self._queue.put_back(self._going)  # the next leg's first
            self._going = None
        self.lose(exc)

    def lose(self, exc: Exception) -> None:
        """Take what ends the leg; `watch` raises the first of these in the leg's own task.

        What is being sent beside it is sent.
        """
        self._failure = self._failure or exc
        self._trouble.set()

    def finish(self) -> None:
        """Close the connection in good order once all before is written, by a task of the leg."""
        self._finishing = True
        self._trouble.set()
        self._read_soon()

    @property
    def finishing(self) -> bool:
        """Whether the connection is being closed because all is said."""
        return self._finishing

    async def watch(self) -> None:
        """See stalls and the closing through, until cancelled; raise what a turn raised.

        LegLostError when the carrier reads nothing for the send deadline, or the connection is
        gone; what the carrier said before comes first.
        """
        try:
            await self._see_through()
            return
        except LegLostError as exc:
            lost = exc
        await self._hear_out()
        raise lost

    async def _see_through(self) -> None:
        while True:
            await self._trouble.wait()
            if self._failure is not None:
                raise self._failure
            with trio.move_on_after(self._timing.send_deadline) as stuck:
                await self.connection.wait_flushed()
                if self._finishing:
                    await self.connection.close()
                    return  # the pacer would find a socket that takes no media, and call it a stall
            if self._failure is not None:  # it came while this task waited for the socket
                raise self._failure
            if stuck.cancelled_caught:
                raise LegLostError(
                    f"{self.connection.peer} has read nothing for {self._timing.send_deadline:g} s"
                )
            self._trouble = trio.Event()
            self._go_on()

    async def _hear_out(self) -> None:
        """Read what came before the connection broke, and let whoever receives say how it ended.

        Sending finds out up to 60 ms before the last words are read: a close in good order perhaps.
        """
        inlet = self.connection.inlet
        if inlet is None:
            return
        for _ in range(LAST_READS):
            heard = self.connection.heard
            self.catch_up()
            if self.connection.heard == heard:
                break
        if inlet.ended:
            await trio.sleep(LAST_WORDS_S)

    # --- Inbound ---------------------------------------------------------------------

    @property
    def polled(self) -> bool:
        """Whether the pacer reads the connection while the leg is attached."""
        return self._reading is not None

    def listen(self, *, on: bool) -> None:
        """Have the caller's audio decoded and told as events, or not any more."""
        self.hearing.listening = on
        self._read_soon()

    def catch_up(self) -> None:
        """Take what the carrier has said until now: it is read up to 60 ms later else."""
        if self._reading is not None:
            self._reading.catch_up()

    def _read_soon(self) -> None:
        if self._reading is not None:
            self._reading.hurry()

    def _is_waiting(self, now: float) -> bool:
        """Say whether something is to come that must not be read late."""
        if self.hearing.listening or self._finishing or not self._open:
            return True
        return self._marks.are_awaited and now < self.clock.heard_until + self._mark_wait

    def _hear(self, event: Event) -> None:
        match event:
            case Started() if not self._open:
                self._on_event(event)  # first: it may be a stream of somebody else's call
                self._begin()
                return
            case FlowPaused():
                self._paused = True
            case FlowResumed():
                self._paused = False
                self._go_on()
            case MarkPlayed(name=name):
                now = trio.current_time()
                if not self._marks.answer(name, now):
                    self._on_event(Ignored(f"mark {name[:40]!r}, which is not waited for"))
                    return
                if self._at_hand is not None:
                    self._pacer.wake(self, now)
            case _:
                pass
        self._on_event(event)

    # --- Outbound, at once -----------------------------------------------------------

    def command(self, command: Command) -> None:
        """Tell the carrier something now, in order with what was sent before.

        LegLostError when the connection is gone.
        """
        for message in self.codec.send(command):
            self.connection.send_control(self.connection.wire(message))
        if self._outlet.stalled:
            self._begin_stall()

    def silence(self) -> None:
        """Send no speech any more, until `speak_again`."""
        self.silenced = True
        self._talking = self._mid_utterance = False
        self._pacer.wake(self, trio.current_time())

    def speak_again(self) -> None:
        """Take speech from the queue again: a new talkspurt."""
        self.silenced = False
        self._starved = True
        self._item_put()

    def drop_at_hand(self, utterances: Collection[int] | None) -> None:
        """Forget what waits to be done, if it is a consequence of one of these; None: whatever."""
        item = self._at_hand
        if item is not None and (utterances is None or item.utterance in utterances):
            self._at_hand = None

    def put_back_at_hand(self) -> None:
        """Have what waits to be done wait in the queue: something will be heard before it."""
        if self._at_hand is not None:
            self._queue.put_back(self._at_hand)
            self._at_hand = None

    def clear(self) -> None:
        """Make the carrier forget what it has not played."""
        now = trio.current_time()
        self._marks.forget()
        self._talking = self._mid_utterance = self._filling = False
        if self.carrier.clears:
            self.clock.heard_until = min(self.clock.heard_until, now)
        self.command(ClearAudio())
        # Plus what the pacer may be early by: not even then within the gap.
        self._held_until = now + self.settings.clear_gap_ms / 1000 + self._pacer.early
        # The turn it waits for is that of a frame that is gone: new speech must not wait for it.
        self._pacer.wake(self, now)

    def hang_up(self) -> None:
        """Have the carrier end the call, now, and close. LegLostError when the leg is gone."""
        self._carry_out(EndStream() if self.handed_over else HangUp())

    def unheard_s(self, now: float) -> float:
        """Return how much speech the carrier still holds, by the playout estimate."""
        # Filler only begins when all speech has been played.
        return 0.0 if self._filling else max(0.0, self.clock.heard_until - now)

    @property
    def heard_until(self) -> float:
        """When the carrier will have played all it was sent, by the playout estimate."""
        return self.clock.heard_until

    @property
    def idle_frames(self) -> int:
        """Frames of filler sent so far."""
        return self._idle_frames

    def take_frames(self) -> tuple[int | None, int]:
        """Return the utterance being sent and how many frames of it nobody was told of yet."""
        frames, self._utterance_frames = self._utterance_frames, 0
        return self._utterance, frames

    # --- The pacer's turn ------------------------------------------------------------

    def tick(self, now: float) -> float | None:
        """Serve what is due; see `pacer.Paced`."""
        if self._outlet.stalled:
            self._begin_stall()
            return None
        if not self._open or self._finishing or self._steering is not None:
            return None
        if now + self._pacer.early < self._held_until:
            return self._held_until
        item: PlayoutItem | None = self._next_item()
        while item is not None:
            if isinstance(item, Audio):
                return self._send_audio(item, now)
            wait_until = self._serve_control(item, now)
            if wait_until is not None or self._finishing or self._steering is not None:
                return wait_until
            if self._outlet.stalled:
                self._begin_stall()
                return None
            item = self._queue.take()
        return self._starve(now)

    def _next_item(self) -> PlayoutItem | None:
        return None if self.silenced else self._at_hand or self._queue.take()

    def _send_audio(self, item: Audio, now: float) -> float | None:
        if self._paused:  # no audio, says the carrier; a hang-up may go
            self._queue.put_back(item)
            return None
        clock = self.clock
        if not self._talking or (not self._mid_utterance and item.ready_at > clock.due):
            clock.start(now)
            self._talking = True
        self._mid_utterance = True
        self._going = item
        self._posted = self._sealed(self.codec.seal(item.payload))
        self._pacer.post(self)
        return None

    def act(self) -> None:
        """Send what is sealed; see `pacer.Posting`."""
        if not self._outlet.try_send(self._posted):
            raise LocalProtocolError("audio was sent into a stalled connection")

    def acted(self, at: float) -> float | None:
        """Do the accounts of what was sent; see `pacer.Posting`."""
        item, clock = self._going, self.clock
        assert item is not None
        self._going = None
        self._wire_bytes += len(self._posted)
        self._posted = b""
        self._queue.sent(item)
        lateness = clock.tick(at, item.ready_at, item.frames)
        self._lateness.add(lateness)
        if clock.moved:
            self._tell(Resynced(clock.moved) if clock.resynced else Underrun(clock.moved))
        if item.utterance != self._utterance:
            self._utterance = item.utterance
            self._utterance_frames = 0
            self._tell(FirstFrameSent(item.utterance, at))
        self._utterance_frames += item.frames
        if self.on_sent is not None:
            self.on_sent(item, at, lateness, clock.due - item.frames * clock.ptime)
        if self._outlet.stalled:
            self._begin_stall()
            return None
        return clock.send_at

    def _sealed(self, messages: Sequence[Message]) -> bytes:
        wire = self._wire
        return wire(messages[0]) if len(messages) == 1 else b"".join(map(wire, messages))

    def _send(self, messages: Sequence[Message]) -> None:
        data = self._sealed(messages)
        if not self._outlet.try_send(data):
            raise LocalProtocolError("audio was sent into a stalled connection")
        self._wire_bytes += len(data)

    def _serve_control(self, item: UtteranceEnd | Mark | Action, now: float) -> float | None:
        """Serve an item that is no audio; return when to look again if it must wait."""
        match item:
            case UtteranceEnd(utterance=utterance):
                self._mid_utterance = False
                frames = 0
                if utterance == self._utterance:
                    _, frames = self.take_frames()
                self._tell(UtteranceSent(utterance, frames, max(now, self.clock.heard_until)))
                self._queue.served(item)
            case Mark(name=name):
                self._marks.ask(name)
                self._read_soon()
                self.command(SendMark(name))
                self._queue.served(item)
            case Action(command=command):
                ready = self._marks.played_at(self.clock.heard_until, self._mark_wait)
                ready += self._tail if item.tail is None else item.tail
                self._at_hand = item  # until it is said: if it cannot be, it is the next leg's
                if now + self._pacer.early < ready:
                    return ready
                self._carry_out(command)
                self._at_hand = None
            case _:
                assert_never(item)
        return None

    def _carry_out(self, command: Command) -> None:
        """Do what was waited for, on this connection or by another way."""
        by_message = (
            self.carrier.hangs_up if isinstance(command, HangUp) else self.carrier.transfers
        )
        if self._steer is not None and isinstance(command, HangUp | Transfer) and not by_message:
            if not isinstance(self._steering, HangUp):  # which no transfer keeps waiting
                self._steering = command
                self.connection.start_soon(partial(self._go_round, self._steer, command))
            return
        self._say_and_finish(command)

    async def _go_round(self, steer: Steer, command: HangUp | Transfer) -> None:
        """Have something done by another way, then go on with what is queued."""
        await steer(command)
        if self._steering is not command:
            return  # a hang-up has overtaken it
        self._steering = None
        if isinstance(command, HangUp):
            self._say_and_finish(command)
        self._pacer.wake(self, trio.current_time())

    def _say_and_finish(self, command: Command) -> None:
        self.command(command)
        if isinstance(command, Transfer | EndStream):
            self.handed_over = True
        if isinstance(command, HangUp | EndStream):
            self.finish()

    def _starve(self, now: float) -> float | None:
        """Wait for the next item; meanwhile keep the carrier supplied if it wants to be."""
        self._starved = True
        idle = self._idle_clock
        if idle is None or self._paused:
            return None
        dry_at = idle.send_at if self._filling else self.clock.heard_until
        if now + self._pacer.early < dry_at:
            return dry_at
        if not self._filling:
            self._filling = True
            idle.start(now)
        piece = self._idle_frames // self._filler_frames % len(self._filler)
        self._send((*self.codec.seal(self._filler[piece]),))
        self._idle_frames += self._filler_frames
        # It was ready long ago: being late must not move the schedule.
        idle.tick(now, 0.0, self._filler_frames)
        self.clock.heard_until = idle.heard_until
        if self._outlet.stalled:
            self._begin_stall()
            return None
        return idle.send_at

    def _item_put(self) -> None:
        """End starvation: an item has come."""
        if not self._starved:
            return
        at = trio.current_time()
        if self.carrier.stamps_by_arrival and (self._filling or not self._talking):
            at = max(at, self.clock.heard_until)
        elif self._talking:
            at = max(at, self.clock.send_at)
        self._starved = self._filling = False
        self._pacer.wake(self, at)

    def _go_on(self) -> None:
        """Come back after a stall or a pause, but never before the next frame's time."""
        now = trio.current_time()
        self._pacer.wake(self, max(now, self.clock.send_at) if self._talking else now)

    def _begin_stall(self) -> None:
        """Leave the heap until the connection takes more."""
        if not self._trouble.is_set():
            self._stalls += 1
            self._tell(Stalled())
            self._trouble.set()

    def statistics(self) -> LegStatistics:
        """Return a snapshot of the counts."""
        return LegStatistics(
            clock=self.clock.statistics(),
            idle_frames=self._idle_frames,
            stalls=self._stalls,
            messages_in=self.hearing.messages,
            media_in=self.hearing.media,
            wire_bytes=self._wire_bytes,
            complaints=self.hearing.complaints,
            stale_marks=self._marks.stale,
        )
