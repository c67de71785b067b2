"""Who held the event loop: the tasks whose steps took so long that everybody else waited.

A step is what a task does between two checkpoints. Every step of every task costs 1.1 µs more
(measured), a third of the least one takes anyway: so it is switched on and off.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs
import trio

THRESHOLD_S = 0.005
TOLD_EVERY_S = 1.0


@attrs.frozen
class SlowStep:
    """A task held the loop."""

    task: str
    seconds: float
    untold: int
    """Slow steps since the last one told, which were not."""


@attrs.frozen
class LoopWatchStatistics:
    """What was seen so far."""

    slow_steps: int
    slow_seconds: float
    longest_s: float
    longest_task: str | None


class LoopWatch(trio.abc.Instrument):
    """Counts slow steps, and tells one of them a second at most."""

    def __init__(
        self,
        tell: Callable[[SlowStep], None],
        *,
        threshold_s: float = THRESHOLD_S,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._tell = tell
        self._threshold = threshold_s
        self._clock = clock
        self._began = clock()
        self._told_at: float | None = None
        self._untold = 0
        self._slow = 0
        self._slow_seconds = 0.0
        self._longest = 0.0
        self._longest_task: str | None = None

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Trio's: a task is about to run."""
        del task
        self._began = self._clock()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Trio's: it waits now, or is done."""
        now = self._clock()
        held = now - self._began
        if held > self._threshold:
            self._note(task.name, held, now)

    def _note(self, task: str, held: float, now: float) -> None:
        self._slow += 1
        self._slow_seconds += held
        if held > self._longest:
            self._longest, self._longest_task = held, task
        if self._told_at is not None and now - self._told_at < TOLD_EVERY_S:
            self._untold += 1
            return
        untold, self._untold, self._told_at = self._untold, 0, now
        self._tell(SlowStep(task, held, untold))

    def statistics(self) -> LoopWatchStatistics:
        """Return a snapshot of the counts."""
        return LoopWatchStatistics(
            self._slow, self._slow_seconds, self._longest, self._longest_task
        )

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Watch the loop this is entered in while the block runs."""
        trio.lowlevel.add_instrument(self)
        # The step that is on began before anybody looked.
        self._began = self._clock()
        try:
            yield
        finally:
            trio.lowlevel.remove_instrument(self)
