# ruff: noqa: INP001  a script, not a package
"""Write the diagram of an utterance's states into architecture.md, from the table in the core.

python docs/generate_states.py            write it
python docs/generate_states.py --check    exit code 1 if it is out of date
"""

from __future__ import annotations

import sys
from pathlib import Path

from trioaudio.core.utterance import TRANSITIONS, UtteranceState

PAGE = Path(__file__).with_name("architecture.md")
START, END = "<!-- states:start -->\n", "<!-- states:end -->"


def diagram() -> str:
    """Return the table as Mermaid, one line a move."""
    first = next(iter(UtteranceState))
    lines = ["stateDiagram-v2", f"    [*] --> {first.value}"]
    for state, moves in TRANSITIONS.items():
        lines += [f"    {state.value} --> {to.value}: {event.value}" for event, to in moves.items()]
    lines += [f"    {state.value} --> [*]" for state in UtteranceState if state.final]
    return "\n".join(["```mermaid", *lines, "```"]) + "\n"


def main() -> int:
    """Write or check; return the exit code."""
    page = PAGE.read_text(encoding="utf-8")
    before, _, rest = page.partition(START)
    _, _, after = rest.partition(END)
    fresh = f"{before}{START}{diagram()}{END}{after}"
    if "--check" in sys.argv[1:]:
        return int(fresh != page)
    PAGE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
