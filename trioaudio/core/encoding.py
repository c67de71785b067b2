"""How audio stands in a carrier's messages: by name only, so that a description needs no numpy."""

from __future__ import annotations

import enum
from typing import TypeAlias

import attrs

Payload: TypeAlias = str | bytes

G711_RATE = 8000
"""Hertz: G.711 is defined at this rate only."""


class Encoding(enum.Enum):
    """How samples are encoded on the wire."""

    PCM16 = "pcm16"
    """16-bit linear, little-endian."""
    PCM16_BE = "pcm16-be"
    """16-bit linear, network byte order."""
    MULAW = "mulaw"
    ALAW = "alaw"

    @property
    def sample_bytes(self) -> int:
        """Bytes of one encoded sample."""
        return 1 if self in (Encoding.MULAW, Encoding.ALAW) else 2

    @property
    def silence(self) -> bytes:
        """One sample of silence."""
        match self:
            case Encoding.MULAW:
                return b"\xff"
            case Encoding.ALAW:
                return b"\xd5"
            case _:
                return b"\0\0"

    def carries(self, sample_rate: int) -> bool:
        """Say whether audio of that many hertz can be encoded so."""
        return self.sample_bytes == 2 or sample_rate == G711_RATE


class PayloadForm(enum.Enum):
    """How encoded samples stand in a message."""

    BINARY = "binary"
    BASE64 = "base64"
    """As text inside a JSON message."""
    NUMBERS = "numbers"
    """As text inside a JSON message: the samples as integers separated by commas."""


@attrs.frozen
class MediaFormat:
    """What one media stream carries in each direction: an encoding at a sample rate in Hz, mono."""

    encoding: Encoding
    sample_rate: int

    def bytes_in(self, milliseconds: int) -> int:
        """Return the encoded size of so much audio; whole samples, rounded down."""
        return self.sample_rate * milliseconds // 1000 * self.encoding.sample_bytes

    def __str__(self) -> str:
        """Read well in a message."""
        return f"{self.encoding.value} at {self.sample_rate} Hz"
