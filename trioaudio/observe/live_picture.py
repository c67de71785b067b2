"""What the live view shows of one snapshot: a few lines that fit the terminal, whatever its size.

Pure drawing; `live_view` reads, waits and writes. Colour is never the only sign of anything: what
is spoken is bold, what is not is dim, and a terminal without Unicode gets ASCII bars.
"""

from __future__ import annotations

import functools
import math

import attrs
from rich.cells import cell_len
from rich.text import Text

from trioaudio.observe.figures import (
    MISSING,
    Values,
    amount,
    clock,
    counted,
    milliseconds,
    number,
    spread_figures,
    whole,
    words,
)

_TEXT_LINES = 3
_LABEL = 10
_STYLES = {
    "starting": "dim",
    "waiting": "yellow",
    "speaking": "green",
    "playing": "cyan",
    "lost": "bold red",
    "closing": "dim",
}
_WIDEST_BAR = 60
_QUIET_MS = 1.0  # the sparkline's full height unless something was later: noise stays low


@attrs.frozen
class Glyphs:
    """The marks a terminal can show."""

    dot: str
    arrow: str
    done: str
    ahead: str
    full: str
    empty: str
    levels: str
    between: str


UNICODE = Glyphs("●", "→", "━", "╌", "■", "□", "▁▂▃▄▅▆▇█", " · ")
ASCII = Glyphs("*", "->", "=", "-", "#", ".", "_.-:=+*#", " | ")


def picture(snapshot: Values, width: int, height: int, glyphs: Glyphs) -> list[Text]:
    """Return at most `height` lines of at most `width` cells, the most telling ones."""
    ranked = [  # (rank, line): on a low terminal the highest ranks go first
        (0, _head(snapshot, width, glyphs)),
        *_text(snapshot, width),
        (3, _progress(snapshot, width, glyphs)),
        (5, _frames(snapshot, width, glyphs)),
        (2, _lateness(snapshot, width, glyphs)),
        (4, _queue(snapshot, width, glyphs)),
    ]
    kept = sorted(rank for rank, _ in ranked)[: max(1, height)]
    lines = [line for rank, line in ranked if rank in kept]
    for line in lines:
        line.truncate(width, overflow="crop")
    return lines


def _row(label: str, parts: list[Text], width: int, between: str = "   ") -> Text:
    """Join as many parts as fit; the first always stands."""
    line = Text(f"{label:{_LABEL}}", style="dim") if width >= 3 * _LABEL else Text(style="dim")
    line = Text.assemble(line, parts[0])
    for more in parts[1:]:
        if line.cell_len + len(between) + more.cell_len <= width:
            line = Text.assemble(line, (between, "dim"), more)
    return line


def _head(snapshot: Values, width: int, glyphs: Glyphs) -> Text:
    state = words(snapshot, "state")
    style = _STYLES.get(state, "")
    engine = " ".join(filter(None, (words(snapshot, "engine"), words(snapshot, "voice"))))
    carrier, peer = words(snapshot, "carrier"), words(snapshot, "peer")
    line = Text(f"{glyphs.dot} {state:8}", style=style)
    elapsed = Text(clock(number(snapshot, "elapsed_s")), style="dim")
    parts = [engine, f" {glyphs.arrow} {carrier}" if carrier else "", f" {peer}" if peer else ""]
    room = width - line.cell_len - elapsed.cell_len - 4
    route = ""
    for more in parts:
        if cell_len(route + more) > room:
            break
        route += more
    line = Text.assemble(line, "  ", route)
    gap = width - line.cell_len - elapsed.cell_len
    return Text.assemble(line, " " * gap, elapsed) if gap >= 2 else line


def _text(snapshot: Values, width: int) -> list[tuple[int, Text]]:
    """Return the lines round the current position, ranked; the spoken part is bold."""
    text, spoken = words(snapshot, "text"), whole(snapshot, "spoken") or 0
    starts = line_starts(text, width)
    current = max((i for i, start in enumerate(starts) if start <= spoken), default=0)
    first = max(0, min(current - 1, len(starts) - _TEXT_LINES))
    ends = [*starts[1:], len(text)]
    lines = []
    for index in range(first, min(first + _TEXT_LINES, len(starts))):
        start, end = starts[index], ends[index]
        cut = min(max(spoken, start), end)
        line = Text.assemble((text[start:cut], "bold"), (text[cut:end].rstrip(), "dim"))
        lines.append((1 if index == current else 6 + index - first, line))
    return lines


