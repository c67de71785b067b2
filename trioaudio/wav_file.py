"""A WAV file written while the call goes on, which exists under its name only when complete."""

from __future__ import annotations

import contextlib
import os
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
    """PCM16 under construction in `FILE.part`, mono unless told; a context manager.

    `finish` gives the file its name; leaving without it removes the file. Every failure to write
    is an OutputError; what was written before it can still be finished, by `salvage`.
    """

    def __init__(self, path: Path, sample_rate: int, channels: int = 1) -> None:
        if path.is_dir():
            raise OutputError(f"cannot write {path}: it is a folder")
        if path.exists() and not path.is_file():
            raise OutputError(f"cannot write {path}: a WAV file cannot be written to a device")
        self._path = path
        self._part = path.with_name(f"{path.name}.part")
        self._sample_rate = sample_rate
        self._channels = channels
        self._bytes = 0
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
        """Append whole samples, of all channels in turn."""
        try:
            self._file.write(pcm)
        except OSError as exc:
            raise self._error(exc) from exc
        self._bytes += len(pcm)

    def write_silence(self, samples: int) -> None:
        """Append zeros, so many samples of each channel."""
        rest = samples * self._channels * SAMPLE_BYTES
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

    def salvage(self, spare_bytes: int = 0) -> float:
        """Complete the file with what the disk has taken, after a failure to write.

        `spare_bytes` of it are given back to a full disk. Return the seconds of audio that are
        left. OutputError when not even that can be done.
        """
        with contextlib.suppress(OSError):  # what is still buffered is what did not fit
            self._file.close()
        sample_bytes = self._channels * SAMPLE_BYTES
        try:
            with self._part.open("r+b") as file:
                samples = (
                    max(0, file.seek(0, os.SEEK_END) - _HEAD_BYTES - spare_bytes) // sample_bytes
                )
                self._bytes = samples * sample_bytes
                file.truncate(_HEAD_BYTES + self._bytes)
                file.seek(0)
                file.write(self._head())
            self._part.replace(self._path)
        except OSError as exc:
            raise self._error(exc) from exc
        self._finished = True
        unfinished.end(str(self._part))
        return samples / self._sample_rate

    def _discard(self) -> None:
        # It is removed anyway, and what makes the close fail was reported before.
        with contextlib.suppress(OSError):
            self._file.close()
        self._part.unlink(missing_ok=True)
        unfinished.end(str(self._part))

    def _error(self, exc: OSError) -> OutputError:
        return OutputError(f"cannot write {self._path}: {exc.strerror or exc}")

    def _head(self) -> bytes:
        """Return the RIFF header; sizes beyond its 32 bits (18 hours, 16 kHz stereo) are cut."""
        sample_bytes = self._channels * SAMPLE_BYTES
        # A whole number of samples: some readers refuse half of one.
        most = ((1 << 32) - 1 - _HEAD_BYTES) // sample_bytes * sample_bytes
        size, rate = min(self._bytes, most), self._sample_rate
        return struct.pack(
            "<4sI4s4sIHHIIHH4sI",
            *(b"RIFF", size + _HEAD_BYTES - 8, b"WAVE"),
            *(b"fmt ", 16, 1, self._channels, rate),
            *(rate * sample_bytes, sample_bytes, 8 * SAMPLE_BYTES),
            *(b"data", size),
        )
