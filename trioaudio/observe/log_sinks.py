"""Where log lines go, and the queue that keeps a slow disk or terminal away from the event loop."""

from __future__ import annotations

import contextlib
import logging
import logging.handlers
import os
import queue
import select
import sys
import threading
import time
from collections.abc import Callable, Collection
from typing import Final, Protocol, TextIO

import attrs

from trioaudio.observe.log_queue import RecordQueue

TROUBLE_TOLD_EVERY_S: Final = 60.0


def _hide_nothing(_secrets: Collection[str]) -> None:
    """Mask nothing: there is no log."""


def _reopen_nothing() -> None:
    """Open no file again: there is none."""


@attrs.define
class LogCounts:
    """What became of records that were not written."""

    dropped: int = 0
    """Records dropped because the queue was full."""
    failed: int = 0
    """Lines a console or file did not take."""
    hide: Callable[[Collection[str]], None] = attrs.field(default=_hide_nothing, eq=False)
    """Masks further secrets from now on: a configuration was read anew."""
    reopen: Callable[[], None] = attrs.field(default=_reopen_nothing, eq=False)
    """Has the log file opened by its name again: it was moved away."""


@attrs.define(eq=False)
class Losses:
    """What one outlet has not written; counted in `total` too."""

    total: LogCounts
    dropped: int = 0
    failed: int = 0
    _told_dropped: int = 0
    _told_failed: int = 0

    def drop(self) -> None:
        """Count a record there was no room for."""
        self.dropped += 1
        self.total.dropped += 1

    def fail(self) -> None:
        """Count a line that was not taken."""
        self.failed += 1
        self.total.failed += 1

    def untold(self) -> dict[str, int]:
        """Return what was lost since it was last told; empty if nothing was."""
        dropped, failed = self.dropped - self._told_dropped, self.failed - self._told_failed
        return {"dropped": dropped, "failed": failed} if dropped or failed else {}

    def told(self, lost: dict[str, int]) -> None:
        """Note that so much was told."""
        self._told_dropped += lost.get("dropped", 0)
        self._told_failed += lost.get("failed", 0)


class LineSink(Protocol):
    """Takes finished lines, newline included. May raise, may block: it is in a thread."""

    def write(self, text: str, /) -> object:
        """Write one record."""
        ...


class DescriptorSink:
    """Whole lines to a descriptor of its own.

    Not through a buffered stream: a thread stuck in one holds its lock, and the interpreter
    aborts at exit when it wants to flush it.
    """

    def __init__(self, descriptor: int, *, waits: bool = True) -> None:
        self._descriptor = descriptor
        self._waits = waits
        self._torn = False

    def write(self, text: str) -> None:
        """Write all of `text`; OSError when the descriptor does not take it."""
        data = text.encode("utf-8", "backslashreplace")
        if self._torn:
            data = b"\n" + data
        while data:
            try:
                written = os.write(self._descriptor, data)
            except BlockingIOError:
                if not self._waits:
                    raise
                # Somebody else made the shared terminal non-blocking.
                waiter = select.poll()
                waiter.register(self._descriptor, select.POLLOUT)
                waiter.poll()
            else:
                data = data[written:]
                self._torn = bool(data)

    def close(self) -> None:
        """Give the descriptor back; once, since its number may be somebody else's then."""
        descriptor, self._descriptor = self._descriptor, -1
        if descriptor >= 0:
            os.close(descriptor)


class StreamSink:
    """Lines to a stream that has no descriptor, and stays open."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        """Write the line and let it be seen."""
        self._stream.write(text)
        self._stream.flush()


class CallableSink:
    """Lines to a function, without the newline."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take

    def write(self, text: str) -> None:
        """Hand the line over."""
        self._take(text.removesuffix("\n"))


