"""One context of ElevenLabs: what text it is given, and when that is spoken.

Computes and never waits. Text is kept until there is as much as the chunk length schedule wants,
unless it is flushed, its context is closed, or the automatic mode speaks it as it comes.
"""

from __future__ import annotations

from collections import deque

import attrs

from trioaudio.core.text import speakable
from trioaudio.simulators.services.elevenlabs_requests import RefusedError, Said

MOST_CHARACTERS = 50_000
"""Waiting to be spoken in one context."""


@attrs.define(eq=False)
class Context:
    """One context; `take` what the client sends, and speak `next_piece`."""

    ident: str | None
    auto_mode: bool
    schedule: tuple[int, ...]
    is_closed: bool = False
    _buffer: str = ""
    _pieces: deque[str] = attrs.field(factory=deque)
    _spoken: int = 0

    def take(self, said: Said) -> None:
        """Take a message; RefusedError."""
        if self.is_closed:
            return
        self._buffer += said.text or ""
        if len(self._buffer) + sum(map(len, self._pieces)) > MOST_CHARACTERS:
            raise RefusedError(400, "text_too_long", "too much text is waiting to be spoken")
        wanted = self.schedule[min(self._spoken, len(self.schedule) - 1)]
        at_once = said.flush or said.closes or (self.auto_mode and self._buffer.endswith(" "))
        if at_once or len(self._buffer) >= wanted:
            self._release()
        self.is_closed = said.closes

    def _release(self) -> None:
        if speakable(self._buffer):
            self._pieces.append(self._buffer)
            self._spoken += 1
            self._buffer = ""

    def next_piece(self) -> str | None:
        """Return what is to be spoken next; None when there is nothing for now."""
        return self._pieces.popleft() if self._pieces else None

    @property
    def is_done(self) -> bool:
        """Whether all was spoken and no more can come."""
        return self.is_closed and not self._pieces
