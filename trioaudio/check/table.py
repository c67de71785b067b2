"""What was found, for people and for programs."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Final

import attrs

from trioaudio.check.row import Row

_MARKS: Final = {"ok": "✓", "warning": "!", "failed": "✗"}
_PLAIN_MARKS: Final = {"ok": "ok", "warning": "warning", "failed": "FAILED"}


def table(rows: Sequence[Row], encoding: str) -> str:
    """Return a line a row, and what to do below those that are not well."""
    marks = _MARKS
    try:
        "".join(_MARKS.values()).encode(encoding)
    except (UnicodeEncodeError, LookupError):
        marks = _PLAIN_MARKS
    mark_width = max(map(len, marks.values()))
    width = max((len(row.what) for row in rows), default=0)
    lines = []
    for row in rows:
        lines.append(f"{marks[row.state]:{mark_width}}  {row.what:{width}}  {row.detail}")
        if row.advice and row.state != "ok":
            lines.append(f"{'':{mark_width + width + 4}}{row.advice}")
    return "\n".join([*lines, "", summary(rows), ""])


def summary(rows: Sequence[Row]) -> str:
    """Return how many are how, in one line."""
    counts = {state: sum(row.state == state for row in rows) for state in _MARKS}
    return f"{counts['ok']} ok, {counts['warning']} to look at, {counts['failed']} failed"


def as_json(rows: Sequence[Row]) -> str:
    """Return one object: whether all is well, and the rows."""
    ok = all(row.state != "failed" for row in rows)
    return json.dumps({"ok": ok, "checks": [attrs.asdict(row) for row in rows]}) + "\n"


def problems_as_json(problems: Sequence[str]) -> str:
    """Return one object for settings that are wrong, so that nothing could be checked."""
    rows = [Row("configuration", "settings", "failed", each) for each in problems]
    return as_json(rows)
