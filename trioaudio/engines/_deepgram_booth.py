"""One Deepgram socket: it speaks one clause at a time, and forgets a cancelled one before the next.

The service does a limited number of Flushes in a minute and leaves further ones undone, so they
are counted: the socket with the most left is used first, and one that has none is given to nobody.
https://developers.deepgram.com/docs/tts-ws-flush and .../tts-ws-clear
"""

from __future__ import annotations

from collections import deque

import attrs

from trioaudio.core.errors import EngineError
from trioaudio.engines import _deepgram_messages as said
from trioaudio.engines._deepgram_messages import Sign
from trioaudio.engines._deepgram_utterance import Utterance
from trioaudio.engines._seat_pool import Outbox

_WINDOW_S = 60.0


@attrs.define(eq=False)
class FlushBudget:
    """How many Flushes a socket has left in this minute."""

    most: int
    _times: deque[float] = attrs.field(factory=deque)

    def left(self, now: float) -> int:
        """Return how many may be sent now."""
        while self._times and now - self._times[0] >= _WINDOW_S:
            self._times.popleft()
        return self.most - len(self._times)

    def spend(self, now: float) -> None:
        """Count one."""
        self._times.append(now)


class Booth:
    """What is said over one socket."""

    def __init__(self, outbox: Outbox, flushes_per_minute: int, clear_s: float) -> None:
        self._outbox = outbox
        self._budget = FlushBudget(flushes_per_minute)
        self._clear_s = clear_s
        self._guest: Utterance | None = None
        self._clearing_since: float | None = None
        self._over = False
        self._is_asked = False  # whether a Flush is still to be answered

    def places(self, now: float) -> int:
        """Return the Flushes left, if anybody may be seated."""
        if self._guest is not None or self._clearing_since is not None:
            return 0
        return self._budget.left(now)

    def guests(self) -> list[Utterance]:
        """Return who is seated."""
        return [] if self._guest is None else [self._guest]

    def is_over(self) -> bool:
        """Say whether what comes cannot be told apart any more, or a Flush was left undone."""
        return self._over

    def is_quiet(self) -> bool:
        """Say whether nobody is seated, and nothing is waited for."""
        return self._guest is None and (self._over or self._clearing_since is None)

    def seat(self, guest: Utterance, now: float) -> None:
        """Let a guest have the socket, and its clause spoken."""
        self._guest = guest
        clause = guest.seated(now)
        if clause is not None:
            self._outbox.put(said.speak(clause))
            self._outbox.put(said.FLUSH)
            self._budget.spend(now)
            self._is_asked = True

    def leave(self, guest: Utterance, now: float) -> None:
        """Have the service forget what the guest asked for, if that is not complete."""
        if guest is not self._guest:
            return
        self._guest = None
        if self._is_asked and not self._over:
            self._outbox.put(said.CLEAR)
            self._clearing_since = now
        self._is_asked = False

    def take(self, message: str | bytes, now: float) -> None:
        """Take what the service says. EngineError: the socket is of no more use."""
        reply = said.read_reply(message)
        if reply.sign is Sign.CLEARED:
            self._clearing_since = None
            return
        if self._clearing_since is not None or self._guest is None:
            return  # of what was cancelled
        guest = self._guest
        try:
            self._hear(guest, reply, now)
        except EngineError as exc:
            self._over = True  # nobody knows what else will come
            guest.fail(exc)

    def _hear(self, guest: Utterance, reply: said.Reply, now: float) -> None:
        if reply.audio:
            guest.take(reply.audio, now)
        elif reply.sign is Sign.FLUSHED:
            self._is_asked = False
            guest.flushed()
        elif reply.sign is Sign.UNFLUSHED:
            self._over = True
            guest.unflushed()

    def tick(self, now: float) -> None:
        """Give up on a Clear that is not answered."""
        since = self._clearing_since
        self._over |= since is not None and now - since >= self._clear_s

    def explain(self, error: EngineError) -> EngineError:
        """Return what the end of the connection means."""
        return said.explain(error)
