"""G.711: PCM16 to 8-bit μ-law (PCMU) and A-law (PCMA) and back, by table.

The segments and bit layouts are those of ITU-T G.711; the tables are built once, at first
use, and agree with every value of CPython's former `audioop`.
"""

from __future__ import annotations

import enum
import functools

import numpy as np
import numpy.typing as npt

_MU_BIAS = 33
_MU_CLIP = 8159
_A_SEGMENT_ENDS = (31, 63, 127, 255, 511, 1023, 2047, 4095)


class Law(enum.Enum):
    """Which of the two; the value is the RTP payload name."""

    MU = "PCMU"
    A = "PCMA"

    @property
    def silence(self) -> bytes:
        """The code of sample 0, one byte."""
        return b"\xff" if self is Law.MU else b"\xd5"


def _encode_mu(sample: int) -> int:
    magnitude = sample >> 2
    mask = 0xFF
    if magnitude < 0:
        magnitude, mask = -magnitude, 0x7F
    magnitude = min(magnitude, _MU_CLIP) + _MU_BIAS
    segment = magnitude.bit_length() - 6
    # The clip keeps the magnitude below 8192 + 33, so the ninth segment holds one code only.
    if segment >= 8:
        return 0x7F ^ mask
    return ((segment << 4) | ((magnitude >> (segment + 1)) & 0x0F)) ^ mask


def _encode_a(sample: int) -> int:
    magnitude = sample >> 3
    mask = 0xD5
    if magnitude < 0:
        magnitude, mask = -magnitude - 1, 0x55
    segment = next(i for i, end in enumerate(_A_SEGMENT_ENDS) if magnitude <= end)
    low = magnitude >> 1 if segment < 2 else magnitude >> segment
    return ((segment << 4) | (low & 0x0F)) ^ mask


def _decode_mu(code: int) -> int:
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return 0x84 - magnitude if code & 0x80 else magnitude - 0x84


def _decode_a(code: int) -> int:
    code ^= 0x55
    magnitude = (code & 0x0F) << 4
    segment = (code & 0x70) >> 4
    if segment == 0:
        magnitude += 8
    else:
        magnitude = (magnitude + 0x108) << (segment - 1)
    return magnitude if code & 0x80 else -magnitude


@functools.cache
def _encoding_table(law: Law) -> npt.NDArray[np.uint8]:
    """Code by sample read as unsigned 16-bit: index 0…32767 positive, then negative ones."""
    encode = _encode_mu if law is Law.MU else _encode_a
    return np.array(
        [encode(index if index < 0x8000 else index - 0x10000) for index in range(0x10000)],
        dtype=np.uint8,
    )


@functools.cache
def _decoding_table(law: Law) -> npt.NDArray[np.int16]:
    decode = _decode_mu if law is Law.MU else _decode_a
    return np.array([decode(code) for code in range(256)], dtype="<i2")


def compress(pcm: bytes, law: Law) -> bytes:
    """Return the 8-bit codes of PCM16 LE samples; half as many bytes."""
    codes: npt.NDArray[np.uint8] = _encoding_table(law)[np.frombuffer(pcm, dtype="<u2")]
    return codes.tobytes()


def expand(codes: bytes, law: Law) -> bytes:
    """Return the PCM16 LE samples of 8-bit codes; twice as many bytes."""
    samples: npt.NDArray[np.int16] = _decoding_table(law)[np.frombuffer(codes, dtype=np.uint8)]
    return samples.tobytes()
