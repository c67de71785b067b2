"""The file of errors: rotated by size, opened anew when it was moved away, never waited for.

A line that the disk does not take is lost and counted; the next one is tried again. `logrotate`
may move the file at any time: that is noticed within a second, and at once after `reopen`. Where
no other can be begun, the old one is written as long as it has a name, and that is told.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import attrs

from trioaudio.core.errors import ConfigError
from trioaudio.observe.log_sinks import TROUBLE_TOLD_EVERY_S, DescriptorSink

LOOKED_EVERY_S: Final = 1.0
_MODE: Final = 0o640
"""Whoever may read the service's files in the group may read its errors; nobody else."""


@attrs.frozen
class Rotation:
    """When another file is begun, and how many older ones are kept: NAME.1 is the newest."""

    most_bytes: int = 0
    """0: never."""
    kept: int = 5


def _tell_nobody(_reason: str) -> None:
    """Keep it to oneself."""


class LogFile:
    """A `log_sinks.LineSink`; only one thread writes, any thread may ask for `reopen`."""

    def __init__(
        self,
        path: Path,
        rotation: Rotation = Rotation(),
        clock: Callable[[], float] = time.monotonic,
        on_kept: Callable[[str], None] = _tell_nobody,
    ) -> None:
        """Open the file for appending; ConfigError when that cannot be.

        `on_kept` is told, at most once a minute, why lines go on into the old file though it was
        moved away or is full.
        """
        self._path = path
        self._rotation = rotation
        self._clock = clock
        self._reopen = False
        self._look_at = clock() + LOOKED_EVERY_S
        self._on_kept = on_kept
        self._tell_at = clock()
        self._trouble: OSError | None = None
        self._sink: DescriptorSink
        try:
            self._open(first=True)
        except OSError as exc:
            raise ConfigError(
                f"log file {path}: {exc.strerror}; choose a place this user may write to"
            ) from None

    def _open(self, *, first: bool = False) -> None:
        # Without waiting: a named pipe that nobody reads holds up whoever opens it, or writes.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NONBLOCK
        descriptor = os.open(self._path, flags, _MODE)
        if not first:
            with contextlib.suppress(OSError):  # a full disk may say so again
                self._sink.close()
        found = os.fstat(descriptor)
        self._descriptor = descriptor
        self._sink = DescriptorSink(descriptor, waits=False)
        self._place = (found.st_dev, found.st_ino)
        self._regular = stat.S_ISREG(found.st_mode)
        self._size = found.st_size

    def reopen(self) -> None:
        """Have the file opened by its name again before the next line."""
        self._reopen = True

    def write(self, text: str) -> None:
        """Write one record; OSError when the disk does not take it, or nobody could read it."""
        size = len(text.encode("utf-8", "backslashreplace"))
        self._find_place(size)
        if self._trouble is not None:
            self._keep_old(self._trouble)
        self._sink.write(text)
        self._size += size

    def _find_place(self, more: int) -> None:
        """See that the line goes where it belongs. What cannot be done leaves the file as it is."""
        now = self._clock()
        most = self._rotation.most_bytes
        try:
            if self._reopen or now >= self._look_at:
                self._reopen = False
                self._look_at = now + LOOKED_EVERY_S
                self._look()
                self._trouble = None
            if most and self._regular and self._size and self._size + more > most:
                self._rotate()
                self._trouble = None
        except OSError as exc:
            self._trouble = OSError(exc.errno, exc.strerror)  # without what a traceback holds

    def _keep_old(self, trouble: OSError) -> None:
        """Go on with the open file, and tell; raise if it was removed, and its lines with it."""
        if os.fstat(self._descriptor).st_nlink == 0:
            raise trouble.with_traceback(None)
        now = self._clock()
        if now >= self._tell_at:
            self._tell_at = now + TROUBLE_TOLD_EVERY_S
            self._on_kept(trouble.strerror or type(trouble).__name__)

    def _look(self) -> None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._open()
            return
        if (found.st_dev, found.st_ino) != self._place:
            self._open()
        else:
            self._size = found.st_size  # somebody else writes too, or has cut it

    def _rotate(self) -> None:
        before = self._place
        self._look()
        if self._place != before:  # another process was first
            return
        names = [self._path, *(self._numbered(each + 1) for each in range(self._rotation.kept))]
        for newer, older in reversed(list(itertools.pairwise(names))):
            with contextlib.suppress(FileNotFoundError):
                newer.rename(older)
        self._open()

    def _numbered(self, number: int) -> Path:
        return self._path.with_name(f"{self._path.name}.{number}")

    def close(self) -> None:
        """Close the file."""
        self._sink.close()
