"""The samples of a WAV file, whatever its encoding, as PCM16 LE mono of the file's own rate."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from trioaudio.core.g711 import Law, expand
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.core.wav_head import WavHead

MOST_CHANNELS = 8
SLOWEST_RATE, FASTEST_RATE = 4000, 192_000

_Samples = npt.NDArray[np.float64]


def _from_pcm8(data: bytes) -> _Samples:
    return (np.frombuffer(data, dtype=np.uint8).astype(np.float64) - 128) * 256


def _from_pcm16(data: bytes) -> _Samples:
    return np.frombuffer(data, dtype="<i2").astype(np.float64)


def _from_pcm24(data: bytes) -> _Samples:
    parts = np.frombuffer(data, dtype=np.uint8).reshape(-1, 3).astype(np.int32)
    whole = parts[:, 0] | parts[:, 1] << 8 | (parts[:, 2] ^ 128) - 128 << 16
    return whole.astype(np.float64) / 256


def _from_pcm32(data: bytes) -> _Samples:
    return np.frombuffer(data, dtype="<i4").astype(np.float64) / 65536


def _from_float32(data: bytes) -> _Samples:
    return _from_float(np.frombuffer(data, dtype="<f4"))


def _from_float64(data: bytes) -> _Samples:
    return _from_float(np.frombuffer(data, dtype="<f8"))


def _from_float(values: npt.NDArray[np.floating]) -> _Samples:
    """Scale to PCM16; what is no number is silence, and what is infinite as loud as can be."""
    finite = np.nan_to_num(values.astype(np.float64), nan=0.0, posinf=1.0, neginf=-1.0)
    return np.clip(finite, -1, 1) * 32768


def _from_mu_law(data: bytes) -> _Samples:
    return _from_pcm16(expand(data, Law.MU))


def _from_a_law(data: bytes) -> _Samples:
    return _from_pcm16(expand(data, Law.A))


_READERS: Mapping[tuple[str, int], Callable[[bytes], _Samples]] = {
    ("PCM", 8): _from_pcm8,
    ("PCM", 16): _from_pcm16,
    ("PCM", 24): _from_pcm24,
    ("PCM", 32): _from_pcm32,
    ("float", 32): _from_float32,
    ("float", 64): _from_float64,
    ("mu-law", 8): _from_mu_law,
    ("A-law", 8): _from_a_law,
}


class WavSound:
    """Bytes of a file's samples in, cut at whole frames of its channels; PCM16 LE mono out.

    PCM16 mono passes bit-exact, channels are averaged. ValueError, as the rest of a sentence, when
    the file holds what cannot be read.
    """

    __slots__ = ("_channels", "_read", "frame_bytes")

    def __init__(self, head: WavHead) -> None:
        read = _READERS.get((head.encoding, head.bits))
        if read is None or not 1 <= head.channels <= MOST_CHANNELS:
            raise ValueError(f"holds {head}, which is not read")
        if not SLOWEST_RATE <= head.sample_rate <= FASTEST_RATE:
            raise ValueError(f"has {head.sample_rate} samples a second")
        self._read = read
        self._channels = head.channels
        self.frame_bytes = head.bits // 8 * head.channels
        """Bytes of one sample of all channels."""

    def convert(self, data: bytes) -> bytes:
        """Return whole frames of the file as PCM16 LE mono; a part of one is left out."""
        data = data[: len(data) - len(data) % self.frame_bytes]
        if self._read is _from_pcm16 and self.frame_bytes == SAMPLE_BYTES:
            return data
        mixed = self._read(data).reshape(-1, self._channels).mean(axis=1)
        rounded: npt.NDArray[np.int16] = np.clip(np.rint(mixed), -32768, 32767).astype("<i2")
        return rounded.tobytes()
