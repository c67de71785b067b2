"""What is read out of a daemon's metrics: counts that no view of the control API has.

The text format is https://prometheus.io/docs/instrumenting/exposition_formats/; lines that are not
wanted are passed over without being taken apart.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Mapping
from typing import Final

import attrs

_LABEL: Final = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')
_PREFIX: Final = "trioaudio_"
_TOTALS: Final = {
    "trioaudio_frames_sent_total": "frames",
    "trioaudio_underruns_total": "underruns",
    "trioaudio_utterances_total": "utterances",
    "trioaudio_engine_failovers_total": "failovers",
    "trioaudio_loop_lag_seconds": "loop_lag_s",
}
_OF_ENGINES: Final = {
    "trioaudio_engine_requests_total": "",
    "trioaudio_first_frame_seconds_sum": "first_frame_s",
    "trioaudio_first_frame_seconds_count": "first_frames",
}
_WANTED: Final = frozenset({*_TOTALS, *_OF_ENGINES})


@attrs.frozen
class EngineCounts:
    """What an engine was asked since the daemon's start."""

    spoken: float = 0.0
    failed: float = 0.0
    first_frame_s: float = 0.0
    """All waits together, from accepted to the first frame."""
    first_frames: float = 0.0

    @property
    def first_frame_ms(self) -> float | None:
        """The mean wait; None before the first."""
        return 1000 * self.first_frame_s / self.first_frames if self.first_frames else None


@attrs.frozen
class Scrape:
    """The counts at one moment; `at` is on a clock that only runs forward."""

    at: float
    frames: float = 0.0
    underruns: float = 0.0
    utterances: float = 0.0
    failovers: float = 0.0
    loop_lag_s: float = 0.0
    engines: Mapping[str, EngineCounts] = attrs.field(factory=dict)


@attrs.frozen
class Rates:
    """How often a second, between two scrapes."""

    frames: float = 0.0
    utterances: float = 0.0


_FIELDS: Final = frozenset(attrs.fields_dict(EngineCounts))


def read_metrics(text: str, at: float) -> Scrape:
    """Return what is wanted of the metrics; what cannot be read is as if it were not there."""
    totals: dict[str, float] = dict.fromkeys(_TOTALS.values(), 0.0)
    engines: dict[str, dict[str, float]] = defaultdict(dict)
    for line in text.splitlines():
        if not line.startswith(_PREFIX):
            continue
        name, labels, value = _parts(line)
        if name not in _WANTED or value is None:
            continue
        if (total := _TOTALS.get(name)) is not None:
            totals[total] += value
            continue
        told = dict(_LABEL.findall(labels))
        counts = engines[told.get("engine", "")]
        field = _OF_ENGINES[name] or told.get("result", "")
        if field in _FIELDS:
            counts[field] = counts.get(field, 0.0) + value
    made = {engine: EngineCounts(**counts) for engine, counts in engines.items()}
    return Scrape(at=at, engines=made, **totals)


def _parts(line: str) -> tuple[str, str, float | None]:
    head, _, tail = line.rpartition(" ")
    name, _, labels = head.partition("{")
    try:
        value = float(tail)
    except ValueError:
        return name, labels, None
    return name, labels, value if math.isfinite(value) else None


def rates_between(before: Scrape, after: Scrape) -> Rates:
    """Return how often things happened; a daemon that was started anew counts from nothing."""
    seconds = after.at - before.at
    if seconds <= 0:
        return Rates()
    return Rates(
        frames=_counted(before.frames, after.frames) / seconds,
        utterances=_counted(before.utterances, after.utterances) / seconds,
    )


def _counted(before: float, after: float) -> float:
    return after - before if after >= before else after
