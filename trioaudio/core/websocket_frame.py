"""Build WebSocket data frames (RFC 6455, section 5.2) for the hot path.

Only complete, unfragmented text and binary frames without extensions; everything else is
trio-websocket's. Client frames are masked with a key the caller gives.
"""

from __future__ import annotations

import enum
import functools
from collections.abc import Callable


class Opcode(enum.IntEnum):
    """The opcodes of RFC 6455 that the media path looks at."""

    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


_FIN = 0x80
_MASKED = 0x80


@functools.lru_cache(maxsize=256)
def header(opcode: Opcode, length: int, mask_bit: int) -> bytes:
    """Return the frame header up to, not including, the mask key; `mask_bit` is 0x80 or 0.

    Cached: a leg sends one or two lengths all its life.
    """
    if length < 126:
        return bytes((_FIN | opcode, mask_bit | length))
    if length < 1 << 16:
        return bytes((_FIN | opcode, mask_bit | 126)) + length.to_bytes(2, "big")
    return bytes((_FIN | opcode, mask_bit | 127)) + length.to_bytes(8, "big")


def server_frame(message: str | bytes) -> bytes:
    """Return a message as an unmasked frame, as a server sends it."""
    if isinstance(message, str):
        data = message.encode()
        return header(Opcode.TEXT, len(data), 0) + data
    return header(Opcode.BINARY, len(message), 0) + message


def mask(data: bytes, key: bytes) -> bytes:
    """XOR data with the repeated 4-byte key; masking twice gives the data back.

    One XOR of two big integers: 4 µs for 960 bytes, where a Python loop takes 60.
    """
    length = len(data)
    pattern = key * (length // 4 + 1)
    return (int.from_bytes(data, "little") ^ int.from_bytes(pattern[:length], "little")).to_bytes(
        length, "little"
    )


def client_frame(
    message: str | bytes, key: bytes, masked: Callable[[bytes, bytes], bytes] = mask
) -> bytes:
    """Return a message as a frame masked with a 4-byte key, as a client sends it.

    `masked` may be a faster routine with the contract of `mask`.
    """
    if isinstance(message, str):
        data = message.encode()
        return header(Opcode.TEXT, len(data), _MASKED) + key + masked(data, key)
    return header(Opcode.BINARY, len(message), _MASKED) + key + masked(message, key)


def ping(key: bytes | None) -> bytes:
    """Return an empty ping, masked with a 4-byte key as a client's, unmasked as a server's."""
    if key is None:
        return bytes((_FIN | Opcode.PING, 0))
    return bytes((_FIN | Opcode.PING, _MASKED)) + key
