"""Does the peer see what is wrong? The floor damages one leg on purpose, and it must be found."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import attrs

from bench.machine import FLOOR_PROGRAM
from bench.trial import Plan, Trial, TrialError, run_trial

LEGS = 8
SECONDS = 1
SETTLE_MS = 300
AT_ONCE = 4  # trials with next to nothing to do
TIMES = 3  # how often the floor does its damage, where once is not the end of the leg


def _counts(trial: Trial) -> tuple[int, int, int, int]:
    return trial.missing, trial.heard.torn, trial.heard.repeated, trial.heard.reordered


SEEN: dict[str, Callable[[Trial], bool]] = {
    "none": lambda t: _counts(t) == (0, 0, 0, 0) and t.heard.lost_legs == 0,
    "missing": lambda t: _counts(t) == (TIMES, 0, 0, 0),
    "torn": lambda t: _counts(t) == (0, TIMES, 0, 0),  # one bit
    "short": lambda t: _counts(t) == (0, TIMES, 0, 0),  # a whole message of half a frame
    "repeated": lambda t: _counts(t) == (0, 0, TIMES, 0),
    "reordered": lambda t: _counts(t) == (0, 0, 0, TIMES),
    # Half a message, then the next: nothing on that leg can be understood any more.
    "cut": lambda t: t.heard.torn == 1 and t.missing > TIMES and t.heard.broken_legs == 1,
    # A leg that stops leaves no gap between two frames.
    "silent": lambda t: t.missing > TIMES and t.heard.torn == 0,
    "late": lambda t: _counts(t) == (0, 0, 0, 0) and t.heard.arrival_ms.max > 15,  # by 20 ms
    "drift": lambda t: _counts(t) == (0, 0, 0, 0) and t.heard.drift_ms > 5,  # by 1 %
    "ping": lambda t: _counts(t) == (0, 0, 0, 0) and t.heard.pings == t.sent.pongs == TIMES,
}


SEEN_OF_THE_SILENT: dict[str, Callable[[Trial], bool]] = {
    "none": lambda t: t.faults == 0 and t.heard.alive_legs == LEGS // 2,
    "unwanted": lambda t: t.heard.unwanted > TIMES and t.heard.alive_legs == LEGS // 2,
    "deaf": lambda t: t.heard.unwanted == 0 and t.heard.alive_legs == 0,
}


@attrs.frozen
class Look:
    """One kind of damage under one plan."""

    plan: Plan
    kind: str
    is_seen: Callable[[Trial], bool]

    def __str__(self) -> str:
        """Name it."""
        silent = ", half silent" if self.plan.half_silent else ""
        return f"{self.kind} ({self.plan.dialect}{silent})"

    def verdict(self) -> str:
        """Run it past the peer; return `seen`, or what the peer saw instead."""
        floor = [str(FLOOR_PROGRAM), "--corrupt", self.kind]
        try:
            trial = run_trial(floor, self.plan)
        except TrialError as exc:
            return str(exc)
        return "seen" if self.is_seen(trial) else f"NOT SEEN: {trial}"


def find_blind_spots(cores: tuple[int, int]) -> list[str]:
    """Run every kind of damage past the peer, in both dialects; return what it failed to see."""
    raw = Plan(legs=LEGS, seconds=SECONDS, cores=cores, settle_ms=SETTLE_MS)
    twilio = attrs.evolve(raw, dialect="twilio", inbound_ms=20)
    silent = attrs.evolve(twilio, half_silent=True)
    looks = [Look(plan, *each) for plan in (raw, twilio) for each in SEEN.items()]
    looks += [Look(silent, *each) for each in SEEN_OF_THE_SILENT.items()]
    blind = []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for look, verdict in zip(looks, pool.map(Look.verdict, looks), strict=True):
            print(f"{look!s:32} {verdict}", flush=True)
            if verdict != "seen":
                blind.append(str(look))
    return blind
