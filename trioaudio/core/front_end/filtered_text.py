"""What the filter has let through, with at most one space or two line ends between two words."""

from __future__ import annotations

import attrs

from trioaudio.core.front_end.mapped_text import MappedText
from trioaudio.core.front_end.word_characters import in_word

_PARAGRAPH = 2
_WORDS_APART = " "
_CELLS_APART = ", "


@attrs.define(eq=False)
class FilteredText:
    """Takes what is to be said, in order; collapses spaces; parts what a dropped sign parted."""

    mapped: MappedText = attrs.field(factory=MappedText)
    """Taken from at its beginning by whoever cuts it."""
    _last: str = "\n"
    _line_ends: int = _PARAGRAPH
    _parting: str = ""

    def write(self, text: str, start: int) -> None:
        """Add characters as they were written from `start` on; no spaces among them."""
        self._begin(text[0], start)
        self.mapped.add_written(text, start)
        self._last = text[-1]

    def write_character(self, character: str, start: int, end: int) -> None:
        """Add one character that was written otherwise."""
        self._begin(character, start)
        self.mapped.add_character(character, start, end)
        self._last = character

    def write_instead(self, words: str, start: int, end: int) -> None:
        """Add words said for what was written."""
        self._begin(words[:1], start)
        self.mapped.add_instead(words, start, end)
        self._last = words[-1:]

    def space(self, start: int, end: int) -> None:
        """Add a space, unless there is one already."""
        if self._last not in " \n":
            self.mapped.add_character(" ", start, end)
            self._last = " "

    def end_line(self, start: int, end: int) -> None:
        """End a line; of empty lines one is kept."""
        self._parting = ""
        if self._line_ends < _PARAGRAPH:
            self.mapped.add_character("\n", start, end)
            self._line_ends += 1
            self._last = "\n"

    def part_words(self) -> None:
        """Keep two words apart between which something was dropped."""
        self._parting = self._parting or _WORDS_APART

    def part_cells(self) -> None:
        """End a cell of a table; what follows in the line is another."""
        self._parting = _CELLS_APART

    def _begin(self, first: str, start: int) -> None:
        self._line_ends = 0
        parting, self._parting = self._parting, ""
        if not parting or self._last == "\n":
            return
        if parting == _CELLS_APART:
            for sign in _CELLS_APART:
                self.mapped.add_character(sign, start, start)
        elif in_word(first) and self._last != " ":
            self.mapped.add_character(" ", start, start)
