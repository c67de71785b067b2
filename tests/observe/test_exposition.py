from __future__ import annotations

from collections.abc import Iterator

import attrs
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)

from trioaudio.observe.exposition import SAMPLES_A_STEP, write_family


@attrs.frozen
class Alone:
    """A collector of one family, for the library's own writer."""

    family: Metric

    def collect(self) -> Iterator[Metric]:
        yield self.family


def written(family: Metric) -> bytes:
    return b"".join(write_family(family))


VALUES = (st.floats() | st.integers(-(2**53), 2**53).map(float)).map(lambda value: value + 0.0)
"""All but minus 0."""
LABELS = st.text(max_size=8) | st.sampled_from(['"', "\\", "\n", 'a"b\\c\nd', "é"])


@given(st.lists(st.tuples(LABELS, LABELS, VALUES), max_size=20), st.text(max_size=20))
def test_it_writes_what_the_library_writes(
    samples: list[tuple[str, str, float]], meaning: str
) -> None:
    family = GaugeMetricFamily("trioaudio_x", meaning, labels=["b", "a"])
    for one, other, value in samples:
        family.add_metric([one, other], value)
    assert written(family) == generate_latest(Alone(family))


def test_every_kind_of_metric() -> None:
    calls = CounterMetricFamily("calls", "Calls.", labels=["carrier"])
    calls.add_metric(["raw"], 3)
    waits = HistogramMetricFamily("wait_seconds", "Waits.", labels=["carrier"])
    waits.add_metric(["raw"], [("0.1", 0), ("+Inf", 1)], 0.25)
    none_yet = CounterMetricFamily("none_yet", "Nothing has happened.", labels=["carrier"])
    for family in (calls, waits, none_yet, GaugeMetricFamily("ready", "Ready.", value=1)):
        assert written(family) == generate_latest(Alone(family))
    assert b'wait_seconds_bucket{carrier="raw",le="+Inf"} 1.0\n' in written(waits)
    assert b"# TYPE none_yet_total counter\n" in written(none_yet), "a head without a sample"


def test_it_is_written_in_steps_with_one_head() -> None:
    family = GaugeMetricFamily("many", "Many.", labels=["n"])
    for number in range(2 * SAMPLES_A_STEP + 1):
        family.add_metric([str(number)], number)
    steps = list(write_family(family))
    assert [each.count(b"\n") for each in steps] == [SAMPLES_A_STEP + 2, SAMPLES_A_STEP, 1]
    assert b"".join(steps) == generate_latest(Alone(family))
