"""Log records on their way to the thread that writes them: bounded, and cheap to put into.

`queue.Queue` wakes its reader for every record. The reader then wants the interpreter from the
event loop, and on a busy core gets it at once: each line would cost a call two thread switches,
more than the line itself. So the reader, once woken, waits a moment and finds what came meanwhile.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections import deque
from typing import Final

GATHER_S: Final = 0.02
"""How much later a line may be written for that: fifty wake-ups a second are the most."""


class RecordQueue:
    """Any number of threads put, one gets. What `logging.handlers` wants of a queue."""

    def __init__(self, bound: int) -> None:
        self._bound = bound
        self._records: deque[logging.LogRecord | None] = deque()
        self._came = threading.Event()
        self._over = threading.Event()

    def put_nowait(self, record: logging.LogRecord) -> None:
        """Put a record; queue.Full when too many wait."""
        if len(self._records) >= self._bound:
            raise queue.Full
        self._records.append(record)
        if not self._came.is_set():
            self._came.set()

    def end(self) -> None:
        """Have the reader be given all that waits at once, and None after it."""
        self._records.append(None)  # for this there is always room
        self._over.set()
        self._came.set()

    def get(self, block: bool = True) -> logging.LogRecord | None:  # noqa: FBT001, FBT002  logging's
        """Wait for the next record and return it; queue.Empty if there is none and it may not."""
        while not self._records:
            if not block:
                raise queue.Empty
            self._came.clear()
            if not self._records:  # else it came in between, and nobody would wake us
                self._came.wait()
                self._over.wait(GATHER_S)
        return self._records.popleft()

    @property
    def reader_waits(self) -> bool:
        """Whether the next record wakes the reader."""
        return not self._came.is_set()
