"""How a construct is read from text that may still be growing.

A reader looks at a bounded stretch of text and answers: what is there; None, nothing of the kind;
or MORE, the text so far is the beginning of one. Once more text could not change the answer it
must not be MORE, and a given answer must hold whatever comes: then a token stream cut anywhere is
read like the whole text.
"""

from __future__ import annotations

import enum
import re
from typing import Final

import attrs


class Undecided(enum.Enum):
    """The one answer that is no answer yet."""

    MORE = "more"


MORE: Final = Undecided.MORE


@attrs.frozen
class Construct:
    """Something of a known form, and how it may begin."""

    whole: re.Pattern[str]
    """Matches it; once it does, more text does not change the match."""
    beginning: re.Pattern[str]
    """Matches, to the end of the text, every beginning of it."""
    reach: int
    """Characters it has at most."""

    def read(self, text: str, at: int) -> re.Match[str] | Undecided | None:
        """Return what stands in `text` at `at`."""
        found = self.whole.match(text, at, at + self.reach)
        if found is not None:
            return found
        if len(text) - at < self.reach and self.beginning.fullmatch(text, at) is not None:
            return MORE
        return None
