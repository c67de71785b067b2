"""Messages between the daemon and a child process of its own, over two pipes.

A message is a header (little-endian: payload length uint32, kind uint8, id uint32) and its
payload. Which kinds there are and what their payloads hold, the child's program says.
Only the standard library is imported: a child starts in the time its imports take.
"""

from __future__ import annotations

import struct

from trioaudio.core.errors import LocalProtocolError

PAYLOAD_LIMIT = 1 << 20
"""Bytes; no child says more at once, so a larger length is junk."""

_HEADER = struct.Struct("<IBI")

Message = tuple[int, int, bytes]
"""Kind, id, payload."""


def pack(kind: int, ident: int, payload: bytes = b"") -> bytes:
    """Return one message as bytes."""
    return _HEADER.pack(len(payload), kind, ident) + payload


class MessageReader:
    """Bytes cut anywhere in, whole messages out."""

    def __init__(self) -> None:
        self._data = bytearray()

    def push(self, data: bytes) -> list[Message]:
        """Return the messages `data` completes; LocalProtocolError if they cannot be messages."""
        self._data += data
        messages = []
        at = 0
        while len(self._data) >= at + _HEADER.size:
            length, kind, ident = _HEADER.unpack_from(self._data, at)
            if length > PAYLOAD_LIMIT:
                raise LocalProtocolError(f"a message of {length} bytes on a child's pipe")
            body = at + _HEADER.size
            if len(self._data) < body + length:
                break
            at = body + length
            messages.append((kind, ident, bytes(self._data[body:at])))
        del self._data[:at]
        return messages
