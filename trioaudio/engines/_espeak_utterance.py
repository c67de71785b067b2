"""One utterance between the worker and its sink: what was asked for, what came, what is unwritten.

It holds at most one clause's audio and a second of the one before. A clause that broke off is
asked for again, and as equal clauses are equal PCM, what had come of it is skipped.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import attrs
import trio

from trioaudio.core.engine import WordTiming
from trioaudio.core.errors import EngineError
from trioaudio.core.pcm import SAMPLE_BYTES, silence
from trioaudio.core.text import CLAUSE_LIMIT, Clause
from trioaudio.engines._espeak_messages import DONE_PAYLOAD, WORD_PAYLOAD

ASK_AHEAD_MS = 1000
"""The next clause is asked for when this much is unwritten; making one takes about 20 ms."""

_SOFT_CUT_FROM = CLAUSE_LIMIT * 3 // 4


@attrs.define(eq=False)
class AskedClause:
    """A clause the worker has been asked for, and how far it has come."""

    ident: int
    clause: Clause
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
        return len(self.clause.text) >= _SOFT_CUT_FROM and self.clause.text[-1].isalnum()


class Utterance:
    """The state of one `synthesize`. Who reads the pipe changes it; its two tasks wait on it."""

    def __init__(self, voice: str, sample_rate: int, tell: Callable[[WordTiming], None]) -> None:
        self.voice = voice
        self.asked: AskedClause | None = None
        self._sample_rate = sample_rate
        self._tell = tell
        self._chunks: deque[bytes] = deque()
        self._unwritten = 0
        self._samples = 0  # of all audio that ever came
        self._pause = 0
        self._text_ended = False
        self._error: EngineError | None = None
        self._changed = trio.lowlevel.ParkingLot()

    @property
    def unwritten(self) -> int:
        """Bytes held for the sink."""
        return self._unwritten

    def begin(self, ident: int, clause: Clause) -> AskedClause:
        """Note that a clause is asked for; the pause after the one before it is due now."""
        self._append(silence(self._pause))
        self._pause = 0
        self.asked = AskedClause(ident, clause, self._samples)
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
        text = asked.clause.text
        if start < asked.word_end or start >= len(text) or text[start].isspace():
            return
        asked.word_end = min(start + length, len(text))
        at_ms = (asked.base + samples) * 1000 / self._sample_rate
        self._tell(WordTiming(asked.clause.start + start, asked.word_end - start, at_ms))

    def finish(self, payload: bytes) -> None:
        """Note that the clause asked for is complete; `payload` says how long to pause after it."""
        if self.asked is not None and not self.asked.ends_softly:
            (self._pause,) = DONE_PAYLOAD.unpack(payload)
        self.asked = None
        self._changed.unpark_all()

    def end_text(self) -> None:
        """Note that no further clause will be asked for."""
        self._text_ended = True
        self._changed.unpark_all()

    def fail(self, error: EngineError) -> None:
        """End with an error; what came before it is still written."""
        self.asked = None
        self._error = error
        self._changed.unpark_all()

    async def wait_hungry(self) -> None:
        """Wait until the next clause should be asked for."""
        ahead = self._sample_rate * ASK_AHEAD_MS // 1000 * SAMPLE_BYTES
        while self.asked is not None or self._unwritten > ahead or self._error is not None:
            await self._changed.park()

    async def next_chunk(self) -> bytes | None:
        """Return audio, None at the end; EngineError once all that came before it is written."""
        await trio.lowlevel.checkpoint()
        while not self._chunks:
            if self._error is not None:
                raise self._error
            if self._text_ended and self.asked is None:
                return None
            await self._changed.park()
        chunk = self._chunks.popleft()
        self._unwritten -= len(chunk)
        self._changed.unpark_all()
        return chunk

    def _append(self, pcm: bytes) -> None:
        if pcm:
            self._chunks.append(pcm)
            self._unwritten += len(pcm)
            self._samples += len(pcm) // SAMPLE_BYTES
            self._changed.unpark_all()
