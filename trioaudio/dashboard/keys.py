"""Keys out of the bytes a terminal sends.

Sequences are those of ECMA-48 as xterm sends them
(https://invisible-island.net/xterm/ctlseqs/ctlseqs.html). What is pasted comes as one key, so that
no letter of it is taken for a command.
"""

from __future__ import annotations

import codecs
from typing import Final

import attrs

ESCAPE_S: Final = 0.05
"""After an escape byte alone: if nothing follows within it, it was the Escape key."""
MOST_PASTED: Final = 10_000
_PASTE_BEGIN, _PASTE_END = "\x1b[200~", "\x1b[201~"
_SEQUENCES: Final = {
    "[A": "up", "[B": "down", "[C": "right", "[D": "left", "[H": "home", "[F": "end",
    "OA": "up", "OB": "down", "OC": "right", "OD": "left", "OH": "home", "OF": "end",
    "[1~": "home", "[4~": "end", "[7~": "home", "[8~": "end",
    "[3~": "delete", "[5~": "page-up", "[6~": "page-down", "[Z": "shift-tab",
}  # fmt: skip
_CONTROLS: Final = {
    "\r": "enter", "\n": "enter", "\t": "tab", "\x7f": "backspace", "\x08": "backspace",
    "\x01": "home", "\x05": "end", "\x15": "erase-line", "\x17": "erase-word", "\x0c": "redraw",
    "\x04": "delete",
}  # fmt: skip


@attrs.frozen
class Key:
    """A key by its name; `text` and `pasted` have a text."""

    name: str
    text: str = ""


@attrs.define(eq=False)
class KeyReader:
    """Takes bytes as they come, however they are cut."""

    _decoder: codecs.IncrementalDecoder = attrs.field(
        factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )
    _rest: str = ""
    _pasting: bool = False

    @property
    def unsure(self) -> bool:
        """Whether what came may be the Escape key, or the beginning of another one."""
        return bool(self._rest) and not self._pasting

    def feed(self, data: bytes) -> list[Key]:
        """Return the keys that are complete."""
        self._rest += self._decoder.decode(data)
        keys = []
        while (key := self._next()) is not None:
            if key.name:
                keys.append(key)
        return keys

    def give_up(self) -> list[Key]:
        """Return what is left as it is: nothing more came in time."""
        if not self.unsure:
            return []
        rest, self._rest = self._rest, ""
        return [Key("escape")] if rest == "\x1b" else []

    def _next(self) -> Key | None:
        """Take one key; one without a name is none of ours."""
        rest = self._rest
        if self._pasting:
            return self._pasted()
        if not rest:
            return None
        if rest[0] != "\x1b":
            self._rest = rest[1:]
            if rest[0] in _CONTROLS:
                return Key(_CONTROLS[rest[0]])
            return Key("text", rest[0]) if rest[0].isprintable() else Key("")
        return self._sequence()

    def _sequence(self) -> Key | None:
        rest = self._rest
        if len(rest) == 1:
            return None
        if rest[1] == "\x1b":
            self._rest = rest[1:]
            return Key("escape")
        if rest[1] not in "[O":
            self._rest = rest[2:]  # a key together with Alt
            return Key("")
        for end in range(2, len(rest)):
            if "@" <= rest[end] <= "~":
                return self._known(rest[: end + 1])
        if len(rest) > 32:  # nobody's sequence is that long
            self._rest = ""
        return None

    def _known(self, sequence: str) -> Key:
        self._rest = self._rest[len(sequence) :]
        if sequence == _PASTE_BEGIN:
            self._pasting = True
            return Key("")
        return Key(_SEQUENCES.get(sequence[1:], ""))

    def _pasted(self) -> Key | None:
        text, end, after = self._rest.partition(_PASTE_END)
        if not end:
            if len(text) > MOST_PASTED:  # keep what may be the beginning of the end
                self._rest = text[:MOST_PASTED] + text[-len(_PASTE_END) :]
            return None
        self._pasting, self._rest = False, after
        return Key("pasted", text[:MOST_PASTED])
