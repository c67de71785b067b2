"""The callees of a daemon, a process of C (`callee.c`), and what came to them when."""

from __future__ import annotations

import contextlib
import subprocess
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import numpy as np
import numpy.typing as npt
import trio

from bench.machine import CALLEE_PROGRAM

UP_S = 30.0
PTIME_MS = 60.0
GAP_MS = 90.0
"""Between two frames, from which it is a gap the callee may have heard."""

AUDIO, CLEAR, MARK, CLOSE, UP, OTHER, SPOKE = range(1, 8)
RECORD = np.dtype([("leg", "<u4"), ("kind", "<u4"), ("size", "<u4"), ("sum", "<u4"), ("at", "<i8")])

Records: TypeAlias = npt.NDArray[Any]
"""Of RECORD, in the order they came."""


class CalleesError(Exception):
    """A leg was refused, did not come up, or the callees' process failed."""


@attrs.define(eq=False)
class Callees:
    """The process, and which of its legs are up or were closed."""

    process: trio.Process
    log: Path
    up: dict[int, trio.Event] = attrs.field(factory=dict)
    closed: dict[int, trio.Event] = attrs.field(factory=dict)
    refused: set[int] = attrs.field(factory=set)
    _telling: trio.Lock = attrs.field(factory=trio.Lock)

    async def dial(self, leg: int, path: str) -> None:
        """Connect a leg, and wait until it is up. CalleesError."""
        self.up[leg], self.closed[leg] = trio.Event(), trio.Event()
        await self._tell(f"dial {leg} {path}\n")
        with trio.move_on_after(UP_S):
            await self.up[leg].wait()
        if leg in self.refused or not self.up[leg].is_set():
            raise CalleesError(f"leg {leg} did not come up")

    async def wait_closed(self, leg: int) -> None:
        """Wait until the daemon has closed a leg."""
        await self.closed[leg].wait()

    async def _tell(self, line: str) -> None:
        assert self.process.stdin is not None
        async with self._telling:
            await self.process.stdin.send_all(line.encode())

    async def read(self) -> None:
        """Take what the process says, until it ends."""
        assert self.process.stdout is not None
        rest = b""
        async for chunk in self.process.stdout:
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                word, leg = line.decode().split()[:2]
                if word == "refused":
                    self.refused.add(int(leg))
                (self.closed if word == "closed" else self.up)[int(leg)].set()

    async def finish(self) -> Records:
        """Close all legs; return what came to them."""
        assert self.process.stdin is not None
        await self.process.stdin.aclose()
        if await self.process.wait():
            raise CalleesError("the callees' process failed")
        return np.fromfile(self.log, dtype=RECORD)


@contextlib.asynccontextmanager
async def callees(
    dialect: str, legs: int, port: int, *, speaking: bool = False
) -> AsyncIterator[Callees]:
    """Start the process; it is dead afterwards. Callees that are `speaking` are heard all along."""
    with tempfile.TemporaryDirectory(prefix="trioaudio-callees-") as folder:
        log = Path(folder) / "log"
        command = [str(CALLEE_PROGRAM), "--legs", str(legs), "--port", str(port)]
        command += ["--dialect", dialect, "--log", str(log), *(["--speak"] if speaking else [])]
        process = await trio.lowlevel.open_process(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        made = Callees(process, log)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(made.read)
            try:
                yield made
            finally:
                process.kill()
                with trio.CancelScope(shield=True, deadline=trio.current_time() + 5):
                    await process.wait()
                nursery.cancel_scope.cancel()


# --- What came ---------------------------------------------------------------------------


@attrs.frozen
class Arrived:
    """Frames of a window: how late each came in its talkspurt, and the gaps between talkspurts."""

    frames: int
    late_ms: npt.NDArray[np.float64]
    gaps: int


def arrived(
    records: Records, since_ns: int, until_ns: int, *, rest_ms: float | None = None
) -> Arrived:
    """Look at speech within a window; where it rests for `rest_ms`, that is no gap."""
    speech = records[(records["kind"] == AUDIO)]
    speech = speech[(speech["at"] >= since_ns) & (speech["at"] < until_ns)]
    late: list[npt.NDArray[np.float64]] = []
    gaps = 0
    order = np.argsort(speech["leg"], kind="stable")
    legs, firsts = np.unique(speech["leg"][order], return_index=True)
    times = speech["at"][order] / 1e6
    for each in np.split(times, firsts[1:]) if len(legs) else []:
        breaks = np.flatnonzero(np.diff(each) > GAP_MS) + 1
        gaps += int((np.diff(each)[breaks - 1] < rest_ms).sum()) if rest_ms else len(breaks)
        late += [_late(spurt) for spurt in np.split(each, breaks)]
    return Arrived(len(speech), np.concatenate(late) if late else np.empty(0), gaps)


def _late(times: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    offsets = times - np.arange(len(times)) * PTIME_MS
    lateness: npt.NDArray[np.float64] = offsets - np.minimum.accumulate(offsets)
    return lateness


def heard_of(records: Records) -> tuple[int, int]:
    """Return how many messages of audio the callees sent, and how many no socket took."""
    spoke = records[records["kind"] == SPOKE]
    return int(spoke["size"].sum()), int(spoke["sum"].sum())


@attrs.define(eq=False)
class Legs:
    """Records by leg, to look up what came next."""

    _by_leg: dict[int, Records]

    @classmethod
    def of(cls, records: Records) -> Legs:
        """Sort records by leg."""
        order = np.argsort(records["leg"], kind="stable")
        legs, firsts = np.unique(records["leg"][order], return_index=True)
        parts = np.split(records[order], firsts[1:]) if len(legs) else []
        return cls(dict(zip(map(int, legs), parts, strict=True)))

    def first(self, leg: int, kind: int, since_ns: int) -> int | None:
        """Return when the first message of a kind came to a leg; None if none did."""
        times = self._times(leg, kind)
        place = int(np.searchsorted(times, since_ns))
        return int(times[place]) if place < len(times) else None

    def count(self, leg: int, kind: int, since_ns: int, until_ns: int) -> int:
        """Return how many messages of a kind came between two moments, both excluded."""
        times = self._times(leg, kind)
        first = np.searchsorted(times, since_ns, side="right")
        return max(0, int(np.searchsorted(times, until_ns) - first))

    def _times(self, leg: int, kind: int) -> npt.NDArray[np.int64]:
        records = self._by_leg.get(leg)
        if records is None:
            return np.empty(0, dtype=np.int64)
        times: npt.NDArray[np.int64] = records["at"][records["kind"] == kind]
        return times
