"""One context: what was sent to it, what has come of it, and what would have to be said again.

Whoever reads the socket changes it and never waits; the utterance it belongs to waits on it.
https://docs.cartesia.ai/use-the-api/tts-websocket/contexts
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import attrs

from trioaudio.core.engine import WordTiming
from trioaudio.core.errors import EngineError
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.engines._cartesia_messages import Fields
from trioaudio.engines._cartesia_settings import NAME
from trioaudio.engines._cartesia_words import WordFinder
from trioaudio.engines._inbox import Inbox, Spoken
from trioaudio.engines._leases import Lease
from trioaudio.engines._status import broke_protocol
from trioaudio.engines._vendor_pcm import VendorPcm

CHARACTER_MS = 60.0
"""About what a character takes to speak: how much is expected of clauses not yet spoken."""


@attrs.frozen
class ContextPlace:
    """Where in its utterance a context begins."""

    clause: int
    """Clauses spoken before it."""
    at_ms: float
    """Audio before it."""


class Context:
    """A context of one utterance; over when the service says so, or an error does."""

    __slots__ = (
        "_audio_bytes",
        "_bytes_since_clause",
        "_bytes_since_flush",
        "_clauses",
        "_flushed",
        "_inbox",
        "_pcm",
        "_place",
        "_sample_rate",
        "_wake",
        "_word_at",
        "_words",
        "began_at",
        "ended_at",
        "error",
        "fields",
        "heard_at",
        "ident",
        "lease",
        "over",
    )

    def __init__(
        self,
        ident: str,
        fields: Fields,
        place: ContextPlace,
        inbox: Inbox,
        sample_rate: int,
        wake: Callable[[], None],
    ) -> None:
        self.ident = ident
        self.fields = fields
        self.lease: Lease | None = None
        self.began_at = 0.0
        """When its first text was sent."""
        self.heard_at: float | None = None
        """When its last audio came."""
        self.ended_at: float | None = None
        """When it was said that no more text comes."""
        self.over = False
        self.error: EngineError | None = None
        self._place = place
        self._inbox = inbox
        self._sample_rate = sample_rate
        self._wake = wake
        self._pcm = VendorPcm(NAME, sample_rate)
        self._words = WordFinder()
        self._word_at = 0.0
        self._clauses: list[str] = []
        self._flushed = 0
        self._audio_bytes = 0
        self._bytes_since_clause = 0
        self._bytes_since_flush = 0

    @property
    def audio_ms(self) -> float:
        """Audio that has come of it."""
        return self._audio_bytes * 1000 / (self._sample_rate * SAMPLE_BYTES)

    @property
    def settled(self) -> bool:
        """Whether all that was sent is known to be spoken."""
        return self._flushed == len(self._clauses)

    @property
    def sent(self) -> int:
        """Clauses that were sent to it."""
        return len(self._clauses)

    @property
    def flushed(self) -> int:
        """Clauses of it that are known to be spoken."""
        return self._flushed

    @property
    def unspoken(self) -> Sequence[str] | None:
        """What has to be said again if it is over; None where audio would be heard twice."""
        return None if self._bytes_since_flush else self._clauses[self._flushed :]

    def silent_at(self, quiet_s: float) -> float | None:
        """Return when it will have been quiet for so long; None while audio is still to begin."""
        if self.heard_at is None or not self._bytes_since_clause:
            return None
        return self.heard_at + quiet_s

    def add(self, clause: str) -> None:
        """Note that a clause is being sent."""
        self._clauses.append(clause)
        self._words.add(clause)
        self._bytes_since_clause = 0
        self._expect()

    def take_audio(self, data: bytes, now: float) -> None:
        """Take audio, cut anywhere. EngineError when it is no PCM."""
        pcm = self._pcm.push(data)
        self.heard_at = now
        self._put(pcm)

    def take_words(self, words: Sequence[tuple[str, float]]) -> None:
        """Take words and their times in seconds; one that is in no clause is left out."""
        for word, seconds in words:
            found = self._words.find(word)
            if found is not None:
                self._word_at = max(self._word_at, seconds * 1000)
                self._inbox.put(
                    WordTiming(
                        clause=self._place.clause + found.clause,
                        start=found.start,
                        length=found.length,
                        at_ms=self._place.at_ms + self._word_at,
                    )
                )

    def take_flush_done(self) -> None:
        """Note that one more clause is spoken; not believed when no audio has come of it."""
        if self._bytes_since_flush and self._flushed < len(self._clauses):
            self._tell_spoken(self._flushed + 1)
            self._expect()
            self._wake()

    def finish(self) -> None:
        """Note that the service is done with it. EngineError when it sent no PCM."""
        self._put(self._pcm.flush())
        # A context that expires as a clause is on its way to it is done without that clause.
        lost = self.ended_at is None and not self.settled and not self._bytes_since_clause
        self._tell_spoken(len(self._clauses) - int(lost))
        self._end()

    def finish_empty(self) -> None:
        """Note that its first clause had nothing to speak, and that it ended with that."""
        self._tell_spoken(1)
        self._end()

    def fail(self, error: EngineError) -> None:
        """Note that nothing more comes of it."""
        if not self.over:
            self.error = error
            self._end()

    def expect_nothing(self) -> None:
        """Note that it has fallen silent: nothing is on its way any more."""
        self._inbox.expect_ms(0.0)

    def _end(self) -> None:
        self.over = True
        self.expect_nothing()
        self._wake()

    def _put(self, pcm: bytes) -> None:
        if not pcm:
            return
        if not self._bytes_since_clause:
            self._wake()  # from now on it can fall silent
        self._audio_bytes += len(pcm)
        self._bytes_since_clause += len(pcm)
        self._bytes_since_flush += len(pcm)
        self._inbox.put(pcm)

    def _tell_spoken(self, flushed: int) -> None:
        self._bytes_since_flush = 0
        if flushed > self._flushed:
            self._flushed = flushed
            self._inbox.put(Spoken(self._place.clause + flushed))

    def _expect(self) -> None:
        characters = sum(map(len, self._clauses[self._flushed :]))
        self._inbox.expect_ms(characters * CHARACTER_MS)


def garbled() -> EngineError:
    """Return the error for a chunk that is no base64."""
    return broke_protocol(NAME, "a chunk of audio that is no base64")
