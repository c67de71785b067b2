"""How many calls a second can come while others speak? See README.md.

python bench/set_up.py                         # a minute and a half
python bench/set_up.py --rates 100,200 --dialects raw --only alone
python bench/set_up.py --self-test             # a few calls: does it work?
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import trio

from bench.callees import CalleesError
from bench.figures import Figure, table
from bench.machine import (
    CannotRunError,
    allow_open_files,
    choose_cores,
    compile_programs,
    describe_machine,
)
from bench.serving import ServingError
from bench.set_up_trial import Load, run_alone, run_daemon
from trioaudio.client.errors import ClientError
from trioaudio.core.verdict import leaves

EXIT_FAILED, EXIT_CANNOT_RUN, EXIT_NOT_HELD = 1, 2, 3
OPEN_FILES = 4000
TRIALS = {"alone": run_alone, "daemon": run_daemon}


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", choices=sorted(TRIALS))
    parser.add_argument("--dialects", default="raw,twilio")
    parser.add_argument("--speaking", type=int, default=200)
    parser.add_argument("--rates", default="300", help="calls that come a second, one or several")
    parser.add_argument("--daemon-rates", default="100", help="the same for the daemon")
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--cores", metavar="OURS,PEER")
    parser.add_argument("--check", action="store_true", help="exit 3 beyond the limits")
    parser.add_argument("--self-test", action="store_true", help="a few calls, no limits on time")
    given = parser.parse_args()
    if given.self_test:
        given.speaking, given.rates, given.daemon_rates, given.seconds = 5, "10", "10", 2.0
    return given


def _measure(given: argparse.Namespace, cores: tuple[int, int]) -> list[Figure]:
    rows: list[Figure] = []
    for name, run in TRIALS.items():
        if given.only not in (None, name):
            continue
        rates = given.rates if name == "alone" else given.daemon_rates
        for dialect in given.dialects.split(","):
            for rate in map(float, rates.split(",")):
                load = Load(dialect, given.speaking, rate, given.seconds, cores)
                new = trio.run(run, load)
                print(*(each.row() for each in new), sep="\n", file=sys.stderr, flush=True)
                rows += new
    return rows


def main() -> int:
    """Run what was asked for; return the exit code."""
    given = _read_arguments()
    try:
        cores = choose_cores(
            [int(each) for each in given.cores.split(",")] if given.cores else None
        )
        compile_programs()
        allow_open_files(OPEN_FILES)
    except CannotRunError as exc:
        print(f"cannot run: {exc}", file=sys.stderr)
        return EXIT_CANNOT_RUN
    machine = describe_machine()
    os.sched_setaffinity(0, {cores[1]})
    gc.disable()  # a driver that stops for 40 ms would dial late
    rows: list[Figure] = []
    failures: list[BaseException] = []
    try:
        rows = _measure(given, cores)
    except* (ServingError, CalleesError, ClientError) as group:
        failures += leaves(group)
    if failures:
        print(f"failed: {failures[0]}", file=sys.stderr)
        return EXIT_FAILED
    for name, value in machine.items():
        print(f"{name}: {value}")
    print(f"load average at the end: {os.getloadavg()[0]:.1f}\n\n{table(rows)}")
    broken = [each for each in rows if each.held is False]
    if given.self_test:  # few calls on a busy machine: times say nothing
        broken = [each for each in broken if each.adds]
    return EXIT_NOT_HELD if broken and (given.check or given.self_test) else 0


if __name__ == "__main__":
    sys.exit(main())
