"""One task that steps all calls of a process, each at its time.

Hundreds of tasks that sleep 20 ms each would spend their time in waking. Whoever is due within
two milliseconds is stepped in one go: a gateway's own ticks are no nearer to each other.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

import attrs
import trio

from trioaudio.simulators.agenda import Agenda

TICK = 0.002
"""Seconds between two looks, at least."""


class Stepped(Protocol):
    """What has times of its own."""

    @property
    def due(self) -> float | None:
        """When it wants to be stepped; None: not by itself."""
        ...

    def step(self, now: float) -> None:
        """Do what is due by `now`; never waits, raises nothing."""
        ...


@attrs.define(eq=False)
class Beat:
    """Whoever is stepped; say `look_again` whenever it may be due earlier than before."""

    stepped: Stepped
    metronome: Metronome
    at: float | None = None
    """For when it is on the agenda; entries for other times are void."""

    def look_again(self) -> None:
        """Take notice of when it is due now."""
        due = self.stepped.due
        if due is not None and (self.at is None or due < self.at):
            self.at = due
            self.metronome.expect(due, self)


@attrs.define(eq=False)
class Metronome:
    """`clock` is that of the times in use, in seconds; Trio's may differ by a constant."""

    clock: Callable[[], float] = time.monotonic
    _agenda: Agenda[Beat] = attrs.field(factory=Agenda)
    _wakes_at: float | None = None
    _sleep: trio.CancelScope | None = None

    @contextmanager
    def stepping(self, stepped: Stepped) -> Iterator[Beat]:
        """Step somebody while the block runs."""
        beat = Beat(stepped, self)
        beat.look_again()
        try:
            yield beat
        finally:
            beat.at = None

    def expect(self, due: float, beat: Beat) -> None:
        """Put a beat on the agenda, and wake up earlier for it if need be."""
        self._agenda.put(due, beat)
        if self._sleep is not None and (self._wakes_at is None or due < self._wakes_at):
            self._sleep.cancel()

    async def run(self) -> None:
        """Step everybody, for ever."""
        while True:
            self.beat(self.clock())
            self._wakes_at = self._agenda.due
            with trio.CancelScope() as self._sleep:
                if self._wakes_at is None:
                    await trio.sleep_forever()
                await trio.sleep(max(TICK, self._wakes_at - self.clock()))
            self._sleep = None

    def beat(self, now: float) -> None:
        """Step all who are due by `now`."""
        while (at := self._agenda.due) is not None and at <= now:
            beat = self._agenda.take(now)
            if beat is not None and beat.at == at:
                beat.at = None
                beat.stepped.step(now)
                beat.look_again()
