"""Load a real daemon by its control API, and see what its callees get; see README.md.

python bench/daemon_load.py                     # all of it, about a quarter of an hour
python bench/daemon_load.py --only barge-in,churn --runs 1
python bench/daemon_load.py --self-test         # a few calls of everything
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import attrs
import trio

from bench.callees import CalleesError
from bench.daemon_duplex import run_full_duplex
from bench.daemon_ends import run_churn, run_drain, run_idle, run_memory
from bench.daemon_trials import Plan, run_barge_ins, run_first_frames, run_talking
from bench.figures import Figure, merged
from bench.machine import CannotRunError
from bench.serving import ServingError
from bench.two_cores import (
    EXIT_CANNOT_RUN,
    EXIT_FAILED,
    OPEN_FILES,
    TwoCores,
    judge,
    move_in,
    new_parser,
)
from trioaudio.client.errors import ClientError
from trioaudio.core.verdict import leaves

DRAIN_WORDS = 18
"""Under eight seconds of speech."""
SELF_TEST = ("first-frame-cached", "barge-in", "drain", "full-duplex", "churn")
"""What shows in a quarter of a minute whether everything works."""

Trial = Callable[[Plan], Awaitable[list[Figure]]]


@attrs.frozen
class Sized:
    """A trial, its size, and its size where only its working is tried."""

    run: Trial
    calls: int
    seconds: float
    few: int
    short: float
    again: bool = True
    """Whether it is run several times."""


def trials(*, self_test: bool) -> dict[str, Sized]:
    """Return all there are, by name."""
    churned = (20, 10) if self_test else (10_000, 1000)
    drained = 6 if self_test else DRAIN_WORDS
    return {
        "idle": Sized(run_idle, 0, 20, 0, 1, again=False),
        "first-frame": Sized(partial(run_first_frames, cached=False), 200, 30, 5, 4),
        "first-frame-cached": Sized(partial(run_first_frames, cached=True), 200, 30, 5, 4),
        "barge-in": Sized(run_barge_ins, 200, 30, 5, 4),
        "drain": Sized(partial(run_drain, words=drained), 100, 0, 5, 0),
        "talking": Sized(partial(run_talking, cached=False), 200, 60, 5, 2, again=False),
        "talking-cached": Sized(partial(run_talking, cached=True), 500, 60, 5, 2, again=False),
        "full-duplex": Sized(partial(run_full_duplex, silent=False), 500, 60, 5, 2, again=False),
        "full-duplex-silent": Sized(
            partial(run_full_duplex, silent=True), 500, 30, 5, 2, again=False
        ),
        "memory": Sized(run_memory, 1000, 0, 5, 0, again=False),
        "churn": Sized(
            partial(run_churn, total=churned[0], warm_up=churned[1]), 100, 0, 10, 0, again=False
        ),
    }


def _read_arguments() -> argparse.Namespace:
    parser = new_parser(__doc__, self_test=True)
    names = list(trials(self_test=False))
    parser.add_argument("--only", help=f"of {', '.join(names)}")
    parser.add_argument("--calls", type=int, help="instead of each trial's own number")
    parser.add_argument("--seconds", type=float, help="instead of each trial's own window")
    parser.add_argument("--runs", type=int, default=3, help="of the short trials")
    parser.add_argument("--http", action="store_true", help="commands by HTTP, not by the stream")
    given = parser.parse_args()
    given.names = names if not given.self_test else list(SELF_TEST)
    if given.only:
        given.names = given.only.split(",")
    for name in given.names:
        if name not in names:
            parser.error(f"--only {name}: there are {', '.join(names)}")
    return given


async def _run_one(sized: Sized, plan: Plan, runs: int) -> list[Figure]:
    return merged([await sized.run(plan) for _ in range(runs)])


def _measure(given: argparse.Namespace, cores: tuple[int, int]) -> tuple[list[Figure], list[str]]:
    """Run all trials; one that fails is told, and ends itself only."""
    figures: list[Figure] = []
    failures: list[str] = []
    for name in given.names:
        began = time.monotonic()
        try:
            figures += (rows := _run_trial(given, name, cores))
        except* (ServingError, CalleesError, ClientError) as group:
            failures.append(f"{name} failed: {leaves(group)[0]}")
            rows = []
            print(failures[-1], file=sys.stderr)
        took = f"{name}, {time.monotonic() - began:.0f} s, load {os.getloadavg()[0]:.1f}"
        print(took, *(each.row() for each in rows), sep="\n", file=sys.stderr, flush=True)
    return figures, failures


def _run_trial(given: argparse.Namespace, name: str, cores: tuple[int, int]) -> list[Figure]:
    sized = trials(self_test=given.self_test)[name]
    few = given.self_test
    calls, seconds = (sized.few, sized.short) if few else (sized.calls, sized.seconds)
    plan = Plan(given.calls or calls, given.seconds or seconds, cores, given.http)
    return trio.run(_run_one, sized, plan, given.runs if sized.again and not few else 1)


def _conclude(
    given: argparse.Namespace,
    ground: TwoCores,
    figures: list[Figure],
    failures: list[str],
) -> int:
    ground.conclude(figures)
    for failure in failures:
        print(failure)
    return EXIT_FAILED if failures else judge(given, figures)


def main() -> int:
    """Run what was asked for; return the exit code."""
    given = _read_arguments()
    try:
        ground = move_in(given.cores, OPEN_FILES)
    except CannotRunError as exc:
        print(f"cannot run: {exc}", file=sys.stderr)
        return EXIT_CANNOT_RUN
    return _conclude(given, ground, *_measure(given, ground.cores))


if __name__ == "__main__":
    sys.exit(main())
