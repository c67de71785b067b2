"""What a benchmark of a whole daemon begins with: its arguments, its two cores, and quiet."""

from __future__ import annotations

import argparse
import gc
import os

import attrs

from bench.figures import Figure, table
from bench.machine import allow_open_files, choose_cores, compile_programs, describe_machine


@attrs.frozen
class TwoCores:
    """The daemon's core and everybody else's, and the machine they are of."""

    cores: tuple[int, int]
    machine: dict[str, str]

    def conclude(self, figures: list[Figure]) -> None:
        """Print what was measured, and on what."""
        for name, value in self.machine.items():
            print(f"{name}: {value}")
        print(f"load average at the end: {os.getloadavg()[0]:.1f}\n\n{table(figures)}")


def new_parser(doc: str | None, *, check: bool = True) -> argparse.ArgumentParser:
    """Return a parser with the arguments all of them have; `check` unless limits always hold."""
    parser = argparse.ArgumentParser(description=(doc or "").partition("\n")[0])
    parser.add_argument("--cores", type=_read_cores, metavar="DAEMON,PEER")
    if check:
        parser.add_argument("--check", action="store_true", help="exit 3 beyond the limits")
    return parser


def _read_cores(text: str) -> list[int]:
    return [int(each) for each in text.split(",")]


def move_in(wanted: list[int] | None, open_files: int) -> TwoCores:
    """Compile what is of C, and go to the second core. CannotRunError."""
    cores = choose_cores(wanted)
    compile_programs()
    allow_open_files(open_files)
    machine = describe_machine()
    os.sched_setaffinity(0, {cores[1]})
    gc.disable()  # a client that stops for 40 ms would find the daemon late
    return TwoCores(cores, machine)
