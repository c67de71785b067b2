"""Part a received byte stream into media messages and everything else, without waiting.

trio-websocket costs some 85 µs a message; most messages are caller audio nobody listens to. So
complete unfragmented data frames are taken out of the stream here and every other byte — the
HTTP head, pings, closes, fragments, whatever is malformed — goes on to trio-websocket unchanged
and in order. It follows the stream from its first byte, so there is no moment of switching over.
Valid because trio-websocket negotiates no extensions: frames with reserved bits are passed on
and refused there, as are unmasked frames from a client and frames over `largest`.
"""

from __future__ import annotations

import attrs

from trioaudio.core.websocket_frame import Opcode, mask

_HEAD_END = b"\r\n\r\n"


@attrs.define(eq=False)
class DataFrame:
    """A complete data frame, still masked; unmask as much as is wanted."""

    opcode: Opcode
    data: bytes
    key: bytes | None

    def start(self, length: int) -> bytes:
        """Return the first `length` bytes of the message."""
        part = self.data[:length]
        return mask(part, self.key) if self.key else part

    def message(self) -> str | bytes:
        """Return the whole message; UnicodeDecodeError if text is not UTF-8."""
        data = mask(self.data, self.key) if self.key else self.data
        return data.decode() if self.opcode is Opcode.TEXT else data


class WebSocketSplitter:
    """`masked` says whether the far end must mask, that is, whether it is the client.

    `largest` is the longest message in bytes taken out; a longer one is left to be refused.
    """

    def __init__(self, *, masked: bool, largest: int) -> None:
        self._masked = masked
        self._largest = largest
        self._in_head = True
        self._fragmented = False
        self._pass_on = 0  # bytes of the current frame still to go on unread
        self._given_up = False
        self._held = b""

    def push(self, data: bytes) -> tuple[list[DataFrame], bytes]:
        """Return the data frames completed by `data` and the bytes for trio-websocket."""
        frames: list[DataFrame] = []
        rest: list[bytes] = []
        if self._held:
            data = self._held + data
            self._held = b""
        at = 0
        if self._in_head:
            at = self._skip_head(data)
            if at == 0:
                return [], self._take_head(data)
            rest.append(data[:at])
        while at < len(data):
            if self._given_up:
                rest.append(data[at:])
                break
            if self._pass_on:
                step = min(self._pass_on, len(data) - at)
                rest.append(data[at : at + step])
                self._pass_on -= step
                at += step
                continue
            taken = self._next_frame(data, at, frames)
            if taken is None:
                self._held = data[at:]
                break
            at += taken
        return frames, b"".join(rest)

    def _skip_head(self, data: bytes) -> int:
        """Return where frames begin; 0 while the HTTP head goes on."""
        end = data.find(_HEAD_END)
        if end < 0:
            return 0
        self._in_head = False
        return end + len(_HEAD_END)

    def _take_head(self, data: bytes) -> bytes:
        """Pass on a part of the head, except a possible beginning of its end."""
        for keep in (3, 2, 1):
            if data.endswith(_HEAD_END[:keep]):
                self._held = data[-keep:]
                return data[:-keep]
        return data

    def _next_frame(self, data: bytes, at: int, frames: list[DataFrame]) -> int | None:
        """Take one data frame, or set how much to pass on; None when more bytes are needed."""
        if len(data) - at < 2:
            return None
        first, second = data[at], data[at + 1]
        length = second & 0x7F
        head = 2
        if length >= 126:
            head = 4 if length == 126 else 10
            if len(data) - at < head:
                return None
            length = int.from_bytes(data[at + 2 : at + head], "big")
        masked = bool(second & 0x80)
        if masked:
            head += 4
        opcode = first & 0x0F
        if masked != self._masked or first & 0x70 or length > self._largest:
            # Malformed, or too long: trio-websocket will end the connection over it.
            self._given_up = True
            return 0
        if opcode >= Opcode.CLOSE:
            self._pass_on = head + length
            return 0
        if self._fragmented or first < 0x80 or opcode == Opcode.CONTINUATION:
            self._fragmented = first < 0x80
            self._pass_on = head + length
            return 0
        if len(data) - at < head + length:
            return None
        body = at + head
        key = data[body - 4 : body] if masked else None
        if opcode not in (Opcode.TEXT, Opcode.BINARY):
            self._given_up = True
            return 0
        frames.append(DataFrame(Opcode(opcode), data[body : body + length], key))
        return head + length
