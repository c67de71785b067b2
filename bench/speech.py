"""What engines cost a call: first frame, gaps, CPU; many calls through one simulated service.

    python bench/speech.py [--calls 200] [--seconds 20] [--runs 3] [--self-test]

See README.md, "Engines". Exit codes: 0; 1 a limit does not hold, or something was misheard.
"""

from __future__ import annotations

import argparse
import statistics
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TypeVar

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import attrs

from bench.machine import describe_machine
from bench.speech_cost import leveller_us, own_ingest_us, whole_ingest_us
from bench.speech_trials import (
    FIRST_AUDIO_MS,
    Conversation,
    burst,
    converse,
    fail_over,
    known,
    play_prompts,
)
from trioaudio.core.percentiles import Spread, spread

OWN_P50_MS, OWN_P99_MS = 5.0, 15.0
GAP_MS = 400.0
PROMPT_P99_MS = 5.0
OWN_INGEST_US, WHOLE_INGEST_US = 40.0, 150.0
FAILED_TEXTS = 30
PROMPT_ROUNDS = 100
AS_FAST = 1000.0
"""Times real time; a service cannot, so chunks wait for us and not we for them."""

LOOPS = 10
FAULTS = {"reset": "connection reset", "stall": "silent"}


Result = TypeVar("Result")


@attrs.define
class Findings:
    """Rows of the table, and what is wrong."""

    rows: list[tuple[str, str, str]] = attrs.field(factory=list)
    problems: list[str] = attrs.field(factory=list)

    def spread(self, name: str, runs: Sequence[Spread], *limits: tuple[str, float]) -> None:
        """Add medians of several runs' figures, in milliseconds."""
        figures = {
            each: statistics.median(getattr(run, each) for run in runs)
            for each in ("p50", "p99", "max")
        }
        shown = ", ".join(f"{each} {limit:g}" for each, limit in limits)
        cell = " / ".join(f"{value:.1f}" for value in figures.values())
        self.rows.append((name, f"{cell} ms", f"{shown} ms" if limits else ""))
        for each, limit in limits:
            # A figure that is not there is no figure within the limit.
            if not figures[each] <= limit:
                self.problems.append(f"{name}: {each} {figures[each]:.1f} ms, limit {limit:g}")

    def count(self, name: str, value: int, limit: int | None = None) -> None:
        """Add a count."""
        self.rows.append((name, str(value), "" if limit is None else str(limit)))
        if limit is not None and value > limit:
            self.problems.append(f"{name}: {value}, limit {limit}")

    def cost(self, name: str, microseconds: float, limit: float | None = None) -> None:
        """Add a cost."""
        shown = "" if limit is None else f"{limit:g} µs"
        self.rows.append((name, f"{microseconds:.0f} µs", shown))
        if limit is not None and microseconds > limit:
            self.problems.append(f"{name}: {microseconds:.0f} µs, limit {limit:g}")


def own(found: Conversation) -> Spread:
    """Return what passed between the engine's audio and the first frame, in milliseconds."""
    return spread(known([each.own_ms() for each in found.told]))


def beyond_service(found: Conversation) -> Spread:
    """Return what passed between text and first frame beyond the service's own time."""
    return spread(each - FIRST_AUDIO_MS for each in known([each.all_ms() for each in found.told]))


