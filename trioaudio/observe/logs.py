"""Logging: structlog's events, through stdlib logging and a bounded queue, to console and file.

`get_logger` anywhere, `open_logging` once round the program. What is bound by
`structlog.contextvars.bind_contextvars(call=...)` follows into the tasks started from there and is
part of every record, other libraries' too. Importing structlog takes a tenth of a second, so it is
imported by the first call and not with this file.
"""

from __future__ import annotations

import contextlib
import logging
import sys
import time
from collections.abc import Collection, Iterator, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import attrs

from trioaudio.core.secret import Secret
from trioaudio.observe.log_console import Console, console_render, console_sink, nowhere
from trioaudio.observe.log_events import (
    LineFormatter,
    LogEvent,
    Mask,
    console_line,
    event_of,
    json_line,
)
from trioaudio.observe.log_file import LogFile, Rotation
from trioaudio.observe.log_queue import RecordQueue
from trioaudio.observe.log_sinks import LogCounts, Losses, QueueDrain, QueueTap, SinkHandler

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger, Processor

QUEUE_RECORDS: Final = 2000  # two seconds, if a thousand calls log once a second each
STOP_WITHIN_S: Final = 1.0
_TALKATIVE: Final = ("trio-websocket", "trio_websocket", "httpx", "httpcore")
_MISSING: Final = "log records are missing: the console or the disk was too slow, or failed"


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
    rotation: Rotation = Rotation(),  # noqa: B008  frozen
) -> Iterator[LogCounts]:
    """Write records of `level` and above to the console, and errors to a file too.

    `level` is debug, info, warning, error or critical, `log_format` console or json. `console` is
    a stream (stderr if not given) or a function that takes a finished line; it is called from a
    thread. The texts in `secrets` are masked wherever they occur. ConfigError if the file cannot
    be opened.

    Writing never blocks the caller, and console and file do not wait for each other: with a queue
    full, records are dropped and counted, and one line says how many as soon as lines are taken
    again, or at the end. Leaving waits at most STOP_WITHIN_S for what is queued.
    """
    _configure_structlog()  # before the first record, and whatever else in the process did
    threshold = logging.getLevelNamesMapping()[level.upper()]
    counts = LogCounts()
    mask = Mask([each.get() if isinstance(each, Secret) else each for each in secrets])
    counts.hide = mask.add
    opening = _Opening(mask, counts)
    outlets = []
    if error_file is not None:
        outlets.append(opening.open_file(error_file, rotation, log_format))
    outlets.append(opening.open_console(console or sys.stderr or nowhere, log_format))
    for outlet in outlets:
        outlet.drain.start()
    try:
        with _tapped(outlets, threshold):
            yield counts
    finally:
        _close(outlets)


@attrs.frozen
class _Outlet:
    """A place lines go to, with a queue and a thread of its own."""

    level: int
    handler: SinkHandler
    losses: Losses
    tap: QueueTap
    drain: QueueDrain


@attrs.frozen
class _Opening:
    """What all outlets share."""

    mask: Mask
    counts: LogCounts

    def open_file(self, path: Path, rotation: Rotation, log_format: str) -> _Outlet:
        """Open the file of errors; ConfigError."""

        def tell_kept(reason: str) -> None:
            get_logger(__name__).warning(
                "the log file cannot be begun anew", file=str(path), reason=reason
            )

        file = LogFile(path, rotation, on_kept=tell_kept)
        self.counts.reopen = file.reopen
        render = json_line if log_format == "json" else console_line(colors=False)

        def tell(reason: str) -> None:
            # No error: it would come here again.
            get_logger(__name__).warning(
                "the log file takes no lines", file=str(path), reason=reason
            )

        losses = Losses(self.counts)
        handler = SinkHandler(file, LineFormatter(render), losses, notice=_notice, on_trouble=tell)
        return self._outlet(logging.ERROR, handler, losses)

    def open_console(self, console: Console, log_format: str) -> _Outlet:
        """Open the console."""
        losses = Losses(self.counts)
        formatter = LineFormatter(console_render(log_format, console))
        handler = SinkHandler(console_sink(console), formatter, losses, notice=_notice)
        return self._outlet(logging.NOTSET, handler, losses)

    def _outlet(self, level: int, handler: SinkHandler, losses: Losses) -> _Outlet:
        records = RecordQueue(QUEUE_RECORDS)
        mask = self.mask
        tap = QueueTap(records, lambda record: mask(event_of(record, _context())), losses)
        return _Outlet(level, handler, losses, tap, QueueDrain(records, handler))


@contextlib.contextmanager
def _tapped(outlets: list[_Outlet], level: int) -> Iterator[None]:
    """Have all records go to the outlets, and put logging back as it was."""
    root = logging.getLogger()
    levels = {logging.getLogger(name): max(level, logging.WARNING) for name in _TALKATIVE}
    levels[root] = level
    before = {logger: logger.level for logger in levels}
    for logger, each in levels.items():
        logger.setLevel(each)
    for outlet in outlets:
        outlet.tap.setLevel(max(level, outlet.level))
        root.addHandler(outlet.tap)
    try:
        yield
    finally:
        for outlet in outlets:
            root.removeHandler(outlet.tap)
        for logger, each in before.items():
            logger.setLevel(each)


def _close(outlets: list[_Outlet]) -> None:
    """Write what is queued, for STOP_WITHIN_S in all; the last one tells what all have lost."""
    until = time.monotonic() + STOP_WITHIN_S
    for left, outlet in zip(range(len(outlets), 0, -1), outlets, strict=True):
        of = outlets if outlet is outlets[-1] else [outlet]

        def tell(outlet: _Outlet = outlet, of: list[_Outlet] = of) -> None:
            lost = {
                key: sum(each.losses.untold().get(key, 0) for each in of)
                for key in ("dropped", "failed")
            }
            if any(lost.values()) and outlet.handler.tell(lost):
                for each in of:
                    each.losses.told(each.losses.untold())

        if outlet.drain.stop_within(max(0.0, until - time.monotonic()) / left, tell):
            outlet.handler.close()
        outlet.tap.close()


def _notice(lost: dict[str, int]) -> logging.LogRecord:
    """Return the record that tells what was not written."""
    logger = logging.getLogger(__name__)
    record = logger.makeRecord(logger.name, logging.WARNING, "", 0, _MISSING, (), None)
    record.msg = event_of(record, lost)
    return record


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
