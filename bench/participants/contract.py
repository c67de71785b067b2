"""What every asyncio participant shares: its orders, the window, and what it must say in the end.

Only the standard library, so that it adds nothing to anybody's cost: a sent frame costs one call,
an addition and, within the window, one append.
"""

from __future__ import annotations

import argparse
import asyncio  # noqa: TID251  what others pace with
import gc
import json
import resource
import sys
from array import array
from dataclasses import dataclass, field
from pathlib import Path

PTIME = 0.06
SETTLE_MS = 3000
SET_UP_S = 60  # on a busy machine


@dataclass(frozen=True)
class Order:
    """What the orchestrator asks for."""

    legs: int
    seconds: float
    dialect: str
    half_silent: bool
    way: str
    settle_ms: float

    @property
    def is_twilio(self) -> bool:
        """Whether messages are Twilio's."""
        return self.dialect == "twilio"

    @property
    def frames(self) -> int:
        """Frames to have ready: set-up, settling and window, and some."""
        return int((self.seconds + self.legs / 100 + SET_UP_S) / PTIME)

    def speaks(self, number: int) -> bool:
        """Say whether that leg is to be sent anything."""
        return not (self.half_silent and number % 2)


def read_order(*ways: str) -> Order:
    """Read the command line; `ways` are the forms a participant can take, the first by default."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--legs", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--dialect", choices=("raw", "twilio"), default="raw")
    parser.add_argument("--half-silent", action="store_true")
    parser.add_argument("--settle-ms", type=float, default=SETTLE_MS)
    parser.add_argument("--way", choices=ways, default=ways[0] if ways else "")
    return Order(**vars(parser.parse_args()))


def say(what: dict[str, object]) -> None:
    """Print one line of JSON at once."""
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def leg_of(path: str) -> int:
    """Return I of /media/I."""
    return int(path.rpartition("/")[2])


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _resident_kb() -> float:
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / 1024


@dataclass
class Window:
    """Counts frames and their lateness; the window begins when all legs were up for a while."""

    order: Order
    frames_total: int = 0
    measuring: bool = False
    _late: array[float] = field(default_factory=lambda: array("d"))
    _up: int = 0
    _all_up: asyncio.Event = field(default_factory=asyncio.Event)
    _before_kb: float = field(default_factory=_resident_kb)

    def leg_is_up(self) -> None:
        """Count a leg that is connected and, with Twilio's dialect, has started."""
        self._up += 1
        if self._up == self.order.legs:
            self._all_up.set()

    def sent(self, late: float) -> None:
        """Count a frame that was written so many seconds after its time."""
        self.frames_total += 1
        if self.measuring:
            self._late.append(late)

    async def measure(self) -> dict[str, object]:
        """Wait for the window, let it pass, and return what is to be said of it."""
        await self._all_up.wait()
        # As a long-running service does once it is up; it spares collections their longest pauses.
        gc.collect()
        gc.freeze()
        await asyncio.sleep(self.order.settle_ms / 1000)
        cpu = _cpu_seconds()
        self.measuring = True
        await asyncio.sleep(self.order.seconds)
        self.measuring = False
        cpu = _cpu_seconds() - cpu
        late, count = sorted(self._late), len(self._late)
        tenth = max(1, count // 10)
        drift = sum(self._late[-tenth:]) / tenth - sum(self._late[:tenth]) / tenth if count else 0
        ranks = {"p50": 0.5, "p99": 0.99, "p999": 0.999, "max": 1.0}
        return {
            "legs": self.order.legs,
            "frames": count,
            "lateness_ms": {
                name: round(max(0.0, late[max(0, round(count * rank) - 1)]) * 1000, 4)
                if count
                else 0.0
                for name, rank in ranks.items()
            },
            "cpu_us_per_frame": round(cpu * 1e6 / max(1, count), 3),
            "cpu_percent": round(cpu * 100 / self.order.seconds, 1),
            "rss_kb_per_leg": round((_resident_kb() - self._before_kb) / self.order.legs, 2),
            "underruns": 0,
            "resyncs": 0,
            "drift_ms": round(drift * 1000, 4),
        }
