"""One utterance on its way through ElevenLabs: what was asked for, what came, what is to come.

It speaks in one context as long as that lasts. If the context ends early, what was not spoken is
asked for in another; if the socket is lost before anything was heard, all of it, once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

import attrs
import trio

from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.engines._elevenlabs_messages import NAME, Reply
from trioaudio.engines._elevenlabs_progress import Progress
from trioaudio.engines._inbox import Inbox, Spoken
from trioaudio.engines._vendor_pcm import VendorPcm


class Voice(Protocol):
    """The context an utterance has."""

    def speak(self, clause: str) -> None:
        """Have a clause spoken."""
        ...

    def close(self) -> None:
        """Say that no more text comes."""
        ...


@attrs.frozen
class Pace:
    """How far an utterance runs ahead of what is heard, in milliseconds."""

    ahead_ms: int
    settle_ms: int


class Utterance:
    """The state of one `synthesize`. Who reads the socket changes it; its two tasks wait on it."""

    def __init__(self, sample_rate: int, pace: Pace, wish: Callable[[Utterance], None]) -> None:
        self.inbox = Inbox(sample_rate)
        self._sample_rate = sample_rate
        self._pace = pace
        self._wish = wish  # for a place at a socket
        self._voice: Voice | None = None
        self._clauses: list[str] = []
        self._come = 0  # clauses of which all audio came
        self._whole = False  # the author has no more
        self._bytes = 0
        self._retried = False
        self._asked_at = 0.0
        self._heard_at: float | None = None  # since the last clause was asked for
        self._changed = trio.lowlevel.ParkingLot()
        self._begin_context()

    def _begin_context(self) -> None:
        self._pcm = VendorPcm(NAME, self._sample_rate)
        self._progress = Progress(base_ms=self._ms)
        self._context_bytes = 0

    @property
    def has_begun(self) -> bool:
        """Whether something of it was heard: it may not have to wait behind others."""
        return self._bytes > 0

    @property
    def _ms(self) -> float:
        return self._milliseconds(self._bytes)

    def _milliseconds(self, length: int) -> float:
        return length * 1000 / (SAMPLE_BYTES * self._sample_rate)

    # What its author does.

    def ask(self, clause: str, now: float) -> None:
        """Have a clause spoken, now or as soon as there is a context for it."""
        self._clauses.append(clause)
        if self._voice is not None:
            self._say(len(self._clauses) - 1, now)
        elif self._come == len(self._clauses) - 1:
            self._wish(self)

    def end(self) -> None:
        """Note that there are no more clauses."""
        self._whole = True
        if self._come == len(self._clauses) and self._voice is None:
            self.inbox.end()
        elif self._voice is not None:
            self._voice.close()

    async def wait_hungry(self) -> None:
        """Wait until the next clause should be asked for."""
        while not self.inbox.over and self._is_busy():
            await self._changed.park()
        await self.inbox.wait_below(self._pace.ahead_ms)

    def _is_busy(self) -> bool:
        """Say whether what was asked for last is still being made, as far as can be known."""
        if self._come == len(self._clauses):
            return False
        # Without an alignment nobody tells when a clause is over; that it began must do.
        return self._progress.is_trusted or self._heard_at is None

    # What its context does.

    def seated(self, voice: Voice, now: float) -> None:
        """Take a context, and have spoken in it whatever has not been."""
        self._voice = voice
        self._begin_context()
        for number in range(self._come, len(self._clauses)):
            self._say(number, now)
        if self._whole:
            voice.close()

    def _say(self, number: int, now: float) -> None:
        assert self._voice is not None
        self._progress.begin(self._clauses[number], number)
        self._asked_at = now
        self._heard_at = None
        self._voice.speak(self._clauses[number])

    def take(self, reply: Reply, now: float) -> None:
        """Take audio and alignment of its context. EngineError when the audio is none."""
        self._put(self._pcm.push(reply.audio), now)
        chunk_ms = self._milliseconds(len(reply.audio))
        self._context_bytes += len(reply.audio)
        for word in self._progress.take(reply.alignment, chunk_ms):
            self.inbox.put(word)
        come = self._progress.come()
        if come is not None:
            self._note_come(come)
        self._changed.unpark_all()

    def settle(self, now: float) -> None:
        """Take what was asked for as spoken if the service has long sent nothing more of it."""
        if self._heard_at is None or (now - self._heard_at) * 1000 < self._pace.settle_ms:
            return
        if self._progress.is_trusted and not self._progress.is_through:
            return  # it is known that more is to come
        self._note_come(len(self._clauses))
        if self._whole:
            self._close_books()

    def final(self, now: float) -> None:
        """Note that the context is over. EngineError when it was given text and said nothing."""
        self._put(self._pcm.flush(), now)
        if self._heard_at is not None:
            self._note_come(len(self._clauses))
        self._voice = None
        self._changed.unpark_all()
        if self._come == len(self._clauses):
            if self._whole:
                self._close_books()
        elif self._context_bytes > 0:
            self._wish(self)  # it ended before it was told the rest
        else:
            raise EngineError(
                f"{NAME} returned no audio for {self._clauses[self._come][:40]!r}; check that the"
                " model speaks its language",
                kind=EngineFault.EMPTY,
                retryable=False,
            )

    def _close_books(self) -> None:
        self.inbox.end()
        self._changed.unpark_all()

    def fail(self, error: EngineError) -> None:
        """End with an error; what came before it is still written."""
        self._voice = None
        self.inbox.fail(error)
        self._changed.unpark_all()

    # What the pool asks.

    def lost(self, error: EngineError) -> bool:
        """Learn that the socket is gone; True: wants another, for nothing was heard yet."""
        self._voice = None
        if self.inbox.over:
            return False
        if self._bytes or self._retried or not error.retryable:
            self.fail(error)
            return False
        self._retried = True
        return True

    def refuse(self, error: EngineError) -> None:
        """Learn that there is no socket for it."""
        self.fail(error)

    def unheard_since(self) -> float | None:
        """Return since when it has waited for the service; None if it does not."""
        if self._voice is None or self._come == len(self._clauses):
            return None
        return self._asked_at if self._heard_at is None else self._heard_at

    def _put(self, pcm: bytes, now: float) -> None:
        if pcm:
            self._bytes += len(pcm)
            self._heard_at = now
            self.inbox.put(pcm)

    def _note_come(self, clauses: int) -> None:
        if clauses > self._come:
            self._come = clauses
            self.inbox.put(Spoken(clauses))
        self._changed.unpark_all()
