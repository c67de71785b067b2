"""A WAV file written while the call goes on, which exists under its name only when complete."""

from __future__ import annotations

import contextlib
import struct
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from trioaudio import unfinished
from trioaudio.core.errors import OutputError
from trioaudio.core.pcm import SAMPLE_BYTES

_HEAD_BYTES = 44
# 4 s at 8 kHz: a write of this size into the page cache takes some tens of microseconds.
_BUFFER_BYTES = 64 << 10
_SILENCE = bytes(_BUFFER_BYTES)


class WavFile:
    """PCM16 mono under construction in `FILE.part`; a context manager.

    `finish` gives the file its name; leaving without it removes the file. Every failure to write
    is an OutputError.
    """

    def __init__(self, path: Path, sample_rate: int) -> None:
        if path.is_dir():
            raise OutputError(f"cannot write {path}: it is a folder")
        if path.exists() and not path.is_file():
            raise OutputError(f"cannot write {path}: a WAV file cannot be written to a device")
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._sample_rate = sample_rate
        self._samples = 0
        self._finished = False
        unfinished.begin(str(self._part))
        try:
            self._file: BinaryIO = self._part.open("wb", buffering=_BUFFER_BYTES)
            self._file.write(self._head())
        except OSError as exc:
            unfinished.end(str(self._part))
            raise self._error(exc) from exc

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove the file unless it was finished."""
        if not self._finished:
            self._discard()

    def write(self, pcm: bytes) -> None:
        """Append whole samples."""
        try:
            self._file.write(pcm)
        except OSError as exc:
            raise self._error(exc) from exc
        self._samples += len(pcm) // SAMPLE_BYTES

    def write_silence(self, samples: int) -> None:
        """Append zeros."""
        rest = samples * SAMPLE_BYTES
        while rest:
            piece = _SILENCE[:rest]
            self.write(piece)
            rest -= len(piece)

    def finish(self) -> None:
        """Complete the file and give it its name."""
        try:
            self._file.seek(0)
            self._file.write(self._head())
            self._file.close()
            self._part.replace(self._path)
        except OSError as exc:
            raise self._error(exc) from exc
        self._finished = True
        unfinished.end(str(self._part))

    def _discard(self) -> None:
        # It is removed anyway, and what makes the close fail was reported before.
        with contextlib.suppress(OSError):
            self._file.close()
        self._part.unlink(missing_ok=True)
        unfinished.end(str(self._part))

    def _error(self, exc: OSError) -> OutputError:
        return OutputError(f"cannot write {self._path}: {exc.strerror or exc}")

    def _head(self) -> bytes:
        """Return the RIFF header; sizes beyond its 32 bits (37 hours at 16 kHz) are cut to them."""
        size = min(self._samples * SAMPLE_BYTES, (1 << 32) - 1 - _HEAD_BYTES)
        byte_rate = self._sample_rate * SAMPLE_BYTES
        return struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            *(b"RIFF", size + _HEAD_BYTES - 8, b"WAVE"),
            *(b"fmt ", 16, 1, 1, self._sample_rate, byte_rate, SAMPLE_BYTES, 8 * SAMPLE_BYTES),
            *(b"data", size),
        )
