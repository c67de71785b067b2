"""One task serves every leg at its time.

A heap holds (send_at, leg); the pacer sleeps until the first, then serves all that are due in one
go. A turn is synchronous and takes some ten microseconds, so it cannot be cancelled half-way,
and as load rises one wake-up serves several legs. A task per call costs four times as much.
"""

from __future__ import annotations

from heapq import heapify, heappop, heappush
from itertools import count
from typing import Protocol

import attrs
import trio

EARLY = 0.001
"""Serve what is due within this many seconds: Linux epoll rounds time-outs up to whole ms."""


SPARE = 64
"""Entries that are not valid any more and may stay, beside as many as are valid."""


class Paced(Protocol):
    """What the pacer serves."""

    turn: int
    """The pacer's own: which of its heap entries is the valid one."""

    def tick(self, now: float) -> float | None:
        """Do what is due at `now`; return when the next turn is, None to wait for `wake`."""
        ...

    def fail(self, exc: Exception) -> None:
        """Take the exception its own turn raised; it gets no more turns."""
        ...


@attrs.frozen
class PacerStatistics:
    """What the pacer has done so far."""

    turns: int
    wakeups: int
    failures: int
    waiting: int
    """Entries in the heap, stale ones included."""


class Pacer:
    """Holds the heap; `run` is the task. `early` in seconds, 0 on a virtual clock."""

    def __init__(self, *, early: float = EARLY) -> None:
        self.early = early
        self._heap: list[tuple[float, int, Paced, int]] = []
        self._sweep_above = SPARE
        self._order = count()
        self._kick = trio.Event()
        self._sleeps_until: float | None = None  # None: awake, or nothing to wake up for
        self._asleep = False
        self._turns = 0
        self._wakeups = 0
        self._failures = 0

    def wake(self, leg: Paced, at: float) -> None:
        """Give `leg` its next turn at `at`, in place of any turn it already waits for."""
        leg.turn += 1
        heappush(self._heap, (at, next(self._order), leg, leg.turn))
        if len(self._heap) > self._sweep_above:
            self._sweep()
        if self._asleep and (self._sleeps_until is None or at < self._sleeps_until):
            self._kick.set()

    def forget(self, leg: Paced) -> None:
        """Give `leg` no more turns."""
        leg.turn += 1

    def _sweep(self) -> None:
        """Let go of entries that are not valid any more: each keeps alive what it would serve."""
        self._heap[:] = [each for each in self._heap if each[2].turn == each[3]]
        heapify(self._heap)
        self._sweep_above = 2 * len(self._heap) + SPARE

    async def run(self) -> None:
        """Serve for ever; cancel to stop."""
        while True:
            self._wakeups += 1
            self._serve()
            self._kick = trio.Event()
            self._asleep = True
            if self._heap:
                self._sleeps_until = self._heap[0][0]
                # Half of `early` ahead: the rounding then falls on both sides of the deadline, and
                # one wake-up serves all that come due within the rest of it.
                with trio.move_on_at(self._sleeps_until - self.early / 2):
                    await self._kick.wait()
            else:
                self._sleeps_until = None
                await self._kick.wait()
            self._asleep = False

    def _serve(self) -> None:
        heap = self._heap
        clock = trio.current_time
        now = clock()
        # Fixed for the whole batch: a leg that keeps asking for another turn cannot keep the
        # other tasks from running.
        limit = now + self.early
        while heap and heap[0][0] <= limit:
            _, order, leg, turn = heappop(heap)
            if leg.turn != turn:
                continue
            self._turns += 1
            try:
                next_at = leg.tick(clock())
            except Exception as exc:  # noqa: BLE001  one leg's bug must not stop the others' clock
                self._failures += 1
                leg.turn += 1
                leg.fail(exc)
                continue
            if next_at is not None and leg.turn == turn:
                heappush(heap, (next_at, order, leg, turn))

    def statistics(self) -> PacerStatistics:
        """Return a snapshot of the counts."""
        return PacerStatistics(
            turns=self._turns,
            wakeups=self._wakeups,
            failures=self._failures,
            waiting=len(self._heap),
        )
