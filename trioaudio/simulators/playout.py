"""What the callee hears: a carrier's playout of what it is sent, without looking at any clock.

Time is an argument, and position is counted in samples of one line that begins with the first
audio. Played audio and the silence of gaps go to a `Hearer` in order; only what is not yet
played is kept. Audio that finds nothing playing is held back by `delay`, as a jitter buffer
does, so that a gap in what is heard is exactly the gap in what was sent: a gateway hands audio
on in ticks of its own and has always some in hand.
"""

from __future__ import annotations

import math
from typing import Protocol

import attrs

from trioaudio.core.pcm import SAMPLE_BYTES

TALKSPURT_GAP = 1.0
"""Seconds without audio that end a talkspurt: after them running dry is no fault."""
# Two floats for the same instant may differ by less than a thousandth of a sample.
_SAME_SAMPLE = 1e-3


class Hearer(Protocol):
    """Where playout goes, in order and without holes."""

    def hear(self, pcm: bytes) -> None:
        """Take audio that was played."""
        ...

    def hear_silence(self, samples: int) -> None:
        """Take a gap."""
        ...


@attrs.frozen
class PlayoutStatistics:
    """What a playout has counted so far, in samples."""

    played: int
    dropped: int
    waiting: int
    dry_count: int
    """How often it ran dry within a talkspurt."""
    dry: int


@attrs.define(eq=False)
class Playout:
    """One callee's line at `sample_rate` Hz; `cuts` says that new audio drops what is waiting."""

    sample_rate: int
    hearer: Hearer
    cuts: bool = False
    delay: float = 0.0
    _waiting: bytearray = attrs.field(factory=bytearray)
    _begun: bool = False
    _origin: float = 0.0
    _position: int = 0
    _paused: bool = False
    _in_talkspurt: bool = False
    _played: int = 0
    _dropped: int = 0
    _dry_count: int = 0
    _dry: int = 0

    def put(self, now: float, pcm: bytes) -> None:
        """Take audio, whole samples, that arrived at `now`."""
        self.advance(now)
        if self.cuts:
            self._drop()
        if not self._begun:
            self._begun = True
            self._origin = now + self.delay
        elif not self._waiting and not self._paused and self._sample_at(now) > self._position:
            self._fall_silent(now + self.delay)
        self._in_talkspurt = True
        self._waiting += pcm

    def advance(self, now: float) -> None:
        """Play what is due by `now`."""
        if not self._waiting or self._paused:
            return
        due = self._sample_at(now) - self._position
        if due <= 0:
            return
        pcm = bytes(self._waiting[: due * SAMPLE_BYTES])
        del self._waiting[: len(pcm)]
        samples = len(pcm) // SAMPLE_BYTES
        self._position += samples
        self._played += samples
        self.hearer.hear(pcm)

    def clear(self, now: float) -> None:
        """Drop what is not played; the talkspurt is over, and so is a pause."""
        self.advance(now)
        self._drop()
        self._in_talkspurt = False
        self._paused = False

    def pause(self, now: float) -> None:
        """Hold what is waiting."""
        self.advance(now)
        self._paused = True

    def resume(self, now: float) -> None:
        """Go on after `pause`; the silence in between is nobody's fault."""
        if not self._paused:
            return
        self._paused = False
        self._in_talkspurt = False
        if self._waiting:
            self._fall_silent(now)
            self._in_talkspurt = True

    def finish(self, now: float) -> None:
        """End the line: what is due is played, what is not is dropped."""
        self.advance(now)
        self._drop()

    def statistics(self) -> PlayoutStatistics:
        """Return a snapshot of the counts."""
        return PlayoutStatistics(
            played=self._played,
            dropped=self._dropped,
            waiting=len(self._waiting) // SAMPLE_BYTES,
            dry_count=self._dry_count,
            dry=self._dry,
        )

    def _fall_silent(self, until: float) -> None:
        """Bring the line up to where audio goes on."""
        gap = self._sample_at(until) - self._position
        if gap <= 0:
            return
        if self._in_talkspurt and gap <= TALKSPURT_GAP * self.sample_rate:
            self._dry_count += 1
            self._dry += gap
        self._position += gap
        self.hearer.hear_silence(gap)

    def _drop(self) -> None:
        self._dropped += len(self._waiting) // SAMPLE_BYTES
        self._waiting.clear()

    def _sample_at(self, at: float) -> int:
        return math.floor((at - self._origin) * self.sample_rate + _SAME_SAMPLE)
