"""Calls that come and go beside calls that speak: when they came, and what they cost."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import attrs
import trio

from bench.callees import AUDIO, UP, Callees, Legs, callees
from bench.daemon_calls import Driver, driving, now_ns, sentence
from bench.figures import Figure, faults, lateness, spread_ms
from bench.serving import (
    REFUSALS,
    ServingError,
    lateness_ms,
    pinned,
    read_metrics,
    serving,
)

HOST = Path(__file__).resolve().parent / "set_up_host.py"
SETTLE_S = 2.0
QUIET_S = 4.0
"""With the established calls alone: what they cost is taken off."""
STAY_S = 1.0
"""How long a newcomer stays."""
LAST_S = 3.0
"""After the last arrival: all have come, and gone."""
AT_ONCE = 8
GREETING = "Good morning."
GREETED = {"CACHE_MB": "256", "CACHE_KEEP": "all", "GREETING": GREETING}
"""Settings with which who walks in is greeted from the cache."""
WORDS = 40


@attrs.frozen
class Load:
    """How many calls speak, and how many come a second, for so long."""

    dialect: str
    speaking: int
    rate: float
    seconds: float
    cores: tuple[int, int]

    @property
    def newcomers(self) -> int:
        """All that come."""
        return round(self.rate * self.seconds)


@attrs.frozen
class Counted:
    """What our side counted in a window: CPU seconds, lateness of those that speak, refusals."""

    cpu_s: float
    lateness_ms: Sequence[float]
    """p50, p99, and the longest if that is known."""
    refused: float


async def come_and_go(far: Callees, first: int, load: Load, path: str) -> dict[int, int]:
    """Dial so many a second, and close each a while later; return when each was told to dial."""
    dialled: dict[int, int] = {}
    closing = deque[tuple[float, int]]()
    assert far.process.stdin is not None
    began = trio.current_time()
    for number in range(load.newcomers):
        leg, due = first + number, began + number / load.rate
        while closing and closing[0][0] <= due:
            await trio.sleep_until(closing[0][0])
            await far.process.stdin.send_all(b"close %d\n" % closing.popleft()[1])
        await trio.sleep_until(due)
        far.up[leg], far.closed[leg] = trio.Event(), trio.Event()
        dialled[leg] = now_ns()
        await far.process.stdin.send_all(f"dial {leg} {path}\n".encode())
        closing.append((due + STAY_S, leg))
    for due, leg in closing:
        await trio.sleep_until(due)
        await far.process.stdin.send_all(b"close %d\n" % leg)
    await trio.sleep(LAST_S - STAY_S)
    return dialled


def figures(
    what: str, load: Load, quiet: Counted, busy: Counted, legs: Legs, dialled: dict[int, int]
) -> list[Figure]:
    """Return the rows: `quiet` for QUIET_S, then `busy` for the newcomers' time and the last."""
    ups = [at for leg in dialled if (at := legs.first(leg, UP, 0)) is not None]
    waits = [
        (first - at) / 1e6
        for leg, at in dialled.items()
        if (first := legs.first(leg, AUDIO, at)) is not None
    ]
    taken_s = (max(ups) - min(dialled.values())) / 1e9 if ups else float("nan")
    speaking = f"{what}: lateness of the {load.speaking} that speak"
    alone = quiet.cpu_s / QUIET_S * (load.seconds + LAST_S)
    return [
        Figure(
            f"{what}: calls a second that came up",
            (len(ups) / taken_s,),
            "{:.0f}",
            0.97 * load.rate,
            f"{0.97 * load.rate:.0f}",
            least=True,
        ),
        Figure(
            f"{what}: CPU a call, from its coming to its going",
            (1000 * (busy.cpu_s - alone) / max(1, len(ups)),),
            "{:.2f} ms",
        ),
        lateness(f"{speaking}, before", quiet.lateness_ms, limited=False),
        lateness(f"{speaking}, meanwhile", busy.lateness_ms),
        spread_ms(f"{what}: told to connect → first frame arrived", waits),
        faults(f"{what}: newcomers that did not come up", len(dialled) - len(ups)),
        faults(f"{what}: newcomers that heard nothing", len(dialled) - len(waits)),
        faults(f"{what}: connections refused", busy.refused),
    ]


