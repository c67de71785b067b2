"""The console: a terminal, a file, a function, or systemd's journal, and how lines look there."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from typing import TextIO, TypeAlias

from trioaudio.observe.log_events import Render, console_line, journal_line, json_line
from trioaudio.observe.log_sinks import CallableSink, DescriptorSink, LineSink, StreamSink

Console: TypeAlias = TextIO | Callable[[str], None]
"""A stream, or a function that takes a finished line."""


def console_sink(console: Console) -> LineSink:
    """Return what writes there; a stream's descriptor is duplicated."""
    if callable(console):
        return CallableSink(console)
    try:
        return DescriptorSink(os.dup(console.fileno()))
    except OSError:  # a stream in memory has no descriptor, a closed one a bad one
        return StreamSink(console)


def console_render(log_format: str, console: Console) -> Render:
    """Return how a line looks there. The journal knows the time, and wants the level in front."""
    if log_format == "json":
        return json_line
    if is_journal(console):
        return journal_line()
    return console_line(colors=_takes_colors(console))


def nowhere(_line: str) -> None:
    """Stand in for a stderr that was closed before the program began."""


def is_journal(console: Console) -> bool:
    """Say whether a stream is connected to the journal, and not only its parent's was.

    $JOURNAL_STREAM: https://www.freedesktop.org/software/systemd/man/latest/systemd.exec.html.
    """
    told = os.environ.get("JOURNAL_STREAM", "")
    if not told or callable(console):
        return False
    with contextlib.suppress(OSError, ValueError):  # no descriptor; a closed stream
        found = os.fstat(console.fileno())
        return told == f"{found.st_dev}:{found.st_ino}"
    return False


def _takes_colors(console: Console) -> bool:
    """Say whether the console is a terminal whose owner has not asked for plain text."""
    if callable(console) or not console.isatty():
        return False
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