def measure(calls: int, seconds: float, runs: int) -> Findings:
    """Measure everything."""
    findings = Findings()
    talks = _repeat(runs, "calls talk", lambda: converse(calls, seconds))
    limits = ("p50", OWN_P50_MS), ("p99", OWN_P99_MS)
    findings.spread("first frame, our share", [own(each) for each in talks], *limits)
    findings.spread("text to first frame, but for the service", list(map(beyond_service, talks)))
    bursts = _repeat(runs, "calls begin at once", lambda: burst(calls))
    findings.spread("all at once: our share", [own(each) for each in bursts])
    findings.spread("all at once: text to first frame", list(map(beyond_service, bursts)))
    findings.count("all at once: given up, in all runs", sum(each.given_up for each in bursts))
    underruns = round(statistics.median(each.underruns for each in talks))
    findings.count("underruns beside two stalled calls", underruns, 0)
    given_up = sum(each.given_up for each in talks)
    findings.count("given up beside two stalled calls", given_up, 0)
    findings.count("utterances misheard", hear(findings, [*talks, *bursts]), 0)
    for fault, how in FAULTS.items():
        _note(f"an engine fails: {how}")
        gaps = fail_over(fault, FAILED_TEXTS).heard
        name = f"gap when an engine fails: {how} ({len(gaps)} utterances)"
        findings.spread(name, [spread(gaps)], ("max", GAP_MS))
    prompts = _repeat(runs, "prompts", lambda: play_prompts(PROMPT_ROUNDS))
    findings.spread(
        "prompt made before to first frame", list(map(spread, prompts)), ("p99", PROMPT_P99_MS)
    )
    cost(findings, runs)
    return findings


def cost(findings: Findings, runs: int) -> None:
    """Measure the CPU time a chunk of 300 ms costs."""
    findings.cost("ingest of 300 ms, our own code", own_ingest_us(LOOPS * runs), OWN_INGEST_US)
    whole = _repeat(runs, "ingest", lambda: whole_ingest_us(6.0))
    findings.cost("ingest of 300 ms, whole process", min(whole), WHOLE_INGEST_US)
    fast = _repeat(runs, "ingest as fast as it comes", lambda: whole_ingest_us(4.0, AS_FAST))
    findings.cost("the same as fast as it comes", min(fast))
    for name, rates in leveller_us(LOOPS * runs).items():
        for rate, microseconds in rates.items():
            findings.cost(f"leveller, {name}, {rate // 1000} kHz", microseconds)


def hear(findings: Findings, talks: Iterable[Conversation]) -> int:
    """Take note of what was misheard; return how many utterances were."""
    misheard = [problem for each in talks for problem in each.misheard]
    findings.problems += misheard[:10]
    return len(misheard)


def test_itself() -> Findings:
    """Run the parts that need no quiet machine, in small; only what is heard counts."""
    findings = Findings()
    talk = converse(8, 1.0, length=1)
    findings.count("utterances heard", len(talk.told))
    findings.count("utterances given up", talk.given_up, 0)
    findings.count("utterances misheard", hear(findings, [talk]), 0)
    findings.count("utterances not taken over", 3 - len(fail_over("reset", 3, length=1).heard), 0)
    findings.count("prompts not played", 4 - len(play_prompts(4)), 0)
    findings.cost("ingest of 300 ms, our own code", own_ingest_us(1))
    return findings


def _repeat(runs: int, what: str, trial: Callable[[], Result]) -> list[Result]:
    found = []
    for run in range(runs):
        _note(f"{what} ({run + 1} of {runs})")
        found.append(trial())
    return found


def _note(what: str) -> None:
    print(f"{what} …", file=sys.stderr, flush=True)


def _print(findings: Findings) -> None:
    print(", ".join(f"{name}: {value}" for name, value in describe_machine().items()))
    print("\n| | p50 / p99 / max, or count, or CPU | limit |\n| --- | --- | --- |")
    for row in findings.rows:
        print(f"| {' | '.join(row)} |")
    print()
    for problem in findings.problems:
        print("FAILED", problem)


def main() -> int:
    """Run what was asked for; return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=20, help="how long the calls talk")
    parser.add_argument("--runs", type=int, default=1, help="medians of so many, costs the least")
    parser.add_argument("--self-test", action="store_true", help="only: is all heard as it should?")
    given = parser.parse_args()
    if min(given.calls, given.runs, given.seconds) < 1:
        parser.error("--calls, --seconds and --runs must be 1 at least")
    findings = test_itself() if given.self_test else measure(given.calls, given.seconds, given.runs)
    _print(findings)
    return int(bool(findings.problems))


if __name__ == "__main__":
    sys.exit(main())
