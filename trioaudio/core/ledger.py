"""What became of every frame: `framed == queued + sent + flushed`, no term negative, ever."""

from __future__ import annotations

import attrs

from trioaudio.core.errors import LocalProtocolError


@attrs.frozen
class LedgerStatistics:
    """A snapshot of the ledger, in frames."""

    framed: int
    queued: int
    sent: int
    flushed: int
    expired: int
    """Of the flushed, those dropped because they were too old after a lost connection."""
    recalled: int = 0
    """Of the framed, those that had been sent before, and were not heard."""


@attrs.define(eq=False)
class Ledger:
    """Counts frames of speech of one call, over all its legs.

    Count at the synchronous moment: `frame` before the await that queues them, `send` when the
    socket has taken them, `flush` when they are dropped. Idle filler is not speech and is not
    counted here.
    """

    framed: int = 0
    sent: int = 0
    flushed: int = 0
    expired: int = 0
    recalled: int = 0

    @property
    def queued(self) -> int:
        """Frames neither sent nor dropped yet."""
        return self.framed - self.sent - self.flushed

    def frame(self, frames: int) -> None:
        """Count `frames` frames that framing made."""
        if frames < 0:
            raise LocalProtocolError(f"framed {frames} frames")
        self.framed += frames

    def send(self, frames: int) -> None:
        """Count `frames` frames the socket took; LocalProtocolError if fewer were queued."""
        if not 0 <= frames <= self.framed - self.sent - self.flushed:  # once a frame: no calls
            self._check_queued("sent", frames)
        self.sent += frames

    def recall(self, frames: int) -> None:
        """Count `frames` frames that were sent and not heard as framed once more."""
        self.frame(frames)
        self.recalled += frames

    def flush(self, frames: int, *, expired: bool = False) -> None:
        """Count `frames` frames dropped unsent; LocalProtocolError if fewer were queued."""
        self._check_queued("flushed", frames)
        self.flushed += frames
        if expired:
            self.expired += frames

    def statistics(self) -> LedgerStatistics:
        """Return a snapshot of the counts."""
        return LedgerStatistics(
            framed=self.framed,
            queued=self.queued,
            sent=self.sent,
            flushed=self.flushed,
            expired=self.expired,
            recalled=self.recalled,
        )

    def _check_queued(self, done: str, frames: int) -> None:
        if not 0 <= frames <= self.queued:
            raise LocalProtocolError(f"{done} {frames} frames out of {self.statistics()}")
