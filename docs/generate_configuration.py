# ruff: noqa: INP001  a script, not a package
"""Write the tables of configuration.md, from the settings' classes; the rest is by hand.

python docs/generate_configuration.py            write them
python docs/generate_configuration.py --check    exit code 1 if they are out of date
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

from trioaudio.configuration_changes import RESTART
from trioaudio.core.secret import Secret
from trioaudio.setting_catalog import Group, Setting, all_groups, written
from trioaudio.settings_values import Address

PAGE = Path(__file__).with_name("configuration.md")
START = "<!-- settings:start -->\n"
HEAD = (
    "| config.toml | variable | type | default | range | meaning |\n"
    "| --- | --- | --- | --- | --- | --- |\n"
)
RESTARTED = "changing it takes a restart"


def kind_of(setting: Setting) -> str:
    """Return what is to be written, in words."""
    if setting.choices:
        return ", ".join(f"`{each}`" for each in setting.choices)
    if setting.is_list:
        return "list"
    kinds = {
        bool: "`true` or `false`",
        int: "whole number",
        float: "number",
        str: "text",
        Secret: "secret text",
        Path: "path",
        Address: "address",
        Address | Path: "address or path",
    }
    return kinds.get(setting.type, "path or word")


def default_of(setting: Setting) -> str:
    """Return the default as config.toml has it, without quotes and brackets."""
    if isinstance(setting.default, bool):
        return str(setting.default).lower()
    return written(setting.default)


def range_of(setting: Setting) -> str:
    """Return the limits of a number."""
    if not setting.is_number or ("check" in setting.rules and "least" not in setting.rules):
        return ""
    least, most = (f"{each:,}".replace(",", " ") for each in setting.limits)
    return f"{least} to {most}" if "most" in setting.rules else f"{least} or more"


def row(setting: Setting) -> str:
    """Return a row of a table."""
    default = default_of(setting)
    meaning = setting.meaning
    if setting.field in RESTART:
        meaning = f"{meaning}; {RESTARTED}"
    cells = (
        f"`{setting.toml_key}`",
        f"`{setting.variable}`",
        kind_of(setting),
        f"`{default}`" if default else "",
        range_of(setting),
        meaning,
    )
    return f"| {' | '.join(each.replace('|', chr(92) + '|') for each in cells)} |\n"


def section(group: Group) -> Iterator[str]:
    """Return the lines of one heading."""
    yield f"\n### {group.heading}\n\n{HEAD}"
    yield from map(row, group.settings)


def main() -> int:
    """Write or check; return the exit code."""
    page = PAGE.read_text(encoding="utf-8")
    by_hand = page[: page.index(START)] + START
    fresh = by_hand + "".join(line for group in all_groups() for line in section(group))
    if "--check" in sys.argv[1:]:
        return int(fresh != page)
    PAGE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
