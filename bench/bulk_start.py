"""What do calls that speak notice when 500 come, or 500 speak, at once? See README.md.

python bench/bulk_start.py                     # half a minute
python bench/bulk_start.py --newcomers 200 --speaking 100
python bench/bulk_start.py --self-test         # a few calls: does it work?
"""

from __future__ import annotations

import argparse
import sys
from functools import partial
from pathlib import Path

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import attrs
import numpy as np
import trio

from bench.callees import AUDIO, PTIME_MS, UP, Legs, Records, arrived
from bench.daemon_calls import Driver, driving, now_ns, sentence
from bench.figures import Figure, faults, lateness, spread_ms
from bench.serving import REFUSALS, Metrics, lateness_ms, read_metrics, serving
from bench.set_up_trial import GREETED, GREETING, SETTLE_S
from bench.two_cores import new_parser, run_whole

DIALECT = "raw"
WITHIN_S = 1.0
"""The newcomers dial within it, evenly."""
PATIENCE_S = 30.0
"""For the last of them to come up."""
AFTER_S = 4.0
"""From the instant, or the last arrival, to the end of a window: all speak by then."""
SPOKEN_WORDS, SAID_WORDS = 40, 12
TEXTS = 8
PHASES = 12
"""Parts of 5 ms, into which the 60 of a frame are cut to see whether some are crowded."""


@attrs.frozen
class Bulk:
    """How many speak, and how many come."""

    speaking: int
    newcomers: int
    cores: tuple[int, int]


@attrs.frozen
class Instant:
    """What was asked of each newcomer when, and what the daemon counted from then on."""

    what: str
    asked: dict[int, int]
    ended_ns: int
    before: Metrics
    after: Metrics
    cpu_s: float


async def run_bulk(bulk: Bulk) -> list[Figure]:
    """Have carriers arrive within a second; once they are greeted, have all say one thing."""
    async with (
        serving(bulk.cores, GREETED) as daemon,
        driving(daemon, DIALECT, bulk.speaking + bulk.newcomers) as driver,
    ):
        spoken = [sentence(driver.draw, SPOKEN_WORDS) for _ in range(TEXTS)]
        said = [sentence(driver.draw, SAID_WORDS) for _ in range(TEXTS)]
        await driver.client.precache([*spoken, *said, GREETING])
        calls = await driver.open_calls(range(bulk.speaking))
        known = {each.id for each in calls}
        async with trio.open_nursery() as nursery:
            for call in calls:
                nursery.start_soon(driver.speak_on, call, partial(driver.draw.choice, spoken))
            await trio.sleep(SETTLE_S)
            arrival = await _arrive(bulk, driver)
            views = await driver.client.calls()
            new = [each.call for each in views if each.call not in known and each.state == "up"]
            instant = await _say_at_once(bulk, driver, new, said)
            nursery.cancel_scope.cancel()
        records = await driver.callees.finish()
    legs = Legs.of(records)
    return [*_figures(bulk, arrival, legs, records), *_figures(bulk, instant, legs, records)]


async def _arrive(bulk: Bulk, driver: Driver) -> Instant:
    """Have all newcomers dial the one URL there is for walk-ins."""
    before, used = await read_metrics(driver.client), driver.serving.usage().cpu_s
    asked: dict[int, int] = {}
    began = trio.current_time()
    far = driver.callees
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = began + WITHIN_S + PATIENCE_S
        for number in range(bulk.newcomers):
            leg = bulk.speaking + number
            await trio.sleep_until(began + WITHIN_S * number / bulk.newcomers)
            asked[leg] = now_ns()
            nursery.start_soon(far.dial, leg, f"/media/{DIALECT}")
    await trio.sleep(AFTER_S)
    what = f"{bulk.newcomers} arrive within {WITHIN_S:g} s"
    return await _instant(driver, what, asked, before, used)


