"""A file that appears under its name only when it is complete."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from trioaudio import unfinished
from trioaudio.core.errors import OutputError


class PendingFile:
    """Opens `FILE.part` at once, so that a missing folder is found before the work is done.

    A context manager: leaving it without `write` removes what there is. OutputError when the
    file cannot be written. A device or a pipe is written as it is, and so it stays one.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        special = path.exists() and not path.is_file()
        # A link stays one: its target is replaced.
        self._target = path if special else Path(os.path.realpath(path))
        self._part = None if special else self._target.with_name(f"{self._target.name}.part")
        try:
            if path.is_dir():
                raise IsADirectoryError(21, "it is a folder")
            if self._part is not None:
                unfinished.begin(str(self._part))
            self._file: TextIO | None = (self._part or path).open("w", encoding="utf-8")
        except OSError as exc:
            self._forget()
            raise self._error(exc) from exc

    def write(self, text: str) -> None:
        """Write the whole text and give the file its name."""
        assert self._file is not None
        try:
            self._file.write(text)
            self._file.close()
            if self._part is not None:
                self._part.replace(self._target)
        except OSError as exc:
            raise self._error(exc) from exc
        self._file = None
        self._forget()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove what is not complete."""
        if self._file is None:
            return
        with contextlib.suppress(OSError):  # it is removed anyway
            self._file.close()
        if self._part is not None:
            self._part.unlink(missing_ok=True)
        self._forget()

    def _forget(self) -> None:
        if self._part is not None:
            unfinished.end(str(self._part))

    def _error(self, exc: OSError) -> OutputError:
        return OutputError(f"cannot write {self._path}: {exc.strerror or exc}")


def write_stdout(text: str) -> None:
    """Write to standard output now; OutputError when it takes nothing."""
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError as exc:
        # What is left in the stream would fail once more, loudly, when the interpreter ends.
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
        raise OutputError(f"cannot write to standard output: {exc.strerror or exc}") from exc
