"""The callee's ear: the WAV file, how loud it was, and a digest that no lost sample survives."""

from __future__ import annotations

import hashlib
import math
import operator
import sys
from array import array
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeAlias

import attrs

from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.wav_file import WavFile

if TYPE_CHECKING:
    from hashlib import _Hash


# 2 s at 8 kHz: measuring and digesting cost by the call more than by the sample.
_AT_ONCE = 32_000

Measure: TypeAlias = Callable[[bytes], tuple[int, int]]
"""Largest sample without its sign, and sum of squares, of PCM16 LE."""


def measure(pcm: bytes) -> tuple[int, int]:
    """Measure some PCM, of one sample at least."""
    samples = array("h", pcm)
    if sys.byteorder == "big":
        samples.byteswap()
    highest, lowest = max(samples), min(samples)
    return max(highest, -lowest), sum(map(operator.mul, samples, samples))


@attrs.define(eq=False)
class Callee:
    """Hears a playout; `wav` is None when nobody wants to listen afterwards.

    What was heard counts once `finish` was called.
    """

    wav: WavFile | None = None
    measure: Measure = measure
    peak: int = 0
    """The largest sample without its sign."""
    samples: int = 0
    """Those played; a gap's silence is not among them."""
    _squares: int = 0
    _digest: _Hash = attrs.field(factory=hashlib.sha256)
    _heard: bytearray = attrs.field(factory=bytearray)

    def hear(self, pcm: bytes) -> None:
        """Take audio that was played; OutputError when it cannot be written."""
        self._heard += pcm
        if len(self._heard) >= _AT_ONCE:
            self.finish()

    def hear_silence(self, samples: int) -> None:
        """Take a gap, which counts neither for peak nor for rms."""
        if self.wav is not None:
            self.finish()
            self.wav.write_silence(samples)

    def finish(self) -> None:
        """Count what was heard until now."""
        if not self._heard:
            return
        pcm = bytes(self._heard)
        self._heard.clear()
        peak, squares = self.measure(pcm)
        self.peak = max(self.peak, peak)
        self._squares += squares
        self.samples += len(pcm) // SAMPLE_BYTES
        self._digest.update(pcm)
        if self.wav is not None:
            self.wav.write(pcm)

    @property
    def rms(self) -> float:
        """Root mean square of what was played; 0 of nothing."""
        return math.sqrt(self._squares / self.samples) if self.samples else 0.0

    @property
    def sha256(self) -> str:
        """The digest in hexadecimal of all PCM16 LE played, gaps left out."""
        return self._digest.hexdigest()
