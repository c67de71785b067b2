"""Which words and clauses of a context have come, told by the alignment of its characters.

An alignment may be missing, may hold another text than was sent (numbers as words), may begin its
clause anew, and counts time from its own chunk, from all chunks before, or from the beginning.
So words are looked for in the text, and a clause is only taken to have come when its audio has.
https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input
"""

from __future__ import annotations

import re

import attrs

from trioaudio.core.engine import WordTiming
from trioaudio.engines._elevenlabs_messages import Alignment

_WORD = re.compile(r"\S+")
_LOOK_AHEAD = 8
"""Words of the text that one of the alignment is looked for in: numbers are read as several."""
_SLACK_MS = 200.0
"""By which an alignment may begin before or after its audio and still be of it."""
_ABSOLUTE_SHARE = 0.8
"""Of the audio before: an alignment that begins so late counts from the context's beginning."""
_ROUNDING_MS = 20.0
"""By which the audio may be shorter than the sum of rounded milliseconds."""


@attrs.frozen
class _Word:
    clause: int
    start: int
    text: str
    folded: str


def _fold(word: str) -> str:
    return "".join(each for each in word.casefold() if each.isalnum())


@attrs.define(eq=False)
class Progress:
    """Of one context; clauses and words are numbered within the utterance."""

    base_ms: float = 0.0
    """Audio of the utterance before the context's own."""
    audio_ms: float = 0.0
    """Of the context, so far."""
    is_aligned: bool = False
    """Whether an alignment ever came."""
    _words: list[_Word] = attrs.field(factory=list)
    _at: int = 0
    """Words up to where the alignment is."""
    _told: int = 0
    _partial: str = ""
    _partial_ms: float = 0.0
    _aligned_ms: float = 0.0
    """How much audio all alignments account for."""
    _lost_ms: float | None = None
    """When the first word was spoken that is not in the text, since one that is."""
    _matched: int = 0
    _strange: int = 0
    _clauses: list[int] = attrs.field(factory=list)
    """Words up to the end of each clause, of those that have not come."""
    _first: int = 0
    """The number of the first of them."""

    def begin(self, clause: str, number: int) -> None:
        """Note that a clause was sent, the one after the last."""
        if not self._clauses:
            self._first = number
        self._words += [
            _Word(number, found.start(), found[0], _fold(found[0]))
            for found in _WORD.finditer(clause)
        ]
        self._clauses.append(len(self._words))

    @property
    def is_trusted(self) -> bool:
        """Whether the alignment is of the text that was sent, as far as can be seen."""
        return self.is_aligned and self._matched >= self._strange

    @property
    def is_through(self) -> bool:
        """Whether the alignment has come to the last word that was sent, or to what it read as."""
        left = len(self._words) - self._at
        return left == 0 or (self._lost_ms is not None and left <= _LOOK_AHEAD)

    def take(self, alignment: Alignment | None, chunk_ms: float) -> list[WordTiming]:
        """Take a message with `chunk_ms` of audio; return the words that are timed now."""
        found: list[WordTiming] = []
        if alignment is not None:
            self.is_aligned = True
            begin_ms = self._begin_of(alignment, chunk_ms)
            self._aligned_ms = begin_ms + alignment.length_ms
            self._restart(alignment)
            found = self._read(alignment, begin_ms)
        self.audio_ms += chunk_ms
        return found

    def come(self) -> int | None:
        """Return how many clauses of the utterance have come whole; None: no more than before."""
        last = None
        while self._clauses and self._covers(self._clauses[0]):
            del self._clauses[0]
            self._first += 1
            last = self._first
        return last

    def _covers(self, end: int) -> bool:
        return (
            self.is_aligned
            and self._at >= end
            and (self._at > end or self.audio_ms + _ROUNDING_MS >= self._aligned_ms)
        )

    def _begin_of(self, alignment: Alignment, chunk_ms: float) -> float:
        """Return when in the context the time of an alignment begins."""
        before, length = self.audio_ms, alignment.length_ms
        if before > 0 and alignment.starts_ms[0] >= before * _ABSOLUTE_SHARE:
            return 0.0  # it counts from the beginning
        if self._aligned_ms > before + _SLACK_MS:
            return self._aligned_ms  # it is ahead of its audio
        if before - self._aligned_ms > _SLACK_MS and length > chunk_ms + _SLACK_MS:
            return self._aligned_ms  # it comes after its audio
        return before

    def _restart(self, alignment: Alignment) -> None:
        """Go back to the beginning of the clause if that is where the alignment begins."""
        words = [_fold(each) for each in "".join(alignment.characters).split()]
        if len(words) < 2 or self._at == 0:
            return
        number = self._words[min(self._at, len(self._words)) - 1].clause
        start = next(n for n, each in enumerate(self._words) if each.clause == number)
        if start == self._at or self._folded(self._at) == words[:2]:
            return
        if self._folded(start) == words[:2]:
            self._at, self._partial = start, ""

    def _folded(self, at: int) -> list[str]:
        return [each.folded for each in self._words[at : at + 2]]

    def _read(self, alignment: Alignment, begin_ms: float) -> list[WordTiming]:
        found: list[WordTiming] = []
        for characters, start_ms in zip(alignment.characters, alignment.starts_ms, strict=True):
            for character in characters:
                if character.isspace():
                    found += self._end_word()
                    continue
                if not self._partial:
                    self._partial_ms = begin_ms + start_ms
                self._partial += character
        # The last word of the text may not be followed by a space.
        if self._at == len(self._words) - 1 and self._partial == self._words[-1].text:
            found += self._end_word()
        return found

    def _end_word(self) -> list[WordTiming]:
        """Find the word that is complete now in the text."""
        folded, self._partial = _fold(self._partial), ""
        if not folded:
            return []
        for at in range(self._at, min(self._at + _LOOK_AHEAD, len(self._words))):
            if self._words[at].folded == folded:
                self._matched += 1
                return self._reach(at)
        self._strange += 1
        if self._lost_ms is None:
            self._lost_ms = self._partial_ms
        return []

    def _reach(self, at: int) -> list[WordTiming]:
        """Tell the word at `at`, and those before it that were read as something else."""
        found: list[WordTiming] = []
        skipped = range(max(self._at, self._told), at)
        if self._lost_ms is not None and skipped:
            step = (self._partial_ms - self._lost_ms) / len(skipped)
            found += [self._timing(n, self._lost_ms + step * i) for i, n in enumerate(skipped)]
        if at >= self._told:
            found.append(self._timing(at, self._partial_ms))
        self._lost_ms = None
        self._at = at + 1
        self._told = max(self._told, self._at)
        while self._at < len(self._words) and not self._words[self._at].folded:
            self._at += 1  # a dash is no word to the service
        return found

    def _timing(self, at: int, ms: float) -> WordTiming:
        word = self._words[at]
        return WordTiming(word.clause, word.start, len(word.text), self.base_ms + max(0.0, ms))