class SinkHandler(logging.StreamHandler[LineSink]):
    """Writes to a sink and counts what it does not take; never raises, never prints.

    What was lost is told in a line of its own before the next one, as soon as the sink takes lines
    again. Only the drain's thread uses it, so it takes no lock: a thread stuck in `write` would
    hold it for ever, and logging's own clean-up at exit would wait for it.
    """

    def __init__(
        self,
        sink: LineSink,
        formatter: logging.Formatter,
        losses: Losses,
        *,
        notice: Callable[[dict[str, int]], logging.LogRecord],
        on_trouble: Callable[[str], None] | None = None,
    ) -> None:
        """`notice` makes the record of a loss; `on_trouble` is told why lines are not taken."""
        super().__init__(sink)
        self.setFormatter(formatter)
        self._sink = sink
        self._losses = losses
        self._notice = notice
        self._on_trouble = on_trouble
        self._tell_at = 0.0
        self._took = True

    def acquire(self) -> None:
        """Take no lock."""

    def release(self) -> None:
        """Have no lock to give back."""

    def flush(self) -> None:
        """Do nothing: a sink keeps nothing back."""

    def emit(self, record: logging.LogRecord) -> None:
        """Tell what was lost, if anything, and write the record."""
        if not self.tell_losses():
            self._losses.fail()
            return
        if not self._write(record):
            self._losses.fail()

    def tell_losses(self) -> bool:
        """Write what was lost since it was last told; False if the sink does not take that."""
        lost = self._losses.untold()
        if not lost:
            return True
        told = self.tell(lost)
        if told:
            self._losses.told(lost)
        return told

    def tell(self, lost: dict[str, int]) -> bool:
        """Write how much was lost; False if the sink does not take that."""
        return self._write(self._notice(lost))

    def _write(self, record: logging.LogRecord) -> bool:
        self._took = True
        super().emit(record)  # calls handleError for whatever goes wrong
        return self._took

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Note it, instead of printing a traceback to a stderr that may be the cause."""
        del record
        self._took = False
        now = time.monotonic()
        if self._on_trouble is not None and now >= self._tell_at:
            self._tell_at = now + TROUBLE_TOLD_EVERY_S
            exc = sys.exc_info()[1]
            reason = exc.strerror if isinstance(exc, OSError) else None
            self._on_trouble(reason or type(exc).__name__)

    def close(self) -> None:
        """Close the sink if it is ours to close."""
        close = getattr(self._sink, "close", None)
        if close is not None:
            with contextlib.suppress(OSError):  # a full disk may say so again
                close()
        super().close()


class QueueTap(logging.handlers.QueueHandler):
    """Puts every record in the queue, or drops and counts it; never waits."""

    def __init__(
        self,
        records: RecordQueue,
        event_of: Callable[[logging.LogRecord], dict[str, object]],
        losses: Losses,
    ) -> None:
        super().__init__(records)
        self._records = records
        self._event_of = event_of
        self._losses = losses

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return a copy with plain values; other handlers see the record as it was."""
        ready = logging.LogRecord.__new__(logging.LogRecord)  # `copy` takes three times as long
        ready.__dict__.update(record.__dict__)
        ready.msg = self._event_of(record)
        ready.args = None
        ready.exc_info = ready.exc_text = ready.stack_info = None
        return ready

    def enqueue(self, record: logging.LogRecord) -> None:
        """Put the record in the queue, or count it."""
        try:
            self._records.put_nowait(record)
        except queue.Full:
            self._losses.drop()

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Count a record whose values cannot even be looked at."""
        del record
        self._losses.fail()


class QueueDrain(logging.handlers.QueueListener):
    """The thread that writes; stopping it is bounded in time."""

    def __init__(self, records: RecordQueue, *handlers: logging.Handler) -> None:
        super().__init__(records, *handlers, respect_handler_level=True)
        self._records = records

    def enqueue_sentinel(self) -> None:
        """Have the thread end; there is always room for that, and logging's own raises."""
        self._records.end()

    def stop_within(self, seconds: float, last: Callable[[], None]) -> bool:
        """Let the thread write what is queued, then call `last`.

        False when that takes too long: a console is stuck, and the rest is left to the exit.
        """

        def finish() -> None:
            self.stop()
            last()

        stopper = threading.Thread(target=finish, daemon=True)
        stopper.start()
        stopper.join(seconds)
        return not stopper.is_alive()
