"""One utterance on its way through Deepgram: one clause asked for at a time, each on any socket.

It has a socket only while a clause is made, so whoever waits for an author or for a callee's ear
holds none. A clause of which nothing came may be asked for again elsewhere, once.
"""

from __future__ import annotations

from typing import Protocol

import trio

from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.engines._deepgram_messages import NAME, unflushed
from trioaudio.engines._inbox import Inbox, Spoken
from trioaudio.engines._vendor_pcm import VendorPcm


class Seats(Protocol):
    """Where an utterance gets a socket for a clause, and gives it back."""

    def wish(self, utterance: Utterance) -> None:
        """Have it seated at another socket than it has, as soon as one is free."""
        ...

    def leave(self, utterance: Utterance) -> None:
        """Take its socket back."""
        ...


class Utterance:
    """The state of one `synthesize`. Who reads the socket changes it; its two tasks wait on it."""

    def __init__(self, sample_rate: int, ahead_ms: int, seats: Seats) -> None:
        self.inbox = Inbox(sample_rate)
        self._sample_rate = sample_rate
        self._ahead_ms = ahead_ms
        self._seats = seats
        self._pcm = VendorPcm(NAME, sample_rate)
        self._asked: str | None = None  # the clause that is being spoken
        self._asked_at = 0.0
        self._heard_at: float | None = None  # of that clause
        self._spoken = 0
        self._bytes = 0
        self._retried = False
        self._changed = trio.lowlevel.ParkingLot()

    # What its author does.

    def ask(self, clause: str) -> None:
        """Have a clause spoken as soon as there is a socket for it."""
        self._asked = clause
        self._pcm = VendorPcm(NAME, self._sample_rate)
        self._seats.wish(self)

    def end(self) -> None:
        """Note that there are no more clauses; called when the last one has come."""
        self.inbox.end()

    async def wait_come(self) -> None:
        """Wait until all audio of the clause asked for has come."""
        while not self.inbox.over and self._asked is not None:
            await self._changed.park()

    async def wait_hungry(self) -> None:
        """Wait until the next clause should be asked for."""
        await self.inbox.wait_below(self._ahead_ms)

    @property
    def has_begun(self) -> bool:
        """Whether something of it was heard: it may not have to wait behind others."""
        return self._bytes > 0

    # What its socket does.

    def seated(self, now: float) -> str | None:
        """Learn that it has a socket; return the clause to speak."""
        self._asked_at = now
        self._heard_at = None
        return self._asked

    def take(self, audio: bytes, now: float) -> None:
        """Take audio. EngineError when it is none."""
        self._heard_at = now
        self._put(self._pcm.push(audio))

    def flushed(self) -> None:
        """Note that the clause asked for is complete. EngineError when nothing came of it."""
        if self._asked is None:
            return
        if self._heard_at is None:
            raise EngineError(
                f"{NAME} returned no audio for {self._asked[:40]!r}; check that the voice speaks"
                " its language",
                kind=EngineFault.EMPTY,
                retryable=False,
            )
        self._put(self._pcm.flush())
        self._asked = None
        self._spoken += 1
        self.inbox.put(Spoken(self._spoken))
        self._seats.leave(self)
        self._changed.unpark_all()

    def unflushed(self) -> None:
        """Learn that the clause asked for will not be spoken here; ask for it elsewhere, once."""
        if self._asked is None:
            return
        if self._heard_at is not None or self._retried:
            self.fail(unflushed())
            return
        self._retried = True
        self._seats.wish(self)

    def fail(self, error: EngineError) -> None:
        """End with an error; what came before it is still written."""
        self.inbox.fail(error)
        self._changed.unpark_all()

    # What the pool asks.

    def lost(self, error: EngineError) -> bool:
        """Learn that the socket is gone; True: wants another, for nothing is lost with it."""
        if self.inbox.over or self._asked is None:
            return False
        if self._heard_at is not None or self._retried or not error.retryable:
            self.fail(error)
            return False
        self._retried = True
        return True

    def refuse(self, error: EngineError) -> None:
        """Learn that there is no socket for it."""
        self.fail(error)

    def unheard_since(self) -> float | None:
        """Return since when it has waited for the service; None if it does not."""
        if self._asked is None:
            return None
        return self._asked_at if self._heard_at is None else self._heard_at

    def _put(self, pcm: bytes) -> None:
        self._bytes += len(pcm)
        self.inbox.put(pcm)
