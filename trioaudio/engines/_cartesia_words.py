"""Where in the clauses the words are that the service gives times for.

It says words as it reads them, with or without their punctuation, tags among them, and Chinese
and Japanese character by character. Words are looked for in order and near the last one found;
what is not there is left out.
"""

from __future__ import annotations

import attrs

_NEAR = 48
"""Characters after the last word found in which the next is looked for."""
_APOSTROPHES = str.maketrans("’ʼ", "''")


@attrs.frozen
class FoundWord:
    """A word in the text of a clause; `clause` counts from 0."""

    clause: int
    start: int
    length: int


@attrs.define(eq=False)
class WordFinder:
    """Finds one word after the other in clauses that are added as they are sent."""

    _texts: list[str] = attrs.field(factory=list)
    _clause: int = 0
    _position: int = 0

    def add(self, clause: str) -> None:
        """Take the next clause."""
        self._texts.append(_folded(clause))

    def find(self, word: str) -> FoundWord | None:
        """Return where the next word is; None when it is not near, or is none."""
        wanted = _stripped(_folded(word))
        if not wanted or word.strip().startswith("<"):
            return None
        first = True
        for clause in range(self._clause, min(self._clause + 2, len(self._texts))):
            text = self._texts[clause]
            begin = self._position if first else 0
            first = False
            start = _find_word(text, wanted, begin)
            if start >= 0:
                self._clause, self._position = clause, start + len(wanted)
                return FoundWord(clause, start, len(wanted))
            if len(text) - begin > _NEAR:
                return None  # the clause is far from over: a match in the next would skip it
        return None


def _folded(text: str) -> str:
    """Return the text to compare with, of the same length."""
    lower = text.lower()
    return (lower if len(lower) == len(text) else text).translate(_APOSTROPHES)


def _stripped(word: str) -> str:
    """Return a word without what surrounds it: blanks, punctuation, symbols."""
    start, end = 0, len(word)
    while start < end and not _is_of_word(word[start]):
        start += 1
    while end > start and not _is_of_word(word[end - 1]):
        end -= 1
    return word[start:end]


def _find_word(text: str, word: str, begin: int) -> int:
    """Return where a word stands as a word of its own, at or near `begin`; -1 if nowhere."""
    end = min(len(text), begin + _NEAR + len(word))
    start = text.find(word, begin, end)
    while start >= 0 and not _stands_alone(text, start, start + len(word), begin):
        start = text.find(word, start + 1, end)
    return start


def _stands_alone(text: str, start: int, end: int, begin: int) -> bool:
    before = start in (0, begin) or _is_edge(text[start - 1], text[start])
    return before and (end == len(text) or _is_edge(text[end - 1], text[end]))


def _is_edge(left: str, right: str) -> bool:
    """Say whether a word may end between two characters."""
    return (
        not (_is_of_word(left) and _is_of_word(right)) or _is_unspaced(left) or _is_unspaced(right)
    )


def _is_of_word(character: str) -> bool:
    """Say whether it is a letter, a digit, or a sign that belongs to one, as in Indic scripts."""
    return character.isalnum() or (character > "\u02ff" and not _is_mark_or_blank(character))


def _is_mark_or_blank(character: str) -> bool:
    return character.isspace() or "\u2000" <= character <= "\u2bff" or character in _PUNCTUATION


def _is_unspaced(character: str) -> bool:
    """Say whether its script puts no blanks between words."""
    return "\u2e80" <= character <= "\u9fff" or "\u0e00" <= character <= "\u0eff"


_PUNCTUATION = frozenset("\u0964\u0965\u060c\u061b\u061f\u06d4") | frozenset(
    map(chr, (*range(0x3000, 0x3040), *range(0xFF00, 0xFF10), *range(0xFF1A, 0xFF21)))
)
"""Danda, Arabic comma, semicolon, question mark and full stop; CJK and full-width marks."""
