"""What sealing one frame costs, for each carrier: the part of its protocol on the hot path.

    python bench/sealing.py                 a table as Markdown
    python bench/sealing.py --self-test     a short run whose figures mean nothing

A frame is 60 ms, encoded ahead of time by framing, so companding is not in it, nor are the
WebSocket's header and mask, which `bench/pacing.py` measures. Each figure is the median of several
runs in turn over all carriers, so that a busy moment of the machine hits all of them.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from carriers.recorded import opened_codec, transcript_of
from trioaudio.carriers import carrier_names, load_carrier
from trioaudio.core.carrier import Carrier
from trioaudio.core.encoding import PayloadForm
from trioaudio.core.pcm import PcmFormat
from trioaudio.media_path import shape_for

LIMIT_US = {PayloadForm.BASE64: 5.0, PayloadForm.BINARY: 1.0, PayloadForm.NUMBERS: None}
RUNS = 7
FRAMES = 20_000


def seal_us(carrier: Carrier, frames: int) -> float:
    """Return the mean time of sealing one frame, in microseconds."""
    media = transcript_of(carrier.name).media
    pcm = PcmFormat(media.sample_rate)
    payload = shape_for(carrier, carrier.settings, pcm).to_payload(
        bytes(range(240)) * (pcm.frame_bytes // 240)
    )
    seal = opened_codec(carrier).seal
    begun = time.perf_counter_ns()
    for _ in range(frames):
        seal(payload)
    return (time.perf_counter_ns() - begun) / frames / 1000


def measure(runs: int, frames: int) -> dict[str, float]:
    """Return each carrier's median over the runs."""
    carriers = [load_carrier(name) for name in carrier_names()]
    figures: dict[str, list[float]] = {carrier.name: [] for carrier in carriers}
    for _ in range(runs):
        for carrier in carriers:
            figures[carrier.name].append(seal_us(carrier, frames))
    return {name: statistics.median(each) for name, each in figures.items()}


def table(figures: dict[str, float]) -> str:
    """Return the figures as Markdown."""
    lines = ["| carrier | form | µs to seal a frame | limit |", "| --- | --- | --- | --- |"]
    for name, figure in figures.items():
        form = load_carrier(name).form
        limit = LIMIT_US[form]
        shown = "none" if limit is None else f"{limit:g}"
        lines.append(f"| `{name}` | {form.value} | {figure:.2f} | {shown} |")
    return "\n".join(lines)


def main() -> int:
    """Measure and print; exit code 1 when a limit is not met."""
    parser = argparse.ArgumentParser(description="What sealing one frame costs, by carrier.")
    parser.add_argument("--runs", type=int, default=RUNS)
    parser.add_argument("--frames", type=int, default=FRAMES)
    parser.add_argument("--json", action="store_true", help="one JSON object instead of a table")
    parser.add_argument("--self-test", action="store_true", help="a short run, limits not judged")
    given = parser.parse_args()
    if given.self_test:
        figures = measure(1, 50)
        assert all(figure > 0 for figure in figures.values())
        sys.stdout.write(f"{len(figures)} carriers seal\n")
        return 0
    figures = measure(given.runs, given.frames)
    sys.stdout.write((json.dumps(figures) if given.json else table(figures)) + "\n")
    limits = {name: LIMIT_US[load_carrier(name).form] for name in figures}
    return int(any(limit and figures[name] > limit for name, limit in limits.items()))


if __name__ == "__main__":
    sys.exit(main())
