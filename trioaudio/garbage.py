"""Keep Python's garbage collector out of the pacer's way.

A full collection walks over every container there is and stops the loop: 75 ms with the objects of
a thousand calls. Speech makes no cycles, so there is nothing to find that often.
"""

from __future__ import annotations

import gc

YOUNG = 10_000
"""New containers before the youngest are looked over: half a millisecond."""

MIDDLE = 20

NEVER = 1_000_000
"""Times the middle generation is collected before an automatic full collection: years."""


def settle() -> None:
    """Collect once, keep what start-up made for good, and have no more full collections.

    Call it when start-up is over. A process that runs for months collects by itself when it
    chooses to (`gc.collect()`), and measures the pause.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, NEVER)
