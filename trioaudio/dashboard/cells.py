"""Text in the cells of a terminal: made harmless, measured, cut, and drawn as marks.

A line is a tuple of spans, each a text and the name of its style; see `palette`.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, TypeAlias

from rich.cells import cell_len, get_character_cell_size

Span: TypeAlias = tuple[str, str]
Line: TypeAlias = tuple[Span, ...]

CUT: Final = "…"
_SELECTORS: Final = frozenset("\ufe0e\ufe0f")
"""They make the character before them narrower or wider, on some terminals only."""


def clean(text: str) -> str:
    """Return a text others have written without what steers a terminal or is no character.

    Marks that change the writing direction, and joiners, go too: they would move other cells.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        each if each.isprintable() and each not in _SELECTORS else _instead(each) for each in text
    )


def _instead(character: str) -> str:
    """Return a space for what breaks words, nothing for what has no width."""
    return " " if character.isspace() or character < " " or character == "\x7f" else ""


def width_of(text: str) -> int:
    """Return how many cells a clean text takes."""
    return len(text) if text.isascii() else cell_len(text)


def cropped(text: str, width: int) -> str:
    """Return as much of the beginning of a clean text as fits, whole characters only."""
    if text.isascii():
        return text[: max(0, width)]
    used = 0
    for place, character in enumerate(text):
        used += get_character_cell_size(character)
        if used > width:
            return text[:place]
    return text


def fitted(text: str, width: int, *, right: bool = False) -> str:
    """Return a clean text in exactly so many cells: cut with an ellipsis, or filled up."""
    if width <= 0:
        return ""
    used = width_of(text)
    if used > width:
        text = cropped(text, width - 1) + CUT
        used = width_of(text)
    blank = " " * (width - used)
    return blank + text if right else text + blank


def fitted_line(line: Iterable[Span], width: int, fill: str = "") -> Line:
    """Return a line in exactly so many cells; `fill` is the style of what is empty."""
    left = width
    spans = []
    for text, style in line:
        if left <= 0:
            break
        piece = text if width_of(text) <= left else fitted(text, left)
        left -= width_of(piece)
        if piece:
            spans.append((piece, style))
    if left > 0:
        spans.append((" " * left, fill))
    return tuple(spans)


def text_of(line: Iterable[Span]) -> str:
    """Return a line without its styles."""
    return "".join(text for text, _ in line)


def bar(value: float, most: float, width: int, full: str, empty: str) -> tuple[str, str]:
    """Return the full and the empty part of a bar; a value above `most` fills it."""
    share = min(1.0, max(0.0, value / most)) if most > 0 else 0.0
    marks = round(share * width)
    if value > 0 and not marks:
        marks = min(1, width)
    return full * marks, empty * (width - marks)
