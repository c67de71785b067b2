"""How the styles look that lines name, on a terminal that shows what it can.

Only the sixteen colours every theme has: they are readable on light and dark grounds alike.
Colour is never the only sign of anything.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Final

import attrs
from rich.color import ColorSystem
from rich.style import Style

from trioaudio.dashboard.cells import Line

STYLES: Final = {
    "": "",
    "title": "bold cyan",
    "strong": "bold",
    "dim": "bright_black",
    "rule": "bright_black",
    "head": "bold bright_black",
    "sorted": "bold cyan",
    "id": "cyan",
    "good": "green",
    "warn": "yellow",
    "bad": "bold red",
    "heard": "bold green",
    "coming": "bright_black",
    "lead": "blue",
    "spark": "magenta",
    "key": "bold yellow",
    "cursor": "reverse",
    "gone": "dim",
}
_SELECTED: Final = Style.parse("bright_white on #26324a")
_REVERSED: Final = Style.parse("reverse")


@functools.lru_cache(maxsize=64)
def style_of(name: str, *, selected: bool = False, rich_colours: bool = True) -> Style:
    """Return a style by its name."""
    style = Style.parse(STYLES[name])
    if not selected:
        return style
    if not rich_colours:
        return _REVERSED
    # grey on the selection's ground could not be read; neither could what a light theme has
    return _SELECTED + (Style.parse("white") if name in {"dim", "coming"} else style)


@attrs.frozen
class Palette:
    """What a terminal can show."""

    system: ColorSystem = ColorSystem.STANDARD
    colours: bool = True
    """False: weight and reversal only."""

    def paint(self, line: Line, *, selected: bool = False) -> str:
        """Return a line as a terminal takes it."""
        rich_colours = self.colours and self.system is not ColorSystem.STANDARD
        painted = []
        for text, name in line:
            style = style_of(name, selected=selected, rich_colours=rich_colours)
            if not self.colours:
                style = style.without_color
            painted.append(style.render(text, color_system=self.system))
        return "".join(painted)


def palette_of(environ: Mapping[str, str]) -> Palette:
    """Return what the terminal the environment tells of can show; https://no-color.org/."""
    term = environ.get("TERM", "")
    colours = not environ.get("NO_COLOR")
    if environ.get("COLORTERM", "") in {"truecolor", "24bit"}:
        return Palette(ColorSystem.TRUECOLOR, colours)
    return Palette(ColorSystem.EIGHT_BIT if "256color" in term else ColorSystem.STANDARD, colours)