@functools.lru_cache(maxsize=2)
def line_starts(text: str, width: int) -> tuple[int, ...]:
    """Return where each line begins when a text is wrapped at its spaces."""
    starts, begin, used, space = [0], 0, 0, -1
    for index, character in enumerate(text):
        used += cell_len(character)
        if character == " ":
            space = index  # may hang over the edge: it is not drawn
        elif used > width and index > begin:
            begin = space + 1 if space >= begin else index
            starts.append(begin)
            used = cell_len(text[begin : index + 1])
    return tuple(starts)


def _progress(snapshot: Values, width: int, glyphs: Glyphs) -> Text:
    total = whole(snapshot, "text_characters") or len(words(snapshot, "text"))
    spoken = (whole(snapshot, "text_offset") or 0) + (whole(snapshot, "spoken") or 0)
    share = min(1.0, max(0.0, spoken / total)) if total else 0.0
    percent = Text(f"{int(share * 100):3d} %")
    room = min(_WIDEST_BAR, width - percent.cell_len - 1 - (_LABEL if width >= 3 * _LABEL else 0))
    if room < 4:
        return percent
    done = int(share * room)
    bar = Text.assemble((glyphs.done * done, "green"), (glyphs.ahead * (room - done), "dim"))
    return _row("spoken", [bar, percent], width, between=" ")


def _frames(snapshot: Values, width: int, glyphs: Glyphs) -> Text:
    frames, size = whole(snapshot, "frames") or 0, whole(snapshot, "frame_bytes")
    parts = [Text(counted(frames, "frame"))]
    if size is not None:
        parts.append(Text(f"{counted(size, 'byte')} each"))
    if (first := number(snapshot, "first_frame_ms")) is not None:
        parts.append(Text(f"first after {milliseconds(first)}"))
    if (sent := whole(snapshot, "bytes")) is not None:
        parts.append(Text(amount(sent)))
    return _row("frames", parts, width, glyphs.between)


def _lateness(snapshot: Values, width: int, glyphs: Glyphs) -> Text:
    figures = spread_figures(snapshot, "lateness_ms")
    said = Text()
    for name, figure in zip(("p50", "p99", "max"), figures, strict=True):
        said.append(f"{name} ", style="dim").append(f"{figure:5}")
    said.append("ms" if figures[0] != MISSING else "  ", style="dim")
    history = snapshot.get("history")
    values = history if isinstance(history, list) else []
    late = [value for value in values if isinstance(value, int | float) and math.isfinite(value)]
    room = width - said.cell_len - _LABEL - 3
    parts = [said]
    if late and room >= 5:
        parts.append(Text(sparkline(late[-min(room, 32) :], glyphs.levels), style="cyan"))
    return _row("lateness", parts, width)


def sparkline(values: list[float], levels: str) -> str:
    """Return one mark a value; the highest mark is the largest value, or 1 ms if all are less."""
    top = max(_QUIET_MS, *values)
    marks = [max(0.0, value) / top * len(levels) for value in values]
    return "".join(levels[min(len(levels) - 1, int(mark))] for mark in marks)


def _queue(snapshot: Values, width: int, glyphs: Glyphs) -> Text:
    queued, bound = whole(snapshot, "queue") or 0, max(1, whole(snapshot, "queue_bound") or 1)
    marks = min(bound, 16)
    full = min(marks, round(queued / bound * marks))
    bar = Text.assemble((glyphs.full * full, "cyan"), (glyphs.empty * (marks - full), "dim"))
    depth = Text.assemble(bar, f" {queued}/{bound}")
    parts = [depth, *(_rare(snapshot, key) for key in ("underruns", "resyncs"))]
    return _row("queue", parts, width)


def _rare(snapshot: Values, key: str) -> Text:
    count = whole(snapshot, key) or 0
    return Text(f"{key} {count}", style="bold yellow" if count else "dim")
