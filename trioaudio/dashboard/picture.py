"""The whole screen as lines: what there is room for, the most telling things first."""

from __future__ import annotations

from datetime import datetime

import attrs

from trioaudio.dashboard.cells import Line, Span, fitted_line
from trioaudio.dashboard.columns import Sight, call_line, columns_for, head_line, short_id
from trioaudio.dashboard.help_page import HELP
from trioaudio.dashboard.news import news_lines
from trioaudio.dashboard.node_lines import engine_line, node_lines, total_line
from trioaudio.dashboard.nodes import CallRow, Fleet, Node
from trioaudio.dashboard.one_call import call_page
from trioaudio.dashboard.sorting import Found, sorted_calls
from trioaudio.dashboard.view_state import Mode, ViewState

LOW = 14
"""Below so many lines only the calls and a head are shown."""
TALL = 24
"""From so many lines the latest events are shown too."""
MOST_NEWS, MOST_NODES = 8, 6


@attrs.frozen
class Row:
    """A line, and whether it is the selected one."""

    line: Line
    selected: bool = False


@attrs.frozen
class Picture:
    """A screen: its lines from the top, and the calls in sight by their nodes' names."""

    rows: list[Row]
    in_sight: dict[str, list[str]]


def draw_list(fleet: Fleet, state: ViewState, width: int, sight: Sight) -> list[Line]:
    """Return as many lines as it takes to show all calls, and nothing that only a person needs."""
    found = sorted_calls(fleet, state.sort, state.needle, reverse=state.reverse)
    state.arrange([(node.name, row.view.call) for node, row in found], len(found))
    table = _table(fleet, state, found, found, width, sight)
    return [*_above(fleet, width, TALL, sight), *(row.line for row in table)]


