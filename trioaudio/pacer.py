"""One task serves every leg at its time.

It knows whose turn is when; it sleeps until the first, then serves all that are due in one
go. A turn is synchronous and takes some ten microseconds, so it cannot be cancelled half-way,
and as load rises one wake-up serves several legs. A task per call costs four times as much.

Who is about to make a system call *posts* itself instead: all who are due get ready, then all
calls are made in a row, then all do their accounts. The kernel's work pushes the interpreter's out
of the processor's caches, so a turn cut in two by its own system call costs several times as much.
"""

from __future__ import annotations

from collections import deque
from itertools import count
from typing import Protocol

import attrs
import trio

from trioaudio.alarm import Alarm, open_alarm
from trioaudio.reading import Rounds
from trioaudio.turns import Turns

EARLY = 0.0015
"""Serve what is due within this many seconds: what is served early wakes nobody up later."""

POSTED_MOST = 32
"""Who posted waits for so many others to get ready at most: a tenth of a millisecond."""


PORTION = 8
"""Who acts last does it so many at a time: then those have their turns who have come due."""

PORTIONS_MOST = 32
"""So many in one go, and then the other tasks have theirs."""


class Paced(Protocol):
    """What the pacer serves."""

    turn: int
    """The pacer's own: which of its entries is the valid one."""

    def tick(self, now: float) -> float | None:
        """Do what is due at `now`; return when the next turn is, None to wait for `wake`."""
        ...

    def fail(self, exc: Exception) -> None:
        """Take the exception its own turn raised; it gets no more turns."""
        ...


class Posting(Paced, Protocol):
    """What makes a system call in its turn: `tick` posts it and returns None."""

    def act(self) -> None:
        """Make the system call, and nothing else."""
        ...

    def acted(self, at: float) -> float | None:
        """Take the time it was made; return when the next turn is, as `tick` does."""
        ...


@attrs.frozen
class PacerStatistics:
    """What the pacer has done so far."""

    turns: int
    wakeups: int
    failures: int
    waiting: int
    """Entries that wait for their time, stale ones included."""


class Pacer:
    """Holds the turns; `run` is the task. `early` in seconds, 0 on a virtual clock."""

    def __init__(self, *, early: float = EARLY) -> None:
        self.early = early
        self.rounds = Rounds(self)
        """In which connections are read."""
        self._ahead = Turns[Paced]()
        self._order = count()
        self._posted: deque[tuple[Posting, int]] = deque()
        self._posted_last: deque[tuple[Posting, int]] = deque()
        self._acted: deque[tuple[Posting, int, float]] = deque()
        self._portions = 0
        self._served: Paced  # in whose turn we are
        self._alarm: Alarm | None = None  # what it sleeps by; None: it is awake
        self._sleeps_until: float | None = None  # None: there is nothing to wake up for
        self._turns = 0
        self._wakeups = 0
        self._failures = 0

    def wake(self, leg: Paced, at: float) -> None:
        """Give `leg` its next turn at `at`, in place of any turn it already waits for."""
        leg.turn += 1
        self._ahead.push((at, next(self._order), leg, leg.turn))
        if self._alarm is not None and (self._sleeps_until is None or at < self._sleeps_until):
            self._sleeps_until = at
            self._alarm.set(at)

    def forget(self, leg: Paced) -> None:
        """Give `leg` no more turns."""
        leg.turn += 1

    async def run(self) -> None:
        """Serve for ever; cancel to stop."""
        with open_alarm(self.early) as alarm:
            while True:
                self._wakeups += 1
                self._serve()
                if self._posted_last:
                    await trio.lowlevel.checkpoint()
                    continue
                self._alarm, self._sleeps_until = alarm, self._ahead.first_at
                alarm.set(self._sleeps_until)
                try:
                    await alarm.wait()
                finally:
                    self._alarm = None

    def post(self, leg: Posting, *, last: bool = False) -> None:
        """Have `leg` act once all that are due are ready. To be called in a turn only.

        `last`: behind all who are not, and a few at a time, with those before them who have come
        due meanwhile. What is read may wait, and may change what was sent in the same go, which
        must be accounted for before.
        """
        (self._posted_last if last else self._posted).append((leg, leg.turn))

    def _serve(self) -> None:
        self._clock = trio.lowlevel.current_clock().current_time
        self._portions = PORTIONS_MOST
        served = False
        while not served:
            try:
                self._sweep()
                served = True
            except Exception as exc:  # noqa: BLE001  one leg's bug must not stop the others' clock
                self._fail(self._served, exc)

    def _sweep(self) -> None:
        """Serve all that are due; go on where a leg's bug put an end to it."""
        clock = self._clock
        self._act()  # what a bug left undone: nobody has a turn while his last one is not over
        self._serve_until(clock() + self.early)
        while self._posted_last and self._portions:
            self._portions -= 1
            for _ in range(min(PORTION, len(self._posted_last))):
                self._posted.append(self._posted_last.popleft())
            self._act()
            self._serve_until(clock() + self.early)  # who has come due meanwhile

    def _serve_until(self, limit: float) -> None:
        """Serve all that are due until `limit`, but for those who act last."""
        # It is fixed: a leg that keeps asking for another turn cannot keep others from running.
        ahead, posted, clock = self._ahead, self._posted, self._clock
        while (entry := ahead.take(limit)) is not None:
            _, order, leg, turn = entry
            if leg.turn != turn:
                continue
            self._turns += 1
            self._served = leg
            next_at = leg.tick(clock())
            if next_at is not None and leg.turn == turn:
                ahead.push((next_at, order, leg, turn))
            if len(posted) >= POSTED_MOST:
                self._act()
        self._act()

    def _act(self) -> None:
        """Have all who posted make their system calls, and then do their accounts."""
        posted, acted, clock = self._posted, self._acted, self._clock
        while posted:
            leg, turn = posted.popleft()
            self._served = leg
            leg.act()
            acted.append((leg, turn, clock()))
        while acted:
            leg, turn, at = acted.popleft()
            self._served = leg
            next_at = leg.acted(at)
            if next_at is not None and leg.turn == turn:
                self._ahead.push((next_at, next(self._order), leg, turn))

    def _fail(self, leg: Paced, exc: Exception) -> None:
        self._failures += 1
        leg.turn += 1
        leg.fail(exc)

    def statistics(self) -> PacerStatistics:
        """Return a snapshot of the counts."""
        return PacerStatistics(
            turns=self._turns,
            wakeups=self._wakeups,
            failures=self._failures,
            waiting=self._ahead.waiting,
        )
