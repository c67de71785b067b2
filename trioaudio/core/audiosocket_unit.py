"""Build and split the units of Asterisk's AudioSocket: one byte of kind, two of length, a payload.

https://docs.asterisk.org/Configuration/Channel-Drivers/AudioSocket/, and Asterisk's
include/asterisk/res_audiosocket.h for the audio kinds above 8 kHz. The length is in network byte
order, samples are not. Any bytes are units of some kind: nothing can be malformed, only unknown.
"""

from __future__ import annotations

import enum
import itertools
from typing import Final

import attrs

from trioaudio.core.carrier import PREFIX_LENGTH

HEADER_BYTES = 3
LONGEST_PAYLOAD = 0xFFFF
IDENTITY_BYTES = 16


class Kind(enum.IntEnum):
    """What a unit's payload is."""

    HANG_UP = 0x00
    IDENTITY = 0x01
    """The UUID in 16 bytes; comes first and once."""
    DTMF = 0x03
    """One ASCII character."""
    ERROR = 0xFF
    """A code, whose length is the sender's business."""


AUDIO_KINDS: Final = {
    8000: 0x10,
    12000: 0x11,
    16000: 0x12,
    24000: 0x13,
    32000: 0x14,
    44100: 0x15,
    48000: 0x16,
    96000: 0x17,
    192000: 0x18,
}
"""PCM16 LE mono, by sample rate in hertz."""


def header(kind: int, length: int) -> bytes:
    """Return what stands before a payload of so many bytes."""
    return bytes((kind,)) + length.to_bytes(2, "big")


def unit(kind: int, payload: bytes = b"") -> bytes:
    """Return a whole unit; OverflowError if the payload is longer than LONGEST_PAYLOAD."""
    return header(kind, len(payload)) + payload


def read_unit(data: bytes) -> tuple[int, bytes] | None:
    """Return kind and payload of exactly one unit; None if `data` is no such thing."""
    if len(data) < HEADER_BYTES or unit_length(data) != len(data):
        return None
    return data[0], data[HEADER_BYTES:]


def unit_length(data: bytes, at: int = 0) -> int:
    """Return the length in bytes, header included, of the unit whose header is at `at`."""
    return HEADER_BYTES + int.from_bytes(data[at + 1 : at + HEADER_BYTES], "big")


def identity_text(payload: bytes) -> str:
    """Return 16 bytes as people write a UUID."""
    digits = payload.hex()
    cuts = (0, 8, 12, 16, 20, 32)
    return "-".join(digits[start:end] for start, end in itertools.pairwise(cuts))


@attrs.define(eq=False)
class Unit:
    """A complete unit as it was received; a `core.connection.Inbound`."""

    data: bytes

    def prefix(self, length: int = PREFIX_LENGTH) -> bytes:
        """Return its beginning, header included."""
        return self.data[:length]

    def kind(self) -> int:
        """Return the first byte, which says what it is."""
        return self.data[0]

    def beginning(self) -> bytes:
        """Return the byte whose number `kind` is."""
        return self.data[:1]

    def message(self) -> bytes:
        """Return it whole, header included."""
        return self.data


class UnitSplitter:
    """Cuts a byte stream into units; holds back at most one of 65 538 bytes."""

    __slots__ = ("_held", "_missing")

    broken = False
    """Never: see above."""

    def __init__(self) -> None:
        self._held = bytearray()
        self._missing = 0  # bytes without which there is no use in looking at what is held

    def push(self, data: bytes) -> tuple[list[Unit], bytes]:
        """Return the units completed by `data`, and nothing: no byte is outside a unit."""
        if self._held:
            self._held += data
            self._missing -= len(data)
            if self._missing > 0:
                return [], b""
            data = bytes(self._held)
            self._held.clear()
        units: list[Unit] = []
        at = 0
        while True:
            end = at + HEADER_BYTES
            if end <= len(data):
                end = at + unit_length(data, at)
            if end > len(data):
                break
            units.append(Unit(data[at:end]))
            at = end
        self._missing = end - len(data)
        self._held += data[at:]
        return units, b""
