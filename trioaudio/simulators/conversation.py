"""One connection of a call, from its opening to its end: what is said when, and what is answered.

Computes and never waits. Time is an argument, and what is said goes to a `Wire` at once. All
that has a time of its own is in an agenda, so `step` may come as late as it likes: it does in
order what should have been done.
"""

from __future__ import annotations

from typing import TypeAlias, assert_never

import attrs

from trioaudio.core.carrier import Message
from trioaudio.simulators.agenda import Agenda, earliest
from trioaudio.simulators.call import Closed, SimulatedCall
from trioaudio.simulators.dialect import (
    Action,
    Audio,
    Control,
    Dialect,
    Malformed,
    MarkAsked,
    Reading,
)
from trioaudio.simulators.faults import Amount, Strike, Strikes, Switch
from trioaudio.simulators.marks import Acknowledgement
from trioaudio.simulators.script import Script, Wire
from trioaudio.simulators.timetable import Flow, HangUp, Press

EARLY_SECONDS = 0.1
"""How long caller audio precedes the start message, for the fault of early media."""
_BIG_BYTES = 10_000_000
_MOST_BEHIND = 1.0  # seconds: audio later than that is of no use to anybody


@attrs.frozen
class _Start:
    """The start message is due."""


@attrs.frozen
class _Clear:
    """A clear that a fault has held up."""


_Item: TypeAlias = _Start | _Clear | Acknowledgement


