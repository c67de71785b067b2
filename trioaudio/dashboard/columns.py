"""The table of calls: which columns there is room for, and what stands in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from trioaudio.dashboard.cells import Line, Span, bar, clean, fitted, fitted_line
from trioaudio.dashboard.nodes import CallRow, Node
from trioaudio.dashboard.spoken import spoken_line
from trioaudio.observe.live_picture import Glyphs

SHORT_ID: Final = 8
FULL_LEAD_MS: Final = 240.0
"""A full bar: four frames at the carrier."""
LEAD_WIDTH, SPARK_WIDTH = 6, 12
WIDEST_TEXT: Final = 100
"""More than is told of what was heard could not be shown in one line."""
LATE_MS: Final = 20.0
"""Later than this is where the alert of docs/metrics.md is."""


@attrs.frozen
class Sight:
    """What a cell may need to know besides its call."""

    now: float
    """On the clock that only runs forward."""
    wall: float
    """Seconds since 1970."""
    glyphs: Glyphs


Cell = Callable[[Node, CallRow, Sight], tuple[Span, ...]]


@attrs.frozen
class Column:
    """A column; it is shown on terminals at least `from_width` wide."""

    title: str
    width: int
    sort: str
    cell: Cell
    right: bool = False
    from_width: int = 0


def short_id(call: str) -> str:
    """Return what people call a call: enough of its id to tell it from the others."""
    return clean(call.removeprefix("c_"))[:SHORT_ID]


def clock(seconds: float) -> str:
    """Return how long something takes, in at most six characters."""
    whole = max(0, int(seconds))
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d}"
    hours = whole // 3600
    return f"{hours}h{whole % 3600 // 60:02d}" if hours < 100 else f"{hours // 24}d"


def state_of(row: CallRow) -> tuple[str, str]:
    """Return a call's state in a word, and its style."""
    view = row.view
    if view.state == "up":
        if view.paused:
            return "paused", "warn"
        if view.speaking:
            return "speaking", "good"
        return ("waiting", "warn") if view.waiting else ("quiet", "dim")
    return view.state, {"lost": "bad", "ended": "gone"}.get(view.state, "warn")


def _id(_: Node, row: CallRow, __: Sight) -> tuple[Span, ...]:
    return ((short_id(row.view.call), "id"),)


def _node(node: Node, _: CallRow, __: Sight) -> tuple[Span, ...]:
    return ((short_name(node.name), ""),)


def short_name(name: str) -> str:
    """Return a node's address without what all of them have."""
    return name.removeprefix("http://").removeprefix("https://").removeprefix("unix://")


def _carrier(_: Node, row: CallRow, __: Sight) -> tuple[Span, ...]:
    return ((clean(row.view.carrier), ""),)


def _number(_: Node, row: CallRow, sight: Sight) -> tuple[Span, ...]:
    view = row.view
    if view.to:
        return ((f"{sight.glyphs.arrow} ", "dim"), (clean(view.to), ""))
    return ((clean(view.caller_id or view.peer or "-"), "dim"),)


def _state(_: Node, row: CallRow, sight: Sight) -> tuple[Span, ...]:
    word, style = state_of(row)
    return ((f"{sight.glyphs.dot} {word}", style),)


def _age(_: Node, row: CallRow, sight: Sight) -> tuple[Span, ...]:
    return ((clock(sight.wall - (row.view.answered_at or row.view.created_at)), ""),)


def _lead(_: Node, row: CallRow, sight: Sight) -> tuple[Span, ...]:
    full, empty = bar(
        row.view.lead_ms, FULL_LEAD_MS, LEAD_WIDTH, sight.glyphs.full, sight.glyphs.empty
    )
    return ((full, "lead"), (empty, "dim"), (f"{row.view.lead_ms:5.0f}", ""))


def _late(_: Node, row: CallRow, __: Sight) -> tuple[Span, ...]:
    value = row.view.lateness_p99_ms
    if value is None:
        return (("-", "dim"),)
    return ((f"{value:.1f}" if value < 1000 else f"{value:.0f}", lateness_style(value)),)