def draw(fleet: Fleet, state: ViewState, width: int, height: int, sight: Sight) -> Picture:
    """Return at most `height` lines of exactly `width` cells; tells `state` what is in sight."""
    width, height = max(1, width), max(1, height)
    found = sorted_calls(fleet, state.sort, state.needle, reverse=state.reverse, kept=state.page)
    places = [(node.name, row.view.call) for node, row in found]
    state.notice_end(places, sight.now)
    above = _above(fleet, width, height, sight)
    news = min(MOST_NEWS, height // 5) if height >= TALL and state.shown is Mode.LIST else 0
    below = 1 if height > 2 else 0
    room = height - len(above) - (news + 1 if news else 0) - below - 2
    state.arrange(places, room)
    chosen = found[state.top : state.top + max(1, room)]
    in_sight: dict[str, list[str]] = {}
    for node, row in chosen:
        in_sight.setdefault(node.name, []).append(row.view.call)
    rows = [Row(line) for line in above]
    if state.shown is Mode.HELP:
        rows += _page(HELP, width, height - len(above) - below)
    elif state.shown is Mode.DETAILS and (shown := _selected(found, state)) is not None:
        page = call_page(*shown, width, height - len(above) - below, sight)
        rows += _page(page, width, height - len(above) - below)
    else:
        rows += _table(fleet, state, found, chosen, width, sight)
        # the news and the last line stay where they are, however few calls there are
        rows += [Row(fitted_line((), width))] * max(0, room - max(1, len(chosen)))
        if news:
            rows.append(Row(_rule("latest events", "", width, sight)))
            rows += [Row(line) for line in news_lines(fleet, news, width)]
    rows = rows[: height - below]
    if below:
        rows.append(Row(_bottom(state, width, sight)))
    return Picture(rows, in_sight)


def _above(fleet: Fleet, width: int, height: int, sight: Sight) -> list[Line]:
    lines = [_title(fleet, width, sight)]
    if height < LOW:
        return lines
    lines += node_lines(fleet, width, sight, min(MOST_NODES, max(1, height // 6)))
    if height >= TALL - 4 and (engines := engine_line(fleet, width, sight)) is not None:
        lines.append(engines)
    return lines


def _title(fleet: Fleet, width: int, sight: Sight) -> Line:
    when = datetime.fromtimestamp(sight.wall).astimezone()
    clock = f"{when:%H:%M:%S}"
    left: list[Span] = [(" trioaudio top", "title"), ("  ", ""), *total_line(fleet, sight)]
    if width < 60:
        left = [(" top", "title"), ("  ", ""), *total_line(fleet, sight, few=True)]
    room = width - len(clock) - 2
    return fitted_line([*fitted_line(left, max(1, room)), (f" {clock} ", "dim")], width)


def _rule(title: str, after: str, width: int, sight: Sight) -> Line:
    dash = "─" if sight.glyphs.dot != "*" else "-"
    spans = [(dash * 2, "rule"), (f" {title} ", "strong"), (after, "dim")]
    used = sum(len(text) for text, _ in spans)
    return fitted_line([*spans, (dash * max(0, width - used), "rule")], width)


def _table(
    fleet: Fleet, state: ViewState, found: Found, chosen: Found, width: int, sight: Sight
) -> list[Row]:
    calls = sum(len(each.calls) for each in fleet.nodes)
    shown = f"{len(found)} of {calls}" if state.needle else str(calls)
    up = sight.glyphs.dot != "*"
    arrow = ("▲" if up else "^") if state.reverse else ("▼" if up else "v")
    sought = f"with {state.needle!r} " if state.needle else ""
    where = f"{state.top + 1}-{state.top + len(chosen)} " if len(chosen) < len(found) else ""
    rows = [Row(_rule(f"calls {shown}", f"by {state.sort} {arrow} {sought}{where}", width, sight))]
    columns = columns_for(width, len(fleet.nodes))
    rows.append(Row(head_line(columns, width, state.sort, arrow)))
    if not chosen:
        nothing = "no call fits the filter" if state.needle else "no calls"
        return [*rows, Row(fitted_line([(f" {nothing}", "dim")], width))]
    for node, row in chosen:
        line = call_line(node, row, columns, width, sight)
        rows.append(Row(line, (node.name, row.view.call) == state.selected))
    return rows


def _selected(found: Found, state: ViewState) -> tuple[Node, CallRow] | None:
    for node, row in found:
        if (node.name, row.view.call) == state.selected:
            return node, row
    return None


def _page(lines: list[Line], width: int, room: int) -> list[Row]:
    shown = [Row(fitted_line(line, width)) for line in lines[:room]]
    return shown + [Row(fitted_line((), width))] * (room - len(shown))


def _bottom(state: ViewState, width: int, sight: Sight) -> Line:
    paused: list[Span] = [(" PAUSED", "warn")] if state.paused else []
    room = width - sum(len(text) for text, _ in paused)
    return fitted_line([*paused, *_last_line(state, room, sight)], width)


def _last_line(state: ViewState, width: int, sight: Sight) -> list[Span]:
    if state.mode in {Mode.FILTER, Mode.SAY}:
        what = "filter" if state.mode is Mode.FILTER else f"say to {short_id(state.target)}"
        head = f" {what}: "
        before, at, after = state.editor.shown(max(1, width - len(head) - 1))
        return [(head, "key"), (before, ""), (at, "cursor"), (after, "")]
    if state.mode is Mode.HANG_UP:
        asked = f" hang up {short_id(state.target)}? y hangs up, any other key does not"
        return [(asked, "bad")]
    if state.status and sight.now < state.status_until:
        return [(f" {state.status}", state.status_style)]
    keys = (
        [("Esc", "back"), ("i", "interrupt"), ("s", "say"), ("h", "hang up"), ("q", "quit")]
        if state.mode is Mode.DETAILS
        else [
            ("?", "help"), ("q", "quit"), ("Enter", "details"), ("/", "filter"), ("< >", "sort"),
            ("i", "interrupt"), ("s", "say"), ("h", "hang up"), ("p", "pause"),
        ]
    )  # fmt: skip
    spans: list[Span] = [(" ", "")]
    for key, meaning in keys:
        spans += [(key, "key"), (f" {meaning}  ", "dim")]
    return spans
