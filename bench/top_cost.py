"""What `trioaudio top` costs, and whether the daemon it looks at notices; see docs/dashboard.md.

python bench/top_cost.py                  # 200 calls, a minute without and a minute with it
python bench/top_cost.py --calls 20 --seconds 5
"""

from __future__ import annotations

import contextlib
import os
import pty
import struct
import subprocess
import sys
import termios
from collections.abc import AsyncIterator
from fcntl import ioctl
from functools import partial
from pathlib import Path

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import attrs
import trio

from bench.daemon_calls import Driver, driving, sentence
from bench.daemon_trials import SETTLE_S, SPEAKING_WORDS
from bench.figures import Figure
from bench.machine import CannotRunError
from bench.serving import Serving, lateness_ms, pinned, process_cpu_s, read_metrics, serving
from bench.two_cores import EXIT_CANNOT_RUN, OPEN_FILES, move_in, new_parser

COLUMNS, LINES = 200, 50
MOST_CPU = 5.0
"""Percent of a core."""


@attrs.frozen
class Window:
    """A while of a daemon's life."""

    lateness_p50_ms: float
    lateness_p99_ms: float
    daemon_cpu: float
    """Percent of a core, as the next one."""
    top_cpu: float
    top_bytes: float
    """A second, to the terminal."""


@attrs.define(eq=False)
class Watching:
    """`top` on a pseudo-terminal whose other side is read."""

    process: subprocess.Popen[bytes]
    received: int = 0

    def cpu_s(self) -> float:
        """Return what the process has used."""
        return process_cpu_s(self.process.pid)


@contextlib.asynccontextmanager
async def watching(daemon: Serving, core: int, options: list[str]) -> AsyncIterator[Watching]:
    """Run `top` while the block runs."""
    ours, theirs = pty.openpty()
    ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", LINES, COLUMNS, 0, 0))
    with pinned(core):
        process = subprocess.Popen(  # noqa: ASYNC220  it inherits this thread's core
            [
                *(sys.executable, "-m", "trioaudio", "top"),
                *("--control", f"unix://{daemon.folder}/control"),
                *("--token-file", f"{daemon.folder}/state/control.token"),
                *options,
            ],
            stdin=theirs,
            stdout=theirs,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"},
            start_new_session=True,
        )
    os.close(theirs)
    made = Watching(process)

    async def read() -> None:
        while True:
            await trio.lowlevel.wait_readable(ours)
            made.received += len(os.read(ours, 65536))

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            yield made
            nursery.cancel_scope.cancel()
    finally:
        process.kill()
        process.wait()
        os.close(ours)


async def measure(daemon: Serving, driver: Driver, seconds: float, top: Watching | None) -> Window:
    """Look at a window."""
    before, used = await read_metrics(driver.client), daemon.usage()
    top_used, top_bytes = (top.cpu_s(), top.received) if top else (0.0, 0)
    began = trio.current_time()
    await trio.sleep(seconds)
    passed = trio.current_time() - began
    since, later = daemon.usage(), await read_metrics(driver.client)
    p50_ms, p99_ms = lateness_ms(before, later)
    return Window(
        lateness_p50_ms=p50_ms,
        lateness_p99_ms=p99_ms,
        daemon_cpu=100 * (since.cpu_s - used.cpu_s) / passed,
        top_cpu=100 * (top.cpu_s() - top_used) / passed if top else 0.0,
        top_bytes=(top.received - top_bytes) / passed if top else 0.0,
    )


async def compare(
    calls: int, seconds: float, rounds: int, cores: tuple[int, int], options: list[str]
) -> list[tuple[Window, Window]]:
    """Return windows without and with `top`, in turns, while every call speaks."""
    async with serving(cores, {}) as daemon, driving(daemon, "raw", calls) as driver:
        opened = await driver.open_calls(range(calls))
        async with trio.open_nursery() as nursery:
            for call in opened:
                write = partial(sentence, driver.draw, SPEAKING_WORDS)
                nursery.start_soon(driver.speak_on, call, write)
            await trio.sleep(SETTLE_S)
            windows = []
            for _ in range(rounds):
                without = await measure(daemon, driver, seconds, None)
                async with watching(daemon, cores[1], options) as top:
                    await trio.sleep(3.0)  # its start is not what it costs
                    windows.append((without, await measure(daemon, driver, seconds, top)))
            nursery.cancel_scope.cancel()
    return windows


def rows(calls: int, windows: list[tuple[Window, Window]]) -> list[Figure]:
    """Return what to print: medians over the rounds."""
    found = []
    for number, (without, with_top) in enumerate(windows, 1):
        what = f"{calls} calls speaking, round {number}"
        found += [
            Figure(
                f"{what}: lateness p50, p99 without",
                (without.lateness_p50_ms, without.lateness_p99_ms),
                "{:.2f}, {:.2f} ms",
            ),
            Figure(
                f"{what}: lateness p50, p99 with top",
                (with_top.lateness_p50_ms, with_top.lateness_p99_ms),
                "{:.2f}, {:.2f} ms",
            ),
            Figure(
                f"{what}: CPU of the daemon without, with top",
                (without.daemon_cpu, with_top.daemon_cpu),
                "{:.1f} %, {:.1f} %",
            ),
            Figure(
                f"{what}: CPU of top", (with_top.top_cpu,), "{:.1f} %", MOST_CPU, f"{MOST_CPU:g} %"
            ),
            Figure(f"{what}: to the terminal", (with_top.top_bytes,), "{:.0f} bytes/s"),
        ]
    return found


def main() -> int:
    """Measure; return the exit code."""
    parser = new_parser(__doc__, check=False, cores="DAEMON,OTHERS")
    parser.add_argument("--calls", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0, help="of each window")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("options", nargs="*", help="for top, after --")
    given = parser.parse_args()
    try:
        ground = move_in(given.cores, OPEN_FILES)
    except CannotRunError as exc:
        print(f"cannot run: {exc}", file=sys.stderr)
        return EXIT_CANNOT_RUN
    windows = trio.run(
        compare, given.calls, given.seconds, given.rounds, ground.cores, list(given.options)
    )
    ground.conclude(rows(given.calls, windows))
    return 0


if __name__ == "__main__":
    sys.exit(main())
