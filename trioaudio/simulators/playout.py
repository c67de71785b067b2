"""What the callee hears: a carrier's playout of what it is sent, without looking at any clock.

Time is an argument, and position is counted in samples of one line that begins with the first
audio. Played audio and the silence of gaps go to a `Hearer` in order; only what is not yet
played is kept. Audio that finds nothing playing is held back by `delay`, as a jitter buffer
does, so that a gap in what is heard is exactly the gap in what was sent: a gateway hands audio
on in ticks of its own and has always some in hand.

Marks ride the queue: each is due when all audio that entered before it has been played, and a
clear takes those that wait along with the audio they wait for.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from typing import Protocol

import attrs

from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.simulators.depth import BufferDepth

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

    def finish(self) -> None:
        """Expect nothing more."""
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
    """One callee's line at `sample_rate` Hz."""

    sample_rate: int
    hearer: Hearer
    delay: float = 0.0
    depth: BufferDepth = attrs.field(factory=BufferDepth)
    drained: bool = False
    """Whether the last audio that waited has been played since `collect` was called."""
    _waiting: bytearray = attrs.field(factory=bytearray)
    _marks: deque[tuple[int, str]] = attrs.field(factory=deque)
    """Name, and the number of samples that have to leave the queue before."""
    _due: list[str] = attrs.field(factory=list)
    _left: int = 0
    """Samples that ever left the queue, played or dropped."""
    _begun: bool = False
    _origin: float = 0.0
    _position: int = 0
    _paused: bool = False
    _in_talkspurt: bool = False
    _played: int = 0
    _dropped: int = 0
    _dry_count: int = 0
    _dry: int = 0

    @property
    def waiting(self) -> int:
        """Samples not played yet."""
        return len(self._waiting) // SAMPLE_BYTES

    def put(self, now: float, pcm: bytes, *, cuts: bool = False) -> None:
        """Take audio, whole samples, that arrived at `now`; `cuts` drops what is waiting."""
        self.advance(now)
        if cuts:
            self._drop()
        delay = 0.0 if cuts else self.delay
        if not self._begun:
            self._begun = True
            self._origin = now + delay
            self.depth.begin(now)
        elif not self._waiting and not self._paused and self._sample_at(now) > self._position:
            self._fall_silent(now + delay)
        self._in_talkspurt = True
        self._waiting += pcm
        self.depth.reach(self.waiting * 1000 // self.sample_rate)

    def mark(self, now: float, name: str) -> None:
        """Take a mark; it is due at once if nothing waits."""
        self.advance(now)
        if self._waiting:
            self._marks.append((self._left + self.waiting, name))
        else:
            self._due.append(name)

    def advance(self, now: float) -> None:
        """Play what is due by `now`."""
        if self.depth.due is not None and self.depth.due <= now:
            self._measure_until(now)
        if self._waiting and not self._paused:
            self._play_until(now)

    def _measure_until(self, now: float) -> None:
        while (due := self.depth.due) is not None and due <= now:
            if self._waiting and not self._paused:
                self._play_until(due)
            self.depth.add(self.waiting * 1000 // self.sample_rate)

    def _play_until(self, now: float) -> None:
        due = self._sample_at(now) - self._position
        if due <= 0:
            return
        pcm = bytes(self._waiting[: due * SAMPLE_BYTES])
        del self._waiting[: len(pcm)]
        samples = len(pcm) // SAMPLE_BYTES
        self._position += samples
        self._played += samples
        self._left += samples
        self.hearer.hear(pcm)
        while self._marks and self._marks[0][0] <= self._left:
            self._due.append(self._marks.popleft()[1])
        if not self._waiting:
            self.drained = True

    @property
    def has_news(self) -> bool:
        """Whether there is anything to `collect`."""
        return self.drained or bool(self._due)

    def collect(self) -> tuple[Sequence[str], bool]:
        """Return the marks whose time has come, in order, and whether the queue ran empty, once."""
        due, drained = self._due, self.drained
        self._due, self.drained = [], False
        return due, drained

    def when_waiting(self, samples: int) -> float | None:
        """Return when only that many samples will wait; None if it is so already, or is paused."""
        if self._paused or self.waiting <= samples:
            return None
        return self._origin + (self._position + self.waiting - samples) / self.sample_rate

    @property
    def next_due(self) -> float | None:
        """When a mark is due or the queue runs empty; None if neither will happen by itself."""
        if self._marks:
            return self.when_waiting(self._left + self.waiting - self._marks[0][0])
        return self.when_waiting(0)

    def clear(self, now: float) -> list[str]:
        """Drop what is not played, and return the marks that were waiting.

        The talkspurt is over, and so is a pause.
        """
        self.advance(now)
        waiting = [name for _, name in self._marks]
        self._drop()
        self._in_talkspurt = False
        self._paused = False
        return waiting

    def pause(self, now: float) -> None:
        """Hold what is waiting."""
        self.advance(now)
        self._paused = True

    def resume(self, now: float) -> None:
        """Go on after `pause`; the silence in between is nobody's fault."""
        if not self._paused:
            return
        self.advance(now)
        self._paused = False
        self._in_talkspurt = False
        if self._waiting:
            self._fall_silent(now)
            self._in_talkspurt = True

    def finish(self, now: float) -> None:
        """End the line: what is due is played, what is not is dropped."""
        self.advance(now)
        self._drop()
        self.hearer.finish()

    def statistics(self) -> PlayoutStatistics:
        """Return a snapshot of the counts."""
        return PlayoutStatistics(
            played=self._played,
            dropped=self._dropped,
            waiting=self.waiting,
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
        self._dropped += self.waiting
        self._left += self.waiting
        self._waiting.clear()
        self._marks.clear()

    def _sample_at(self, at: float) -> int:
        return math.floor((at - self._origin) * self.sample_rate + _SAME_SAMPLE)
