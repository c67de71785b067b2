"""A file that appears under its name only when it is complete."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from trioaudio.core.errors import OutputError


class PendingFile:
    """Opens `FILE.part` at once, so that a missing folder is found before the work is done.

    A context manager: leaving it without `write` removes what there is. OutputError when the
    file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        try:
            if path.is_dir():
                raise IsADirectoryError(21, "it is a folder")
            self._file: TextIO | None = self._part.open("w", encoding="utf-8")
        except OSError as exc:
            raise self._error(exc) from exc

    def write(self, text: str) -> None:
        """Write the whole text and give the file its name."""
        assert self._file is not None
        try:
            self._file.write(text)
            self._file.close()
            self._part.replace(self._path)
        except OSError as exc:
            raise self._error(exc) from exc
        self._file = None

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
        if self._file is not None:
            with contextlib.suppress(OSError):  # it is removed anyway
                self._file.close()
            self._part.unlink(missing_ok=True)

    def _error(self, exc: OSError) -> OutputError:
        return OutputError(f"cannot write {self._path}: {exc.strerror or exc}")
