"""Does the peer see what is wrong? The floor damages one leg on purpose, and it must be found."""

from collections.abc import Callable

from bench.machine import FLOOR_PROGRAM
from bench.trial import Plan, Trial, TrialError, run_trial

LEGS = 8
SECONDS = 1
SETTLE_MS = 300
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


def find_blind_spots(cores: tuple[int, int]) -> list[str]:
    """Run every kind of damage past the peer; return what it failed to see."""
    blind = []
    for kind, is_seen in SEEN.items():
        floor = [str(FLOOR_PROGRAM), "--settle-ms", str(SETTLE_MS), "--corrupt", kind]
        plan = Plan(legs=LEGS, seconds=SECONDS, cores=cores, settle_ms=SETTLE_MS)
        try:
            trial = run_trial(floor, plan)
        except TrialError as exc:
            verdict = str(exc)
        else:
            verdict = "seen" if is_seen(trial) else f"NOT SEEN: {trial}"
        print(f"{kind:10} {verdict}", flush=True)
        if verdict != "seen":
            blind.append(kind)
    return blind
