from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from trioaudio.observe.exposition import SAMPLES_A_STEP
from trioaudio.observe.tallies import Counts, Distributions

BOUNDS = (0.001, 0.02, 0.5, 1, 10)
NAMES = ("raw", "twilio", 'a"b\\c\nd')
AMOUNTS = st.floats(0, 1e12)
SECONDS = st.floats(0, 100) | st.sampled_from(BOUNDS)


def text_of(made: Counts | Distributions) -> bytes:
    return b"".join(made.slices())


def library_s(registry: CollectorRegistry) -> bytes:
    """What the library writes, but for when a counter began."""
    lines = generate_latest(registry).splitlines(keepends=True)
    return b"".join(line for line in lines if b"_created" not in line)


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(NAMES), AMOUNTS), max_size=20))
def test_counters_are_those_of_the_library(events: list[tuple[str, str, float]]) -> None:
    registry = CollectorRegistry()
    theirs = Counter("x", "How many.", ["carrier", "as"], registry=registry)
    ours = Counts("x", "How many.", ["carrier", "as"], [("raw", "raw")])
    theirs.labels("raw", "raw")
    for one, other, amount in events:
        theirs.labels(one, other).inc(amount)
        ours.labels(one, other).inc(amount)
    assert text_of(ours) == library_s(registry)


@given(st.lists(st.tuples(st.sampled_from(NAMES), SECONDS), max_size=30))
def test_histograms_are_those_of_the_library(events: list[tuple[str, float]]) -> None:
    registry = CollectorRegistry()
    theirs = Histogram("x_seconds", "How long.", ["carrier"], registry=registry, buckets=BOUNDS)
    ours = Distributions("x_seconds", "How long.", ["carrier"], BOUNDS, [("raw",)])
    theirs.labels("raw")
    for carrier, seconds in events:
        theirs.labels(carrier).observe(seconds)
        ours.labels(carrier).observe(seconds)
    assert text_of(ours) == library_s(registry)


def test_without_labels_there_is_one_from_the_start() -> None:
    registry = CollectorRegistry()
    theirs = Counter("x", "How many.", registry=registry)
    ours = Counts("x", "How many.", ())
    assert text_of(ours) == library_s(registry)
    theirs.inc(2)
    ours.inc()
    ours.inc()
    assert text_of(ours) == library_s(registry)


def test_a_gauge() -> None:
    registry = CollectorRegistry()
    Gauge("build_info", "What runs.", ["version"], registry=registry).labels("1.2").set(1)
    ours = Counts("build_info", "What runs.", ["version"], kind="gauge")
    ours.labels("1.2").inc()
    assert text_of(ours) == library_s(registry)


def test_they_are_written_in_steps_with_one_head() -> None:
    many = [(str(n),) for n in range(2 * SAMPLES_A_STEP + 1)]
    counts = Counts("x", "Many.", ["n"], many)
    lines = [each.count(b"\n") for each in counts.slices()]
    assert lines == [SAMPLES_A_STEP + 2, SAMPLES_A_STEP, 1]
    histograms = Distributions("x", "Many.", ["n"], BOUNDS, many)
    lines = [each.count(b"\n") for each in histograms.slices()]
    assert max(lines) <= SAMPLES_A_STEP + 2
    assert sum(lines) == 2 + len(many) * (len(BOUNDS) + 3)


def test_as_many_values_as_labels() -> None:
    with pytest.raises(ValueError, match="zip"):
        Counts("x", "Many.", ["one", "other"]).labels("only one")
