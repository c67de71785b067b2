"""One utterance between the worker and its sink: what was asked for, what came, what is unwritten.

It holds at most one clause's audio and a second of the one before. A clause that broke off is
asked for again, and as equal clauses are equal PCM, what had come of it is skipped.
"""

from __future__ import annotations

import attrs
import trio

from trioaudio.core.engine import WordTiming
from trioaudio.core.errors import EngineError
from trioaudio.core.pcm import SAMPLE_BYTES, silence
from trioaudio.engines._espeak_messages import DONE_PAYLOAD, WORD_PAYLOAD
from trioaudio.engines._inbox import Inbox, Spoken

ASK_AHEAD_MS = 1000
"""The next clause is asked for when this much is unwritten; making one takes about 20 ms."""

_SOFT_CUT_FROM = 225
"""Characters from which a clause that ends with a letter was cut for its length."""


@attrs.define(eq=False)
class AskedClause:
    """A clause the worker has been asked for, and how far it has come."""

    ident: int
    clause: str
    number: int
    """Clauses of the utterance before it."""
    base: int
    """Samples of the utterance before it."""
    received: int = 0
    """Bytes of it that came, over all times it was asked for."""
    skip: int = 0
    """Bytes of it still to be dropped because they came before."""
    words: int = 0
    skip_words: int = 0
    word_end: int = 0
    """Characters of the clause up to the end of the last word told."""
    deaths: int = 0
    """How often its speaker died of it."""

    @property
    def ends_softly(self) -> bool:
        """Whether it was cut for its length in the middle of a sentence, where nobody pauses."""
        return len(self.clause) >= _SOFT_CUT_FROM and self.clause[-1].isalnum()


class Utterance:
    """The state of one `synthesize`. Who reads the pipe changes it; its two tasks wait on it."""

    def __init__(self, voice: str, sample_rate: int) -> None:
        self.voice = voice
        self.asked: AskedClause | None = None
        self.inbox = Inbox(sample_rate)
        self._sample_rate = sample_rate
        self._clauses = 0
        self._samples = 0  # of all audio that ever came
        self._pause = 0
        self._changed = trio.lowlevel.ParkingLot()

    def begin(self, ident: int, clause: str) -> AskedClause:
        """Note that a clause is asked for; the pause after the one before it is due now."""
        self._append(silence(self._pause))
        self._pause = 0
        self.asked = AskedClause(ident, clause, self._clauses, self._samples)
        self._clauses += 1
        return self.asked

    def repeat(self) -> AskedClause | None:
        """Note that the clause asked for is begun anew: what came of it before will be skipped."""
        if self.asked is not None:
            self.asked.skip = self.asked.received
            self.asked.skip_words = self.asked.words
        return self.asked

    def take_audio(self, pcm: bytes) -> None:
        """Take audio of the clause asked for."""
        asked = self.asked
        if asked is None:
            return
        dropped = min(asked.skip, len(pcm))
        asked.skip -= dropped
        asked.received += len(pcm) - dropped
        self._append(pcm[dropped:])

    def take_word(self, payload: bytes) -> None:
        """Take a word event of the clause asked for, and tell it if it begins a word of the text.

        The library reports "1234" as six words, all of them somewhere in it.
        """
        asked = self.asked
        if asked is None:
            return
        if asked.skip_words:
            asked.skip_words -= 1
            return
        asked.words += 1
        samples, start, length = WORD_PAYLOAD.unpack(payload)
        text = asked.clause
        if start < asked.word_end or start >= len(text) or text[start].isspace():
            return
        asked.word_end = min(start + length, len(text))
        at_ms = (asked.base + samples) * 1000 / self._sample_rate
        self.inbox.put(WordTiming(asked.number, start, asked.word_end - start, at_ms))

    def finish(self, payload: bytes) -> None:
        """Note that the clause asked for is complete; `payload` says how long to pause after it."""
        if self.asked is not None and not self.asked.ends_softly:
            (self._pause,) = DONE_PAYLOAD.unpack(payload)
        self.asked = None
        self.inbox.put(Spoken(self._clauses))
        self._changed.unpark_all()

    def fail(self, error: EngineError) -> None:
        """End with an error; what came before it is still written."""
        self.asked = None
        self.inbox.fail(error)
        self._changed.unpark_all()

    async def wait_hungry(self) -> None:
        """Wait until the next clause should be asked for."""
        while self.asked is not None:
            await self._changed.park()
        await self.inbox.wait_below(ASK_AHEAD_MS)

    def _append(self, pcm: bytes) -> None:
        self.inbox.put(pcm)
        self._samples += len(pcm) // SAMPLE_BYTES
