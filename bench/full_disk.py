"""Does a full disk below the log file make frames late? One daemon, by turns with room and without.

    python bench/full_disk.py --calls 100 --seconds 60
    python bench/full_disk.py --calls 10 --seconds 6      # does it work?

Every call speaks without a pause, and twenty times a second one is asked to be recorded where
nothing can be: that is an error line. The log file is a link to a file, in between to /dev/full.
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import attrs
import numpy as np
import trio

from bench.callees import Records, arrived
from bench.daemon_calls import Driver, driving, now_ns, sentence
from bench.figures import Figure, faults, spread_ms
from bench.machine import CannotRunError
from bench.serving import read_metrics, serving
from bench.two_cores import EXIT_CANNOT_RUN, EXIT_NOT_HELD, move_in, new_parser
from trioaudio.client.call import Call

LATE_MS = 20.0
SETTLE_S = 6.0
LOOK_S = 2.5
"""A file that took another's place is found within a second, by the next line."""
ERRORS_S = 20.0
"""Error lines a second."""
TEXTS = 20
WORDS = 13
ROUNDS = 6
"""With room and without by turns, so that what else the machine does is in both."""
LOST = "trioaudio_log_lines_lost_total"
OPEN_FILES = 4096


@attrs.frozen
class Window:
    """A stretch of time in which every call spoke."""

    full: bool
    began_ns: int
    ended_ns: int
    lost: float
    """Log lines, while it lasted."""


@attrs.define(eq=False)
class LogPlace:
    """The log file: a link, moved in one step."""

    folder: Path

    @property
    def link(self) -> Path:
        """What the daemon is told."""
        return self.folder / "errors.log"

    @property
    def file(self) -> Path:
        """Where lines go while there is room."""
        return self.folder / "kept.log"

    def point_at(self, target: Path) -> None:
        """Have it lead elsewhere."""
        fresh = self.folder / "fresh"
        fresh.symlink_to(target)
        fresh.rename(self.link)

    def events(self) -> list[str]:
        """Return the events that were kept."""
        return [json.loads(line)["event"] for line in self.file.read_text().splitlines()]


async def run(calls: int, seconds: float, cores: tuple[int, int]) -> list[Figure]:
    """Speak on so many calls, by turns with room on the disk and without."""
    with tempfile.TemporaryDirectory(prefix="trioaudio-full-") as name:
        place = LogPlace(Path(name))
        place.file.touch()
        place.point_at(place.file)
        settings = {
            "CACHE_MB": "256",
            "CACHE_KEEP": "all",
            "LOG_FORMAT": "json",
            "LOG_FILE": str(place.link),
            "RECORD_FOLDER": "/proc/trioaudio",
        }
        async with (
            serving(cores, settings) as daemon,
            driving(daemon, "raw", calls) as driver,
        ):
            windows = await _measure(driver, place, calls, seconds)
            came = await driver.callees.finish()
        return _figures(f"{calls} calls", windows, came, place.events())


async def _measure(driver: Driver, place: LogPlace, calls: int, seconds: float) -> list[Window]:
    texts = [sentence(driver.draw, WORDS) for _ in range(TEXTS)]
    await driver.client.precache(texts)
    handles = await driver.open_calls(range(calls))
    windows = []
    async with trio.open_nursery() as nursery:
        for call in handles:
            nursery.start_soon(_talk, driver, call, texts)
        nursery.start_soon(_fail_steadily, driver, handles)
        await trio.sleep(SETTLE_S)
        for full in (False, True) * ROUNDS:
            place.point_at(Path("/dev/full") if full else place.file)
            await trio.sleep(LOOK_S)
            windows.append(await _window(driver, seconds / ROUNDS, full=full))
        place.point_at(place.file)
        await trio.sleep(LOOK_S)
        nursery.cancel_scope.cancel()
    return windows


async def _window(driver: Driver, seconds: float, *, full: bool) -> Window:
    before, began_ns = await read_metrics(driver.client), now_ns()
    await trio.sleep(seconds)
    ended_ns, since = now_ns(), await read_metrics(driver.client)
    return Window(full, began_ns, ended_ns, since.total(LOST) - before.total(LOST))


async def _talk(driver: Driver, call: Call, texts: list[str]) -> None:
    """Keep two utterances waiting, so that the line never falls silent."""
    ahead = [await call.say(driver.draw.choice(texts)) for _ in range(2)]
    while True:
        said = ahead.pop(0)
        ahead.append(await call.say(driver.draw.choice(texts)))
        await driver.wait_completed(call, said.number)


async def _fail_steadily(driver: Driver, calls: list[Call]) -> None:
    """Ask for recordings that cannot be made, so many a second."""
    began, asked = trio.current_time(), 0
    while True:
        asked += 1
        await trio.sleep_until(began + asked / ERRORS_S)
        await driver.client.call(calls[asked % len(calls)].id).record(on=True)


def _figures(what: str, windows: list[Window], came: Records, events: list[str]) -> list[Figure]:
    rows = []
    shares = {}
    for full, name in ((False, "room on the disk"), (True, "a full disk")):
        of = [each for each in windows if each.full is full]
        late_ms = np.concatenate(
            [arrived(came, each.began_ns, each.ended_ns).late_ms for each in of]
        )
        late = float(np.count_nonzero(late_ms > LATE_MS))
        shares[full] = late / max(1, len(late_ms))
        seconds = sum(each.ended_ns - each.began_ns for each in of) / 1e9
        head = f"{what}, {name} for {seconds:.0f} s"
        rows.append(spread_ms(f"{head}: frame lateness, as it arrived", late_ms))
        rows.append(
            Figure(
                f"{head}: frames {LATE_MS:g} ms late, of all",
                (late, len(late_ms)),
                "{:.0f} of {:.0f}",
            )
        )
    more = 1e6 * max(0.0, shares[True] - shares[False])
    rows.append(
        Figure(f"{what}: late frames for the full disk, of a million", (more,), "{:.0f}", 0, "none")
    )
    lost = {full: sum(each.lost for each in windows if each.full is full) for full in (True, False)}
    rows.append(
        Figure(
            f"{what}: lines lost while full", (lost[True],), "{:.0f}", 1, "1 or more", least=True
        )
    )
    rows.append(faults(f"{what}: lines lost with room", lost[False]))
    told = sum(each.startswith("log records are missing") for each in events)
    rows.append(
        faults(
            f"{what}: told otherwise than once a time that lines are missing", abs(told - ROUNDS)
        )
    )
    return rows


def main() -> int:
    """Run it; 0, 2 it cannot run here, 3 `--check` and a limit is not held."""
    parser = new_parser(__doc__)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument(
        "--seconds", type=float, default=60, help="with a full disk, and as many with room (60)"
    )
    given = parser.parse_args()
    try:
        ground = move_in(given.cores, OPEN_FILES)
    except CannotRunError as exc:
        print(f"cannot run: {exc}", file=sys.stderr)
        return EXIT_CANNOT_RUN
    figures = trio.run(run, given.calls, given.seconds, ground.cores)
    ground.conclude(figures)
    held = all(each.held is not False for each in figures)
    return EXIT_NOT_HELD if given.check and not held else 0


if __name__ == "__main__":
    sys.exit(main())
