"""What goes out on a stream. The connection bounds how long a send may take, and then breaks."""

from __future__ import annotations

import enum
from collections.abc import Awaitable, Callable
from typing import Any, Final

import attrs
import msgspec
import trio

from trioaudio.api.encoding import encode

_LAST_WORD_S: Final = 1.0
_LONGEST_REASON: Final = 120  # bytes; a close frame holds 123


class StreamClosedError(Exception):
    """The far end closed the stream, or is gone."""


class CloseCode(enum.IntEnum):
    """Why a stream ends: https://www.iana.org/assignments/websocket/websocket.xhtml."""

    NORMAL = 1000
    GOING_AWAY = 1001
    POLICY = 1008
    TRY_AGAIN_LATER = 1013


@attrs.define(eq=False)
class StreamOut:
    """Sends messages to one client."""

    _send: Callable[[Any], Awaitable[None]]

    async def tell(self, message: msgspec.Struct) -> None:
        """Send a struct as a text message."""
        await self.tell_text(encode(message).decode())

    async def tell_text(self, text: str) -> None:
        """Send a text message."""
        await self._send({"type": "websocket.send", "text": text})

    async def hand_over(self, frame: bytes) -> None:
        """Send a binary message."""
        await self._send({"type": "websocket.send", "bytes": frame})

    async def try_to_send(self, message: msgspec.Struct) -> None:
        """Send a last message, unless that takes long."""
        with trio.move_on_after(_LAST_WORD_S, shield=True):
            await self.tell(message)

    async def close(self, code: CloseCode, reason: str) -> None:
        """Say goodbye."""
        short = reason.encode(errors="replace")[:_LONGEST_REASON].decode(errors="ignore")
        await self._send({"type": "websocket.close", "code": int(code), "reason": short})
