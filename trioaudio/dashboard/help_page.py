"""The page of keys."""

from __future__ import annotations

from typing import Final

from trioaudio.dashboard.cells import Line
from trioaudio.dashboard.view_state import SORT_KEYS

_KEYS: Final = (
    ("up down  PgUp PgDn  Home End", "select a call (also k, j, g, G)"),
    ("Enter", "details of the call; Enter or Esc goes back"),
    ("i", "interrupt what is being said on it, as a barge-in does"),
    ("s", "say something on it"),
    ("h", "hang up; asks first"),
    ("/", "show only calls with this in id, number, carrier, state, engine, label"),
    ("< >", "sort by the next column"),
    (" ".join(SORT_KEYS), "sort by " + ", ".join(SORT_KEYS.values())),
    ("r", "reverse the order; so does a sort key pressed again"),
    ("p", "pause the screen; keys still move it"),
    ("Ctrl-L", "draw anew"),
    ("q", "quit; no call notices"),
)


def _lines() -> list[Line]:
    lines: list[Line] = [(), ((" Keys", "title"),), ()]
    lines += [((f"  {keys:30}", "key"), (meaning, "")) for keys, meaning in _KEYS]
    lines += [
        (),
        ((" What the columns show", "title"),),
        (),
        (("  LEAD", "strong"), ("    sound at the carrier, not played yet", "")),
        (("  LATE", "strong"), ("    99th percentile of the call's frames sent late, ms", "")),
        (("  GAPS", "strong"), ("    times the engine was too slow: underruns", "")),
        (("  WAIT", "strong"), ("    utterances accepted and not complete", "")),
        (
            ("  TEXT", "strong"),
            ("    what is being said: ", ""),
            ("heard by now", "heard"),
            (" and to come", "coming"),
            ("; between two answers it is estimated", ""),
        ),
        (),
        (("  i, s and h need an operator's token. Any key goes back.", "dim"),),
    ]
    return lines


HELP: Final = _lines()
