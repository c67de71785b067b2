"""What the person at the terminal wants to see, and what a key changes about it.

Keys that command a call return an `Order`; nothing here carries one out.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import Final, Literal, TypeAlias

import attrs

from trioaudio.dashboard.keys import Key
from trioaudio.dashboard.line_editor import LineEditor
from trioaudio.dashboard.sorting import SORTS

Place: TypeAlias = tuple[str, str]
"""A call: its node's name, and its id."""

STATUS_S: Final = 8.0
"""How long a line about what happened stands."""
SORT_KEYS: Final = {
    "A": "age",
    "C": "carrier",
    "N": "number",
    "S": "state",
    "W": "waiting",
    "L": "lead",
    "T": "late",
    "U": "underruns",
    "E": "engine",
    "D": "node",
}


class Mode(enum.Enum):
    """What the keys are for."""

    LIST = "list"
    DETAILS = "details"
    HELP = "help"
    FILTER = "filter"
    SAY = "say"
    HANG_UP = "hang-up"


@attrs.frozen
class Order:
    """What is to be done with a call."""

    do: Literal["interrupt", "say", "hang-up"]
    place: Place
    text: str = ""


@attrs.define(eq=False)
class ViewState:
    """The list as it is looked at. `places` are the calls in the order shown."""

    sort: str = "age"
    reverse: bool = False
    needle: str = ""
    mode: Mode = Mode.LIST
    paused: bool = False
    quitting: bool = False
    selected: Place | None = None
    places: Sequence[Place] = ()
    top: int = 0
    """The first row in sight."""
    rows: int = 1
    """How many rows there are room for."""
    editor: LineEditor = attrs.field(factory=LineEditor)
    status: str = ""
    status_style: str = ""
    status_until: float = 0.0
    _target: Place | None = None
    _back: Mode = Mode.LIST
    """Where the line, the question or the help was begun."""
    _row: int = 0

    def tell(self, text: str, now: float, style: str = "") -> None:
        """Show a line for a while."""
        self.status, self.status_style, self.status_until = text, style, now + STATUS_S

    # --- What is in sight ------------------------------------------------------------------

    @property
    def page(self) -> Place | None:
        """The call whose page is open, also while something is written or asked on it."""
        return self.selected if Mode.DETAILS in {self.mode, self._back} else None

    @property
    def shown(self) -> Mode:
        """What stands on the screen: the list, the page of a call, or the help."""
        if self.mode in {Mode.SAY, Mode.HANG_UP}:
            return self._back
        return Mode.LIST if self.mode is Mode.FILTER else self.mode

    def notice_end(self, places: Sequence[Place], now: float) -> None:
        """Go back to the list when the call whose page is open is none of `places` any more."""
        if self.page is None or self.page in places:
            return
        if self.mode is Mode.DETAILS:
            self.mode = Mode.LIST
        self._back = Mode.LIST
        self.tell("that call is over", now, "warn")

    def arrange(self, places: Sequence[Place], rows: int) -> None:
        """Keep the selected call selected and in sight, whatever has changed around it."""
        self.places, self.rows = places, max(1, rows)
        if not places:
            self.selected, self.top, self._row = None, 0, 0
            return
        try:
            self._row = places.index(self.selected) if self.selected else 0
        except ValueError:  # it is over: the one that took its place
            self._row = min(self._row, len(places) - 1)
        self._select(self._row)

    def _select(self, row: int) -> None:
        if not self.places:
            return
        self._row = min(max(0, row), len(self.places) - 1)
        self.selected = self.places[self._row]
        last = max(0, len(self.places) - self.rows)
        self.top = min(max(self.top, self._row - self.rows + 1), self._row, last)

    # --- Keys --------------------------------------------------------------------------------

    def press(self, key: Key, now: float) -> Order | None:
        """Do what a key means now."""
        match self.mode:
            case Mode.FILTER | Mode.SAY:
                return self._write(key)
            case Mode.HANG_UP:
                return self._confirm(key, now)
            case Mode.HELP:
                self._go_back()
                return None
            case Mode.LIST | Mode.DETAILS:
                if not self._move(key):
                    return self._command(key, now)
                return None

    def _begin(self, mode: Mode) -> None:
        self.mode, self._back = mode, self.mode

    def _go_back(self) -> None:
        self.mode, self._back = self._back, Mode.LIST

    def _move(self, key: Key) -> bool:
        steps = {"up": -1, "down": 1, "page-up": -self.rows, "page-down": self.rows}
        steps |= {"home": -len(self.places), "end": len(self.places)}
        name = {"k": "up", "j": "down", "g": "home", "G": "end"}.get(key.text, key.name)
        if name not in steps:
            return False
        self._select(self._row + steps[name])
        return True

    def _command(self, key: Key, now: float) -> Order | None:  # noqa: C901  a case a key
        match key:
            case Key("text", "q"):
                self.quitting = True
            case Key("text", "?"):
                self._begin(Mode.HELP)
            case Key("text", "p"):
                self.paused = not self.paused
            case Key("text", "/"):
                self._begin(Mode.FILTER)
                self.editor = LineEditor(self.needle, len(self.needle))
            case Key("text", "r"):
                self.reverse = not self.reverse
            case Key("text", "<" | ">") | Key("left" | "right" | "tab" | "shift-tab"):
                names = list(SORTS)
                back = key.text == "<" or key.name in {"left", "shift-tab"}
                self.sort = names[(names.index(self.sort) + (-1 if back else 1)) % len(names)]
            case Key("text", letter) if letter in SORT_KEYS:
                self.reverse = self.sort == SORT_KEYS[letter] and not self.reverse
                self.sort = SORT_KEYS[letter]
            case Key("enter"):
                in_list = self.mode is Mode.LIST and self.selected is not None
                self.mode = Mode.DETAILS if in_list else Mode.LIST
            case Key("escape"):
                if self.mode is Mode.LIST:
                    self.needle = ""
                self.mode = Mode.LIST
            case Key("text", "i" | "s" | "h"):
                return self._ask(key.text, now)
        return None

    def _ask(self, letter: str, now: float) -> Order | None:
        if self.selected is None:
            self.tell("there is no call to do that with", now, "warn")
            return None
        self._target = self.selected
        match letter:
            case "i":
                return Order("interrupt", self.selected)
            case "s":
                self._begin(Mode.SAY)
                self.editor = LineEditor()
            case "h":
                self._begin(Mode.HANG_UP)
        return None

    def _write(self, key: Key) -> Order | None:
        mode, target = self.mode, self._target
        if key.name == "enter":
            self._go_back()
            text = self.editor.text.strip()
            if mode is Mode.SAY and text and target is not None:
                return Order("say", target, text)
        elif key.name == "escape":
            self._go_back()
            if mode is Mode.FILTER:
                self.needle = ""
        else:
            self.editor.press(key)
            if mode is Mode.FILTER:
                self.needle = self.editor.text
        return None

    def _confirm(self, key: Key, now: float) -> Order | None:
        self._go_back()
        if key.text in {"y", "Y"} and key.name == "text" and self._target is not None:
            return Order("hang-up", self._target)
        self.tell("not hung up", now)
        return None

    @property
    def target(self) -> str:
        """The id of the call that is asked about."""
        return self._target[1] if self._target else ""
