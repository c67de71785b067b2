"""Pace the same calls with trioaudio and with what people could use instead; see README.md.

    python bench/compare.py            # less than half an hour: writes docs/benchmarks.md
    python bench/compare.py --quick    # less than six minutes: prints only
    python bench/compare.py --only trioaudio,picows --scenarios twilio

It sets up what it needs in bench/.build; what cannot be had is left out, and said so.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from functools import partial
from pathlib import Path

import attrs

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.comparison import as_markdown
from bench.contest import Contest, Scenario
from bench.machine import (
    BUILD,
    HERE,
    CannotRunError,
    Certificate,
    allow_open_files,
    choose_cores,
    compile_programs,
    describe_machine,
    make_certificate,
    read_numbers,
)
from bench.participants.roster import NAMES, Roster, gather
from bench.plot import draw
from bench.trial import Plan, run_or_tell

PAGE = HERE.parent / "docs" / "benchmarks.md"
PICTURE = HERE.parent / "docs" / "pictures" / "capacity.svg"
START, END = "<!-- bench:compare:start -->\n", "<!-- bench:compare:end -->"
DEFAULT_NAMES = {"trioaudio", "websockets", "picows", "node", "node-interval", "pipecat"}

SETTLE_MS = 1000

RAW = Scenario(
    key="raw",
    title="Send only, 960 bytes of PCM a frame",
    dialect="raw",
    inbound_ms=0,
    ladder=(50, 100, 200, 400, 700, 1000, 1500),
    points=(100, 1000),
)
TWILIO = Scenario(
    key="twilio",
    title="Twilio's Media Streams, both ways",
    dialect="twilio",
    inbound_ms=20,
    ladder=(50, 100, 200, 350, 500, 700, 1000),
    points=(50, 500),
)
RAW_TLS = attrs.evolve(
    RAW, key="raw-tls", title=f"{RAW.title}, TLS 1.3", ladder=(), points=(500,), tls=True
)
TWILIO_TLS = attrs.evolve(
    TWILIO, key="twilio-tls", title=f"{TWILIO.title}, TLS 1.3", ladder=(), points=(250,), tls=True
)
SCENARIOS = (RAW, TWILIO, RAW_TLS, TWILIO_TLS)
QUICK = {
    "raw": {"ladder": (100, 1000), "points": ()},
    "twilio": {"ladder": (50, 500), "points": ()},
    "raw-tls": {"points": (200,)},
    "twilio-tls": {"points": (100,)},
}


@attrs.frozen
class Size:
    """How much of everything."""

    minutes: float
    runs: int
    short_s: float
    long_s: float


FULL_SIZE = Size(minutes=28, runs=3, short_s=3, long_s=4)
QUICK_SIZE = Size(minutes=5, runs=1, short_s=2, long_s=2)
SHARES = {"raw": 0.46, "twilio": 0.44, "raw-tls": 0.05, "twilio-tls": 0.05}


def _read_arguments() -> argparse.Namespace:
    def names(text: str) -> list[str]:
        return text.split(",")

    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="less than six minutes")
    parser.add_argument("--only", type=names, metavar="NAMES", help=f"some of {', '.join(NAMES)}")
    parser.add_argument("--scenarios", type=names, help="some of raw, twilio, raw-tls, twilio-tls")
    parser.add_argument("--minutes", type=float, help="for all trials together")
    parser.add_argument("--cores", type=read_numbers)
    parser.add_argument("--json", type=Path, metavar="FILE", help="every trial")
    parser.add_argument("--write", action="store_true", help="write the page, partial as it may be")
    arguments = parser.parse_args()
    if unknown := set(arguments.only or ()) - set(NAMES):
        parser.error(f"--only: nobody is called {', '.join(sorted(unknown))}")
    if unknown := set(arguments.scenarios or ()) - set(SHARES):
        parser.error(f"--scenarios: there is no {', '.join(sorted(unknown))}")
    return arguments


def _choose_scenarios(
    arguments: argparse.Namespace, certificate: Certificate | None
) -> list[Scenario]:
    chosen = [each for each in SCENARIOS if each.key in (arguments.scenarios or SHARES)]
    if arguments.quick:
        chosen = [attrs.evolve(each, **QUICK[each.key]) for each in chosen]  # type: ignore[arg-type]  # its own fields
    return [each for each in chosen if certificate is not None or not each.tls]


def _run(
    size: Size,
    scenarios: list[Scenario],
    roster: Roster,
    cores: tuple[int, int],
    certificate: Certificate | None,
) -> Contest:
    def plan_for(scenario: Scenario) -> Plan:
        return Plan(
            legs=1,
            seconds=size.short_s,
            cores=cores,
            inbound_ms=scenario.inbound_ms,
            dialect=scenario.dialect,
            certificate=certificate if scenario.tls else None,
            set_up_s=20,
            settle_ms=SETTLE_MS,
            quiet=True,
        )

    contest = Contest(cores, 0, size.short_s, size.long_s, size.runs, plan_for)
    weights = sum(SHARES[each.key] for each in scenarios)
    ends = time.monotonic()
    for scenario in scenarios:
        # What one scenario leaves of its share is the next one's.
        ends += size.minutes * 60 * SHARES[scenario.key] / weights
        contest.ends = ends
        participants = [each for each in roster.participants if each.tls or not scenario.tls]
        contest.run(scenario, participants)
    return contest


def _write(page: str, picture: str) -> None:
    text = PAGE.read_text(encoding="utf-8")
    before, start, rest = text.partition(START)
    _, end, after = rest.partition(END)
    if not start or not end:
        raise CannotRunError(f"{PAGE.name} has no {START.strip()} and {END}")
    PAGE.write_text(f"{before}{start}{page}{end}{after}", encoding="utf-8")
    PICTURE.write_text(picture, encoding="utf-8")


def _compare(arguments: argparse.Namespace) -> int:
    cores = choose_cores(arguments.cores)
    can_tls = compile_programs()
    certificate = make_certificate() if can_tls else None
    scenarios = _choose_scenarios(arguments, certificate)
    allow_open_files(max(max((*each.ladder, *each.points)) for each in scenarios))
    roster = gather(set(arguments.only) if arguments.only else DEFAULT_NAMES)
    if certificate is None:
        roster.left_out.append("TLS: needs OpenSSL's headers (libssl-dev) and the openssl command")
    size = QUICK_SIZE if arguments.quick else FULL_SIZE
    if arguments.minutes:
        size = attrs.evolve(size, minutes=arguments.minutes)
    machine = describe_machine()
    contest = _run(size, scenarios, roster, cores, certificate)
    page = as_markdown(contest, scenarios, roster, machine)
    picture = draw(contest, scenarios, roster.participants)
    print(page)
    BUILD.joinpath("compare.md").write_text(page, encoding="utf-8")
    BUILD.joinpath("capacity.svg").write_text(picture, encoding="utf-8")
    if arguments.json:
        everything = [attrs.asdict(each) for each in contest.readings]
        arguments.json.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    partial = arguments.quick or arguments.only or arguments.scenarios
    if arguments.write or not partial:
        _write(page, picture)
    return 0


def main() -> int:
    """Run what was asked for; return the exit code."""
    return run_or_tell(partial(_compare, _read_arguments()))


if __name__ == "__main__":
    sys.exit(main())
