"""Which `*`, `_` and `~` are Markdown's, and which the author means to be said.

Marks are judged one by one, by what stands on either side of them: a mark that is never closed
takes nothing with it, and none waits for its partner.
"""

from __future__ import annotations

import re

from trioaudio.core.front_end.reading import Construct
from trioaudio.core.front_end.word_characters import in_word

RUN_REACH = 8
"""Marks in a row that are judged as one; a longer row is several."""
_MASK = 4
"""Stars in a row that are no emphasis."""
_SENTENCE_SIGNS = ".,;:!?।"
RUN = re.compile(rf"([*_~`])\1{{0,{RUN_REACH - 1}}}")
KEYS = Construct(
    whole=re.compile(r"\*[\d*]{0,20}\d#|\*\d{1,8}(?=[^\d*#])"),
    beginning=re.compile(r"\*[\d*]{0,20}"),
    reach=24,
)
"""Keys of a telephone, as in *121# or *9."""


def is_markup(run: str, before: str, after: str) -> bool:
    """Say whether a run of one mark is markup; `before` and `after` are its neighbours.

    A neighbour is a space where the text begins or ends.
    """
    match run[0]:
        case "_":
            return not (in_word(before) and in_word(after))
        case "~":
            return len(run) == 2
        case _:
            return not _is_operator(len(run), before, after)


def _is_operator(length: int, before: str, after: str) -> bool:
    """Say whether stars multiply (5 * 3, a*b), are a key (press *), mask (****12) or mean x**2."""
    if length == 1:
        alone = before.isspace() and (after.isspace() or after in _SENTENCE_SIGNS)
        return alone or (_is_operand(before, ")") and _is_operand(after, "("))
    if length >= _MASK:
        return after.isdecimal()
    return length == 2 and _is_operand(before, ")") and after.isdecimal()


def _is_operand(character: str, parenthesis: str) -> bool:
    """Say whether it may be part of a formula: scripts without spaces have emphasis in words."""
    return character.isascii() and (character.isalnum() or character == parenthesis)
