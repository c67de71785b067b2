"""PCM16 frames as the bytes or text a carrier's message carries.

Done ahead of time in framing, so that the pacer's turn only concatenates. Which encoding and
which form is data of the carrier.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import assert_never

import attrs
import numpy as np

from trioaudio.core import g711
from trioaudio.core.encoding import Encoding, Payload, PayloadForm
from trioaudio.core.pcm import SAMPLE_BYTES, silence

_STAND_IN = 0
"""What is sent for a sample a carrier keeps for itself."""


def encode(pcm: bytes, encoding: Encoding) -> bytes:
    """Return PCM16 LE samples in `encoding`."""
    match encoding:
        case Encoding.PCM16:
            return pcm
        case Encoding.PCM16_BE:
            return np.frombuffer(pcm, dtype="<i2").astype(">i2").tobytes()
        case Encoding.MULAW:
            return g711.compress(pcm, g711.Law.MU)
        case Encoding.ALAW:
            return g711.compress(pcm, g711.Law.A)
        case _:
            assert_never(encoding)


def decode(audio: bytes, encoding: Encoding) -> bytes:
    """Return samples in `encoding` as PCM16 LE."""
    match encoding:
        case Encoding.PCM16:
            return audio
        case Encoding.PCM16_BE:
            return np.frombuffer(audio, dtype=">i2").astype("<i2").tobytes()
        case Encoding.MULAW:
            return g711.expand(audio, g711.Law.MU)
        case Encoding.ALAW:
            return g711.expand(audio, g711.Law.A)
        case _:
            assert_never(encoding)


@attrs.frozen
class PayloadEncoder:
    """Makes payloads for a carrier out of whole PCM16 LE frames; `payload_encoder` makes it."""

    _encoding: Encoding
    _write: Callable[[bytes], Payload]
    _multiple: int
    _never: int | None

    def __call__(self, pcm: bytes) -> Payload:
        """Return all of it as one payload."""
        return self._write(self._fill(self._encode(pcm)))

    def each(self, pcm: bytes, size: int) -> list[Payload]:
        """Return one payload for every `size` bytes, as if each had been given by itself.

        All is encoded in one go, which for frames costs a fraction.
        """
        audio = self._encode(pcm)
        size = size // SAMPLE_BYTES * self._encoding.sample_bytes
        if size % self._multiple:
            return [self._write(self._fill(part)) for part in _parts(audio, size)]
        return [self._write(part) for part in _parts(audio, size)]

    def _encode(self, pcm: bytes) -> bytes:
        return encode(pcm if self._never is None else _without(pcm, self._never), self._encoding)

    def _fill(self, audio: bytes) -> bytes:
        """Return it with as much silence at its end as the carrier's unit wants."""
        if short := len(audio) % self._multiple:
            missing = (self._multiple - short) // self._encoding.sample_bytes
            return audio + self._encoding.silence * missing
        return audio


def payload_encoder(
    encoding: Encoding, form: PayloadForm, multiple: int = 1, *, never: int | None = None
) -> PayloadEncoder:
    """Return what makes payloads for a carrier out of whole PCM16 LE frames.

    A length that is no multiple of `multiple` encoded bytes is padded with the encoding's own
    silence. A sample equal to `never`, which the carrier takes for something else, becomes 0.
    """
    if encoding is not Encoding.PCM16 and form is PayloadForm.NUMBERS:
        raise ValueError(f"{encoding.value} is not written as numbers")
    writes: dict[PayloadForm, Callable[[bytes], Payload]] = {
        PayloadForm.BINARY: _as_it_is,
        PayloadForm.BASE64: _as_base64,
        PayloadForm.NUMBERS: _as_numbers,
    }
    encode(silence(1), encoding)  # G.711's table takes 28 ms to build: not in a call's first turn
    return PayloadEncoder(encoding, writes[form], multiple, never)


def _parts(audio: bytes, size: int) -> list[bytes]:
    return [audio[at : at + size] for at in range(0, len(audio), size)]


def _as_base64(audio: bytes) -> str:
    return binascii.b2a_base64(audio, newline=False).decode("ascii")


def _as_numbers(audio: bytes) -> str:
    return ",".join(map(str, np.frombuffer(audio, dtype="<i2").tolist()))


def _without(pcm: bytes, never: int) -> bytes:
    samples = np.frombuffer(pcm, dtype="<i2")
    reserved = samples == never
    if not reserved.any():
        return pcm
    return np.where(reserved, np.int16(_STAND_IN), samples).astype("<i2").tobytes()


def _as_it_is(audio: bytes) -> bytes:
    return audio


def payload_pcm(payload: Payload, encoding: Encoding, form: PayloadForm) -> bytes:
    """Return the PCM16 LE samples of a payload."""
    if isinstance(payload, bytes):
        return decode(payload, encoding)
    if form is PayloadForm.NUMBERS:
        return np.array(payload.split(",") if payload else [], dtype="<i2").tobytes()
    return decode(binascii.a2b_base64(payload), encoding)
