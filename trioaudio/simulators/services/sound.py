"""What a service delivers: encodings, formats, words with their times, and a WAV header."""

from __future__ import annotations

import enum
import struct
from collections.abc import Sequence

import attrs
import numpy as np

from trioaudio.core.g711 import Law, compress


class Encoding(enum.Enum):
    """How samples are written; the values are Cartesia's names, which others use too."""

    S16 = "pcm_s16le"
    F32 = "pcm_f32le"
    MULAW = "pcm_mulaw"
    ALAW = "pcm_alaw"

    @property
    def sample_bytes(self) -> int:
        """Bytes of one sample."""
        return {Encoding.S16: 2, Encoding.F32: 4}.get(self, 1)

    @property
    def wav_code(self) -> int:
        """What a WAV header calls it."""
        return {Encoding.S16: 1, Encoding.F32: 3, Encoding.ALAW: 6, Encoding.MULAW: 7}[self]


@attrs.frozen
class SoundFormat:
    """Mono audio as it is asked for; `sample_rate` in Hz."""

    encoding: Encoding
    sample_rate: int

    @property
    def bytes_per_second(self) -> int:
        """Bytes of one second."""
        return self.encoding.sample_bytes * self.sample_rate

    def encode(self, pcm: bytes) -> bytes:
        """Return PCM16 LE samples in this encoding."""
        match self.encoding:
            case Encoding.S16:
                return pcm
            case Encoding.F32:
                samples = np.frombuffer(pcm, dtype="<i2").astype("<f4") / np.float32(32768)
                return samples.astype("<f4").tobytes()
            case Encoding.MULAW:
                return compress(pcm, Law.MU)
            case Encoding.ALAW:
                return compress(pcm, Law.A)


@attrs.frozen
class SpokenWord:
    """A word and when it is heard, in seconds of the audio it belongs to."""

    text: str
    start: float
    end: float

    def later(self, seconds: float) -> SpokenWord:
        """Return it moved."""
        return SpokenWord(self.text, self.start + seconds, self.end + seconds)


def phonemes(words: Sequence[SpokenWord]) -> list[SpokenWord]:
    """Return the letters of words as if they were phonemes, each as long as the next."""
    found: list[SpokenWord] = []
    for word in words:
        letters = [each for each in word.text if each.isalnum()]
        step = (word.end - word.start) / max(1, len(letters))
        found += [
            SpokenWord(letter, word.start + n * step, word.start + (n + 1) * step)
            for n, letter in enumerate(letters)
        ]
    return found


_UNKNOWN_LENGTH = 0xFFFFFFFF  # what streaming encoders write, since the end is not known yet


def wav_header(sound: SoundFormat) -> bytes:
    """Return the 44 bytes before a WAV stream of unknown length."""
    width = sound.encoding.sample_bytes
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        *(b"RIFF", _UNKNOWN_LENGTH, b"WAVE", b"fmt ", 16, sound.encoding.wav_code, 1),
        *(sound.sample_rate, sound.bytes_per_second, width, 8 * width, b"data", _UNKNOWN_LENGTH),
    )
