"""The words of one utterance that were told so far: where in its text, and when in its audio.

Words come late, out of order, twice after a failover, several for one number, some at the same
moment. Speech runs through its text from beginning to end, so the track keeps text places and
moments each in their order and matches them by rank: a word that was told wrongly shifts what is
known by one word and no more. 17 bytes a word.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterable

from trioaudio.core.speech import SpokenWord

_MOST = 0xFFFF_FFFF


class WordTrack:
    """Words in the order they are spoken; `at(i)` is the i-th of `len()`."""

    __slots__ = ("_estimated", "_lengths", "_starts", "_times")

    def __init__(self, words: Iterable[SpokenWord] = ()) -> None:
        self._starts = array("I")
        self._lengths = array("I")
        self._estimated = array("b")
        self._times = array("d")
        for word in words:
            self.add(word)

    def __len__(self) -> int:
        """Return how many words were told."""
        return len(self._starts)

    @property
    def held_bytes(self) -> int:
        """Bytes the words take."""
        parts = (self._starts, self._lengths, self._estimated, self._times)
        return sum(len(each) * each.itemsize for each in parts)

    def add(self, word: SpokenWord) -> None:
        """Take a word; one that stands for nothing in the text is dropped."""
        if word.length <= 0:
            return
        start = min(max(word.start, 0), _MOST)
        place = bisect_right(self._starts, start)
        self._starts.insert(place, start)
        self._lengths.insert(place, min(word.length, _MOST))
        self._estimated.insert(place, word.estimated)
        at_ms = max(word.at_ms, 0.0)
        self._times.insert(bisect_right(self._times, at_ms), at_ms)

    def at(self, number: int) -> SpokenWord:
        """Return a word by its place in the order. IndexError."""
        return SpokenWord(
            self._starts[number],
            self._lengths[number],
            self._times[number],
            estimated=bool(self._estimated[number]),
        )

    def start(self, number: int) -> int:
        """Return the characters before a word."""
        return self._starts[number]

    def time(self, number: int) -> float:
        """Return the milliseconds before a word."""
        return self._times[number]

    def begun(self, at_ms: float) -> int:
        """Return how many words have begun by a moment, one that begins with it included."""
        return bisect_right(self._times, at_ms)

    def begun_before(self, at_ms: float) -> int:
        """Return how many words begin before a moment."""
        return bisect_left(self._times, at_ms)

    def repeats(self, number: int) -> bool:
        """Say whether a word stands for the same text as the one before it: a number's second."""
        return number > 0 and self._starts[number] == self._starts[number - 1]

    def together(self, number: int) -> tuple[int, int]:
        """Return the first word, and the one after the last, that cannot be told apart from one.

        They stand for the same text, or begin at the same moment.
        """
        first = number
        while first and self._same(first - 1, first):
            first -= 1
        end = number + 1
        while end < len(self._starts) and self._same(end - 1, end):
            end += 1
        return first, end

    def _same(self, one: int, other: int) -> bool:
        return self._starts[one] == self._starts[other] or self._times[one] == self._times[other]
