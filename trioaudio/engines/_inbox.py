"""What came of one utterance and is not yet written: filled by whoever reads the shared socket.

Filling never waits, so one call that does not take its audio mutes nobody. What bounds it is that
no further clause is asked for while much is unwritten.
"""

from __future__ import annotations

from collections import deque
from typing import TypeAlias

import attrs
import trio

from trioaudio.core.engine import PcmSink, WordTiming
from trioaudio.core.errors import EngineError
from trioaudio.core.pcm import SAMPLE_BYTES

WRITTEN_MS = 500
"""The most audio written at once: what waits is joined, for every write costs the same."""


@attrs.frozen
class Spoken:
    """All audio of the first `clauses` clauses came before this."""

    clauses: int


Arrival: TypeAlias = bytes | WordTiming | Spoken


class Inbox:
    """Audio, word timings and clause ends in the order they came, between reader and sink."""

    __slots__ = (
        "_arrivals",
        "_arrived",
        "_bound",
        "_bytes_per_ms",
        "_ended",
        "_error",
        "_expected",
        "_room",
        "_unwritten",
    )

    def __init__(self, sample_rate: int) -> None:
        self._bytes_per_ms = sample_rate * SAMPLE_BYTES / 1000
        self._arrivals: deque[Arrival] = deque()
        self._unwritten = 0
        self._expected = 0.0
        self._bound = 0.0
        self._ended = False
        self._error: EngineError | None = None
        self._arrived = trio.lowlevel.ParkingLot()
        self._room = trio.lowlevel.ParkingLot()

    @property
    def unwritten_bytes(self) -> int:
        """Bytes of audio held."""
        return self._unwritten

    @property
    def over(self) -> bool:
        """Whether nothing more will be taken."""
        return self._ended

    def put(self, arrival: Arrival) -> None:
        """Take what came; dropped once it is over."""
        if self._ended:
            return
        if isinstance(arrival, bytes):
            if not arrival:
                return
            self._unwritten += len(arrival)
            self._expected = max(0.0, self._expected - len(arrival))
        self._arrivals.append(arrival)
        self._arrived.unpark_all()

    def expect_ms(self, milliseconds: float) -> None:
        """Note how much audio has been asked for and is still to come: it counts as unwritten."""
        self._expected = milliseconds * self._bytes_per_ms
        self._tell_room()

    def end(self) -> None:
        """Note that all has come."""
        self._ended = True
        self._arrived.unpark_all()
        self._room.unpark_all()

    def fail(self, error: EngineError) -> None:
        """End with an error; what came before it is still delivered."""
        if not self._ended:
            self._error = error
            self.end()

    async def wait_below(self, ahead_ms: float) -> None:
        """Wait until less than `ahead_ms` of audio is unwritten, or it is over; for one task."""
        self._bound = ahead_ms * self._bytes_per_ms
        while self._unwritten + self._expected >= self._bound and not self._ended:
            await self._room.park()

    async def deliver(self, sink: PcmSink) -> None:
        """Give the sink everything until the end; then raise the error there was, if any."""
        begun = False
        while True:
            while not self._arrivals:
                if self._error is not None:
                    raise self._error
                if self._ended:
                    return
                await self._arrived.park()
            arrival = self._arrivals.popleft()
            match arrival:
                case WordTiming():
                    sink.tell_word(arrival)
                case Spoken():
                    sink.tell_spoken(arrival.clauses)
                case _:
                    # The first goes at once, however little it is.
                    chunk = self._join(arrival, sink) if begun else arrival
                    begun = True
                    await sink.write(chunk)
                    self._unwritten -= len(chunk)
                    self._tell_room()

    def _join(self, first: bytes, sink: PcmSink) -> bytes:
        """Return audio with what waits behind it; words between are told, before their sound."""
        parts = [first]
        room = WRITTEN_MS * self._bytes_per_ms - len(first)
        while self._arrivals:
            arrival = self._arrivals[0]
            if isinstance(arrival, Spoken) or (isinstance(arrival, bytes) and len(arrival) > room):
                break
            self._arrivals.popleft()
            if isinstance(arrival, WordTiming):
                sink.tell_word(arrival)
            else:
                parts.append(arrival)
                room -= len(arrival)
        return first if len(parts) == 1 else b"".join(parts)

    def _tell_room(self) -> None:
        """Wake who waits for it, but not at every chunk: a wake-up costs more than a chunk."""
        if self._unwritten + self._expected < self._bound:
            self._room.unpark_all()
