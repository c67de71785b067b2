"""What is being said, in one line: the part that was heard stands out from what is to come.

The line stays where it is until it was heard to its end, as a reader's eye would have it.
"""

from __future__ import annotations

from trioaudio.dashboard.cells import Line, clean, width_of
from trioaudio.dashboard.nodes import CallRow


def spoken_line(row: CallRow, width: int, now: float) -> Line:
    """Return what is being said on a call in at most `width` cells; nothing where nothing is."""
    saying = row.view.saying
    if saying is None or width < 4:
        return ()
    heard = row.heard(now)
    utterance, start = row.line_start
    if utterance != saying.utterance or not saying.begin <= start <= heard:
        start = saying.begin
    text = saying.text[start - saying.begin :]
    while True:
        shown = _line_of(text, width)
        if not shown or start + len(shown) > heard or len(shown) == len(text):
            break
        start += len(shown)
        text = text[len(shown) :]
    row.line_start = (saying.utterance, start)
    done = max(0, heard - start)
    spans = ((clean(shown[:done]), "heard"), (clean(shown[done:]), "coming"))
    return tuple(span for span in spans if span[0])


def _line_of(text: str, width: int) -> str:
    """Return the beginning of a text that fits, up to the end of a word if there is one."""
    fits = _fitting(text, width)
    if len(fits) == len(text):
        return text
    cut = fits.rfind(" ")
    return fits[: cut + 1] if cut > width // 2 else fits


def _fitting(text: str, width: int) -> str:
    """Return as much of a text as fits when it is clean, but as it was written."""
    if text[:width].isascii() and text[:width].isprintable():
        return text[:width]
    used = 0
    for place, character in enumerate(text):
        used += width_of(clean(character))
        if used > width:
            return text[:place]
    return text


def whole_text(row: CallRow, width: int, now: float, most: int) -> list[Line]:
    """Return all that is known of what is being said, in at most so many lines."""
    saying = row.view.saying
    if saying is None or width < 4:
        return []
    heard = row.heard(now) - saying.begin
    text, begin = saying.text, 0
    lines: list[Line] = []
    while text and len(lines) < most:
        shown = _line_of(text, width)
        if not shown:
            break
        done = min(max(0, heard - begin), len(shown))
        lines.append(((clean(shown[:done]), "heard"), (clean(shown[done:]), "coming")))
        begin += len(shown)
        text = text[len(shown) :]
    return [line for line in lines if any(width_of(span[0]) for span in line)]
