"""What a benchmark of a whole daemon is run in: arguments, two cores, quiet, and its verdict."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from collections.abc import Callable, Iterable

import attrs

from bench.callees import CalleesError
from bench.figures import Figure, table
from bench.machine import (
    CannotRunError,
    allow_open_files,
    choose_cores,
    compile_programs,
    describe_machine,
    read_numbers,
)
from bench.serving import ServingError
from trioaudio.client.errors import ClientError
from trioaudio.core.verdict import leaves

EXIT_FAILED, EXIT_CANNOT_RUN, EXIT_NOT_HELD = 1, 2, 3
OPEN_FILES = 4000


@attrs.frozen
class TwoCores:
    """The daemon's core and everybody else's, and the machine they are of."""

    cores: tuple[int, int]
    machine: dict[str, str]

    def conclude(self, figures: Iterable[Figure]) -> None:
        """Print what was measured, and on what."""
        for name, value in self.machine.items():
            print(f"{name}: {value}")
        print(f"load average at the end: {os.getloadavg()[0]:.1f}\n\n{table(figures)}")


def new_parser(
    doc: str | None, *, check: bool = True, self_test: bool = False, cores: str = "DAEMON,PEER"
) -> argparse.ArgumentParser:
    """Return a parser with the arguments all of them have; `check` unless limits always hold.

    With `self_test` it has that option, and `judge` knows what it means.
    """
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--cores", type=read_numbers, metavar=cores)
    if check:
        parser.add_argument("--check", action="store_true", help="exit 3 beyond the limits")
    if self_test:
        parser.add_argument(
            "--self-test", action="store_true", help="a few calls, no limits on time"
        )
    return parser


def move_in(wanted: list[int] | None, open_files: int) -> TwoCores:
    """Compile what is of C, and go to the second core. CannotRunError."""
    cores = choose_cores(wanted)
    compile_programs()
    allow_open_files(open_files)
    machine = describe_machine()
    os.sched_setaffinity(0, {cores[1]})
    gc.disable()  # a client that stops for 40 ms would find the daemon late, or dial late
    return TwoCores(cores, machine)


def run_whole(given: argparse.Namespace, measure: Callable[[tuple[int, int]], list[Figure]]) -> int:
    """Move in, measure and conclude; return the exit code. One failure ends all of it."""
    try:
        ground = move_in(given.cores, OPEN_FILES)
    except CannotRunError as exc:
        print(f"cannot run: {exc}", file=sys.stderr)
        return EXIT_CANNOT_RUN
    figures: list[Figure] = []
    failures: list[BaseException] = []
    try:
        figures = measure(ground.cores)
    except* (ServingError, CalleesError, ClientError) as group:
        failures += leaves(group)
    if failures:
        print(f"failed: {failures[0]}", file=sys.stderr)
        return EXIT_FAILED
    ground.conclude(figures)
    return judge(given, figures)


def judge(given: argparse.Namespace, figures: Iterable[Figure]) -> int:
    """Return the exit code by what `--check` or `--self-test` holds the figures to."""
    broken = [each for each in figures if each.held is False]
    if given.self_test:  # few calls on a busy machine: times say nothing
        broken = [each for each in broken if each.adds]
    return EXIT_NOT_HELD if broken and (given.check or given.self_test) else 0
