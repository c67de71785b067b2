"""One utterance between Piper's worker and its sink: at most one clause is asked for at a time.

A sentence is written once all of it has come. So a clause that broke off with its worker is asked
for again from the sentence that was not whole: no two renderings of a sentence are alike, and none
could be taken up in its middle.
"""

from __future__ import annotations

import attrs
import trio

from trioaudio.core.errors import EngineError
from trioaudio.core.pcm import silence
from trioaudio.engines._inbox import Inbox, Spoken

_SENTENCE_ENDS = ".!?…।॥؟۔。！？"
_CLOSERS = "\"'”’»)]}」』"


@attrs.define(eq=False)
class AskedClause:
    """A clause the worker has been asked for, and how far it has come."""

    ident: int
    text: str
    sentences: int = 0
    """How many have come whole."""
    blocks: list[bytes] = attrs.field(factory=list)
    """What has come of the next one."""
    deaths: int = 0
    """How often the worker died while it was at it."""


class Utterance:
    """The state of one `synthesize`. Who reads the pipe changes it; its two tasks wait on it."""

    def __init__(self, speaker: str | None, sample_rate: int, pause_ms: int) -> None:
        self.speaker = speaker
        self.inbox = Inbox(sample_rate)
        self.asked: AskedClause | None = None
        self._pause = silence(sample_rate * pause_ms // 1000)
        self._pause_due = False
        self._clauses = 0
        self._changed = trio.lowlevel.ParkingLot()

    def begin(self, ident: int, text: str) -> AskedClause:
        """Note that a clause is asked for."""
        self.asked = AskedClause(ident, text)
        self._clauses += 1
        return self.asked

    def take_audio(self, pcm: bytes) -> None:
        """Take a block of the sentence that is coming."""
        if self.asked is not None:
            self.asked.blocks.append(pcm)

    def finish_sentence(self) -> None:
        """Note that the sentence is whole; the pause after the one before it is due now."""
        if self.asked is None:
            return
        if self._pause_due:
            self.inbox.put(self._pause)
        for block in self.asked.blocks:
            self.inbox.put(block)
        self.asked.blocks.clear()
        self.asked.sentences += 1
        self._pause_due = True

    def finish(self) -> None:
        """Note that the clause asked for is complete; nobody pauses in the middle of a sentence."""
        if self.asked is not None:
            text = self.asked.text.rstrip().rstrip(_CLOSERS)
            self._pause_due = self._pause_due and text.endswith(tuple(_SENTENCE_ENDS))
        self.asked = None
        self.inbox.put(Spoken(self._clauses))
        self._changed.unpark_all()

    def fail(self, error: EngineError) -> None:
        """End with an error; what came before it is still written."""
        self.asked = None
        self.inbox.fail(error)
        self._changed.unpark_all()

    async def wait_hungry(self, ahead_ms: float) -> None:
        """Wait until the next clause should be asked for."""
        while self.asked is not None:
            await self._changed.park()
        await self.inbox.wait_below(ahead_ms)
