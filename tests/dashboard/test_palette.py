"""Styles on terminals that show much, little, or no colours."""

from __future__ import annotations

import pytest
from rich.color import ColorSystem

from trioaudio.dashboard.palette import STYLES, palette_of

LINE = (("heard", "heard"), (" coming", "coming"))


@pytest.mark.parametrize(
    ("environ", "system", "colours"),
    [
        ({"TERM": "xterm"}, ColorSystem.STANDARD, True),
        ({"TERM": "xterm-256color"}, ColorSystem.EIGHT_BIT, True),
        ({"TERM": "xterm-256color", "COLORTERM": "truecolor"}, ColorSystem.TRUECOLOR, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, ColorSystem.STANDARD, False),
        ({"TERM": "xterm", "NO_COLOR": ""}, ColorSystem.STANDARD, True),
    ],
)
def test_what_a_terminal_can_show(
    environ: dict[str, str], system: ColorSystem, colours: bool
) -> None:
    palette = palette_of(environ)
    assert (palette.system, palette.colours) == (system, colours)


def test_colours() -> None:
    assert palette_of({"TERM": "xterm"}).paint(LINE) == (
        "\x1b[1;32mheard\x1b[0m\x1b[90m coming\x1b[0m"
    )


def test_without_colours_the_heard_part_is_bold_and_the_selection_reversed() -> None:
    palette = palette_of({"TERM": "xterm", "NO_COLOR": "1"})
    assert palette.paint(LINE) == "\x1b[1mheard\x1b[0m coming"
    assert palette.paint(LINE, selected=True) == "\x1b[7mheard\x1b[0m\x1b[7m coming\x1b[0m"


@pytest.mark.parametrize("style", STYLES)
def test_every_style_can_be_painted_selected_or_not(style: str) -> None:
    for environ in ({"TERM": "xterm"}, {"TERM": "x-256color"}, {"COLORTERM": "truecolor"}):
        palette = palette_of(environ)
        assert "x" in palette.paint((("x", style),))
        assert palette.paint((("x", style),), selected=True).startswith("\x1b[")
