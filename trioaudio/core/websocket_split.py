"""Part a received byte stream into media messages and everything else, without waiting.

trio-websocket costs some 85 µs a message; most messages are caller audio nobody listens to. So
complete unfragmented data frames are taken out of the stream here and every other byte — the
HTTP head, pings, closes, fragments, whatever is malformed — goes on to trio-websocket unchanged
and in order. It follows the stream from its first byte, so there is no moment of switching over.
Valid because trio-websocket negotiates no extensions: frames with reserved bits are passed on
and refused there, as is everything else RFC 6455 forbids, and frames over `largest`. Nothing
is taken out after such a frame, nor after a close.
"""

from __future__ import annotations

import attrs

from trioaudio.core.carrier import PREFIX_LENGTH
from trioaudio.core.websocket_frame import Opcode, mask

_HEAD_END = b"\r\n\r\n"
_FINAL = 0x80
_RESERVED = 0x70
_MASKED = 0x80
_LONGEST_CONTROL = 125
_DATA = {_FINAL | opcode: opcode for opcode in (Opcode.TEXT, Opcode.BINARY)}
_LONGEST_SHORT_HEADER = 8
_BEGINNING = 20
"""Bytes of text that two messages have in common which begin alike: `{"event":"media","se`."""
_EACH_FOURTH = int.from_bytes(b"\1\0\0\0" * (_BEGINNING // 4), "little")
_BINARY_KIND = -1
_SHORT_KIND = -2
_EVERYTHING = 1 << 63  # more bytes than any connection carries


@attrs.define(eq=False)
class DataFrame:
    """A complete data frame, still masked; unmask as much as is wanted."""

    opcode: Opcode
    data: bytes
    key: bytes | None

    def prefix(self, length: int = PREFIX_LENGTH) -> str | bytes:
        """Return the beginning of the message, at most `length` bytes of it, unmasked."""
        part = self.data[:length]
        if self.key:
            part = mask(part, self.key)
        return part.decode(errors="replace") if self.opcode is Opcode.TEXT else part

    def kind(self) -> int:
        """Return the first 20 bytes of text, unmasked, as a number; binary messages are all alike.

        One multiplication and one XOR: a third of what `prefix` takes.
        """
        if self.opcode is Opcode.BINARY:
            return _BINARY_KIND
        part = self.data[:_BEGINNING]
        if len(part) < _BEGINNING:
            return _SHORT_KIND
        number = int.from_bytes(part, "little")
        if self.key is None:
            return number
        return number ^ int.from_bytes(self.key, "little") * _EACH_FOURTH

    def beginning(self) -> str | bytes:
        """Return what the `kind` is a number of: nothing if it is one of many."""
        if self.kind() < 0:
            return b"" if self.opcode is Opcode.BINARY else ""
        return self.prefix(_BEGINNING)

    def message(self) -> str | bytes:
        """Return the whole message; UnicodeDecodeError if text is not UTF-8."""
        data = mask(self.data, self.key) if self.key else self.data
        return data.decode() if self.opcode is Opcode.TEXT else data


class WebSocketSplitter:
    """`masked` says whether the far end must mask, that is, whether it is the client.

    `largest` is the longest message in bytes taken out; a longer one is left to be refused.
    Holds back at most one frame of that length.
    """

    __slots__ = (
        "_fragmented",
        "_held",
        "_in_head",
        "_largest",
        "_masked",
        "_missing",
        "_pass_on",
        "broken",
    )

    def __init__(self, *, masked: bool, largest: int) -> None:
        self.broken = False
        """Whether the far end sent a frame that RFC 6455 or `largest` forbids."""
        self._masked = masked
        self._largest = largest
        self._in_head = True
        self._fragmented = False
        self._pass_on = 0  # bytes still to go on unread
        self._held = bytearray()
        self._missing = 0  # bytes without which there is no use in looking at what is held

    def push(self, data: bytes) -> tuple[list[DataFrame], bytes]:
        """Return the data frames completed by `data` and the bytes for trio-websocket."""
        if self._held:
            self._held += data
            self._missing -= len(data)
            if self._missing > 0:
                return [], b""
            data = bytes(self._held)
            self._held.clear()
        self._missing = 0
        frames: list[DataFrame] = []
        rest: list[bytes] = []
        at = self._skip_head(data) if self._in_head else 0
        if at:
            rest.append(data[:at])
        while at < len(data) and not self._missing:
            whole = self._take_whole(data, at, frames) if not self._pass_on else at
            if whole > at:
                at = whole
            elif self._pass_on:
                step = min(self._pass_on, len(data) - at)
                rest.append(data[at : at + step])
                self._pass_on -= step
                at += step
            else:
                at += self._next_frame(data, at, frames)
        if self._missing:
            self._held += data[at:]
        return frames, b"".join(rest)

    def _take_whole(self, data: bytes, at: int, frames: list[DataFrame]) -> int:
        """Take data frames that are all there, and return where the first other byte is.

        Nearly all that comes is these; `_next_frame` knows the rest and takes four times as long.
        """
        if self._fragmented or self._in_head:
            return at
        end, largest = len(data), self._largest
        mask_bit, key_size = (_MASKED, 4) if self._masked else (0, 0)
        while at + _LONGEST_SHORT_HEADER <= end:
            opcode = _DATA.get(data[at])
            length = data[at + 1] ^ mask_bit  # 127 and more: long, or masked otherwise
            body = at + 2 + key_size
            if length == 126:
                length = data[at + 2] << 8 | data[at + 3]
                body += 2
            elif length > 126:
                return at
            if opcode is None or length > largest or body + length > end:
                return at
            key = data[body - 4 : body] if key_size else None
            at = body + length
            frames.append(DataFrame(opcode, data[body:at], key))
        return at

    def _skip_head(self, data: bytes) -> int:
        """Return where the HTTP head ends, or may begin to end while that is not known."""
        end = data.find(_HEAD_END)
        if end >= 0:
            self._in_head = False
            return end + len(_HEAD_END)
        for keep in (3, 2, 1):
            if data.endswith(_HEAD_END[:keep]):
                self._missing = 1
                return len(data) - keep
        return len(data)

    def _next_frame(self, data: bytes, at: int, frames: list[DataFrame]) -> int:
        """Take one data frame and return its size; 0 to pass something on or to wait for more."""
        available = len(data) - at
        size, length = _header(data, at)
        if available < size:
            self._missing = size - available
            return 0
        first = data[at]
        self.broken = self._is_malformed(first, data[at + 1], length)
        if self.broken or first & 0x0F == Opcode.CLOSE:
            self._pass_on = _EVERYTHING  # trio-websocket ends the connection over it
            return 0
        opcode = _DATA.get(first)
        if opcode is None:
            if first & 0x0F < Opcode.CLOSE:  # control frames may stand between fragments
                self._fragmented = first < _FINAL
            self._pass_on = size + length
            return 0
        if available < size + length:
            self._missing = size + length - available
            return 0
        body = at + size
        key = data[body - 4 : body] if self._masked else None
        frames.append(DataFrame(opcode, data[body : body + length], key))
        return size + length

    def _is_malformed(self, first: int, second: int, length: int) -> bool:
        opcode = first & 0x0F
        if opcode >= Opcode.CLOSE:
            wrong = opcode > Opcode.PONG or first < _FINAL or length > _LONGEST_CONTROL
        else:
            out_of_turn = (opcode == Opcode.CONTINUATION) is not self._fragmented
            wrong = opcode > Opcode.BINARY or out_of_turn or length > self._largest
        return wrong or first & _RESERVED != 0 or bool(second & _MASKED) is not self._masked


def _header(data: bytes, at: int) -> tuple[int, int]:
    """Return the size of the header at `at`, mask key included, and the length of its payload.

    While the header is incomplete, the size is a lower bound beyond the data, and the length
    means nothing.
    """
    if len(data) - at < 2:
        return 2, 0
    size, length = 2, data[at + 1] & 0x7F
    if length >= 126:
        size = 4 if length == 126 else 10
        length = int.from_bytes(data[at + 2 : at + size], "big")
    return size + 4 if data[at + 1] & _MASKED else size, length