# --- Without a daemon ---------------------------------------------------------------------


@attrs.define(eq=False)
class Hosting:
    """The process of `set_up_host.py`."""

    process: trio.Process
    port: int
    _rest: bytes = b""

    async def count(self) -> Counted:
        """Ask what was counted since the last time."""
        assert self.process.stdin is not None
        await self.process.stdin.send_all(b"\n")
        told = await self.read_line()
        return Counted(told["cpu_s"], told["established_ms"], told["refused"])

    async def read_line(self) -> dict[str, Any]:
        """Return what it says next."""
        assert self.process.stdout is not None
        while b"\n" not in self._rest:
            chunk = await self.process.stdout.receive_some()
            if not chunk:
                raise ServingError("our side has ended; its message is above")
            self._rest += chunk
        line, _, self._rest = self._rest.partition(b"\n")
        told: dict[str, Any] = json.loads(line)
        return told


@contextlib.asynccontextmanager
async def hosting(load: Load) -> AsyncIterator[Hosting]:
    """Start our side on its core; it is dead afterwards."""
    command = [sys.executable, str(HOST), "--dialect", load.dialect]
    with pinned(load.cores[0]):
        process = await trio.lowlevel.open_process(
            [*command, "--speaking", str(load.speaking)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
    try:
        made = Hosting(process, 0)
        made.port = int((await made.read_line())["port"])
        yield made
    finally:
        process.kill()
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
            await process.wait()


async def run_alone(load: Load) -> list[Figure]:
    """Measure listener and calls without a daemon."""
    path = f"/media/{load.dialect}"
    async with (
        hosting(load) as ours,
        callees(load.dialect, load.speaking + load.newcomers, ours.port) as far,
    ):
        await _dial_some(far, load.speaking, path)
        await trio.sleep(SETTLE_S)
        await ours.count()
        await trio.sleep(QUIET_S)
        quiet = await ours.count()
        dialled = await come_and_go(far, load.speaking, load, path)
        busy = await ours.count()
        legs = Legs.of(await far.finish())
    return figures(_title(load, "listener and calls"), load, quiet, busy, legs, dialled)


async def _dial_some(far: Callees, count: int, path: str) -> None:
    left = iter(range(count))

    async def dial_next() -> None:
        for leg in left:
            await far.dial(leg, path)

    async with trio.open_nursery() as nursery:
        for _ in range(AT_ONCE):
            nursery.start_soon(dial_next)


def _title(load: Load, what: str) -> str:
    return f"{what}, {load.dialect}, {load.rate:g} calls a second"


# --- A whole daemon ------------------------------------------------------------------------


async def run_daemon(load: Load) -> list[Figure]:
    """Measure `trioaudio serve`: those that speak are commanded, newcomers walk in and are greeted.

    A greeting that was said once is in the cache.
    """
    async with (
        serving(load.cores, GREETED) as daemon,
        driving(daemon, load.dialect, load.speaking + load.newcomers) as driver,
    ):
        texts = [sentence(driver.draw, WORDS) for _ in range(4)]
        await driver.client.precache([*texts, GREETING])
        calls = await driver.open_calls(range(load.speaking))
        async with trio.open_nursery() as nursery:
            for call in calls:
                nursery.start_soon(driver.speak_on, call, partial(driver.draw.choice, texts))
            await trio.sleep(SETTLE_S)
            count = await _counting(driver)
            await trio.sleep(QUIET_S)
            quiet = await count()
            path = f"/media/{load.dialect}"
            dialled = await come_and_go(driver.callees, load.speaking, load, path)
            busy = await count()
            nursery.cancel_scope.cancel()
        legs = Legs.of(await driver.callees.finish())
    return figures(_title(load, "the daemon"), load, quiet, busy, legs, dialled)


async def _counting(driver: Driver) -> Callable[[], Awaitable[Counted]]:
    """Return what counts since the last time."""
    metrics, used = await read_metrics(driver.client), driver.serving.usage().cpu_s

    async def count() -> Counted:
        nonlocal metrics, used
        since, now = await read_metrics(driver.client), driver.serving.usage().cpu_s
        refused = since.total(REFUSALS) - metrics.total(REFUSALS)
        made = Counted(now - used, lateness_ms(metrics, since), refused)
        metrics, used = since, now
        return made

    return count
