"""PCM16 LE mono in whole samples: how long, how many bytes, and refusal to round."""

from __future__ import annotations

import attrs

from trioaudio.core.errors import UnframeableRateError

SAMPLE_BYTES = 2
PTIME_MS = 60


@attrs.frozen
class PcmFormat:
    """PCM16 LE mono at one sample rate, cut into frames of one ptime.

    `sample_rate` in Hz, `ptime_ms` in milliseconds. Raises UnframeableRateError when the two
    give no whole number of samples: 11 025 Hz has no 60 ms frame, and rounding one would be a
    click every second.
    """

    sample_rate: int
    ptime_ms: int = PTIME_MS

    def __attrs_post_init__(self) -> None:
        """Refuse what cannot be cut into frames."""
        if self.sample_rate <= 0 or self.ptime_ms <= 0:
            raise UnframeableRateError(
                f"{self.sample_rate} Hz in frames of {self.ptime_ms} ms: both must be positive"
            )
        if (self.sample_rate * self.ptime_ms) % 1000:
            raise UnframeableRateError(
                f"{self.sample_rate} Hz gives no whole number of samples in {self.ptime_ms} ms;"
                " choose 8000 or 16000 Hz, or another ptime"
            )

    @property
    def frame_samples(self) -> int:
        """Samples in one frame."""
        return self.sample_rate * self.ptime_ms // 1000

    @property
    def frame_bytes(self) -> int:
        """Bytes in one frame: 960 at 8 kHz and 60 ms, 1920 at 16 kHz."""
        return self.frame_samples * SAMPLE_BYTES

    @property
    def ptime(self) -> float:
        """The duration of a frame in seconds, the unit of Trio's clock."""
        return self.ptime_ms / 1000

    def samples_in(self, milliseconds: int) -> int:
        """Return how many whole samples fit in `milliseconds`."""
        return self.sample_rate * milliseconds // 1000

    def milliseconds_of(self, samples: int) -> float:
        """Return how long `samples` samples last."""
        return samples * 1000 / self.sample_rate


def silence(samples: int) -> bytes:
    """Return `samples` samples of PCM16 silence."""
    return bytes(samples * SAMPLE_BYTES)


class SampleAligner:
    """Whole samples out of chunks cut anywhere: an odd byte waits for its other half."""

    __slots__ = ("_half",)

    def __init__(self) -> None:
        self._half = b""

    def push(self, chunk: bytes) -> bytes:
        """Return the whole samples now available, at most one byte behind the input."""
        data = self._half + chunk if self._half else chunk
        if len(data) % SAMPLE_BYTES:
            self._half = data[-1:]
            return data[:-1]
        self._half = b""
        return data

    @property
    def half(self) -> bytes:
        """The byte still waiting: empty, or one byte that will never be a sample at the end."""
        return self._half
