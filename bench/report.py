"""Medians, tables and limits: what the trials say together."""

import statistics
from collections.abc import Callable, Iterable
from typing import Any

import attrs

from bench.trial import Trial

P99_ABOVE_FLOOR_MS = 0.7  # --check, at MANY legs
P99_OF_MORE_MS = 1.5  # --check, beyond
CPU_RATIO = 1.3  # --check, at MANY legs
MEMORY_KB_PER_LEG = 64  # --check, at MANY legs
MANY = 1000

FLOOR = "C floor"
COARSE = "C, 1 ms"  # the same program, waking on whole milliseconds as Python does
OURS = "trioaudio"

HEADINGS = (
    "legs",
    "who",
    "lateness p50 / p99 / p99.9 / max ms",
    "arrival p99 ms",
    "CPU µs/frame",
    "drift ms",
    "missing / torn / repeated / reordered",
    "memory kB/leg",
    "CPU to floor",
    "CPU to C, 1 ms",
    "p99 above floor ms",
)


@attrs.frozen
class Pair:
    """A trial of the floor and the trial of our sender right after it."""

    floor: Trial
    ours: Trial
    attempts: int  # floors it took
    disturbed: bool  # even the last floor was late: the machine was busy with something else


@attrs.frozen
class Row:
    """One sender at one number of legs: medians of times, sums of faults."""

    legs: int
    who: str
    p50: float
    p99: float
    p999: float
    max: float
    arrival_p99: float
    cpu_us: float
    drift_ms: float
    missing: int
    torn: int
    repeated: int
    reordered: int
    lost_legs: int
    underruns: int
    resyncs: int
    memory_kb: float

    @property
    def faults(self) -> tuple[int, int, int, int]:
        """Missing, torn, repeated, reordered."""
        return self.missing, self.torn, self.repeated, self.reordered


@attrs.frozen
class Result:
    """Everything known about one number of legs."""

    floor: Row
    coarse: Row
    ours: Row
    pairs: list[Pair]

    @property
    def disturbed(self) -> int:
        """Runs that stayed disturbed."""
        return sum(pair.disturbed for pair in self.pairs)

    @property
    def repeated_floors(self) -> int:
        """Floors that were thrown away."""
        return sum(pair.attempts - 1 for pair in self.pairs)

    @property
    def cpu_ratio(self) -> float:
        """How many times the floor's CPU time a frame of ours costs."""
        return self.ours.cpu_us / self.floor.cpu_us

    @property
    def coarse_cpu_ratio(self) -> float:
        """The same against the floor that wakes up as seldom as we do."""
        return self.ours.cpu_us / self.coarse.cpu_us

    @property
    def p99_above_floor(self) -> float:
        """Milliseconds."""
        return self.ours.p99 - self.floor.p99


def summarize(legs: int, who: str, coarse: Trial, pairs: list[Pair]) -> Result:
    """Put the trials at one number of legs together."""
    return Result(
        floor=_row(legs, FLOOR, [pair.floor for pair in pairs]),
        coarse=_row(legs, COARSE, [coarse]),
        ours=_row(legs, who, [pair.ours for pair in pairs]),
        pairs=pairs,
    )


def _row(legs: int, who: str, trials: list[Trial]) -> Row:
    def median(value: Callable[[Trial], float]) -> float:
        return statistics.median(map(value, trials))

    def total(value: Callable[[Trial], int]) -> int:
        return sum(map(value, trials))

    return Row(
        legs=legs,
        who=who,
        p50=median(lambda t: t.sent.lateness_ms.p50),
        p99=median(lambda t: t.sent.lateness_ms.p99),
        p999=median(lambda t: t.sent.lateness_ms.p999),
        max=median(lambda t: t.sent.lateness_ms.max),
        arrival_p99=median(lambda t: t.heard.arrival_ms.p99),
        cpu_us=median(lambda t: t.sent.cpu_us_per_frame),
        drift_ms=median(lambda t: t.heard.drift_ms),
        missing=total(lambda t: t.missing),
        torn=total(lambda t: t.heard.torn),
        repeated=total(lambda t: t.heard.repeated),
        reordered=total(lambda t: t.heard.reordered),
        lost_legs=total(lambda t: t.heard.lost_legs),
        underruns=total(lambda t: t.sent.underruns),
        resyncs=total(lambda t: t.sent.resyncs),
        memory_kb=median(lambda t: t.sent.rss_kb_per_leg),
    )


