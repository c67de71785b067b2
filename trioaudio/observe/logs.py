"""Logging: structlog's events, through stdlib logging and a bounded queue, to console and file.

`get_logger` anywhere, `open_logging` once round the program. What is bound by
`structlog.contextvars.bind_contextvars(call=...)` follows into the tasks started from there and is
part of every record, other libraries' too. Importing structlog takes a tenth of a second, so it is
imported by the first call and not with this file.
"""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import sys
from collections.abc import Callable, Collection, Iterator, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TextIO

from trioaudio.core.secret import Secret
from trioaudio.observe.log_events import (
    LineFormatter,
    LogEvent,
    Mask,
    console_line,
    event_of,
    json_line,
)
from trioaudio.observe.log_sinks import (
    CallableSink,
    DescriptorSink,
    LineSink,
    LogCounts,
    QueueDrain,
    QueueTap,
    SinkHandler,
    StreamSink,
    open_file_sink,
)

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger, Processor

QUEUE_RECORDS: Final = 2000  # two seconds, if a thousand calls log once a second each
STOP_WITHIN_S: Final = 1.0
_TALKATIVE: Final = ("trio-websocket", "trio_websocket", "httpx", "httpcore")

Console = TextIO | Callable[[str], None]


def get_logger(name: str) -> FilteringBoundLogger:
    """Return a logger; it works before logging is open too, where warnings go to stderr."""
    import structlog  # noqa: PLC0415 - 100 ms

    if not structlog.is_configured():
        _configure_structlog()
    logger: FilteringBoundLogger = structlog.get_logger(name)
    return logger


@contextlib.contextmanager
def open_logging(
    level: str = "info",
    log_format: str = "console",
    error_file: Path | None = None,
    console: Console | None = None,
    *,
    secrets: Collection[str | Secret] = (),
) -> Iterator[LogCounts]:
    """Write records of `level` and above to the console, and errors to a file too.

    `level` is debug, info, warning, error or critical, `log_format` console or json. `console` is
    a stream (stderr if not given) or a function that takes a finished line; it is called from a
    thread. The texts in `secrets` are masked wherever they occur. ConfigError if the file cannot
    be opened.

    Writing never blocks the caller: with the queue full, records are dropped and counted, and one
    line at the end says how many. Leaving waits at most STOP_WITHIN_S for what is queued.
    """
    _configure_structlog()  # before the first record, and whatever else in the process did
    threshold = logging.getLevelNamesMapping()[level.upper()]
    counts = LogCounts()
    handlers = _open_handlers(log_format, error_file, console or sys.stderr or _nowhere, counts)
    mask = Mask([each.get() if isinstance(each, Secret) else each for each in secrets])
    counts.hide = mask.add
    records: queue.Queue[logging.LogRecord | None] = queue.Queue(QUEUE_RECORDS)
    tap = QueueTap(records, lambda record: mask(event_of(record, _context())), counts)
    drain = QueueDrain(records, *handlers)
    drain.start()
    try:
        with _tapped(tap, threshold):
            yield counts
    finally:
        if drain.stop_within(STOP_WITHIN_S, lambda: _report(counts, handlers[0])):
            for handler in handlers:
                handler.close()
        tap.close()


@contextlib.contextmanager
def _tapped(tap: QueueTap, level: int) -> Iterator[None]:
    """Have all records go to `tap`, and put logging back as it was."""
    tap.setLevel(level)
    root = logging.getLogger()
    levels = {logging.getLogger(name): max(level, logging.WARNING) for name in _TALKATIVE}
    levels[root] = level
    before = {logger: logger.level for logger in levels}
    for logger, each in levels.items():
        logger.setLevel(each)
    root.addHandler(tap)
    try:
        yield
    finally:
        root.removeHandler(tap)
        for logger, each in before.items():
            logger.setLevel(each)


def _open_handlers(
    log_format: str, error_file: Path | None, console: Console, counts: LogCounts
) -> list[SinkHandler]:
    plain = json_line if log_format == "json" else console_line(colors=False)
    handlers = []
    if error_file is not None:
        to_file = SinkHandler(open_file_sink(error_file), LineFormatter(plain), counts)
        to_file.setLevel(logging.ERROR)
        handlers.append(to_file)
    colored = log_format != "json" and _takes_colors(console)
    render = console_line(colors=True) if colored else plain
    sink = _console_sink(console)
    return [SinkHandler(sink, LineFormatter(render), counts), *handlers]


def _console_sink(console: Console) -> LineSink:
    if callable(console):
        return CallableSink(console)
    try:
        return DescriptorSink(os.dup(console.fileno()))
    except OSError:  # a stream in memory has no descriptor, a closed one a bad one
        return StreamSink(console)


def _nowhere(_line: str) -> None:
    """Stand in for a stderr that was closed before the program began."""


def _takes_colors(console: Console) -> bool:
    """Say whether the console is a terminal whose owner has not asked for plain text."""
    if callable(console) or not console.isatty():
        return False
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _report(counts: LogCounts, console: logging.Handler) -> None:
    """Say in one line what was not written."""
    if not counts.dropped and not counts.failed:
        return
    logger = logging.getLogger(__name__)
    text = "log records are missing: the console or the disk was too slow, or failed"
    numbers = {"dropped": counts.dropped, "failed": counts.failed}
    record = logger.makeRecord(logger.name, logging.WARNING, "", 0, text, (), None)
    record.msg = event_of(record, numbers)
    console.handle(record)


def _context() -> dict[str, Any]:
    import structlog  # noqa: PLC0415 - imported already

    return structlog.contextvars.get_contextvars()


def _configure_structlog() -> None:
    """Hand structlog's events to stdlib logging, once for the whole process.

    Levels and handlers are logging's, so a logger bound early obeys what is opened later.
    """
    import structlog  # noqa: PLC0415 - imported already

    processors: list[Processor] = [
        structlog.stdlib.filter_by_level,
        structlog.contextvars.merge_contextvars,
        structlog.processors.StackInfoRenderer(),
        structlog.processors.format_exc_info,
        _hand_over,
    ]
    structlog.configure(
        processors=processors,
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        logger_factory=logging.getLogger,
        cache_logger_on_first_use=False,
    )


def _hand_over(
    logger: logging.Logger, method: str, event: MutableMapping[str, Any]
) -> tuple[tuple[LogEvent], dict[str, object]]:
    """Make the event the message of the record; level, name and time are the record's own."""
    del logger, method
    return (LogEvent(event),), {}
