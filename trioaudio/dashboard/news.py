"""The latest events as lines: the newest last, as a log has them."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from trioaudio.api import events
from trioaudio.api.events import Event
from trioaudio.client_verbs.showing import told_of
from trioaudio.dashboard.cells import Line, clean, fitted_line
from trioaudio.dashboard.columns import short_id, short_name
from trioaudio.dashboard.nodes import Fleet, Node

_STYLES: Final[dict[type[Event], str]] = {
    events.CallAnswered: "good",
    events.CallReturned: "good",
    events.CallLost: "bad",
    events.Failover: "bad",
    events.ControlFailed: "bad",
    events.UnderrunBegan: "warn",
    events.DtmfCame: "key",
    events.CallStarted: "id",
    events.CallEnded: "id",
}
LONGEST: Final = 300

WANTED: Final = tuple(
    str(each.__struct_config__.tag)
    for each in (
        events.CallStarted,
        events.CallAnswered,
        events.CallLost,
        events.CallReturned,
        events.CallEnded,
        events.UtteranceCompleted,
        events.UnderrunBegan,
        events.DtmfCame,
        events.Failover,
        events.ControlFailed,
        events.RecordingDone,
    )
)
"""What is subscribed to: what happens a few times a call, not what happens for every word."""


def news_lines(fleet: Fleet, count: int, width: int) -> list[Line]:
    """Return so many lines."""
    latest = list(fleet.events)[-count:]
    lines = [_line(node, event, width, named=len(fleet.nodes) > 1) for node, event in latest]
    return lines + [fitted_line((), width)] * (count - len(lines))


def _line(node: Node, event: Event, width: int, *, named: bool) -> Line:
    at = datetime.fromtimestamp(event.at).astimezone()
    name = str(event.__struct_config__.tag)
    where = f"{short_name(node.name)}  " if named and width >= 120 else ""
    return fitted_line(
        [
            (f" {at:%H:%M:%S}  ", "dim"),
            (where, "dim"),
            (f"{short_id(event.call):8}  ", "id"),
            (f"{name:20}", _STYLES.get(type(event), "")),
            (clean(told_of(event)[:LONGEST]), "" if type(event) in _STYLES else "dim"),
        ],
        width,
    )
