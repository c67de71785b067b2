"""One context of Cartesia: what text it is given, when that is spoken, and when it is over.

Computes and never waits: the time is an argument. Text is joined verbatim and kept back until
the buffer delay is over, a flush or the last input comes, or there is plenty of it. A context
whose audio has been quiet for a second is expired.
https://docs.cartesia.ai/use-the-api/tts-websocket/contexts
"""

from __future__ import annotations

from collections import deque

import attrs

from trioaudio.simulators.services.cartesia_requests import (
    DEFAULT_BUFFER_DELAY,
    Generation,
    RefusedError,
)

EXPIRY_SECONDS = 1.0
ENOUGH_CHARACTERS = 200
"""Buffered text that is spoken without waiting for more; the real number is not documented."""
MOST_CHARACTERS = 50_000
"""Waiting to be spoken in one context."""


@attrs.frozen
class Piece:
    """Text to speak in one go; may be empty where only a flush is to be confirmed."""

    text: str
    flush_id: int
    ends_flush: bool


@attrs.define(eq=False)
class Context:
    """One context; `take` what the client sends, speak `next_piece`, and say when it `spoke`."""

    first: Generation
    default_delay: float = DEFAULT_BUFFER_DELAY
    ended: bool = False
    """No more input will come."""
    cancelled: bool = False
    speaking: bool = False
    _pieces: deque[Piece] = attrs.field(factory=deque)
    _buffer: str = ""
    _buffered_at: float = 0.0
    _flush_id: int = 1
    _quiet_since: float | None = None

    @property
    def ident(self) -> str:
        """Its id."""
        return self.first.context_id or ""

    @property
    def _delay(self) -> float:
        delay = self.first.buffer_delay
        return self.default_delay if delay is None else delay

    def take(self, request: Generation, now: float) -> None:
        """Take input, the first one included. RefusedError, after which the context is over."""
        if self.ended or self.expired(now):
            raise self._refused("Context has closed")
        # The official client ends a context with an empty transcript, and defaults for the rest.
        only_ends = not request.transcript and not request.continues
        if request.locked != self.first.locked and not only_ends:
            raise self._refused("only transcript, continue and flush may change within a context")
        waiting = len(self._buffer) + sum(len(each.text) for each in self._pieces)
        if waiting + len(request.transcript) > MOST_CHARACTERS:
            raise self._refused(f"more than {MOST_CHARACTERS} characters wait to be spoken")
        if not self._buffer:
            self._buffered_at = now
        self._buffer += request.transcript
        self.ended = not request.continues
        each_is_flushed = self._delay == 0 and bool(request.transcript)
        if request.flush or each_is_flushed:
            self._cut(ends_flush=True)
        elif self.ended or len(self._buffer) >= ENOUGH_CHARACTERS:
            self._cut(ends_flush=False)

    def cancel(self) -> None:
        """Forget what has not been begun; what is being spoken goes on to its end."""
        self.cancelled = self.ended = True
        self._pieces.clear()
        self._buffer = ""

    def next_piece(self, now: float) -> Piece | None:
        """Return what is to be spoken now; `spoke` must follow."""
        if not self._pieces and self._buffer and now >= self._buffered_at + self._delay:
            self._cut(ends_flush=False)
        if not self._pieces:
            return None
        self.speaking = True
        self._quiet_since = None
        return self._pieces.popleft()

    def spoke(self, now: float) -> None:
        """Note that all audio of the piece has been sent."""
        self.speaking = False
        self._quiet_since = now

    @property
    def done(self) -> bool:
        """Whether everything has been spoken and nothing more can come."""
        return self.ended and not self.speaking and not self._pieces and not self._buffer

    @property
    def wake_at(self) -> float | None:
        """When something happens without any input: buffered text is due, or it expires."""
        if self._buffer:
            return self._buffered_at + self._delay
        if self._quiet_since is None or self._pieces:
            return None
        return self._quiet_since + EXPIRY_SECONDS

    def expired(self, now: float) -> bool:
        """Say whether its last audio was too long ago."""
        waiting = bool(self._buffer or self._pieces)
        if waiting or self._quiet_since is None:
            return False
        return now >= self._quiet_since + EXPIRY_SECONDS

    def _cut(self, *, ends_flush: bool) -> None:
        if self._buffer or ends_flush:
            self._pieces.append(Piece(self._buffer, self._flush_id, ends_flush))
        self._buffer = ""
        self._flush_id += int(ends_flush)

    def _refused(self, message: str) -> RefusedError:
        return RefusedError(400, "Bad Request", message, context_id=self.ident)
