"""Text that remembers, character by character, where the author wrote it."""

from __future__ import annotations

import attrs

STAND_IN = "\ue000"
"""Stands for something said with other words (see `instead`). No author's text holds it: private
characters are controls to us."""


@attrs.define(eq=False)
class MappedText:
    """Characters, the author's characters each stands for, and the words stand-ins stand for."""

    text: str = ""
    starts: list[int] = attrs.field(factory=list[int])
    ends: list[int] = attrs.field(factory=list[int])
    instead: list[str] = attrs.field(factory=list[str])
    """What is said for each stand-in in `text`, in their order."""

    def add_written(self, text: str, start: int) -> None:
        """Add characters as they were written from `start` on."""
        self.text += text
        self.starts.extend(range(start, start + len(text)))
        self.ends.extend(range(start + 1, start + 1 + len(text)))

    def add_character(self, character: str, start: int, end: int) -> None:
        """Add one character that stands for the author's `start` to `end`."""
        self.text += character
        self.starts.append(start)
        self.ends.append(end)

    def add_instead(self, words: str, start: int, end: int) -> None:
        """Add words said for the author's `start` to `end`; nobody may cut or change them."""
        self.add_character(STAND_IN, start, end)
        self.instead.append(words)

    def take(self, count: int) -> MappedText:
        """Remove and return the first `count` characters."""
        text = self.text[:count]
        stand_ins = text.count(STAND_IN)
        taken = MappedText(text, self.starts[:count], self.ends[:count], self.instead[:stand_ins])
        self.text = self.text[count:]
        del self.starts[:count], self.ends[:count], self.instead[:stand_ins]
        return taken
