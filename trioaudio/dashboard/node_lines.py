"""What stands above the calls: totals, a line for every daemon, and one about the engines."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from trioaudio.api.views import NodeView
from trioaudio.dashboard.cells import Line, Span, bar, clean, fitted, fitted_line, width_of
from trioaudio.dashboard.columns import LATE_MS, Sight, clock, lateness_style, short_name, spark
from trioaudio.dashboard.nodes import Fleet, Node
from trioaudio.dashboard.scrape import EngineCounts

STATES = {"ready": "good", "full": "warn", "draining": "warn", "starting": "dim"}
BUSY, VERY_BUSY = 0.6, 0.75
"""Of a core; the larger is where a daemon takes no more calls unless it is told otherwise."""
LAG_MS = 20.0
NAME_WIDTH, CALLS_BAR, SPARK = 21, 10, 24


def total_line(fleet: Fleet, sight: Sight, *, few: bool = False) -> list[Span]:
    """Return the sums over all daemons."""
    calls = sum(len(each.calls) for each in fleet.nodes)
    scrapes = [each.scrape for each in fleet.nodes if each.scrape is not None]
    underruns = sum(each.underruns for each in scrapes)
    failovers = sum(each.failovers for each in scrapes)
    said = sum(each.rates.utterances for each in fleet.nodes if each.answers)
    frames = sum(each.rates.frames for each in fleet.nodes if each.answers)
    told: list[tuple[str, str, str]] = [(f"{calls}", "calls", "strong")]
    if not few:
        told += [(f"{said:.1f}", "utterances/s", ""), (f"{frames:.0f}", "frames/s", "")]
    told += [
        (f"{underruns:.0f}", "gaps", "bad" if underruns else ""),
        (f"{failovers:.0f}", "failovers", "bad" if failovers else ""),
    ]
    spans: list[Span] = []
    for number, meaning, style in told:
        between = sight.glyphs.between if spans else ""
        unit, per, second = meaning.partition("/")
        meant = unit.removesuffix("s") + per + second if number == "1" else meaning
        spans += [(between, "dim"), (number, style), (f" {meant}", "dim")]
    return spans


def node_lines(fleet: Fleet, width: int, sight: Sight, most: int) -> list[Line]:
    """Return a line a daemon, at most so many; those in trouble first when not all fit."""
    nodes = fleet.nodes
    if len(nodes) <= most:
        return _lines_of(nodes, width, sight)
    ranked = sorted(nodes, key=lambda each: each.answers)[: most - 1]
    lines = _lines_of(ranked, width, sight)
    left = f" … and {len(nodes) - len(ranked)} more daemons"
    return [*lines, fitted_line([(left, "dim")], width)]


def _lines_of(nodes: Sequence[Node], width: int, sight: Sight) -> list[Line]:
    longest = max((width_of(short_name(each.name)) for each in nodes), default=0)
    names = min(longest, NAME_WIDTH, max(8, width // 4))
    return [_node_line(each, names, width, sight) for each in nodes]


def _node_line(node: Node, name_width: int, width: int, sight: Sight) -> Line:
    name = fitted(short_name(node.name), name_width)
    if not node.answers:
        return fitted_line(_silence(node, name, sight), width)
    view = node.view
    if view is None:
        return fitted_line([(f" {name} …", "dim")], width)
    style = STATES.get(view.state, "warn")
    spans: list[Span] = [
        (f" {sight.glyphs.dot} ", style),
        (name, "strong"),
        (f"  {clean(view.state):8} ", style),
    ]
    for part in _figures(node, view, sight):
        if sum(len(text) for text, _ in (*spans, *part)) > width:
            break
        spans += part
    if view.reason:
        spans.append((f"  {clean(view.reason)}", "warn"))
    return fitted_line(spans, width)


def _silence(node: Node, name: str, sight: Sight) -> list[Span]:
    if node.silent_since:
        since = datetime.fromtimestamp(node.silent_since).astimezone()
        why = f"no answer since {since:%H:%M:%S}"
    else:
        why = "no answer yet"
    trouble = f": {node.trouble}" if node.trouble != why else ""
    return [(f" {sight.glyphs.dot} {name} ", "gone"), (why, "bad"), (trouble, "gone")]


def _figures(node: Node, view: NodeView, sight: Sight) -> list[tuple[Span, ...]]:
    """Return the parts of a daemon's line, the most telling first."""
    full, empty = bar(view.calls, view.calls_most, CALLS_BAR, sight.glyphs.full, sight.glyphs.empty)
    share = view.calls / view.calls_most if view.calls_most else 0.0
    cpu_style = "bad" if view.cpu > VERY_BUSY else "warn" if view.cpu > BUSY else ""
    late = view.lateness_p99_ms
    lag = None if node.scrape is None else node.scrape.loop_lag_s * 1000
    return [
        (
            (" calls ", "dim"),
            (full, "warn" if share > 0.8 else "lead"),
            (empty, "dim"),
            (f" {view.calls}/{view.calls_most}", ""),
        ),
        (("  cpu ", "dim"), (f"{100 * view.cpu:3.0f} %", cpu_style)),
        (
            ("  late p99 ", "dim"),
            ("-", "dim") if late is None else (f"{late:.2f} ms", lateness_style(late)),
        ),
        (
            ("  loop lag ", "dim"),
            ("-", "dim")
            if lag is None
            else (f"{lag:.1f} ms", "bad" if lag > LAG_MS else "warn" if lag > LATE_MS / 2 else ""),
        ),
        (("  up ", "dim"), (clock(sight.wall - view.started_at), "")),
        (("  ", ""), (spark(node.late.minute(SPARK, sight.now), sight.glyphs), "spark")),
        ((f"  {clean(view.version)}", "dim"),),
    ]


def engine_line(fleet: Fleet, width: int, sight: Sight) -> Line | None:
    """Return what the engines did, of all daemons together; None while nothing is known."""
    names = dict.fromkeys(each.engine for node in fleet.nodes for each in node.engines)
    if not names:
        return None
    spans: list[Span] = [(" engines", "dim")]
    for name in names:
        counts = _together(fleet, name)
        rests = any(each.resting for node in fleet.nodes for each in node.engines
                    if each.engine == name)  # fmt: skip
        first = counts.first_frame_ms
        between = sight.glyphs.between
        spans += [
            ("  ", ""),
            (f"{sight.glyphs.dot} {clean(name)}", "bad" if rests else "good"),
            (" resting" if rests else "", "bad"),
            (f"  {counts.spoken:.0f}", ""),
            (f" said{between}", "dim"),
            (f"{counts.failed:.0f}", "bad" if counts.failed else ""),
            (" failed", "dim"),
        ]
        if first is not None:
            spans += [(f"{between}first frame ", "dim"), (f"{first:.0f} ms", "")]
    return fitted_line(spans, width)


def _together(fleet: Fleet, engine: str) -> EngineCounts:
    found = [
        node.scrape.engines[engine]
        for node in fleet.nodes
        if node.scrape is not None and engine in node.scrape.engines
    ]
    return EngineCounts(
        spoken=sum(each.spoken for each in found),
        failed=sum(each.failed for each in found),
        first_frame_s=sum(each.first_frame_s for each in found),
        first_frames=sum(each.first_frames for each in found),
    )
