"""PCM16 frames as the bytes or text a carrier's message carries.

Done ahead of time in framing, so that the pacer's turn only concatenates. Which encoding and
which form is data of the carrier.
"""

from __future__ import annotations

import binascii
from collections.abc import Callable
from typing import assert_never

import numpy as np

from trioaudio.core import g711
from trioaudio.core.encoding import Encoding, Payload, PayloadForm

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


def payload_encoder(
    encoding: Encoding, form: PayloadForm, multiple: int = 1, *, never: int | None = None
) -> Callable[[bytes], Payload]:
    """Return the function that makes payloads for a carrier out of whole PCM16 LE frames.

    A length that is no multiple of `multiple` encoded bytes is padded with the encoding's own
    silence. A sample equal to `never`, which the carrier takes for something else, becomes 0.
    """
    if encoding is not Encoding.PCM16 and form is PayloadForm.NUMBERS:
        raise ValueError(f"{encoding.value} is not written as numbers")
    if (encoding, form, multiple, never) == (Encoding.PCM16, PayloadForm.BINARY, 1, None):
        return _as_it_is

    def to_audio(pcm: bytes) -> bytes:
        audio = encode(pcm if never is None else _without(pcm, never), encoding)
        if short := len(audio) % multiple:
            audio += encoding.silence * ((multiple - short) // encoding.sample_bytes)
        return audio

    if form is PayloadForm.BINARY:
        return to_audio
    write = _as_base64 if form is PayloadForm.BASE64 else _as_numbers
    return lambda pcm: write(to_audio(pcm))


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


def _as_it_is(pcm: bytes) -> bytes:
    return pcm


def payload_pcm(payload: Payload, encoding: Encoding, form: PayloadForm) -> bytes:
    """Return the PCM16 LE samples of a payload."""
    if isinstance(payload, bytes):
        return decode(payload, encoding)
    if form is PayloadForm.NUMBERS:
        return np.array(payload.split(",") if payload else [], dtype="<i2").tobytes()
    return decode(binascii.a2b_base64(payload), encoding)
