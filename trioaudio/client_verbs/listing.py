"""`trioaudio calls`: the calls of the daemon as lines."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import msgspec

from trioaudio.api.views import CallView
from trioaudio.client import Client
from trioaudio.client_verbs.running import run_verb
from trioaudio.client_verbs.showing import shown
from trioaudio.core.exit_code import ExitCode
from trioaudio.pending_file import write_stdout

_HEAD: Final = ("CALL", "STATE", "CARRIER", "TO", "SINCE", "WAITING", "CAUSE")


def list_calls(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    """Print a line a call; return the exit code."""

    async def work(client: Client) -> int:
        calls = await client.calls()
        if given.json:
            write_stdout("".join(f"{msgspec.json.encode(each).decode()}\n" for each in calls))
        else:
            write_stdout(_table([_HEAD, *map(_row, calls)]))
        return ExitCode.SAID

    return run_verb(work, given, environ, cwd)


def _row(view: CallView) -> tuple[str, ...]:
    since = datetime.fromtimestamp(view.created_at).astimezone()
    return (
        view.call,
        f"{view.state}{', paused' if view.paused else ''}",
        view.carrier,
        shown(view.to or view.peer or "-"),
        f"{since:%H:%M:%S}",
        str(view.waiting),
        shown(view.cause or ""),
    )


def _table(rows: Sequence[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "".join(
        "  ".join(f"{cell:{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        + "\n"
        for row in rows
    )
