"""Reads a request's body, as much of it as is allowed."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeAlias

import attrs
import trio

from trioaudio.control.problems import ProblemError

Receive: TypeAlias = Callable[[], Awaitable[Any]]
"""ASGI's: returns the next message, a mapping."""
PASSED_OVER_BYTES: Final = 64 * 1024 * 1024
PASSED_OVER_S: Final = 10.0
WHOLE_S: Final = 60.0
"""How long a body may take to come."""


class AskerGoneError(Exception):
    """There is nobody left to answer."""


@attrs.define(eq=False)
class HttpBody:
    """A body that arrives. What is unwanted is passed over: most clients read when all is sent."""

    receive: Receive
    whole: bool = False

    async def read(self, most: int) -> bytes:
        """Return it; ProblemError 413, longer than `most`, or 408; AskerGoneError."""
        parts: list[bytes] = []
        size = 0
        with trio.move_on_after(WHOLE_S):
            while not self.whole:
                part = await self._next()
                size += len(part)
                if size > most:
                    raise ProblemError("too-large", f"the body has more than {most} bytes")
                parts.append(part)
        if not self.whole:
            raise ProblemError("slow", f"the body was not there within {WHOLE_S:g} s")
        return b"".join(parts)

    async def pass_over(self) -> bool:
        """Read to the end without keeping anything, within bounds; say whether that was the end."""
        size = 0
        with trio.move_on_after(PASSED_OVER_S):
            while not self.whole and size <= PASSED_OVER_BYTES:
                size += len(await self._next())
        return self.whole

    async def _next(self) -> bytes:
        message = await self.receive()
        if message["type"] != "http.request":
            raise AskerGoneError
        self.whole = not message.get("more_body", False)
        return bytes(message.get("body", b""))
