"""One line of text being written."""

from __future__ import annotations

from typing import Final

import attrs

from trioaudio.dashboard.cells import clean, cropped, width_of
from trioaudio.dashboard.keys import Key

MOST: Final = 2000


@attrs.define(eq=False)
class LineEditor:
    """The text, and where the cursor stands in it."""

    text: str = ""
    cursor: int = 0

    def press(self, key: Key) -> None:
        """Do what a key does in a line."""
        at, end = self.cursor, len(self.text)
        moves = {"left": max(0, at - 1), "right": min(end, at + 1), "home": 0, "end": end}
        word = self.text[:at].rstrip().rfind(" ") + 1
        erased = {
            "backspace": (max(0, at - 1), at),
            "delete": (at, at + 1),
            "erase-word": (word, at),
            "erase-line": (0, at),
        }
        if key.name in {"text", "pasted"}:
            self._insert(clean(key.text))
        elif key.name in moves:
            self.cursor = moves[key.name]
        elif key.name in erased:
            self._erase(*erased[key.name])

    def _insert(self, text: str) -> None:
        text = text[: MOST - len(self.text)]
        self.text = self.text[: self.cursor] + text + self.text[self.cursor :]
        self.cursor += len(text)

    def _erase(self, begin: int, end: int) -> None:
        self.text = self.text[:begin] + self.text[end:]
        self.cursor = begin

    def shown(self, width: int) -> tuple[str, str, str]:
        """Return what stands before, at and after the cursor, in at most so many cells."""
        at = self.text[self.cursor : self.cursor + 1] or " "
        before = self.text[: self.cursor]
        room = max(0, width - width_of(at))
        while width_of(before) > room:
            before = before[max(1, (width_of(before) - room) // 2) :]
        after = cropped(self.text[self.cursor + 1 :], room - width_of(before))
        return before, at, after
