r"""Which characters belong to one word, and which to one written sign.

`\w` of a regular expression leaves out the vowel signs of Indic scripts, so that a word would
end in its middle; and a clause cut between a letter and its marks is misread.
"""

from __future__ import annotations

import unicodedata

# The Indic blocks as a whole, but for danda and double danda; marks of Latin, Arabic and Thai.
WORD = r"\w\u0300-\u036f\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff\u0e31-\u0e4e\u200c\u200d"
"""The inside of a regular expression's character class."""
WORD_BEGINS = rf"(?<![{WORD}])"
WORD_ENDS = rf"(?![{WORD}])"

_JOINER = "\u200d"
_VIRAMA_CLASS = 9  # canonical combining class of the signs that join two consonants
_HANGUL_JAMO = range(0x1100, 0x1200)
_HANGUL_LATER_JAMO = range(0x1160, 0x1200)
_REACH = 64
"""Characters a cut moves back at most; a sign longer than that is no sign of any script."""


def words_in(text: str) -> tuple[str, ...]:
    """Return the words of a text: data that is easier to read without quotes and commas."""
    return tuple(text.split())


def in_word(character: str) -> bool:
    """Say whether a character (one, or none) is a letter, a digit or a mark on one."""
    return bool(character) and unicodedata.category(character)[0] in "LMN"


def cut_between_signs(text: str, at: int) -> int:
    """Return the last place up to `at` (and after 0) where no written sign is cut in two."""
    for place in range(at, max(at - _REACH, 0), -1):
        if not _one_sign(text[place - 1], text[place]):
            return place
    return at


def _one_sign(left: str, right: str) -> bool:
    if right in "\u200c\u200d" or unicodedata.category(right)[0] == "M" or left == _JOINER:
        return True
    if unicodedata.combining(left) == _VIRAMA_CLASS and unicodedata.category(right) == "Lo":
        return True
    return ord(left) in _HANGUL_JAMO and ord(right) in _HANGUL_LATER_JAMO
