"""`trioaudio serve`, with every step of whoever renders its metrics timed.

A line of JSON for each scrape is appended to the file SCRAPES names: the processor time of each
step, in milliseconds, from the first count to the last line, and the longest step anybody else took
meanwhile. Processor time, so that what other processes take away is not counted as ours.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from unittest import mock

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import trio

from trioaudio.__main__ import main
from trioaudio.observe.metrics import NodeMetrics

SCRAPES = "BENCH_SCRAPES"


class StepWatch(trio.abc.Instrument):
    """Times the steps of one task, and of all others together, while it is installed."""

    def __init__(self, task: trio.lowlevel.Task) -> None:
        self.steps_ms: list[float] = []
        self.others_ms = 0.0
        self._task = task
        self._began = time.thread_time()

    def before_task_step(self, task: trio.lowlevel.Task) -> None:
        """Trio's: a task is about to run."""
        del task
        self._began = time.thread_time()

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Trio's: it waits now, or is done."""
        took_ms = (time.thread_time() - self._began) * 1000
        if task is self._task:
            self.steps_ms.append(took_ms)
        else:
            self.others_ms = max(self.others_ms, took_ms)


class WatchedMetrics(NodeMetrics):
    """Writes down what a scrape took."""

    async def render_in_steps(self) -> tuple[bytes, str]:
        """Render as usual."""
        watch = StepWatch(trio.lowlevel.current_task())
        began = trio.current_time()
        trio.lowlevel.add_instrument(watch)
        try:
            text, content_type = await super().render_in_steps()
            await trio.lowlevel.checkpoint()  # so that the last step is over
        finally:
            trio.lowlevel.remove_instrument(watch)
        line = {
            "steps_ms": watch.steps_ms,
            "others_ms": watch.others_ms,
            "took_ms": (trio.current_time() - began) * 1000,
            "series": text.count(b"\n"),
            "bytes": len(text),
        }
        with Path(os.environ[SCRAPES]).open("a", encoding="utf-8") as file:  # noqa: ASYNC230  a bench's
            file.write(json.dumps(line) + "\n")
        return text, content_type


if __name__ == "__main__":
    with mock.patch("trioaudio.daemon.tree.NodeMetrics", WatchedMetrics):
        sys.exit(main())
