"""The callee's ear: the WAV file, and how loud it was."""

from __future__ import annotations

import math
import operator
import sys
from array import array

import attrs

from trioaudio.wav_file import WavFile


@attrs.define(eq=False)
class Callee:
    """Hears a playout; `wav` is None when nobody wants to listen afterwards."""

    wav: WavFile | None = None
    peak: int = 0
    """The largest sample without its sign."""
    _samples: int = 0
    _squares: int = 0

    def hear(self, pcm: bytes) -> None:
        """Take audio that was played; OutputError when it cannot be written."""
        samples = array("h", pcm)
        if sys.byteorder == "big":
            samples.byteswap()
        highest, lowest = max(samples), min(samples)
        self.peak = max(self.peak, highest, -lowest)
        self._samples += len(samples)
        self._squares += sum(map(operator.mul, samples, samples))
        if self.wav is not None:
            self.wav.write(pcm)

    def hear_silence(self, samples: int) -> None:
        """Take a gap, which counts neither for peak nor for rms."""
        if self.wav is not None:
            self.wav.write_silence(samples)

    @property
    def rms(self) -> float:
        """Root mean square of what was played; 0 of nothing."""
        return math.sqrt(self._squares / self._samples) if self._samples else 0.0
