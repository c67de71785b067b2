"""The sentence on a run: never more than the numbers say."""

from __future__ import annotations

import pytest

from trioaudio.observe.finding import finding, troubles

CARRIER: dict[str, object] = {
    "name": "telecmi",
    "frames": 48,
    "bytes": 46080,
    "lateness_ms": {"p50": 0.1, "p99": 0.4, "max": 1.12},
    "spacing_ms": {"p50": 60.0, "p99": 60.4, "max": 61.1},
    "drift_ms": 0.1,
    "dry_count": 0,
    "protocol_errors": [],
}
REPORT: dict[str, object] = {
    "frames": 48,
    "frame_bytes": 960,
    "ptime_ms": 60,
    "lateness_ms": {"p50": 0.1, "p99": 0.3, "max": 0.9},
    "spacing_ms": {"p50": 60.0, "p99": 60.3, "max": 60.9},
    "underruns": 0,
    "resyncs": 0,
    "cause": "normal",
    "carrier": CARRIER,
}
TIMED = "60 ms apart, none late by more than 1.2 ms"
EXACT = f"48 frames of exactly 960 bytes, {TIMED}"


def ours(**changes: object) -> str:
    return finding({**REPORT, **changes})


def theirs(**changes: object) -> str:
    return finding({**REPORT, "carrier": {**CARRIER, **changes}})


def test_a_flawless_run() -> None:
    assert finding(REPORT) == f"{EXACT}, no gap"
    assert troubles(REPORT) == []


def test_without_the_carriers_side_only_ours_is_claimed() -> None:
    expected = (
        "48 frames of 960 bytes sent, 60 ms apart, none late by more than 0.9 ms, no underrun"
    )
    assert ours(carrier=None) == expected
    assert ours(carrier=None, underruns=None) == expected.removesuffix(", no underrun")


def test_nothing_is_said_of_what_is_unknown() -> None:
    assert finding({"frames": 1}) == "1 frame sent"
    assert finding({"frames": 2, "frame_bytes": 960}) == "2 frames of 960 bytes sent"


def test_nothing_sent() -> None:
    assert finding({**REPORT, "frames": 0, "carrier": None}) == "nothing was sent"
    lost = finding({**REPORT, "frames": 0, "carrier": None, "cause": "carrier-lost"})
    assert lost == "nothing was sent; ended early (carrier-lost)"


@pytest.mark.parametrize(
    ("changes", "trouble"),
    [
        (
            {"underruns": 1, "underrun_ms": 61.24},
            "1 gap of 61.2 ms in all because the engine was too slow",
        ),
        ({"underruns": 2}, "2 gaps because the engine was too slow"),
        ({"resyncs": 2}, "the schedule moved twice because this machine was too late"),
        (
            {"cause": "cancelled", "flushed": 12},
            "ended early (cancelled); 12 frames dropped unsent",
        ),
        (
            {"reconnects": 3, "expired": 1},
            "connected again 3 times; 1 frame dropped because too old",
        ),
        ({"drift_ms": -7.25}, "a drift of -7.25 ms"),
    ],
)
def test_our_troubles(changes: dict[str, object], trouble: str) -> None:
    assert ours(**changes) == f"{EXACT}; {trouble}"


@pytest.mark.parametrize(
    ("changes", "trouble"),
    [
        ({"dry_count": 1}, "telecmi ran dry once"),
        ({"drift_ms": 8.5}, "telecmi saw a drift of 8.50 ms"),
        ({"protocol_errors": ["bad\x1bmask", "x"]}, "telecmi saw 2 protocol errors: bad mask"),
    ],
)
def test_troubles_the_carrier_saw(changes: dict[str, object], trouble: str) -> None:
    assert theirs(**changes) == f"{EXACT}; {trouble}"


@pytest.mark.parametrize(
    ("changes", "trouble"),
    [
        ({"frames": 46, "bytes": 44160}, "telecmi received 46 of 48 frames"),
        ({"frames": 49, "bytes": 47040}, "telecmi received 49 frames, 1 too many"),
        ({"bytes": 46081}, "telecmi received 46081 bytes, not 46080"),
    ],
)
def test_exact_is_only_what_the_carrier_confirms(changes: dict[str, object], trouble: str) -> None:
    assert theirs(**changes) == f"48 frames of 960 bytes sent, {TIMED}; {trouble}"


def test_what_was_sent_while_nobody_spoke_is_no_surprise() -> None:
    carrier = {**CARRIER, "frames": 50, "bytes": 48000}
    assert "too many" not in ours(carrier=carrier, idle_frames=2)
    assert "received 50 of 51 frames" in ours(carrier=carrier, idle_frames=3)


@pytest.mark.parametrize(("extra", "told"), [(2, False), (4, False), (6, True), (-2, True)])
def test_a_sample_with_each_mark_is_no_surprise(extra: int, told: bool) -> None:
    carrier = {**CARRIER, "bytes": 46080 + extra, "marks": {"asked": 2}}
    assert (f"received {46080 + extra} bytes, not 46080" in ours(carrier=carrier)) is told


def test_a_cut_text_is_never_without_a_gap() -> None:
    assert "no gap" not in ours(cause="barge-in")


@pytest.mark.parametrize(
    ("late", "said"),
    [(0.0, "none late"), (-0.4, "none late"), (1.1, "none late by more than 1.1 ms")],
)
def test_lateness_is_rounded_up(late: float, said: str) -> None:
    carrier = {**CARRIER, "lateness_ms": None, "spacing_ms": None}
    sentence = ours(carrier=carrier, lateness_ms={"max": late}, spacing_ms=None)
    assert sentence == f"48 frames of exactly 960 bytes, {said}, no gap"


@pytest.mark.parametrize(
    ("spacing", "said"),
    [
        ({"p50": 60.0, "max": 95.0}, "60 ms apart in the median and 95.0 ms at most"),
        ({"p50": 58.0, "max": 61.0}, "58.0 ms apart in the median"),
        ({"p50": 60.2, "max": 61.6}, "60 ms apart"),
    ],
)
def test_sixty_apart_is_said_when_it_was_so(spacing: dict[str, object], said: str) -> None:
    carrier = {**CARRIER, "spacing_ms": None}
    assert f"bytes, {said}, none late" in ours(carrier=carrier, spacing_ms=spacing)
