"""When a frame is due: the arithmetic of one leg's playout, without looking at any clock.

`due(n) = epoch + n * ptime` is when the callee must get frame n; it is sent a *lead* earlier,
`send_at = due - lead`. Deadlines are products of the epoch, never sums of sleeps, so nothing
accumulates and drift is zero by construction. Three things can go wrong, and each has one name:

* *late*: sent after it could have been sent: `max(send_at, ready_at)`, and never before the
  schedule it belongs to was made. Our fault. The schedule does not move; the frames after it
  catch up within the lead.
* *underrun*: it was not ready when due. The engine's fault. The callee hears a gap of known
  length, and the epoch moves by exactly that gap.
* *resync*: it was ready, yet it is past due by more than three ptime (the loop stalled, the
  machine slept). The epoch moves once, so that this frame is due now, and is counted; the lead
  is then refilled as at a talkspurt's start, never more: a burst is worse than the gap.

All times are seconds on Trio's clock.
"""

from __future__ import annotations

import attrs

RESYNC_AFTER_FRAMES = 3
# Two floats for the same instant may differ in the last bits; a microsecond is no underrun.
SAME_INSTANT = 1e-6


@attrs.frozen
class PlayoutStatistics:
    """What a playout clock has counted so far."""

    frames: int
    """Frames sent since the clock was made, over all talkspurts."""
    talkspurts: int
    underruns: int
    underrun_seconds: float
    """Sum of the gaps the callee heard because the engine was too slow."""
    longest_underrun_seconds: float
    resyncs: int


@attrs.define(eq=False)
class PlayoutClock:
    """The schedule of one leg; `ptime` and `lead` in seconds.

    `start` begins a talkspurt; `send_at` and `due` speak of the next frame; `tick` accounts
    for a frame that was just sent.
    """

    ptime: float
    lead: float
    epoch: float = 0.0
    heard_until: float = 0.0
    """When the carrier, playing at its own rate, will have played all it was sent."""
    frames: int = 0
    talkspurts: int = 0
    underruns: int = 0
    underrun_seconds: float = 0.0
    longest_underrun_seconds: float = 0.0
    resyncs: int = 0
    moved: float = 0.0
    """Seconds the last tick moved the schedule by; 0 unless it was an underrun or a resync."""
    resynced: bool = False
    """Whether it was a resync."""
    _n: int = 0
    _made_at: float = 0.0  # when the schedule in force was made: nothing could go before that

    def start(self, now: float) -> None:
        """Begin a talkspurt.

        Its first frame is due now, so it and up to lead/ptime more go at once.
        """
        self.epoch = self._made_at = now
        self._n = 0
        self.talkspurts += 1

    @property
    def due(self) -> float:
        """When the next frame must be with the callee."""
        return self.epoch + self._n * self.ptime

    @property
    def send_at(self) -> float:
        """When the next frame is to be sent, a lead before it is due."""
        return self.epoch + self._n * self.ptime - self.lead

    def tick(self, now: float, ready_at: float, frames: int = 1) -> float:
        """Account for `frames` frames sent together at `now`; return their lateness in seconds.

        `ready_at` is when framing had them ready. Lateness is negative by at most the pacer's
        `early` when they went a moment before their time.
        """
        due = self.epoch + self._n * self.ptime
        lateness = now - max(due - self.lead, ready_at, self._made_at)
        self.moved = 0.0
        gap = ready_at - due
        if gap > SAME_INSTANT:
            self.moved, self.resynced = gap, False
            self.epoch += gap
            self.underruns += 1
            self.underrun_seconds += gap
            self.longest_underrun_seconds = max(self.longest_underrun_seconds, gap)
        elif now - due > RESYNC_AFTER_FRAMES * self.ptime + SAME_INSTANT:
            self.moved, self.resynced = now - due, True
            self.epoch += now - due
            self._made_at = now
            self.resyncs += 1
        self._n += frames
        self.frames += frames
        self.heard_until = max(self.heard_until, now) + frames * self.ptime
        return lateness

    def statistics(self) -> PlayoutStatistics:
        """Return a snapshot of the counts."""
        return PlayoutStatistics(
            frames=self.frames,
            talkspurts=self.talkspurts,
            underruns=self.underruns,
            underrun_seconds=self.underrun_seconds,
            longest_underrun_seconds=self.longest_underrun_seconds,
            resyncs=self.resyncs,
        )
