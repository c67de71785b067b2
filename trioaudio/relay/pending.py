"""What an application has sent and nobody has obeyed yet: bounded, tokens put together.

The socket is read though text is held back: an unread WebSocket answers no pings, and many
servers drop a peer that does not. Only past these bounds is it left unread.
"""

from __future__ import annotations

from collections import deque
from typing import Final

import attrs
import trio

from trioaudio.relay.messages import ApplicationMessage, TextMessage

MOST_MESSAGES: Final = 1000
MOST_CHARACTERS: Final = 200_000
"""Of text: some four hours of speech."""
MOST_AT_ONCE: Final = 2000
"""Characters that tokens are put together to."""
STREAM_GAP_S: Final = 0.5
"""Tokens that follow each other within this time belong to one stream of them; a guess."""


@attrs.frozen
class Arrived:
    """A message, and when it came: the first and the last of it, on Trio's clock."""

    message: ApplicationMessage
    at: float
    until: float


@attrs.define(eq=False)
class Pending:
    """A queue between one task that puts and one that takes."""

    _waiting: deque[Arrived] = attrs.field(factory=deque)
    _characters: int = 0
    _came: trio.Event = attrs.field(factory=trio.Event)
    _left: trio.Event = attrs.field(factory=trio.Event)

    def __len__(self) -> int:
        """Count the messages, tokens that were put together as one."""
        return len(self._waiting)

    @property
    def full(self) -> bool:
        """Whether `put` would wait."""
        return len(self._waiting) >= MOST_MESSAGES or self._characters >= MOST_CHARACTERS

    async def put(self, message: ApplicationMessage, now: float) -> None:
        """Add a message at the end; waits while there is too much."""
        while self.full:
            self._left = trio.Event()
            await self._left.wait()
        await trio.lowlevel.checkpoint()
        self._characters += _characters(message)
        last = self._waiting[-1] if self._waiting else None
        joined = None if last is None else _joined(last, message, now)
        if joined is None:
            self._waiting.append(Arrived(message, now, now))
        else:
            self._waiting[-1] = joined
        self._came.set()

    def overtake(self, message: ApplicationMessage, now: float) -> None:
        """Have a message obeyed next, and nothing that waits."""
        self._waiting.clear()
        self._characters = _characters(message)
        self._waiting.append(Arrived(message, now, now))
        self._came.set()

    async def wait(self) -> None:
        """Wait until there is a message to take."""
        while not self._waiting:
            self._came = trio.Event()
            await self._came.wait()
        await trio.lowlevel.checkpoint()

    def take_nowait(self) -> Arrived:
        """Return the next message; there must be one."""
        arrived = self._waiting.popleft()
        self._characters -= _characters(arrived.message)
        self._left.set()
        return arrived


def _characters(message: ApplicationMessage) -> int:
    return len(message.token) if isinstance(message, TextMessage) else 0


def _joined(before: Arrived, message: ApplicationMessage, now: float) -> Arrived | None:
    """Put a token behind another one of its kind; None when they do not belong together."""
    text = before.message
    if (
        not isinstance(text, TextMessage)
        or not isinstance(message, TextMessage)
        or text.last
        or now - before.until >= STREAM_GAP_S
        or len(text.token) + len(message.token) > MOST_AT_ONCE
        or (text.interruptible, text.preemptible, text.lang)
        != (message.interruptible, message.preemptible, message.lang)
    ):
        return None
    joined = TextMessage(
        token=text.token + message.token,
        last=message.last,
        interruptible=text.interruptible,
        preemptible=text.preemptible,
        lang=text.lang,
    )
    return Arrived(joined, before.at, now)
