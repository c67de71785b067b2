"""WAV files of any encoding; the standard library's writer knows only PCM."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from trioaudio.core.g711 import Law, compress

RATE = 8000
TUNE = (8000 * np.sin(2 * np.pi * 440 * np.arange(RATE) / RATE)).round().astype("<i2")


def wav_file(
    data: bytes,
    *,
    rate: int = RATE,
    channels: int = 1,
    code: int = 1,
    bits: int = 16,
    extensible: bool = False,
    size: int | None = None,
) -> bytes:
    """Return a file; `size` is what it says of its samples, if that is to be wrong."""
    frame = channels * bits // 8
    outer = 0xFFFE if extensible else code
    head = struct.pack("<HHIIHH", outer, channels, rate, rate * frame, frame, bits)
    if extensible:
        head += struct.pack("<HHIH", 22, bits, 0, code) + bytes(14)
    chunks = b"fmt " + struct.pack("<I", len(head)) + head
    chunks += b"LIST" + struct.pack("<I", 3) + b"abc\0"  # padded, as RIFF has it
    chunks += b"data" + struct.pack("<I", len(data) if size is None else size) + data
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WAVE" + chunks


def pcm24(samples: npt.NDArray[np.int16]) -> bytes:
    return b"".join(struct.pack("<i", int(each) << 8)[:3] for each in samples)


ENCODINGS: list[tuple[int, int, Callable[[npt.NDArray[np.int16]], bytes], float]] = [
    (1, 8, lambda each: (each // 256 + 128).astype(np.uint8).tobytes(), 256),
    (1, 16, lambda each: each.tobytes(), 0),
    (1, 24, pcm24, 0),
    (1, 32, lambda each: (each.astype("<i4") << 16).tobytes(), 0),
    (3, 32, lambda each: (each / 32768).astype("<f4").tobytes(), 0),
    (3, 64, lambda each: (each / 32768).astype("<f8").tobytes(), 0),
    (7, 8, lambda each: compress(each.tobytes(), Law.MU), 260),
    (6, 8, lambda each: compress(each.tobytes(), Law.A), 260),
]
"""Format code, bits, the encoder, and by how much a sample may be off."""
