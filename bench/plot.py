"""A picture of the contest: lateness and CPU over calls, as SVG for light and dark pages."""

from __future__ import annotations

import math
from collections.abc import Callable
from xml.sax.saxutils import escape

import attrs

from bench.contest import KNEE_MS, Contest, Reading, Scenario
from bench.participants.roster import Participant
from bench.trial import Trial

WIDTH, PANEL_HEIGHT = 960, 300
LEFT, RIGHT, TOP, BOTTOM, GAP = 62, 16, 34, 44, 40
LEGEND_ROW = 20
LEGEND_COLUMNS = 3
COLOURS = ("#2f81f7", "#e5534b", "#2da44e", "#bf8700", "#a371f7", "#db61a2", "#1b9aaa", "#8b6f47")
FLOOR_COLOUR = "#848d97"

STYLE = """<style>
text { font: 12px system-ui, sans-serif; fill: #57606a }
.title { font-size: 13px; font-weight: 600 }
.grid { stroke: #8c959f; stroke-opacity: .3; stroke-width: 1 }
.limit { stroke: #8c959f; stroke-dasharray: 5 4; stroke-width: 1.2 }
@media (prefers-color-scheme: dark) { text { fill: #adbac7 } }
</style>"""


@attrs.frozen
class Axis:
    """A logarithmic axis between two values, in pixels."""

    low: float
    high: float
    begin: float
    end: float

    def place(self, value: float) -> float:
        """Return where a value is; what is beyond the axis is at its end."""
        value = min(max(value, self.low), self.high)
        part = math.log(value / self.low) / math.log(self.high / self.low)
        return self.begin + part * (self.end - self.begin)


@attrs.frozen
class Line:
    """One participant's, with its colour."""

    label: str
    colour: str
    points: list[tuple[float, float]]
    is_floor: bool


def _lines(
    readings: list[Reading], participants: list[Participant], value: Callable[[Trial], float]
) -> list[Line]:
    lines = []
    for number, who in enumerate(participants):
        best: dict[int, float] = {}
        for each in readings:
            if each.who == who.key and each.trial is not None:
                found = value(each.trial)
                best[each.legs] = min(found, best.get(each.legs, found))
        colour = FLOOR_COLOUR if number == 0 else COLOURS[(number - 1) % len(COLOURS)]
        lines.append(Line(who.label, colour, sorted(best.items()), is_floor=number == 0))
    return lines


def _ticks(low: float, high: float) -> list[float]:
    steps = (1, 2, 5) if high / low < 200 else (1,)
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [tick for power in powers for step in steps if low <= (tick := step * 10**power) <= high]


def _panel(title: str, lines: list[Line], across: Axis, up: Axis, limit: float | None) -> list[str]:
    parts = [f'<text class="title" x="{across.begin}" y="{up.end - 12}">{escape(title)}</text>']
    for tick in _ticks(up.low, up.high):
        y = up.place(tick)
        parts += [
            f'<line class="grid" x1="{across.begin}" x2="{across.end}" y1="{y:.1f}" y2="{y:.1f}"/>',
            f'<text x="{across.begin - 6}" y="{y + 4:.1f}" text-anchor="end">{tick:g}</text>',
        ]
    for tick in _ticks(across.low, across.high):
        x = across.place(tick)
        parts += [
            f'<line class="grid" x1="{x:.1f}" x2="{x:.1f}" y1="{up.begin}" y2="{up.end}"/>',
            f'<text x="{x:.1f}" y="{up.begin + 16}" text-anchor="middle">{tick:g}</text>',
        ]
    if limit is not None:
        y = up.place(limit)
        parts.append(
            f'<line class="limit" x1="{across.begin}" x2="{across.end}" y1="{y:.1f}" y2="{y:.1f}"/>'
        )
    return parts + [part for line in lines for part in _drawn(line, across, up)]


def _drawn(line: Line, across: Axis, up: Axis) -> list[str]:
    places = [(across.place(x), up.place(y)) for x, y in line.points if y > 0]
    if not places:
        return []
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
    dash = ' stroke-dasharray="3 3"' if line.is_floor else ""
    stroke = f'stroke="{line.colour}" stroke-width="2"{dash}'
    dots = [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="2.6" fill="{line.colour}"/>' for x, y in places]
    return [f'<polyline fill="none" {stroke} points="{path}"/>', *dots]


def _legend(lines: list[Line], y: float) -> list[str]:
    parts, width = [], (WIDTH - LEFT) / LEGEND_COLUMNS
    for number, line in enumerate(lines):
        x, row = LEFT + number % LEGEND_COLUMNS * width, y + number // LEGEND_COLUMNS * LEGEND_ROW
        parts += [
            f'<rect x="{x:.0f}" y="{row - 8:.0f}" width="14" height="4" fill="{line.colour}"/>',
            f'<text x="{x + 20:.0f}" y="{row:.0f}">{escape(line.label)}</text>',
        ]
    return parts


def draw(contest: Contest, scenarios: list[Scenario], participants: list[Participant]) -> str:
    """Return the picture: a row of panels for each scenario that climbed a ladder."""
    climbed = [each for each in scenarios if each.ladder]
    legend_rows = -(-len(participants) // LEGEND_COLUMNS)
    head = 20 + legend_rows * LEGEND_ROW
    height = head + len(climbed) * PANEL_HEIGHT
    half = (WIDTH - 2 * LEFT - RIGHT - GAP) / 2
    parts: list[str] = []
    for row, scenario in enumerate(climbed):
        readings = [each for each in contest.readings if each.scenario == scenario.key]
        y = head + row * PANEL_HEIGHT
        bottom, top = y + PANEL_HEIGHT - BOTTOM, y + TOP
        calls = [each.legs for each in readings] or [1, 10]
        low, high = min(calls) * 0.9, max(*calls, min(calls) * 2) * 1.1
        left = Axis(low, high, LEFT, LEFT + half)
        right = Axis(low, high, WIDTH - RIGHT - half, WIDTH - RIGHT)
        late = _lines(readings, participants, lambda t: t.heard.arrival_ms.p99)
        cost = _lines(readings, participants, lambda t: t.sent.cpu_us_per_frame)
        title = f"{scenario.title}: p99 lateness, ms"
        parts += _panel(title, late, left, Axis(0.1, 1000, bottom, top), KNEE_MS)
        title = "CPU of a frame, µs; both over the number of calls"
        parts += _panel(title, cost, right, Axis(5, 2000, bottom, top), None)
    legend = _legend(_lines([], participants, lambda _t: 0.0), 22)
    size = f'viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}"'
    label = "lateness and CPU of a frame over the number of calls"
    opening = f'<svg xmlns="http://www.w3.org/2000/svg" {size} role="img" aria-label="{label}">'
    return "\n".join([opening, STYLE, *legend, *parts, "</svg>"]) + "\n"