@attrs.define(eq=False)
class Conversation:
    """One connection; `over` says how it ended once the carrier has nothing more to do with it.

    `events` are the call's: what had not happened when a connection was lost happens on the next.
    """

    call: SimulatedCall
    dialect: Dialect
    script: Script
    strikes: Strikes
    events: Agenda[Press | Flow | HangUp]
    wire: Wire
    over: Closed | None = None
    _agenda: Agenda[_Item] = attrs.field(factory=Agenda)
    _epoch: float | None = None
    """When the first caller audio is due; None if there is none."""
    _spoken: int = 0
    _silent: bool = False
    _due: float | None = None
    """Found out again whenever anything was done: it is asked for more often than that."""

    def open(self, now: float) -> None:
        """Begin."""
        faults = self.script.faults
        early = EARLY_SECONDS if faults.has(Switch.EARLY_MEDIA) else 0.0
        start = now + max(early, faults.seconds(Amount.LATE_START) or 0.0)
        self._agenda.put(start, _Start())
        if self.script.audio is not None:
            first = early or faults.has(Switch.NO_START)
            self._epoch = now if first else start
        if self.call.connections == 1:
            self.script.timetable.enter(start, self.events)
        self._due = now
        self.step(now)

    # --- Time ---

    @property
    def due(self) -> float | None:
        """When something is to happen by itself; None if nothing will."""
        return None if self.over is not None else self._due

    def _next_due(self) -> float | None:
        playout = self.call.playout
        flow = self.call.flow
        return earliest(
            playout.next_due,
            playout.when_waiting(flow.resume_at) if flow.paused else None,
            self._agenda.due,
            self.events.due,
            self._next_audio,
        )

    @property
    def _next_audio(self) -> float | None:
        if self._epoch is None or self._silent:
            return None
        return self._epoch + self._spoken * self.script.interval

    def step(self, now: float) -> None:
        """Do all that is due by `now`, each thing at its time; OutputError if a file is full."""
        while (due := self.due) is not None and due <= now:
            self._play(due)
            self._happen(due)
            self._speak(due, now)
            self._due = self._next_due()
        self._play(now)

    def _play(self, now: float) -> None:
        """Let the callee hear what is due, and say what comes of it."""
        self.call.playout.advance(now)
        self._collect(now)

    def _collect(self, now: float) -> None:
        """Say what comes of what was played, and of how much waits."""
        if self.call.flow.pause_at is not None:
            self._regulate()
        if not self.call.playout.has_news:
            return
        names, drained = self.call.playout.collect()
        for acknowledgement in self.call.marks.due(now, names):
            self._acknowledge(acknowledgement, now)
        if drained:
            self._say(*self.dialect.drained())

    def _acknowledge(self, acknowledgement: Acknowledgement, now: float) -> None:
        if acknowledgement.at > now:
            self._agenda.put(acknowledgement.at, acknowledgement)
        else:
            self._say(*self.dialect.mark_played(acknowledgement.name))

    def _regulate(self) -> None:
        paused = self.call.flow.judge(self.call.playout.waiting)
        if paused is not None:
            self._say(*self.dialect.flow(paused=paused))

    def _happen(self, now: float) -> None:
        """Do the next thing on the two agendas."""
        match self._agenda.take(now):
            case _Start():
                self._start()
            case _Clear():
                self._clear(now)
            case Acknowledgement(name=name):
                self._say(*self.dialect.mark_played(name))
        match self.events.take(now):
            case Press(digit):
                self.call.keys_pressed += 1
                self._say(*self.dialect.dtmf(digit))
            case Flow(paused):
                self._say(*self.dialect.flow(paused=paused))
            case HangUp():
                self.end("the callee hung up")

    def _start(self) -> None:
        faults = self.script.faults
        if not faults.has(Switch.NO_START):
            opening = self.dialect.opening()
            self._say(*opening)
            if faults.has(Switch.DUPLICATE_START):
                self._say(*opening)
            if self.script.audio is None:
                self._say(*self.dialect.late_opening())
        if self.strikes.first(Switch.MALFORMED):
            self._say(*self.dialect.malformed())
        if self.strikes.first(Switch.BIG_MESSAGE):
            encoding = self.script.media.encoding
            audio = encoding.silence * (_BIG_BYTES // encoding.sample_bytes)
            self._say(self.dialect.caller_audio(audio))

    def _speak(self, due: float, now: float) -> None:
        """Send the caller audio that is due by `due`; what is too late to be of use is left out."""
        audio, epoch = self.script.audio, self._epoch
        if audio is None or epoch is None or (at := self._next_audio) is None or at > due:
            return
        behind = now - at
        if behind > _MOST_BEHIND:
            self._spoken += int(behind / self.script.interval)
        for _ in range(self.script.copies):
            self.call.caller_messages += 1
            self.wire.speak(self.dialect.caller_audio(audio.message(self._spoken)))
        if self._spoken == 0 and not self.script.faults.has(Switch.NO_START):
            self._say(*self.dialect.late_opening())
        self._spoken += 1

    # --- Messages ---

    def take(self, message: Message, at: float) -> None:
        """Take a message that arrived at `at`; OutputError if a file is full."""
        if self._due is not None and self._due <= at:
            self.step(at)
        for reading in self.dialect.read(message):
            if self.over is None:
                self._follow(reading, message, at)
        self._collect(at)
        while self.over is None and (strike := self.strikes.due(self.call.frames)) is not None:
            self._strike(strike)
        self._due = self._next_due()

    def list_error(self, at: float, problem: str) -> None:
        """Note a violation of what lies below the dialect."""
        self.call.list_error(at, problem, "")

    def _follow(self, reading: Reading, message: Message, at: float) -> None:
        match reading:
            case Audio():
                self.call.take_audio(reading, message, at)
            case MarkAsked(name):
                self.call.marks.ask()
                if self.call.plays:
                    self.call.playout.mark(at, name)
            case Action():
                self._act(reading, at)
            case Control(name, more, replies):
                self.call.list_control(at, name, more)
                self._say(*replies)
            case Malformed(problem, replies):
                self.call.list_error(at, problem, message)
                self._say(*replies)
            case unknown:
                assert_never(unknown)

    def _act(self, action: Action, at: float) -> None:
        self.call.list_command(at, action.value)
        match action:
            case Action.CLEAR:
                self._take_clear(at)
            case Action.PAUSE:
                self.call.playout.pause(at)
            case Action.RESUME:
                self.call.playout.resume(at)
            case Action.STOP | Action.HANG_UP:
                self.end(action.value)
            case unknown:
                assert_never(unknown)

    def _take_clear(self, at: float) -> None:
        self.call.clears += 1
        self.call.arrivals.end_talkspurt()
        self.call.tell("clear", {"at": at})
        race = self.script.faults.seconds(Amount.CLEAR_RACE)
        if race is None:
            self._clear(at)
        else:
            self._agenda.put(at + race, _Clear())

    def _clear(self, now: float) -> None:
        waiting = self.call.playout.clear(now)
        self._collect(now)  # what was due at this very moment was played before the clear
        stale = self.call.marks.clear(now, waiting)
        self._say(*self.dialect.cleared(waiting))
        for acknowledgement in stale:
            self._acknowledge(acknowledgement, now)

    # --- The end ---

    def _strike(self, strike: Strike) -> None:
        match strike:
            case Strike.CLOSE:
                self.over = Closed(1000, strike.value, "carrier")
            case Strike.RESET:
                self.over = Closed(1006, strike.value, "fault")
                self.wire.strike(strike)
            case Strike.EARLY_STOP:
                self._say(*self.dialect.closing(strike.value))
            case Strike.HALF_OPEN:
                self._silent = True
                self.wire.strike(strike)
            case Strike.GARBAGE | Strike.STOP_READING:
                self.wire.strike(strike)
            case unknown:
                assert_never(unknown)

    def end(self, reason: str) -> None:
        """End the connection in good order, and say so first."""
        if self.over is None:
            self._say(*self.dialect.closing(reason))
            self.over = Closed(1000, reason, "carrier")

    def _say(self, *messages: Message) -> None:
        if not self._silent and self.over is None:
            for message in messages:
                self.wire.say(message)
