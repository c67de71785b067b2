"""Has a frame become dear? The floor and trioaudio in turn, for a minute, judged by ratios.

Every limit is relative to the floor of the same minutes, and the best of several attempts counts,
of CPU our cheapest frame beside the floor's dearest: on a busy machine both are late, and whoever
is late wakes up less often and costs less. One good attempt is enough to acquit; a cost that
doubled is there in every one.
"""

from __future__ import annotations

import sys
import time

import attrs

from bench.machine import FLOOR_PROGRAM, HERE
from bench.trial import Plan, Trial, TrialError, run_trial

SECONDS = 60
ATTEMPTS = 4
WINDOW_S = 2
SETTLE_MS = 1000
TRIAL_S = 3 + WINDOW_S + SETTLE_MS / 1000  # with connecting and starting
QUIET_FLOOR_MS = 1.0
FAIR_FLOOR_MS = 5.0
P99_ABOVE_FLOOR_MS = 10
USUAL_RATIOS = (1.45, 1.15)
DOUBTFUL = 1.5  # times the usual ratio: beyond noise, and short of a doubling
MOST_GUARDED = 300
LOADS_GUARDED = 2
NEVER = 1e9  # microseconds, before there was an attempt


@attrs.frozen
class Guarded:
    """One load that is watched."""

    title: str
    plan: Plan
    usual_ratio: float
    """Our CPU time for a frame to the floor's, as it was when this was last set."""

    @property
    def largest_ratio(self) -> float:
        """Beyond it a frame has become dear."""
        return self.usual_ratio * DOUBTFUL


def loads(cores: tuple[int, int]) -> list[Guarded]:
    """Return what is watched."""
    plan = Plan(legs=MOST_GUARDED, seconds=WINDOW_S, cores=cores, settle_ms=SETTLE_MS, set_up_s=10)
    twilio = attrs.evolve(plan, legs=150, dialect="twilio", inbound_ms=20)
    return [
        Guarded("300 legs, send only", plan, USUAL_RATIOS[0]),
        Guarded("150 legs, Twilio's dialect, both ways", twilio, USUAL_RATIOS[1]),
    ]


@attrs.frozen
class Verdict:
    """What is wrong, and about what nothing can be said."""

    failures: list[str]
    undecided: list[str]


def guard(cores: tuple[int, int], *, doubled: bool = False) -> Verdict:
    """Watch both loads; `doubled`: with a sender that burns as much again for each frame."""
    ends = time.monotonic() + SECONDS
    failures, undecided = [], []
    for number, load in enumerate(watched := loads(cores), start=1):
        share = (ends - time.monotonic()) / (len(watched) - number + 1)
        load_ends = time.monotonic() + share
        waste_us = _trial(load, "sender").sent.cpu_us_per_frame if doubled else 0.0
        record = _watch(load, load_ends, waste_us)
        failures += [f"{load.title}: {each}" for each in record.find_troubles()]
        if record.ratio is None:
            undecided.append(
                f"{load.title}: CPU, since even the floor was {FAIR_FLOOR_MS:g} ms late"
            )
    return Verdict(failures, undecided)


def _watch(load: Guarded, ends: float, waste_us: float = 0) -> Record:
    """Try until everything holds, or the time is up."""
    record = Record(load)
    for attempt in range(ATTEMPTS):
        if attempt and time.monotonic() + 2 * TRIAL_S > ends:
            break
        try:
            record.add(_trial(load, "floor"), _trial(load, "sender", waste_us))
        except TrialError as exc:
            record.troubles.append([str(exc)])
        print(record, file=sys.stderr, flush=True)
        if record.ratio is not None and not record.find_troubles():
            break
    return record


@attrs.define(eq=False)
class Record:
    """What the attempts at one load have shown so far."""

    load: Guarded
    ours_us: float = NEVER
    floor_us: float = 0.0
    """Of floors that were not badly late: those wake up less often and cost next to nothing."""
    troubles: list[list[str]] = attrs.field(factory=list)
    """Of each attempt, but for CPU."""

    def add(self, floor: Trial, ours: Trial) -> None:
        """Take an attempt in. Of CPU, our cheapest and the floor's dearest count."""
        self.ours_us = min(self.ours_us, ours.sent.cpu_us_per_frame)
        if floor.sent.lateness_ms.p99 <= FAIR_FLOOR_MS:
            self.floor_us = max(self.floor_us, floor.sent.cpu_us_per_frame)
        troubles = []
        if ours.faults:
            troubles.append(f"{ours.faults} frames missing, torn, repeated or reordered")
        late = ours.sent.lateness_ms.p99 - floor.sent.lateness_ms.p99
        if floor.sent.lateness_ms.p99 <= QUIET_FLOOR_MS and late > P99_ABOVE_FLOOR_MS:
            troubles.append(
                f"p99 is {late:.1f} ms above a quiet floor, allowed are {P99_ABOVE_FLOOR_MS}"
            )
        self.troubles.append(troubles)

    @property
    def ratio(self) -> float | None:
        """Our CPU time for a frame to the floor's; None when no floor was fit to compare with."""
        return self.ours_us / self.floor_us if self.floor_us else None

    def find_troubles(self) -> list[str]:
        """Return what is wrong with the best attempt, and with the CPU time of all together."""
        fewest = min(len(each) for each in self.troubles)
        troubles = next([*each] for each in self.troubles if len(each) == fewest)
        if self.ratio is not None and self.ratio > self.load.largest_ratio:
            troubles.append(
                f"a frame costs {self.ratio:.2f} times the floor's CPU time, usual are "
                f"{self.load.usual_ratio}, allowed {self.load.largest_ratio:.2f}"
            )
        return troubles

    def __str__(self) -> str:
        """Say how it stands."""
        return (
            f"{self.load.title}: {self.ours_us:.1f} µs a frame, the floor {self.floor_us:.1f}, "
            f"limit {self.load.largest_ratio:.2f} times; "
            f"{'; '.join(self.troubles[-1]) or 'all frames in order'}"
        )


def _trial(load: Guarded, who: str, waste_us: float = 0) -> Trial:
    command = [str(FLOOR_PROGRAM)] if who == "floor" else [sys.executable, str(HERE / "sender.py")]
    waste = ["--waste-us", f"{waste_us:.1f}"] if waste_us else []
    return run_trial([*command, *waste], load.plan)
