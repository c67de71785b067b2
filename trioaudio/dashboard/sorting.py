"""Which calls are shown, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import attrs

from trioaudio.dashboard.columns import short_name, state_of
from trioaudio.dashboard.nodes import CallRow, Fleet, Node


@attrs.frozen
class Sort:
    """One order; `most_first`: the largest value stands first unless it is reversed."""

    key: Callable[[Node, CallRow], float | str]
    most_first: bool = False


SORTS: Final[dict[str, Sort]] = {
    "age": Sort(lambda _, row: row.view.created_at),
    "carrier": Sort(lambda _, row: row.view.carrier),
    "number": Sort(lambda _, row: row.view.to or row.view.peer or ""),
    "state": Sort(lambda _, row: f"{row.view.state} {not row.view.speaking}"),
    "waiting": Sort(lambda _, row: row.view.waiting, most_first=True),
    "lead": Sort(lambda _, row: row.view.lead_ms, most_first=True),
    "late": Sort(lambda _, row: row.view.lateness_p99_ms or 0.0, most_first=True),
    "underruns": Sort(lambda _, row: row.view.underruns, most_first=True),
    "engine": Sort(lambda _, row: row.engine),
    "node": Sort(lambda node, _: node.name),
}

Found = list[tuple[Node, CallRow]]


def sorted_calls(
    fleet: Fleet,
    sort: str,
    needle: str,
    *,
    reverse: bool = False,
    kept: tuple[str, str] | None = None,
) -> Found:
    """Return the calls in which `needle` is found, in the order named; equals by age.

    `kept`, a node's name and a call's id, is among them whatever is sought.
    """
    chosen = SORTS[sort]
    small, several = needle.lower(), len(fleet.nodes) > 1
    found = [
        (node, row)
        for node in fleet.nodes
        for row in node.calls.values()
        if small in row.found_by
        or small in state_of(row)[0]
        or (several and small in short_name(node.name).lower())
        or (node.name, row.view.call) == kept
    ]
    found.sort(key=lambda each: each[1].view.created_at)
    if sort != "age" or reverse:
        # stable, also backwards: equals stay by age
        found.sort(key=lambda each: chosen.key(*each), reverse=chosen.most_first != reverse)
    return found
