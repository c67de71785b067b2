"""Numbered audio that the peer can check byte by byte; without trioaudio, for anybody's sender."""

from __future__ import annotations

import base64
import struct

DIGITS = 5
DIGIT_CODES = 0x80  # this and the 63 codes after it survive from mu-law to PCM and back
FRAME_CODES = 480


def numbered_frame(number: int) -> bytes:
    """Return 60 ms of PCM16 at 8 kHz; see frame.h."""
    head = struct.pack("<II", number, ~number & 0xFFFFFFFF)
    return head + bytes([number & 255]) * 948 + struct.pack("<I", number)


def numbered_codes(number: int) -> bytes:
    """Return 60 ms of mu-law; see twilio.h."""
    digits = [number >> 6 * place & 63 for place in range(DIGITS)]
    codes = bytes(DIGIT_CODES + digit for digit in digits)
    inverse = bytes(DIGIT_CODES + 63 - digit for digit in digits)
    return codes + inverse + codes[:1] * (FRAME_CODES - 3 * DIGITS) + codes


def numbered_base64(number: int) -> str:
    """Return the same as it stands in a media message."""
    return base64.b64encode(numbered_codes(number)).decode("ascii")


def expand_code(code: int) -> int:
    """Return the sample of a mu-law code, ITU-T G.711."""
    code = ~code & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84) << ((code & 0x70) >> 4)
    return 0x84 - magnitude if code & 0x80 else magnitude - 0x84


def numbered_pcm(number: int, dialect: str) -> bytes:
    """Return 60 ms of PCM16 that is right on the wire of `dialect`."""
    if dialect == "raw":
        return numbered_frame(number)
    return b"".join(_SAMPLES[code] for code in numbered_codes(number))


_SAMPLES = [struct.pack("<h", expand_code(code)) for code in range(256)]
