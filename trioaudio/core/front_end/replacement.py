"""A stretch of a text, and the words said for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import attrs

from trioaudio.core.front_end.mapped_text import STAND_IN


@attrs.frozen
class Replacement:
    """Words for `start` to `end` of a text."""

    start: int
    end: int
    words: str


@attrs.define(eq=False)
class Replacements:
    """Replacements found in a text so far; what is replaced is not looked at again."""

    text: str
    found: list[Replacement] = attrs.field(factory=list[Replacement])
    open: str = attrs.field(init=False)
    """The text, with what is replaced blotted out."""

    def __attrs_post_init__(self) -> None:
        self.open = self.text

    def replace(self, pattern: re.Pattern[str], say: Callable[[re.Match[str]], str | None]) -> None:
        """Replace what `pattern` matches (its group `it`, if it has one) by what `say` returns."""
        group: str | int = "it" if "it" in pattern.groupindex else 0
        new = list(self._matches(pattern, say, group))
        self.found += new
        for each in new:
            blot = STAND_IN * (each.end - each.start)
            self.open = self.open[: each.start] + blot + self.open[each.end :]

    def _matches(
        self,
        pattern: re.Pattern[str],
        say: Callable[[re.Match[str]], str | None],
        group: str | int,
    ) -> Iterator[Replacement]:
        for match in pattern.finditer(self.open):
            words = say(match)
            if words is not None:
                yield Replacement(*match.span(group), words)

    def in_order(self) -> list[Replacement]:
        """Return them as they stand in the text."""
        return sorted(self.found, key=lambda each: each.start)
