"""What a check found: a row of the table, and how checks are run beside each other."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Literal, TypeAlias

import attrs
import trio

from trioaudio.core.errors import ConfigError, TrioaudioError
from trioaudio.core.verdict import known_error

State: TypeAlias = Literal["ok", "warning", "failed"]


@attrs.frozen
class Row:
    """One finding; `advice` is what to do about one that is not ok."""

    part: str
    what: str
    state: State
    detail: str
    advice: str = ""


Rows: TypeAlias = Callable[[], Awaitable[list[Row]]]


@attrs.frozen
class Check:
    """Something to be looked at, which may take at most so many seconds."""

    part: str
    what: str
    look: Rows
    most_s: float = 10.0

    def row(self, state: State, detail: str, advice: str = "") -> Row:
        """Return a row of its own."""
        return Row(self.part, self.what, state, detail, advice)


async def run_checks(checks: Sequence[Check]) -> list[Row]:
    """Run all of them at once; return what they found, in their order.

    What is raised on purpose, a file that cannot be looked at, and no answer in time, is a row
    that failed.
    """
    found: list[list[Row]] = [[] for _ in checks]

    async def run(number: int) -> None:
        found[number] = await _rows_of(checks[number])

    async with trio.open_nursery() as nursery:
        for number in range(len(checks)):
            nursery.start_soon(run, number)
    return [row for rows in found for row in rows]


async def _rows_of(check: Check) -> list[Row]:
    try:
        with trio.move_on_after(check.most_s):
            return await check.look()
    except TrioaudioError as exc:
        return [check.row("failed", each) for each in _lines(exc)]
    except OSError as exc:
        if exc.filename is None:
            raise
        advice = "let this user search every folder above it, or name another place"
        return [check.row("failed", f"{exc.filename}: {exc.strerror}", advice)]
    except BaseExceptionGroup as group:
        return [check.row("failed", each) for each in _lines(known_error(group))]
    return [check.row("failed", f"no answer within {check.most_s:g} s")]


def _lines(exc: Exception) -> Sequence[str]:
    return exc.problems if isinstance(exc, ConfigError) else [str(exc)]


def in_thread(look: Callable[[], list[Row]]) -> Rows:
    """Return a look that waits for files, done in a thread; a disk that hangs is left alone."""

    async def rows() -> list[Row]:
        return await trio.to_thread.run_sync(look, abandon_on_cancel=True)

    return rows
