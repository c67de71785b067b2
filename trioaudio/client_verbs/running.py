"""How such a verb runs: a client, an event loop, an exit code, and one line for every error."""

from __future__ import annotations

import argparse
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Final

import trio

from trioaudio.api.shapes import Cause
from trioaudio.client import Client, ProblemError, StreamCutError, UnreachableError
from trioaudio.client_verbs.surroundings import new_client
from trioaudio.core.errors import ConfigError, TrioaudioError
from trioaudio.core.exit_code import ExitCode, exit_code_for
from trioaudio.lone_error import lone_error

Work = Callable[[Client], Awaitable[int]]

_NOT_OURS: Final = frozenset({"busy", "full", "carrier", "rate", "stopping", "in-progress"})
"""Problems that are nobody's wrong argument; the same request may do later, or elsewhere."""


def run_verb(work: Work, given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    """Run a verb's work; return the exit code."""
    try:
        return trio.run(_run, work, given, environ, cwd)
    except ConfigError as exc:
        for problem in exc.problems:
            complain(problem)
        return ExitCode.USAGE
    except TrioaudioError as exc:
        complain(str(exc))
        return code_of(exc)


async def _run(work: Work, given: argparse.Namespace, environ: Mapping[str, str], cwd: Path) -> int:
    with lone_error():
        async with new_client(given, environ, cwd) as client:
            return await work(client)
    raise AssertionError("a work returns or raises")


def code_of(exc: TrioaudioError) -> int:
    """Return an error's exit code: a daemon that is not there is as a carrier that is not."""
    match exc:
        case UnreachableError() | StreamCutError():
            return ExitCode.CARRIER
        case ProblemError() if exc.kind == "bug":
            return ExitCode.BUG
        case ProblemError() if exc.kind in _NOT_OURS or exc.status >= 500:
            return ExitCode.CARRIER
        case ProblemError():
            return ExitCode.USAGE
        case _:
            return exit_code_for(exc)


def code_of_cause(cause: Cause) -> int:
    """Return the exit code for how an utterance ended."""
    match cause:
        case "normal":
            return ExitCode.SAID
        case "parse-failure" | "language-unsupported":
            return ExitCode.TEXT
        case "error":
            return ExitCode.ENGINE
        case _:
            return ExitCode.CARRIER


async def until_signal(work: Callable[[], Awaitable[int]]) -> int:
    """Return what the work returns; after SIGINT or SIGTERM, cancel it and return 130 or 143."""
    code = 0
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        async with trio.open_nursery() as nursery:

            async def end_on_signal() -> None:
                nonlocal code
                async for number in signals:
                    code = 128 + number
                    nursery.cancel_scope.cancel()

            nursery.start_soon(end_on_signal)
            code = await work()
            nursery.cancel_scope.cancel()
    return code


def complain(text: str) -> None:
    """Write one line to standard error."""
    sys.stderr.write(f"trioaudio: error: {text}\n")
    sys.stderr.flush()
