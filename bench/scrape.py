"""What a scrape of the metrics costs a daemon with many calls; see README.md.

python bench/scrape.py                          # a thousand calls, about two minutes
python bench/scrape.py --calls 5 --scrapes 3    # does it work?
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import statistics
import sys
from functools import partial
from pathlib import Path
from typing import Any

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import attrs
import trio

from bench.daemon_calls import Driver, driving, sentence
from bench.figures import Figure, table
from bench.machine import (
    CannotRunError,
    allow_open_files,
    choose_cores,
    compile_programs,
    describe_machine,
)
from bench.scrape_watch import SCRAPES
from bench.serving import Metrics, lateness_ms, read_metrics, serving
from bench.two_cores import new_parser
from trioaudio.client.call import Call

WATCHED = (str(Path(__file__).with_name("scrape_watch.py")),)
EXIT_CANNOT_RUN, EXIT_NOT_HELD = 2, 3
STEP_MS, ALL_MS = 3.0, 20.0
"""What a scrape may hold the event loop for at a time, and take in all."""
WORDS = 45
"""Some eighteen seconds of speech, made before: the figures are not about engines."""
TEXTS = 5
EVERY_S = 1.0
SPREAD_S = 18.0
SETTLE_S = 24.0
"""Until all speak."""
FRAMES = "trioaudio_frames_sent_total"


async def _talk(driver: Driver, call: Call, texts: list[str]) -> None:
    """Begin some time within the length of a text; then have the next one waiting, always."""
    await trio.sleep(driver.draw.uniform(0, SPREAD_S))
    await driver.speak_on(call, partial(driver.draw.choice, texts))


@attrs.frozen
class Plan:
    """How much of it."""

    calls: int
    speaking: int
    """How many of them speak all the time; the others are silent."""
    scrapes: int
    cores: tuple[int, int]
    lines: Path
    """Where the daemon writes down what each scrape took."""


async def measure(plan: Plan) -> list[Figure]:
    """Have calls speak, and ask for the metrics again and again."""
    os.environ[SCRAPES] = str(plan.lines)
    changes = {"CACHE_MB": "256", "CACHE_KEEP": "all", "LOG_LEVEL": "error"}
    async with (
        serving(plan.cores, changes, WATCHED) as daemon,
        driving(daemon, "raw", plan.calls) as driver,
        trio.open_nursery() as nursery,
    ):
        texts = [sentence(driver.draw, WORDS) for _ in range(TEXTS)]
        await driver.client.precache(texts)
        for call in (await driver.open_calls(range(plan.calls)))[: plan.speaking]:
            nursery.start_soon(_talk, driver, call, texts)
        await trio.sleep(SETTLE_S)
        quiet = [await read_metrics(driver.client)]
        await trio.sleep(plan.scrapes * EVERY_S)
        quiet.append(await read_metrics(driver.client))
        began = trio.current_time()
        asked = [await _ask(driver) for _ in range(plan.scrapes)]
        seconds = trio.current_time() - began
        nursery.cancel_scope.cancel()
    return _figures(_read(plan.lines)[-plan.scrapes :], quiet, asked, seconds)


async def _ask(driver: Driver) -> Metrics:
    await trio.sleep(EVERY_S)
    return await read_metrics(driver.client)


def _read(lines: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()]


def _figures(
    scrapes: list[dict[str, Any]], quiet: list[Metrics], asked: list[Metrics], seconds: float
) -> list[Figure]:
    longest = [max(each["steps_ms"]) for each in scrapes]
    whole = [sum(each["steps_ms"]) for each in scrapes]
    took = [each["took_ms"] for each in scrapes]
    of, shape = statistics.median, "median {:.2f}, worst {:.2f} ms"
    up = asked[-1].total("trioaudio_calls_active")
    first, last = (each.total(FRAMES, kind="speech") for each in (quiet[1], asked[-1]))
    rate = (last - first) / seconds
    _, without = lateness_ms(quiet[0], quiet[1])
    _, with_it = lateness_ms(quiet[1], asked[-1])
    return [
        Figure("calls, frames of speech a second", (up, rate), "{:.0f}, {:.0f}"),
        Figure("longest step of a scrape", (of(longest), max(longest)), shape, STEP_MS, "3 ms", 1),
        Figure("all steps of a scrape", (of(whole), max(whole)), shape, ALL_MS, "20 ms"),
        Figure("from asked to written, others having their turn", (of(took), max(took)), shape),
        Figure(
            "longest step of anybody else meanwhile",
            (of(each["others_ms"] for each in scrapes), max(each["others_ms"] for each in scrapes)),
            shape,
        ),
        Figure(
            "lines and kilobytes of the answer",
            (scrapes[-1]["series"], scrapes[-1]["bytes"] / 1024),
            "{:.0f}, {:.0f}",
        ),
        Figure(
            "frame lateness p99, without and with a scrape a second",
            (without, with_it),
            "{:.2f} and {:.2f} ms",
        ),
    ]


def _read_arguments() -> argparse.Namespace:
    parser = new_parser(__doc__)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--speaking", type=int, default=200, help="of them, all the time")
    parser.add_argument("--scrapes", type=int, default=20)
    return parser.parse_args()


def main() -> int:
    """Measure, and print a table."""
    given = _read_arguments()
    try:
        compile_programs()
        allow_open_files(2 * given.calls)
        cores = choose_cores(given.cores)
    except CannotRunError as exc:
        print(f"scrape.py: {exc}", file=sys.stderr)
        return EXIT_CANNOT_RUN
    os.sched_setaffinity(0, {cores[1]})
    lines = Path(os.environ.get("TMPDIR", "/tmp")) / f"scrapes-{os.getpid()}.jsonl"  # noqa: S108
    try:
        plan = Plan(given.calls, given.speaking, given.scrapes, cores, lines)
        figures = trio.run(measure, plan)
    finally:
        lines.unlink(missing_ok=True)
    machine = describe_machine()
    print(
        ", ".join(itertools.starmap("{}: {}".format, machine.items())), table(figures), sep="\n\n"
    )
    return EXIT_NOT_HELD if given.check and any(each.held is False for each in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