def _cells(row: Row) -> list[str]:
    return [
        str(row.legs),
        row.who,
        " / ".join(f"{value:.2f}" for value in (row.p50, row.p99, row.p999, row.max)),
        f"{row.arrival_p99:.2f}",
        f"{row.cpu_us:.1f}",
        f"{row.drift_ms:+.2f}",
        " / ".join(map(str, row.faults)),
        f"{row.memory_kb:.1f}",
    ]


def table(results: Iterable[Result]) -> list[list[str]]:
    """Return all cells, headings first."""
    rows = [list(HEADINGS)]
    for result in results:
        ratios = f"{result.cpu_ratio:.2f}", f"{result.coarse_cpu_ratio:.2f}"
        rows.append([*_cells(result.floor), "", "", ""])
        rows.append([*_cells(result.coarse), "", "", ""])
        rows.append([*_cells(result.ours), *ratios, f"{result.p99_above_floor:+.2f}"])
    return rows


def notes(results: Iterable[Result]) -> list[str]:
    """Say what a reader of the table must know besides it."""
    said = []
    for result in results:
        ours = result.ours
        if result.disturbed:
            said.append(
                f"{ours.legs} legs: {result.disturbed} of {len(result.pairs)} runs DISTURBED: "
                "the machine made even the floor late, five times running"
            )
        elif result.repeated_floors:
            said.append(
                f"{ours.legs} legs: {result.repeated_floors} disturbed floors were run again"
            )
        if ours.underruns or ours.resyncs or ours.lost_legs:
            said.append(
                f"{ours.legs} legs: {ours.underruns} underruns, {ours.resyncs} resyncs, "
                f"{ours.lost_legs} lost legs"
            )
    return said


def as_text(rows: list[list[str]]) -> str:
    """Make columns as wide as they need to be."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )


def as_markdown(rows: list[list[str]], machine: dict[str, str], remarks: list[str]) -> str:
    """Put the machine above the table and the remarks below."""
    lines = [", ".join(f"{name}: {value}" for name, value in machine.items()), ""]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    lines.insert(3, "|" + " --- |" * len(rows[0]))
    if remarks:
        lines += ["", *(f"- {remark}" for remark in remarks)]
    return "\n".join(lines) + "\n"


def as_json(results: Iterable[Result]) -> list[dict[str, Any]]:
    """Return the summary and, under `pairs`, every trial it was made of."""
    return [
        {
            **attrs.asdict(result),
            "cpu_ratio": result.cpu_ratio,
            "coarse_cpu_ratio": result.coarse_cpu_ratio,
            "p99_above_floor_ms": result.p99_above_floor,
        }
        for result in results
    ]


def find_failures(result: Result) -> list[str]:
    """Find the limits of --check that do not hold at this number of legs."""
    legs, ours = result.ours.legs, result.ours
    failures = [
        f"{legs} legs: {row.who}: {count} frames {fault}"
        for row in (result.floor, result.coarse, ours)
        for count, fault in zip(
            row.faults, ("missing", "torn", "repeated", "reordered"), strict=True
        )
        if count
    ]
    allowed_ms = P99_ABOVE_FLOOR_MS if legs == MANY else P99_OF_MORE_MS
    if legs >= MANY and result.p99_above_floor > allowed_ms:
        failures.append(
            f"{legs} legs: p99 is {result.p99_above_floor:.2f} ms above the floor, "
            f"allowed are {allowed_ms}"
        )
    if legs == MANY and result.cpu_ratio > CPU_RATIO:
        failures.append(
            f"{legs} legs: {result.cpu_ratio:.2f} times the floor's CPU time, "
            f"allowed are {CPU_RATIO}"
        )
    if legs == MANY and ours.memory_kb > MEMORY_KB_PER_LEG:
        failures.append(
            f"{legs} legs: {ours.memory_kb:.1f} kB a leg, allowed are {MEMORY_KB_PER_LEG}"
        )
    return failures


def find_undecided(results: list[Result]) -> list[str]:
    """Find the limits of --check about which these results say nothing."""
    undecided = [
        f"{result.ours.legs} legs: no run was undisturbed"
        for result in results
        if result.ours.legs >= MANY and result.disturbed == len(result.pairs)
    ]
    if all(result.ours.legs != MANY for result in results):
        undecided.append(f"CPU and memory are judged at {MANY} legs, which were not run")
    return undecided