def lateness_style(value: float) -> str:
    """Return how a lateness in milliseconds is to be judged."""
    return "bad" if value > LATE_MS else "warn" if value > LATE_MS / 2 else "good"


def _spark(_: Node, row: CallRow, sight: Sight) -> tuple[Span, ...]:
    return (
        (spark(row.late.minute(SPARK_WIDTH, sight.now), sight.glyphs).rjust(SPARK_WIDTH), "spark"),
    )


def spark(values: list[float], glyphs: Glyphs) -> str:
    """Return a sparkline of latenesses in milliseconds; nothing of nothing.

    Its height is what is too late, unless something was later: so a good minute is flat and low.
    """
    top = max(LATE_MS, *values, LATE_MS)
    last = len(glyphs.levels) - 1
    return "".join(glyphs.levels[round(max(0.0, value) / top * last)] for value in values)


def _underruns(_: Node, row: CallRow, __: Sight) -> tuple[Span, ...]:
    count = row.view.underruns
    return ((str(count) if count < 1000 else "999", "bad" if count else "dim"),)


def _waiting(_: Node, row: CallRow, __: Sight) -> tuple[Span, ...]:
    count = row.view.waiting
    return ((str(count) if count < 1000 else "999", "" if count > 1 else "dim"),)


def _engine(_: Node, row: CallRow, __: Sight) -> tuple[Span, ...]:
    return ((row.engine or "-", "" if row.engine else "dim"),)


COLUMNS: Final = (
    Column("CALL", SHORT_ID, "age", _id),
    Column("NODE", 15, "node", _node, from_width=140),
    Column("CARRIER", 10, "carrier", _carrier, from_width=100),
    Column("NUMBER", 16, "number", _number, from_width=70),
    Column("STATE", 10, "state", _state, from_width=36),
    Column("UP", 6, "age", _age, right=True, from_width=50),
    Column("LEAD ms", LEAD_WIDTH + 5, "lead", _lead, from_width=120),
    Column("LATE", 5, "late", _late, right=True, from_width=78),
    Column("LAST MINUTE", SPARK_WIDTH, "late", _spark, from_width=150),
    Column("GAPS", 4, "underruns", _underruns, right=True, from_width=90),
    Column("WAIT", 4, "waiting", _waiting, right=True, from_width=110),
    Column("ENGINE", 10, "engine", _engine, from_width=130),
)


def columns_for(width: int, nodes: int) -> list[Column]:
    """Return the columns there is room for; one daemon needs no name."""
    return [
        each
        for each in COLUMNS
        if width >= each.from_width and not (each.title == "NODE" and nodes < 2)
    ]


def head_line(columns: list[Column], width: int, sort: str, mark: str) -> Line:
    """Return the table's head; the column calls are sorted by is marked."""
    spans: list[Span] = [(" ", "")]
    marked = False
    for each in columns:
        here = each.sort == sort and not marked and (sort != "age" or each.title != "CALL")
        marked = marked or here
        title = f"{each.title}{mark}" if here else each.title
        spans += [
            (fitted(title, each.width, right=each.right), "sorted" if here else "head"),
            (" ", ""),
        ]
    return fitted_line([*spans, ("TEXT", "head")], width)


def call_line(node: Node, row: CallRow, columns: list[Column], width: int, sight: Sight) -> Line:
    """Return a call's row: the text stands last, where a wide character moves nothing."""
    spans: list[Span] = [(" ", "")]
    for each in columns:
        cell = each.cell(node, row, sight)
        if each.right:
            ((text, style),) = cell
            spans.append((fitted(text, each.width, right=True), style))
        else:
            spans += fitted_line(cell, each.width)
        spans.append((" ", ""))
    room = width - sum(each.width + 1 for each in columns) - 1
    spans += spoken_line(row, min(room, WIDEST_TEXT), sight.now)
    if not node.answers:
        return fitted_line([(text, "gone") for text, _ in spans], width)
    return fitted_line(spans, width)
