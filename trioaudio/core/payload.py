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

_SILENCE = {
    Encoding.PCM16: b"\0",
    Encoding.PCM16_BE: b"\0",
    Encoding.MULAW: g711.Law.MU.silence,
    Encoding.ALAW: g711.Law.A.silence,
}


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
    encoding: Encoding, form: PayloadForm, multiple: int = 1
) -> Callable[[bytes], Payload]:
    """Return the function that makes payloads for a carrier out of whole PCM16 LE frames.

    A length that is no multiple of `multiple` encoded bytes is padded with the encoding's own
    silence.
    """
    if (encoding, form, multiple) == (Encoding.PCM16, PayloadForm.BINARY, 1):
        return _as_it_is

    def to_audio(pcm: bytes) -> bytes:
        audio = encode(pcm, encoding)
        if short := len(audio) % multiple:
            audio += _SILENCE[encoding] * (multiple - short)
        return audio

    def to_base64(pcm: bytes) -> str:
        return binascii.b2a_base64(to_audio(pcm), newline=False).decode("ascii")

    return to_base64 if form is PayloadForm.BASE64 else to_audio


def _as_it_is(pcm: bytes) -> bytes:
    return pcm


def payload_pcm(payload: Payload, encoding: Encoding) -> bytes:
    """Return the PCM16 LE samples of a payload."""
    audio = binascii.a2b_base64(payload) if isinstance(payload, str) else payload
    return decode(audio, encoding)
