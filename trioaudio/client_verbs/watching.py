"""`trioaudio watch`: events as they come."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from trioaudio.api.events import CallEnded, Event
from trioaudio.client import Client, Stream
from trioaudio.client.wire import EVENT_NAMES
from trioaudio.client_verbs.running import run_verb, until_signal
from trioaudio.client_verbs.showing import line_of
from trioaudio.core.errors import ConfigError
from trioaudio.core.exit_code import ExitCode
from trioaudio.core.suggest import did_you_mean
from trioaudio.pending_file import write_stdout

_OVER: Final = str(CallEnded.__struct_config__.tag)


def watch(given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    """Print events until the calls named are over, or a signal; return the exit code."""
    colour = sys.stdout.isatty() and "NO_COLOR" not in environ

    def show(event: Event) -> None:
        if given.json:
            write_stdout(f"{msgspec.json.encode(event).decode()}\n")
        else:
            write_stdout(f"{line_of(event, colour=colour)}\n")

    async def work(client: Client) -> int:
        wanted = _wanted(given.events)
        async with client.stream() as stream:
            events = None if wanted is None else {*wanted, _OVER}
            await stream.subscribe(given.calls or None, events)
            going = await _going(client, given.calls)
            if given.calls and not going:
                return ExitCode.SAID
            return await until_signal(lambda: _follow(stream, going, wanted, show))

    return run_verb(work, given, environ, cwd)


async def _follow(
    stream: Stream, going: set[str], wanted: frozenset[str] | None, show: Callable[[Event], None]
) -> int:
    async for event in stream:
        if wanted is None or event.__struct_config__.tag in wanted:
            show(event)
        if isinstance(event, CallEnded) and event.call in going:
            going.discard(event.call)
            if not going:
                break
    return ExitCode.SAID


async def _going(client: Client, calls: list[str]) -> set[str]:
    """Return which of the calls are not over; ProblemError if there is no such call."""
    views = [await client.view_call(call) for call in calls]
    return {view.call for view in views if view.state != "ended"}


def _wanted(names: str | None) -> frozenset[str] | None:
    if names is None:
        return None
    wanted = frozenset(each for name in names.split(",") if (each := name.strip()))
    for name in sorted(wanted - EVENT_NAMES):
        raise ConfigError(f"no event is named {name!r}; {did_you_mean(name, sorted(EVENT_NAMES))}")
    return wanted
