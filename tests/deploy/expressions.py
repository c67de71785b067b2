"""What the PromQL of alerts and dashboards names, and what the daemon emits."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import trio
from prometheus_client.parser import text_string_to_metric_families

from trioaudio.carriers import carrier_names
from trioaudio.core.engine import EngineLoad
from trioaudio.daemon.admission import REFUSALS
from trioaudio.engines import engine_names
from trioaudio.observe.metrics import NodeMetrics
from trioaudio.observe.node_snapshot import NodeSnapshot

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARD = ROOT / "deploy/grafana/trioaudio.json"
OF_PROMETHEUS = {"up": {"instance", "job"}, "ALERTS": {"alertname", "alertstate", "instance"}}
"""Series Prometheus makes itself, with their labels."""
OF_THE_SCRAPE = {"instance", "job"}

_SELECTOR = re.compile(r"\b(trioaudio_\w+|up|ALERTS)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPING = re.compile(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)")

Series = dict[str, dict[str, set[str]]]
"""By name: its labels, and the values of each."""


@cache
def emitted() -> Series:
    """Every series of a daemon, out of the real collector."""
    load = EngineLoad(open=1, opening=0, speaking=0, waiting=0, most=15)
    now = NodeSnapshot(
        calls={},
        capacity=1000,
        ready=True,
        draining=False,
        speech_frames={},
        idle_frames={},
        lateness={},
        refusing=dict.fromkeys(REFUSALS, False),
        refused=dict.fromkeys(REFUSALS, 0),
        load={"cpu": 0.0, "lateness": 0.0, "loop-lag": 0.0},
        load_limits={"cpu": 0.0, "lateness": 0.0, "loop-lag": 0.0},
        certificate_expiries={"media": 0.0, "control": 0.0},
        engine_loads={"cartesia": load},
    )

    async def snapshot() -> NodeSnapshot:
        await trio.lowlevel.checkpoint()
        return now

    metrics = NodeMetrics(carrier_names(), engine_names(), "1.2.3", snapshot)
    found: Series = defaultdict(lambda: defaultdict(set))
    for family in text_string_to_metric_families(b"".join(metrics.slices(now)).decode()):
        for sample in family.samples:
            labels = found[sample.name]
            for name, value in sample.labels.items():
                labels[name].add(value)
    return found


def alert_rules() -> Iterator[dict[str, Any]]:
    for group in msgspec.yaml.decode(ALERTS.read_bytes())["groups"]:
        yield from group["rules"]


def names_in(expression: str) -> set[str]:
    """The series an expression names."""
    return {name for name, _ in _SELECTOR.findall(_without_strings(expression))}


def problems_of(expression: str) -> list[str]:
    """What an expression names that is not there."""
    found: list[str] = []
    labels_known = OF_THE_SCRAPE | {"le"}
    for name, matchers in _SELECTOR.findall(expression):
        labels = OF_PROMETHEUS.get(name) or emitted().get(name)
        if labels is None:
            found.append(f"nothing is called {name}")
            continue
        labels_known |= set(labels)
        if name in emitted():
            found += _unknown_values(name, matchers)
    for grouping in _GROUPING.findall(expression):
        wanted = {each.strip() for each in grouping.split(",")} - {""}
        if not wanted <= labels_known:
            found.append(f"no label {sorted(wanted - labels_known)} in {expression}")
    return found


def _unknown_values(name: str, matchers: str) -> list[str]:
    """Matchers that match nothing the daemon emits."""
    found = []
    for label, how, value in _MATCHER.findall(matchers):
        if label in OF_THE_SCRAPE or value.startswith("$"):
            continue
        wanted = set(value.split("|")) if "~" in how else {value}
        if not wanted <= emitted()[name].get(label, set()):
            found.append(f"{name} has no {label}={value!r}")
    return found


def _without_strings(expression: str) -> str:
    return re.sub(r'"[^"]*"', '""', expression)
