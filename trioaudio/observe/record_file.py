"""Records of calls, one JSON line each, appended to a file that others may rotate away.

A thread writes; whoever ends a call never waits. What a full or stuck disk does not take is lost
and counted.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import attrs
import trio

from trioaudio.core.errors import OutputError
from trioaudio.observe.log_sinks import DescriptorSink

RECORDS_AHEAD = 1000
"""Records that may wait for the disk: a few megabytes."""

GATHER_S = 0.02
"""How much later a record may be written so that the thread is woken once for several: a thread
that wakes takes the interpreter from the event loop."""

CLOSE_WITHIN_S = 2.0


@attrs.frozen
class RecordFileStatistics:
    """What became of the records so far."""

    written: int
    lost: int
    waiting: int
    error: str | None
    """Why the last one that was lost was lost."""


class RecordFile:
    """Takes records; also a context manager, which waits at most `CLOSE_WITHIN_S` at its end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting: deque[Mapping[str, Any]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._written = 0
        self._lost = 0
        self._error: str | None = None
        self._descriptor = _open(path)
        self._sink = DescriptorSink(self._descriptor)
        # A daemon: a disk that hangs must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="call records", daemon=True)
        self._thread.start()

    def write(self, record: Mapping[str, Any]) -> None:
        """Append a record soon; it is not to be changed afterwards. Never waits, never raises."""
        with self._changed:  # held for moments only, never while something is written
            if self._closing:
                self._lose("it came after the end")
            elif len(self._waiting) >= RECORDS_AHEAD:
                self._lose("the disk is too slow")
            else:
                self._waiting.append(record)
                if len(self._waiting) == 1:  # else the thread knows
                    self._changed.notify()

    def statistics(self) -> RecordFileStatistics:
        """Return a snapshot of the counts."""
        with self._changed:
            return RecordFileStatistics(self._written, self._lost, len(self._waiting), self._error)

    async def close(self, within_s: float = CLOSE_WITHIN_S) -> bool:
        """Write what waits, and let go of the file; False when that takes too long."""
        self._end()
        with trio.CancelScope(shield=True):  # bounded by `within_s`
            await trio.to_thread.run_sync(self._thread.join, within_s)
        return not self._thread.is_alive()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Write what waits, and let go of the file."""
        self._end()
        self._thread.join(CLOSE_WITHIN_S)

    def _end(self) -> None:
        with self._changed:
            self._closing = True
            self._changed.notify()

    # --- In the thread ---------------------------------------------------------------

    def _run(self) -> None:
        while (record := self._next()) is not None:
            problem = self._append(record)
            with self._changed:
                if problem is None:
                    self._written += 1
                else:
                    self._lose(problem)
        with contextlib.suppress(OSError):  # a full disk may say so again
            self._sink.close()

    def _next(self) -> Mapping[str, Any] | None:
        """Wait for the next record; None when there will be no more."""
        with self._changed:
            while not self._waiting:
                if self._closing:
                    return None
                self._changed.wait()
                self._changed.wait_for(lambda: self._closing, GATHER_S)
            return self._waiting.popleft()

    def _append(self, record: Mapping[str, Any]) -> str | None:
        """Write one record; return why it could not be."""
        try:
            line = json.dumps(record, separators=(",", ":"), allow_nan=False)
        except (TypeError, ValueError) as exc:
            return f"it cannot be told in JSON: {exc}"
        try:
            self._follow()
            self._sink.write(line + "\n")
        except OSError as exc:
            return str(exc.strerror or exc)
        except OutputError as exc:
            return str(exc)
        return None

    def _follow(self) -> None:
        """Open the file anew when somebody has moved it away."""
        try:
            there = os.stat(self._path)  # noqa: PTH116  beside os.fstat
        except FileNotFoundError:
            pass
        else:
            if os.path.samestat(there, os.fstat(self._descriptor)):
                return
        descriptor = _open(self._path)
        with contextlib.suppress(OSError):
            self._sink.close()
        self._descriptor, self._sink = descriptor, DescriptorSink(descriptor)

    def _lose(self, why: str) -> None:
        self._lost += 1
        self._error = why


def open_record_file(path: Path) -> RecordFile:
    """Open a file for appending records; OutputError when that cannot be.

    It is made readable to its owner and group only: records hold telephone numbers.
    """
    return RecordFile(path)


def _open(path: Path) -> int:
    try:
        return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o640)
    except OSError as exc:
        raise OutputError(
            f"cannot write call records to {path}: {exc.strerror}; choose a place this user may"
            " write to"
        ) from exc
