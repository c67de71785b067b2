"""Do two processes carry twice the calls of one? See README.md.

python bench/processes.py                       # needs four cores; some five minutes
python bench/processes.py --self-test           # a few calls on two: does it work?
"""

import argparse
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import attrs

from bench.machine import (
    HERE,
    CannotRunError,
    allow_open_files,
    compile_programs,
    describe_machine,
)
from bench.trial import EXIT_CANNOT_RUN, EXIT_FAILED, Plan, Trial, TrialError, run_trial

SENDER = [sys.executable, str(HERE / "sender.py")]
CORES = 4  # two senders, and each one's peer
LEAST, STEP = 500, 250  # legs of each process; with so many more it is tried again


@attrs.frozen
class Carried:
    """What so many processes carried in time, all together."""

    processes: int
    legs: int
    p99_ms: float
    frames_per_s: float


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=8, help="of the measured window")
    parser.add_argument("--p99-ms", type=float, default=10, help="the lateness that is in time")
    parser.add_argument("--most", type=int, default=3000, help="legs of a process, at most")
    parser.add_argument("--cores", metavar="SENDER,PEER,SENDER,PEER")
    parser.add_argument("--self-test", action="store_true", help="a few calls, no limits on time")
    given = parser.parse_args()
    if given.seconds < 1 or given.most < LEAST:
        parser.error(f"--seconds must be 1 at least, --most {LEAST}")
    return given


def choose_pairs(wanted: str | None) -> list[tuple[int, int]]:
    """Return the cores of each sender and its peer; none when there are fewer than four.

    CannotRunError when those that are wanted are not there.
    """
    usable = sorted(os.sched_getaffinity(0))
    cores = usable[:CORES]
    if wanted is not None:
        cores = [int(each) for each in wanted.split(",") if each.isdigit()]
        if len(set(cores)) != CORES or not set(cores) <= set(usable):
            raise CannotRunError(f"--cores wants four different ones of {usable}")
    return [] if len(cores) < CORES else [(cores[0], cores[1]), (cores[2], cores[3])]


def run_beside(
    pairs: Sequence[tuple[int, int]], legs: int, seconds: float, *, settle_ms: float = 3000
) -> list[Trial]:
    """Have a process on each pair of cores send to so many legs, all at once. TrialError."""
    plans = [
        Plan(legs=legs, seconds=seconds, cores=cores, settle_ms=settle_ms, quiet=True)
        for cores in pairs
    ]
    with ThreadPoolExecutor(len(plans)) as threads:  # a thread's affinity is its children's
        return list(threads.map(lambda plan: run_trial(SENDER, plan), plans))


def find_carried(
    pairs: Sequence[tuple[int, int]], given: argparse.Namespace
) -> tuple[Carried | None, list[str]]:
    """Raise the number of legs as long as all processes are in time; return the last that was."""
    best, faults = None, []
    for legs in range(LEAST, given.most + 1, STEP):
        trials = run_beside(pairs, legs, given.seconds)
        late = max(each.sent.lateness_ms.p99 for each in trials)
        faults += [f"{legs} legs: {each.faults} faults" for each in trials if each.faults]
        sys.stderr.write(f"{len(pairs)} x {legs} legs: p99 {late:.2f} ms\n")
        if late > given.p99_ms:
            break
        frames = sum(each.sent.frames for each in trials) / given.seconds
        best = Carried(len(pairs), legs * len(pairs), late, frames)
    return best, faults


def measure(pairs: list[tuple[int, int]], given: argparse.Namespace) -> int:
    """Measure one process, then two; print both and their ratio."""
    alone, faults = find_carried(pairs[:1], given)
    both, more_faults = find_carried(pairs, given)
    print(*(f"{name}: {value}" for name, value in describe_machine().items()), sep="\n")
    print("\n| processes | calls in time | frames a second | p99, ms |\n| --- | --- | --- | --- |")
    for each in (alone, both):
        if each is not None:
            print(
                f"| {each.processes} | {each.legs} | {each.frames_per_s:.0f} | {each.p99_ms:.2f} |"
            )
    for fault in faults + more_faults:
        print(fault)
    if alone is None or both is None:
        print(f"\nnot even {LEAST} calls a process were in time: too slow, or busy otherwise")
        return EXIT_FAILED
    print(f"\ntwo processes carry {both.legs / alone.legs:.2f} times what one does")
    return EXIT_FAILED if faults or more_faults else 0


def self_test() -> int:
    """Have two processes send to a few legs each, on the first two cores; all must arrive."""
    cores = sorted(os.sched_getaffinity(0))
    if len(cores) < 2:
        raise CannotRunError("the self-test needs two cores")
    pairs = [(cores[0], cores[1]), (cores[0], cores[1])]
    trials = run_beside(pairs, 5, 1, settle_ms=300)
    faults = sum(each.faults for each in trials)
    frames = [each.heard.frames for each in trials]
    print(f"two processes, five calls each: {frames} frames, {faults} faults")
    return EXIT_FAILED if faults or min(frames) < 5 * 1000 / 60 else 0


def main() -> int:
    """Run it; return the exit code."""
    given = _read_arguments()
    try:
        compile_programs()
        if given.self_test:
            return self_test()
        pairs = choose_pairs(given.cores)
        if not pairs:
            usable = len(os.sched_getaffinity(0))
            print(
                f"not measured: two senders and their peers need four cores, and {usable} can be"
                " used here; with fewer they would take each other's time"
            )
            return 0
        allow_open_files(2 * given.most)
        return measure(pairs, given)
    except CannotRunError as exc:
        sys.stderr.write(f"{exc}\n")
        return EXIT_CANNOT_RUN
    except TrialError as exc:
        sys.stderr.write(f"a trial failed: {exc}\n")
        return EXIT_FAILED


if __name__ == "__main__":
    sys.exit(main())
