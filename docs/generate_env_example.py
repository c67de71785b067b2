# ruff: noqa: INP001  a script, not a package
"""Write the settings of .env.example, from their classes; what stands above them is by hand.

python docs/generate_env_example.py            write them
python docs/generate_env_example.py --check    exit code 1 if they are out of date
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

from trioaudio.setting_catalog import Group, all_groups, written

EXAMPLE = Path(__file__).parents[1] / ".env.example"
START = "# --- "
WIDTH = 100


def section(group: Group) -> Iterator[str]:
    """Return the lines of one heading."""
    yield f"# --- {group.heading} ---\n\n"
    for each in group.settings:
        yield textwrap.fill(
            each.meaning,
            WIDTH,
            initial_indent="# ",
            subsequent_indent="# ",
            break_on_hyphens=False,
        )
        yield f"\n#{each.variable}={written(each.default)}\n\n"
    yield "\n"


def main() -> int:
    """Write or check; return the exit code."""
    page = EXAMPLE.read_text(encoding="utf-8")
    lines = [line for group in all_groups() for line in section(group)]
    fresh = page[: page.index(START)] + "".join(lines).rstrip("\n") + "\n"
    if "--check" in sys.argv[1:]:
        return int(fresh != page)
    EXAMPLE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
