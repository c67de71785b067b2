"""Metrics out of a snapshot of the node, made at the moment somebody asks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import attrs
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from trioaudio.core.percentiles import Histogram
from trioaudio.observe.histogram_counts import buckets_of, counts_up_to
from trioaudio.observe.node_snapshot import NodeSnapshot

LATENESS_BOUNDS_S = (
    *(0.0005, 0.001, 0.002, 0.005, 0.01, 0.02),
    *(0.03, 0.06, 0.12, 0.18, 0.25, 0.5, 1.0),
)
"""20 ms is where the alert is; 60, 120 and 180 ms are what a lead of 1, 2 and 3 frames hides."""

CHANNELS = ("playout", "events")
"""Queues that are told of with 0."""

_BUCKETS = buckets_of(LATENESS_BOUNDS_S)


@attrs.frozen(eq=False)
class NodeCollector:
    """Knows the names that are told with 0; `collect` is lazy, a family at a time."""

    carriers: Sequence[str]
    engines: Sequence[str]

    def collect(self, node: NodeSnapshot) -> Iterator[Metric]:
        """Go through all of them, with a label value for every carrier and engine known."""
        yield from self._calls(node)
        yield from self._frames(node)
        yield self._lateness(node)
        yield from self._engines(node)
        yield from _process(node)

    def _calls(self, node: NodeSnapshot) -> Iterator[Metric]:
        active = GaugeMetricFamily(
            "trioaudio_calls_active", "Calls that are not over.", labels=["carrier"]
        )
        for carrier, calls in self._by_carrier(node.calls):
            active.add_metric([carrier], calls)
        yield active
        yield _gauge("capacity_calls", "Calls taken at most.", node.capacity)
        yield _gauge("ready", "1 when new calls are taken.", node.ready)
        yield _gauge("draining", "1 when calls are only being ended.", node.draining)
        yield from _admission(node)

    def _frames(self, node: NodeSnapshot) -> Iterator[Metric]:
        sent = CounterMetricFamily(
            "trioaudio_frames_sent", "Frames of 60 ms sent.", labels=["carrier", "kind"]
        )
        for kind, counts in (("speech", node.speech_frames), ("idle", node.idle_frames)):
            for carrier, frames in self._by_carrier(counts):
                sent.add_metric([carrier, kind], frames)
        yield sent
        dropped = CounterMetricFamily(
            "trioaudio_frames_dropped", "Frames of speech dropped unsent.", labels=["reason"]
        )
        dropped.add_metric(["flushed"], node.flushed_frames)
        dropped.add_metric(["expired"], node.expired_frames)
        yield dropped
        lead = GaugeMetricFamily(
            "trioaudio_carrier_lead_seconds",
            "The most speech the carrier of any call holds.",
            labels=["carrier"],
        )
        for carrier in self._known(node.lead_s):
            lead.add_metric([carrier], node.lead_s.get(carrier, 0.0))
        yield lead
        depth = GaugeMetricFamily(
            "trioaudio_channel_depth", "What waits in a queue of ours.", labels=["channel"]
        )
        for channel in (*CHANNELS, *(each for each in node.channels if each not in CHANNELS)):
            depth.add_metric([channel], node.channels.get(channel, 0))
        yield depth

    def _lateness(self, node: NodeSnapshot) -> Metric:
        family = HistogramMetricFamily(
            "trioaudio_frame_lateness_seconds",
            "Sent after it could have been: our fault.",
            labels=["carrier"],
        )
        nothing = Histogram()
        for carrier in self._known(node.lateness):
            histogram = node.lateness.get(carrier, nothing)
            counts, total = counts_up_to(histogram.counts, _BUCKETS)
            buckets = [
                (str(bound), float(count))
                for bound, count in zip(LATENESS_BOUNDS_S, counts, strict=True)
            ]
            family.add_metric([carrier], [*buckets, ("+Inf", float(total))], histogram.sum)
        return family

    def _engines(self, node: NodeSnapshot) -> Iterator[Metric]:
        up = GaugeMetricFamily(
            "trioaudio_up_engines", "1 unless the engine rests after failing.", labels=["engine"]
        )
        for engine in self.engines:
            up.add_metric([engine], engine not in node.engines_resting)
        yield up
        cache = CounterMetricFamily(
            "trioaudio_cache_requests", "Prompts looked for in the cache.", labels=["result"]
        )
        cache.add_metric(["hit"], node.cache_hits)
        cache.add_metric(["miss"], node.cache_misses)
        yield cache
        yield from _engine_loads(node)

    def _known(self, counts: Mapping[str, object]) -> Iterator[str]:
        yield from self.carriers
        yield from (each for each in counts if each not in self.carriers)

    def _by_carrier(self, counts: Mapping[str, int]) -> Iterator[tuple[str, int]]:
        for carrier in self._known(counts):
            yield carrier, counts.get(carrier, 0)


def _admission(node: NodeSnapshot) -> Iterator[Metric]:
    refusing = GaugeMetricFamily(
        "trioaudio_refusing", "1 while calls are refused for this reason.", labels=["reason"]
    )
    for reason, is_so in node.refusing.items():
        refusing.add_metric([reason], is_so)
    yield refusing
    refused = CounterMetricFamily(
        "trioaudio_calls_refused", "New calls not taken.", labels=["reason"]
    )
    for reason, count in node.refused.items():
        refused.add_metric([reason], count)
    yield refused
    load = GaugeMetricFamily("trioaudio_load", "What admission goes by.", labels=["measure"])
    for measure, value in node.load.items():
        load.add_metric([measure], value)
    yield load
    limit = GaugeMetricFamily(
        "trioaudio_load_limit", "Above it no new calls are taken.", labels=["measure"]
    )
    for measure, value in node.load_limits.items():
        limit.add_metric([measure], value)
    yield limit


def _engine_loads(node: NodeSnapshot) -> Iterator[Metric]:
    connections = GaugeMetricFamily(
        "trioaudio_engine_connections", "Connections to a service.", labels=["engine", "state"]
    )
    contexts = GaugeMetricFamily(
        "trioaudio_engine_contexts", "Texts a service speaks.", labels=["engine", "state"]
    )
    most = GaugeMetricFamily(
        "trioaudio_engine_contexts_most", "Texts it may speak at once.", labels=["engine"]
    )
    for engine, load in node.engine_loads.items():
        connections.add_metric([engine, "open"], load.open)
        connections.add_metric([engine, "opening"], load.opening)
        contexts.add_metric([engine, "speaking"], load.speaking)
        contexts.add_metric([engine, "waiting"], load.waiting)
        most.add_metric([engine], load.most)
    yield connections
    yield contexts
    yield most


def _process(node: NodeSnapshot) -> Iterator[Metric]:
    yield _gauge("cpu_ratio", "Of one core, over the last seconds.", node.cpu)
    yield _gauge("loop_lag_seconds", "The event loop's longest delay lately.", node.loop_lag_s)
    pacer = node.pacer
    yield _counter("pacer_turns", "Turns the pacer gave.", pacer.turns)
    yield _counter("pacer_wakeups", "Times the pacer woke up.", pacer.wakeups)
    yield _counter("pacer_failures", "Turns that raised: bugs.", pacer.failures)
    yield _gauge("pacer_waiting", "Turns that wait, stale ones included.", pacer.waiting)
    expiries = GaugeMetricFamily(
        "trioaudio_tls_certificate_expiry_timestamp_seconds",
        "When a listener's own certificate expires.",
        labels=["listener"],
    )
    for listener, at in node.certificate_expiries.items():
        expiries.add_metric([listener], at)
    yield expiries
    yield _counter("slow_steps", "Steps that held the event loop too long.", node.slow_steps)
    yield _counter("subscribers_cut", "Readers of events too slow.", node.subscribers_cut)
    yield _counter("call_records_lost", "Records the disk did not take.", node.records_lost)
    yield _counter("log_lines_lost", "Log lines not written.", node.log_lines_lost)


def _gauge(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"trioaudio_{name}", meaning, value=float(value))


def _counter(name: str, meaning: str, value: float) -> Metric:
    return CounterMetricFamily(f"trioaudio_{name}", meaning, value=float(value))
