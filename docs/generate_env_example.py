# ruff: noqa: INP001  a script, not a package
"""Write the daemon's, carriers' and engines' part of .env.example, from the settings classes.

python docs/generate_env_example.py            write it
python docs/generate_env_example.py --check    exit code 1 if it is out of date

What stands above it, the general settings with their order and headings, is written by hand.
"""

from __future__ import annotations

import enum
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import attrs

from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.secret import Secret
from trioaudio.engines import engine_names, load_engine
from trioaudio.serve_settings import ServeSettings
from trioaudio.settings import variable
from trioaudio.settings_values import Address

EXAMPLE = Path(__file__).parents[1] / ".env.example"
START = "# --- The daemon"
WIDTH = 100


def written(default: object) -> str:
    """Return a default as it is written in the file."""
    match default:
        case None | () | Secret():
            return ""
        case Address():
            return str(default)
        case tuple():
            return ",".join(map(str, default))
        case bool():
            return "yes" if default else "no"
        case enum.Enum():
            return str(default.value)
        case float():
            return f"{default:g}"
        case _:
            return str(default)


def section(heading: str, prefix: str, settings: attrs.AttrsInstance) -> Iterator[str]:
    """Return the lines of the daemon, one carrier or one engine."""
    yield f"# --- {heading} ---\n\n"
    for field in attrs.fields(type(settings)):
        yield textwrap.fill(
            field.metadata["help"],
            WIDTH,
            initial_indent="# ",
            subsequent_indent="# ",
            break_on_hyphens=False,
        )
        yield f"\n#{variable(prefix + field.name)}={written(getattr(settings, field.name))}\n\n"
    yield "\n"


def main() -> int:
    """Write or check; return the exit code."""
    page = EXAMPLE.read_text(encoding="utf-8")
    lines = [*section("The daemon, trioaudio serve", "", ServeSettings())]
    for name in carrier_names():
        lines += section(f"Carrier {name}", f"{name}_", load_carrier(name).settings)
    for name in engine_names():
        lines += section(f"Engine {name}", f"{name}_", load_engine(name).settings)
    fresh = page[: page.index(START)] + "".join(lines).rstrip("\n") + "\n"
    if "--check" in sys.argv[1:]:
        return int(fresh != page)
    EXAMPLE.write_text(fresh, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
