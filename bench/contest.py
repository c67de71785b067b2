"""Participants against each other: up a ladder of calls, to the knee, and medians besides.

The knee is the most calls at which the 99th percentile of arrivals is within KNEE_MS and nothing
is missing, torn, repeated or reordered. Participants run in turn, each step begins with the
floor, and a floor that is late itself is repeated: then the machine, not a program, was late.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

import attrs

from bench.participants.roster import Participant
from bench.trial import CONNECT_RATE, Plan, Trial, TrialError, run_trial

KNEE_MS = 10.0
QUIET_FLOOR_MS = 1.0
ATTEMPTS = 5
FAILED_STEPS = 2  # points past the knee, before a participant climbs no further
SHORTFALL = 0.98  # of the frames that were due must have come
NEARBY = 1.08  # a knee known this closely is known
BISECTIONS = 3
PTIME = 0.06
STARTING_S = 2.0


@attrs.frozen
class Scenario:
    """What all participants have to do."""

    key: str
    title: str
    dialect: str
    inbound_ms: float
    ladder: tuple[int, ...]
    points: tuple[int, ...]
    tls: bool = False


@attrs.frozen
class Step:
    """What is tried of a scenario."""

    scenario: Scenario
    legs: int
    seconds: float
    median: bool = False
    disturbed: bool = False


@attrs.frozen
class Reading:
    """One trial of one participant, or why there is none."""

    scenario: str
    who: str
    legs: int
    trial: Trial | None
    trouble: str = ""
    disturbed: bool = False
    median: bool = False
    """Whether it is one of those that medians are made of, rather than a short one."""

    def carried(self, seconds: float) -> bool:
        """Say whether the participant was equal to so many calls."""
        if self.trial is None or self.trial.faults:
            return False
        due = self.legs * seconds / PTIME
        return (
            self.trial.heard.arrival_ms.p99 <= KNEE_MS and self.trial.sent.frames >= SHORTFALL * due
        )


class _TimeIsUpError(Exception):
    """There is no time for the next trial; the text says which."""


@attrs.define(eq=False)
class Contest:
    """Runs trials until the time is up, and keeps what they said."""

    cores: tuple[int, int]
    ends: float  # on time.monotonic
    short_s: float
    long_s: float
    runs: int
    plan_for: Callable[[Scenario], Plan]
    readings: list[Reading] = attrs.field(factory=list)
    knees: dict[tuple[str, str], int] = attrs.field(factory=dict)
    unfinished: list[str] = attrs.field(factory=list)

    def run(self, scenario: Scenario, participants: list[Participant]) -> None:
        """Run one scenario: the points where medians compare, then the ladder and the knees."""
        try:
            self._compare(scenario, participants)
            self._climb(scenario, participants)
        except _TimeIsUpError as exc:
            self.unfinished.append(f"{scenario.title}: the time was up at {exc}")

    # --- Stages ------------------------------------------------------------------------

    def _compare(self, scenario: Scenario, participants: list[Participant]) -> None:
        for legs in scenario.points:
            step = Step(scenario, legs, self.long_s, median=True)
            out: set[str] = set()
            for _ in range(self.runs):
                now = self._with_floor(step, participants[0])
                for who in participants[1:]:
                    if who.key in out:
                        continue
                    if self._take(now, who).trial is None:
                        out.add(who.key)  # it cannot even begin: twice more would say no more

    def _climb(self, scenario: Scenario, participants: list[Participant]) -> None:
        failed: dict[str, list[int]] = {who.key: [] for who in participants[1:]}
        for legs in scenario.ladder:
            step = self._with_floor(Step(scenario, legs, self.short_s), participants[0])
            for who in participants[1:]:
                fell = failed[who.key]
                if len(fell) >= FAILED_STEPS:
                    continue
                if self._carries(step, who):
                    self.knees[scenario.key, who.key] = legs
                    fell.clear()  # whatever it was lower down, it was not the number of calls
                else:
                    fell.append(legs)
        for who in participants[1:]:
            if failed[who.key]:
                self._bisect(scenario, who, failed[who.key][0])

    def _bisect(self, scenario: Scenario, who: Participant, bad: int) -> None:
        """Find the knee between what was carried and what was not."""
        good = self.knees.get((scenario.key, who.key), 0)
        for _ in range(BISECTIONS):
            if bad <= good * NEARBY or bad - good <= 1:
                break
            middle = (good + bad) // 2
            if self._carries(Step(scenario, middle, self.short_s), who):
                self.knees[scenario.key, who.key] = good = middle
            else:
                bad = middle

    # --- Trials ------------------------------------------------------------------------

    def _carries(self, step: Step, who: Participant) -> bool:
        """Say whether it does in one of two trials."""
        return any(self._take(step, who).carried(step.seconds) for _ in range(2))

    def _with_floor(self, step: Step, floor: Participant) -> Step:
        """Run the floor until it is quiet; return the step, disturbed if it never was."""
        late = False
        for attempt in range(ATTEMPTS):
            reading = self._take(step, floor, keep=False)
            late = reading.trial is None or reading.trial.sent.lateness_ms.p99 > QUIET_FLOOR_MS
            if not late or attempt == ATTEMPTS - 1:
                self.readings.append(attrs.evolve(reading, disturbed=late))
                break
        return attrs.evolve(step, disturbed=late)

    def _take(self, step: Step, who: Participant, *, keep: bool = True) -> Reading:
        """Run one trial, if there is time left for it."""
        scenario, legs = step.scenario, step.legs
        plan = attrs.evolve(self.plan_for(scenario), legs=legs, seconds=step.seconds)
        expected = legs / CONNECT_RATE + plan.settle_ms / 1000 + step.seconds + STARTING_S
        if time.monotonic() + expected > self.ends:
            raise _TimeIsUpError(f"{who.label}, {legs} calls")
        trial, trouble = None, ""
        try:
            trial = run_trial(who.command, plan)
        except TrialError as exc:
            trouble = str(exc)
        reading = Reading(scenario.key, who.key, legs, trial, trouble, step.disturbed, step.median)
        if keep:
            self.readings.append(reading)
        _tell(scenario, who, reading)
        return reading


def _tell(scenario: Scenario, who: Participant, reading: Reading) -> None:
    trial = reading.trial
    said = (
        reading.trouble
        if trial is None
        else f"arrival p99 {trial.heard.arrival_ms.p99:8.2f} ms, "
        f"{trial.sent.cpu_us_per_frame:7.1f} µs a frame, faults {trial.faults}, "
        f"peer {trial.heard.cpu_percent:.0f} %"
    )
    line = f"{scenario.key:10} {reading.legs:5} calls {who.label:36} {said}"
    print(line, file=sys.stderr, flush=True)
