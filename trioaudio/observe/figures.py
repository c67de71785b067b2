"""Numbers of a report or a snapshot as a person reads them; a missing one is a dash."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TypeAlias

Values: TypeAlias = Mapping[str, object]

MISSING = "-"
_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029], " ")


def printable(text: str) -> str:
    """Return a text of the same length that cannot move the cursor or change the terminal."""
    return text.translate(_CONTROLS)


def number(values: Values, key: str) -> float | None:
    """Return a finite number; None where there is none."""
    value = values.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if math.isfinite(value) else None


def whole(values: Values, key: str) -> int | None:
    """Return a count; None where there is none."""
    value = number(values, key)
    return None if value is None else int(value)


def words(values: Values, key: str) -> str:
    """Return a text fit to be printed; empty where there is none."""
    value = values.get(key)
    return printable(value) if isinstance(value, str) else ""


def part(values: Values, key: str) -> Values:
    """Return the values within the values; empty where there are none."""
    value = values.get(key)
    return value if isinstance(value, Mapping) else {}


def decimal(value: float | None) -> str:
    """Return hundredths below ten and tenths above: 0.08, 60.1."""
    if value is None:
        return MISSING
    digits = 2 if abs(value) < 10 else 1
    return f"{round(value, digits) + 0.0:.{digits}f}"  # + 0.0: no minus before a zero


def milliseconds(value: float | None) -> str:
    """Return a duration with its unit."""
    return MISSING if value is None else f"{decimal(value)} ms"


def spread_figures(values: Values, key: str) -> tuple[str, str, str]:
    """Return median, 99th percentile and largest of a distribution."""
    spread = part(values, key)
    return (
        decimal(number(spread, "p50")),
        decimal(number(spread, "p99")),
        decimal(number(spread, "max")),
    )


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: 1 frame, 2 frames."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def times(count: int) -> str:
    """Return how often: once, twice, 3 times."""
    return {1: "once", 2: "twice"}.get(count, f"{count} times")


def clock(seconds: float | None) -> str:
    """Return elapsed time: 2.9 s, 1:02.9, 1:01:02."""
    if seconds is None:
        return ""
    tenths = int(max(0.0, seconds) * 10)
    minutes, tenths = divmod(tenths, 600)
    if not minutes:
        return f"{tenths / 10:.1f} s"
    if minutes < 60:
        return f"{minutes}:{tenths / 10:04.1f}"
    return f"{minutes // 60}:{minutes % 60:02d}:{tenths // 10:02d}"


def amount(count: int | None) -> str:
    """Return an amount of bytes: 960 bytes, 46.1 kB, 1.2 MB."""
    if count is None:
        return MISSING
    if count < 10_000:
        return counted(count, "byte")
    return f"{count / 1e3:.1f} kB" if count < 1_000_000 else f"{count / 1e6:.1f} MB"
