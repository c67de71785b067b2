"""Restart a daemon under load, its sockets held by its parent, and count who is refused.

python bench/restart.py                        # 50 carriers, three restarts, half a minute
python bench/restart.py --check                # exit code 3 if anybody was refused or broken off
python bench/restart.py --by alone             # it listens by itself: what it is like otherwise
python bench/restart.py --by socket-activate   # started by systemd's own tool, once
python bench/restart.py --self-test            # ten carriers, one restart
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from pathlib import Path

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import attrs
import trio

from bench.dialling import BROKEN, BUSY, REFUSED, UNANSWERED, Outcomes, dial_for_ever
from bench.held_daemon import (
    HeldDaemon,
    HeldDaemonError,
    has_systemd_socket_activate,
    held_daemon,
)

EXIT_FAILED, EXIT_NOT_HELD = 1, 3
BETWEEN_S = 3.0
"""From one restart to the next, and before the first and after the last."""
SETTINGS = {
    "media_auth": "off",
    "carriers": "raw",
    "drain_timeout_s": "10",
    # All come from one address, and nothing else is to be measured.
    "door_handshakes": "100000",
    "door_refusals": "100000",
    "cpu_most": "0",
    "lateness_most_ms": "0",
    "loop_lag_most_ms": "0",
    "log_level": "warning",
}


@attrs.frozen
class Restarts:
    """What came of it."""

    outcomes: Outcomes
    restarts: int
    away_s: list[float]
    """How long there was no daemon that took calls, each time."""

    def figures(self) -> dict[str, float]:
        """Return them by name."""
        counts = self.outcomes.counts
        known = {name: counts[name] for name in (REFUSED, BROKEN, UNANSWERED, BUSY, "answered")}
        others = {name: value for name, value in counts.items() if name not in known}
        return {
            "restarts": self.restarts,
            "attempts": self.outcomes.attempts,
            **known,
            **others,
            "calls cut": self.outcomes.cut,
            "longest wait for an answer, ms": round(self.outcomes.longest_ms()),
            "longest without a daemon, ms": round(1000 * max(self.away_s, default=0.0)),
        }

    @property
    def lost(self) -> int:
        """Attempts that came to nothing: neither answered nor told to come again."""
        counts = self.outcomes.counts
        return self.outcomes.attempts - counts["answered"] - counts[BUSY]


async def restart_under_load(
    daemon: HeldDaemon, carriers: int, restarts: int, between_s: float
) -> Restarts:
    """Restart a daemon that runs so often while so many carriers dial."""
    outcomes, away_s = Outcomes(), []
    async with trio.open_nursery() as nursery:
        for _ in range(carriers):
            nursery.start_soon(dial_for_ever, *daemon.address, outcomes)
        await trio.sleep(between_s)
        for _ in range(restarts):
            left_at = trio.current_time()
            code = await daemon.leave()
            if code:
                raise HeldDaemonError(f"the daemon left with {code}; see {daemon.log.name}")
            await daemon.start()
            away_s.append(trio.current_time() - left_at)
            await trio.sleep(between_s)
        nursery.cancel_scope.cancel()
    return Restarts(outcomes, restarts, away_s)


async def run(given: argparse.Namespace) -> Restarts:
    """Do it; HeldDaemonError when the daemon does not come or go."""
    carriers, restarts, between_s = given.carriers, given.restarts, BETWEEN_S
    if given.self_test:
        carriers, restarts, between_s = 10, 1, 1.0
    with (
        tempfile.TemporaryDirectory() as folder,
        held_daemon(Path(folder), **SETTINGS) as daemon,
    ):
        if given.by == "alone":
            daemon.let_go()
        if given.by != "socket-activate":
            await daemon.start()
            return await restart_under_load(daemon, carriers, restarts, between_s)
        host, port = daemon.address
        await daemon.start_by_systemd_socket_activate()
        outcomes = Outcomes()
        async with trio.open_nursery() as nursery:
            for _ in range(carriers):
                nursery.start_soon(dial_for_ever, host, port, outcomes)
            await trio.sleep(between_s)
            nursery.cancel_scope.cancel()
        await daemon.leave()
        return Restarts(outcomes, 0, [])


def main() -> int:
    """Run it and print what came of it."""
    parser = argparse.ArgumentParser(description="Restart a daemon under load.")
    parser.add_argument("--carriers", type=int, default=50)
    parser.add_argument("--restarts", type=int, default=3)
    parser.add_argument("--by", choices=("parent", "alone", "socket-activate"), default="parent")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    given = parser.parse_args()
    if given.by == "socket-activate" and not has_systemd_socket_activate():
        sys.stderr.write("systemd-socket-activate is missing: install systemd\n")
        return EXIT_FAILED
    try:
        done = trio.run(run, given)
    except HeldDaemonError as exc:
        sys.stderr.write(f"{exc}\n")
        return EXIT_FAILED
    figures = done.figures()
    if given.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:32} {value}")
    return EXIT_NOT_HELD if (given.check or given.self_test) and done.lost else 0


if __name__ == "__main__":
    sys.exit(main())
