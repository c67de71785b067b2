"""How many calls a second can come while others speak? See README.md.

python bench/set_up.py                         # a minute and a half
python bench/set_up.py --rates 100,200 --dialects raw --only alone
python bench/set_up.py --self-test             # a few calls: does it work?
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import trio

from bench.figures import Figure
from bench.set_up_trial import Load, run_alone, run_daemon
from bench.two_cores import new_parser, run_whole

TRIALS = {"alone": run_alone, "daemon": run_daemon}


def _read_arguments() -> argparse.Namespace:
    parser = new_parser(__doc__, self_test=True, cores="OURS,PEER")
    parser.add_argument("--only", choices=sorted(TRIALS))
    parser.add_argument("--dialects", default="raw,twilio")
    parser.add_argument("--speaking", type=int, default=200)
    parser.add_argument("--rates", default="300", help="calls that come a second, one or several")
    parser.add_argument("--daemon-rates", default="100", help="the same for the daemon")
    parser.add_argument("--seconds", type=float, default=8.0)
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
    return run_whole(given, partial(_measure, given))


if __name__ == "__main__":
    sys.exit(main())
