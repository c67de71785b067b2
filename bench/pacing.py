"""Pace numbered frames to N legs, trioaudio and a C program in turn, and compare; see README.md."""

import argparse
import json
import sys
from functools import partial
from pathlib import Path

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.guard import LOADS_GUARDED, MOST_GUARDED, guard
from bench.machine import (
    FLOOR_PROGRAM,
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
from bench.report import (
    COARSE,
    FLOOR,
    OURS,
    Pair,
    Result,
    as_json,
    as_markdown,
    as_text,
    find_failures,
    find_undecided,
    notes,
    summarize,
    table,
)
from bench.self_test import find_blind_spots
from bench.trial import EXIT_FAILED, Plan, Trial, TrialError, run_or_tell, run_trial

OUR_SENDER = HERE / "sender.py"

QUIET_FLOOR_MS = 1.0  # a floor whose p99 is later shows a busy machine, not a slow program
ATTEMPTS = 5

EXIT_UNDECIDED = 3


def _read_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--legs", type=read_numbers, default=[1, 100, 500, 1000, 2000])
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=10, help="of the measured window")
    parser.add_argument("--json", type=Path, metavar="FILE", help="every trial and the summary")
    parser.add_argument("--markdown", type=Path, metavar="FILE", help="the table")
    parser.add_argument("--check", action="store_true", help="exit 1 beyond the limits")
    parser.add_argument("--self-test", action="store_true", help="is damage on the wire seen?")
    parser.add_argument("--guard", action="store_true", help="a minute: has our cost doubled?")
    parser.add_argument(
        "--guard-self-test", action="store_true", help="does the guard see a cost that doubled?"
    )
    parser.add_argument("--cores", type=read_numbers, metavar="SENDER,PEER")
    parser.add_argument("--inbound-ms", type=float, default=0, help="callers speak too, so often")
    parser.add_argument("--dialect", choices=("raw", "twilio"), default="raw")
    parser.add_argument("--tls", action="store_true", help="TLS 1.3 on every leg")
    parser.add_argument(
        "--half-silent", action="store_true", help="every second leg hears and is sent nothing"
    )
    parser.add_argument(
        "--sender", type=Path, default=OUR_SENDER, help="another Python program to measure"
    )
    arguments = parser.parse_args()
    if arguments.runs < 1 or arguments.seconds < 1 or min(arguments.legs) < 1:
        parser.error("--legs, --runs and --seconds must be 1 at least")
    if arguments.half_silent and arguments.inbound_ms <= 0:
        parser.error("--half-silent needs --inbound-ms")
    return arguments


def _run(who: str, sender: list[str], plan: Plan) -> Trial:
    trial = run_trial(sender, plan)
    sent, heard = trial.sent, trial.heard
    print(
        f"{plan.legs:5} legs {who:9} p50 {sent.lateness_ms.p50:.2f} "
        f"p99 {sent.lateness_ms.p99:.2f} ms, {sent.cpu_us_per_frame:.1f} µs a frame, "
        f"missing {trial.missing}, torn {heard.torn}",
        file=sys.stderr,
        flush=True,
    )
    return trial


def _run_pair(who: str, sender: list[str], plan: Plan) -> Pair:
    """Run the floor until it is quiet, then the sender."""
    attempts = 0
    while True:
        floor = _run(FLOOR, [str(FLOOR_PROGRAM)], plan)
        attempts += 1
        disturbed = floor.sent.lateness_ms.p99 > QUIET_FLOOR_MS
        if not disturbed or attempts == ATTEMPTS:
            return Pair(floor, _run(who, sender, plan), attempts, disturbed)


def _need_certificate(*, can_tls: bool) -> Certificate:
    if not can_tls:
        raise CannotRunError("--tls needs OpenSSL's headers (Debian, Ubuntu: libssl-dev)")
    certificate = make_certificate()
    if certificate is None:
        raise CannotRunError("--tls needs the openssl command, to make a certificate")
    return certificate


