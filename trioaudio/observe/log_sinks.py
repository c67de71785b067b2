"""Where log lines go, and the queue that keeps a slow disk or terminal away from the event loop."""

from __future__ import annotations

import contextlib
import copy
import logging
import logging.handlers
import os
import queue
import select
import threading
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Protocol, TextIO

import attrs

from trioaudio.core.errors import ConfigError


def _hide_nothing(_secrets: Collection[str]) -> None:
    """Mask nothing: there is no log."""


@attrs.define
class LogCounts:
    """What became of records that were not written."""

    dropped: int = 0
    """Records dropped because the queue was full."""
    failed: int = 0
    """Lines a console or file did not take."""
    hide: Callable[[Collection[str]], None] = attrs.field(default=_hide_nothing, eq=False)
    """Masks further secrets from now on: a configuration was read anew."""


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

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._torn = False

    def write(self, text: str) -> None:
        """Write all of `text`; OSError when the descriptor does not take it."""
        data = text.encode("utf-8", "backslashreplace")
        if self._torn:
            data = b"\n" + data
        while data:
            try:
                written = os.write(self._descriptor, data)
            except BlockingIOError:  # somebody else made the shared terminal non-blocking
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


def open_file_sink(path: Path) -> DescriptorSink:
    """Open a file for appending; ConfigError when that cannot be."""
    try:
        # Whoever may read the service's files in the group may read its errors; nobody else.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as exc:
        raise ConfigError(
            f"log file {path}: {exc.strerror}; choose a place this user may write to"
        ) from None
    return DescriptorSink(descriptor)


class SinkHandler(logging.StreamHandler[LineSink]):
    """Writes to a sink and counts what it does not take; never raises, never prints.

    Only the drain's thread uses it, so it takes no lock: a thread stuck in `write` would hold it
    for ever, and logging's own clean-up at exit would wait for it.
    """

    def __init__(self, sink: LineSink, formatter: logging.Formatter, counts: LogCounts) -> None:
        super().__init__(sink)
        self.setFormatter(formatter)
        self._sink = sink
        self._counts = counts

    def acquire(self) -> None:
        """Take no lock."""

    def release(self) -> None:
        """Have no lock to give back."""

    def flush(self) -> None:
        """Do nothing: a sink keeps nothing back."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Count, instead of printing a traceback to a stderr that may be the cause."""
        del record
        self._counts.failed += 1

    def close(self) -> None:
        """Close the sink if it is ours to close."""
        if isinstance(self._sink, DescriptorSink):
            with contextlib.suppress(OSError):  # a full disk may say so again
                self._sink.close()
        super().close()


class QueueTap(logging.handlers.QueueHandler):
    """Puts every record in the queue, or drops and counts it; never waits."""

    def __init__(
        self,
        records: queue.Queue[logging.LogRecord | None],
        event_of: Callable[[logging.LogRecord], dict[str, object]],
        counts: LogCounts,
    ) -> None:
        super().__init__(records)
        self._event_of = event_of
        self._counts = counts

    def prepare(self, record: logging.LogRecord) -> logging.LogRecord:
        """Return a copy with plain values; other handlers see the record as it was."""
        ready = copy.copy(record)
        ready.msg = self._event_of(record)
        ready.args = None
        ready.exc_info = ready.exc_text = ready.stack_info = None
        return ready

    def enqueue(self, record: logging.LogRecord) -> None:
        """Put the record in the queue, or count it."""
        try:
            self.queue.put_nowait(record)
        except queue.Full:
            self._counts.dropped += 1

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802 - logging's name
        """Count a record whose values cannot even be looked at."""
        del record
        self._counts.failed += 1


class QueueDrain(logging.handlers.QueueListener):
    """The thread that writes; stopping it is bounded in time."""

    def __init__(
        self, records: queue.Queue[logging.LogRecord | None], *handlers: logging.Handler
    ) -> None:
        super().__init__(records, *handlers, respect_handler_level=True)
        self._records = records

    def enqueue_sentinel(self) -> None:
        """Wait for a place in the queue; logging's own raises when there is none."""
        self._records.put(None)

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