async def _say_at_once(bulk: Bulk, driver: Driver, calls: list[str], texts: list[str]) -> Instant:
    """Tell all newcomers' calls to say something, over one stream, without waiting for any."""
    before, used = await read_metrics(driver.client), driver.serving.usage().cpu_s
    at = now_ns()
    async with trio.open_nursery() as nursery:
        for call in calls:
            nursery.start_soon(driver.stream.call(call).say, driver.draw.choice(texts))
    await trio.sleep(AFTER_S)
    asked = {bulk.speaking + number: at for number in range(bulk.newcomers)}
    what = f"{len(calls)} told to speak at one instant"
    return await _instant(driver, what, asked, before, used)


async def _instant(
    driver: Driver, what: str, asked: dict[int, int], before: Metrics, used: float
) -> Instant:
    cpu_s = driver.serving.usage().cpu_s - used
    return Instant(what, asked, now_ns(), before, await read_metrics(driver.client), cpu_s)


def _figures(bulk: Bulk, instant: Instant, legs: Legs, records: Records) -> list[Figure]:
    what = instant.what
    began_ns = min(instant.asked.values())
    speaking = arrived(records[records["leg"] < bulk.speaking], began_ns, instant.ended_ns)
    return [
        lateness(
            f"{what}: lateness of all calls' frames, the daemon's histogram",
            lateness_ms(instant.before, instant.after),
        ),
        spread_ms(
            f"{what}: lateness of the {bulk.speaking} that speak, as it arrived", speaking.late_ms
        ),
        *_of_newcomers(instant, legs),
        faults(
            f"{what}: connections refused",
            instant.after.total(REFUSALS) - instant.before.total(REFUSALS),
        ),
    ]


def _of_newcomers(instant: Instant, legs: Legs) -> list[Figure]:
    """Return when they were heard first, and what that cost."""
    what, began_ns = instant.what, min(instant.asked.values())
    firsts = {leg: legs.first(leg, AUDIO, at) for leg, at in instant.asked.items()}
    heard = {leg: at for leg, at in firsts.items() if at is not None and at < instant.ended_ns}
    ups = [legs.first(leg, UP, 0) for leg in instant.asked]
    return [
        spread_ms(
            f"{what}: asked → first frame arrived",
            ((at - instant.asked[leg]) / 1e6 for leg, at in heard.items()),
        ),
        Figure(
            f"{what}: from the first that was asked to the last first frame",
            ((max(heard.values(), default=began_ns) - began_ns) / 1e6,),
            "{:.0f} ms",
        ),
        Figure(
            f"{what}: the most crowded {PTIME_MS / PHASES:g} of {PTIME_MS:g} ms",
            (_crowded(list(heard.values())), 100 / PHASES),
            "{:.0f} % of first frames; evenly it were {:.0f} %",
        ),
        Figure(f"{what}: CPU of the daemon", (instant.cpu_s,), "{:.1f} s"),
        faults(f"{what}: that did not come up", ups.count(None)),
        faults(f"{what}: that were not heard", len(instant.asked) - len(heard)),
    ]


def _crowded(times_ns: list[int]) -> float:
    """Return the part of the calls, in %, whose frames fall into the fullest part of a frame."""
    if not times_ns:
        return 0.0
    phases = np.array(times_ns) / 1e6 % PTIME_MS // (PTIME_MS / PHASES)
    return float(100 * np.bincount(phases.astype(int)).max() / len(times_ns))


def _read_arguments() -> argparse.Namespace:
    parser = new_parser(__doc__, self_test=True)
    parser.add_argument("--speaking", type=int, default=200)
    parser.add_argument("--newcomers", type=int, default=500)
    given = parser.parse_args()
    if given.self_test:
        given.speaking, given.newcomers = 5, 20
    return given


def main() -> int:
    """Run it; return the exit code."""
    given = _read_arguments()
    return run_whole(
        given, lambda cores: trio.run(run_bulk, Bulk(given.speaking, given.newcomers, cores))
    )


if __name__ == "__main__":
    sys.exit(main())