def _run_all(
    arguments: argparse.Namespace, cores: tuple[int, int]
) -> tuple[list[Result], list[str]]:
    """Run everything; a trial that fails is a result too, and ends its number of legs only."""
    sender = [sys.executable, str(arguments.sender)]
    who = OURS if arguments.sender == OUR_SENDER else arguments.sender.stem
    results, failures = [], []
    for legs in arguments.legs:
        plan = Plan(
            legs,
            arguments.seconds,
            cores,
            arguments.inbound_ms,
            dialect=arguments.dialect,
            half_silent=arguments.half_silent,
            certificate=arguments.certificate,
        )
        coarse: Trial | None = None
        pairs: list[Pair] = []
        try:
            coarse = _run(COARSE, [str(FLOOR_PROGRAM), "--wake-ms", "1"], plan)
            for _ in range(arguments.runs):
                pairs.append(_run_pair(who, sender, plan))  # noqa: PERF401  kept when a later one fails
        except TrialError as exc:
            failures.append(f"{legs} legs: {exc}")
            print(failures[-1], file=sys.stderr, flush=True)
        if coarse and pairs:
            results.append(summarize(plan.legs, who, coarse, pairs))
    return results, failures


def _measure(arguments: argparse.Namespace, cores: tuple[int, int]) -> int:
    if not arguments.sender.is_file():
        raise CannotRunError(f"there is no sender {arguments.sender.name}")
    allow_open_files(max(arguments.legs))
    machine = describe_machine()
    results, failures = _run_all(arguments, cores)
    rows, remarks = table(results), [*failures, *notes(results)]

    for line in (*(f"{name}: {value}" for name, value in machine.items()), "", as_text(rows)):
        print(line)
    for remark in remarks:
        print(remark)
    if arguments.markdown:
        arguments.markdown.write_text(as_markdown(rows, machine, remarks), encoding="utf-8")
    if arguments.json:
        names = ("seconds", "inbound_ms", "dialect", "tls", "half_silent")
        settings = {name: getattr(arguments, name) for name in names}
        everything = {"machine": machine, **settings, "results": as_json(results)}
        arguments.json.write_text(json.dumps(everything, indent=1) + "\n", encoding="utf-8")
    if arguments.check:
        return _judge(results, failures)
    return EXIT_FAILED if failures else 0


def _judge(results: list[Result], failures: list[str]) -> int:
    broken = [*failures, *(each for result in results for each in find_failures(result))]
    undecided = find_undecided(results)
    for each in broken:
        print("FAILED", each)
    for each in undecided:
        print("UNDECIDED", each)
    if broken:
        return EXIT_FAILED
    return EXIT_UNDECIDED if undecided else 0


def _self_test(cores: tuple[int, int]) -> int:
    blind = find_blind_spots(cores)
    print(f"the peer does not see: {', '.join(blind)}" if blind else "the peer sees everything")
    return EXIT_FAILED if blind else 0


def _guard(cores: tuple[int, int], *, self_test: bool) -> int:
    allow_open_files(MOST_GUARDED)
    verdict = guard(cores, doubled=self_test)
    for each in verdict.failures:
        print("SEEN" if self_test else "FAILED", each)
    for each in verdict.undecided:
        print("UNDECIDED", each)
    if self_test:
        seen = sum("CPU time" in each for each in verdict.failures)
        failed = seen + len(verdict.undecided) < LOADS_GUARDED
        print("NOT SEEN: a doubled cost" if failed else "a doubled cost is seen")
    else:
        failed = bool(verdict.failures)
    if failed:
        return EXIT_FAILED
    return EXIT_UNDECIDED if verdict.undecided else 0


def _run_asked(arguments: argparse.Namespace) -> int:
    cores = choose_cores(arguments.cores)
    can_tls = compile_programs()
    if arguments.guard or arguments.guard_self_test:
        return _guard(cores, self_test=arguments.guard_self_test)
    if arguments.self_test:
        return _self_test(cores)
    arguments.certificate = _need_certificate(can_tls=can_tls) if arguments.tls else None
    return _measure(arguments, cores)


def main() -> int:
    """Run what was asked for; return the exit code."""
    return run_or_tell(partial(_run_asked, _read_arguments()))


if __name__ == "__main__":
    sys.exit(main())
