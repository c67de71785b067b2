"""How audio stands in a carrier's messages: by name only, so that a description needs no numpy."""

from __future__ import annotations

import enum
from typing import TypeAlias

Payload: TypeAlias = str | bytes


class Encoding(enum.Enum):
    """How samples are encoded on the wire."""

    PCM16 = "pcm16"
    """16-bit linear, little-endian."""
    PCM16_BE = "pcm16-be"
    """16-bit linear, network byte order."""
    MULAW = "mulaw"
    ALAW = "alaw"


class PayloadForm(enum.Enum):
    """How encoded samples stand in a message."""

    BINARY = "binary"
    BASE64 = "base64"
    """As text inside a JSON message."""
