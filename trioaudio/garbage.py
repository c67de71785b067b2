"""Keep Python's garbage collector out of the pacer's way.

A full collection walks over every container there is and stops the loop: 75 ms with the objects of
a thousand calls. Speech makes no cycles, so there is nothing to find that often.

Thresholds alone do not bound a collection of the youngest either. Python counts containers made
less containers freed: while calls let go of old ones as fast as they make new ones, the count
stands still and the youngest generation grows, to 40 ms at 500 speaking calls. So who serves many
calls collects by the clock, a little each time.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

import trio

YOUNG = 10_000
"""New containers before the youngest are looked over: half a millisecond."""

MIDDLE = 20

NEVER = 1_000_000
"""Times the middle generation is collected before an automatic full collection: years."""

STEP_S = 0.01
"""Between two collections of what is new while there are calls: 0.4 ms each at 500 speaking."""

IDLE_STEP_S = 1.0

FULL_EVERY_S = 600.0
FEW = 20
"""Calls up to which a full collection is over in 5 ms: every gateway has such hours."""


def settle() -> None:
    """Collect once, keep what start-up made for good, and have no more full collections.

    Call it when start-up is over. A process that runs for months collects by itself when it
    chooses to (`collect_steadily`).
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, NEVER)


async def collect_steadily(calls: Callable[[], int]) -> None:
    """For ever: look over what is new, a little at a time; over everything when `calls` are few.

    What is new is looked over once, and is old from then on: twice would cost twice, and what
    lives longer than a step lives for seconds.
    """
    gc.disable()
    full_at = trio.current_time() + FULL_EVERY_S
    try:
        while True:
            await trio.sleep(STEP_S if calls() else IDLE_STEP_S)
            if calls() <= FEW and trio.current_time() >= full_at:
                gc.collect()
                full_at = trio.current_time() + FULL_EVERY_S
            else:
                gc.collect(1)
    finally:
        gc.enable()
