"""The final report, as exact lines and as a table."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from trioaudio.observe.summary import summary_lines, summary_table

REPORT: dict[str, object] = {
    "frames": 48,
    "frame_bytes": 960,
    "ptime_ms": 60,
    "sample_rate": 8000,
    "text_characters": 52,
    "audio_ms": 2880.0,
    "shell_to_first_frame_ms": 412.34,
    "first_frame_ms": 61.2,
    "lateness_ms": {"p50": 0.08, "p99": 0.31, "max": 1.12},
    "spacing_ms": {"p50": 60.0, "p99": 60.31, "max": 61.12},
    "drift_ms": 0.02,
    "underruns": 0,
    "underrun_ms": 0.0,
    "resyncs": 0,
    "flushed": 0,
    "expired": 0,
    "reconnects": 0,
    "engine": "espeak",
    "voice": "en-us",
    "cause": "normal",
    "carrier": {
        "name": "telecmi",
        "frames": 48,
        "bytes": 46080,
        "lateness_ms": {"p50": 0.15, "p99": 0.5, "max": 1.3},
        "spacing_ms": {"p50": 60.0, "p99": 60.4, "max": 61.3},
        "drift_ms": -0.001,
        "dry_count": 0,
        "played_ms": 2880.0,
        "protocol_errors": [],
        "out": "received.wav",
    },
}


def test_both_sides_side_by_side() -> None:
    assert summary_lines(REPORT) == [
        "espeak en-us: 52 characters, 2.88 s of audio at 8000 Hz",
        "                      sent               received by telecmi",
        "frames                48                 48",
        "bytes each            960                960",
        "first frame           61.2 ms            -",
        "from the shell        412.3 ms           -",
        "spacing p50 p99 max   60.0 60.3 61.1 ms  60.0 60.4 61.3 ms",
        "lateness p50 p99 max  0.08 0.31 1.12 ms  0.15 0.50 1.30 ms",
        "drift                 0.02 ms            0.00 ms",
        "gaps                  0                  0",
        "48 frames of exactly 960 bytes, 60 ms apart, none late by more than 1.3 ms, no gap",
    ]


def test_a_carrier_that_measures_nothing_has_no_column() -> None:
    report = {**REPORT, "carrier": {"name": "acme", "frames": None, "lateness_ms": None}}
    report |= {"underruns": 2, "underrun_ms": 180.0, "resyncs": 1, "shell_to_first_frame_ms": None}
    assert summary_lines(report) == [
        "espeak en-us: 52 characters, 2.88 s of audio at 8000 Hz",
        "                      sent",
        "frames                48",
        "bytes each            960",
        "first frame           61.2 ms",
        "spacing p50 p99 max   60.0 60.3 61.1 ms",
        "lateness p50 p99 max  0.08 0.31 1.12 ms",
        "drift                 0.02 ms",
        "gaps                  2 (180.0 ms)",
        "resyncs               1",
        (
            "48 frames of 960 bytes sent, 60 ms apart, none late by more than 1.2 ms; "
            "2 gaps of 180.0 ms in all because the engine was too slow; "
            "the schedule moved once because this machine was too late"
        ),
    ]


@pytest.mark.parametrize("value", [None, float("nan"), "no number"])
def test_any_value_may_be_missing(value: object) -> None:
    lines = summary_lines(dict.fromkeys(REPORT, value))
    assert lines[-1].startswith("nothing was sent")
    assert summary_lines({})[-1] == "nothing was sent"


def test_frames_of_uneven_size_are_not_called_a_size() -> None:
    carrier = {"name": "telecmi", "frames": 48, "bytes": 46079}
    lines = summary_lines({**REPORT, "carrier": carrier})
    assert "bytes each            960                960.0 on average" in lines
    assert lines[-1].endswith("; telecmi received 46079 bytes, not 46080")


def drawn(report: dict[str, object], width: int) -> list[str]:
    console = Console(file=io.StringIO(), width=width, force_terminal=False, _environ={})
    console.print(summary_table(report, console.width))
    assert isinstance(console.file, io.StringIO)
    return [line.rstrip() for line in console.file.getvalue().splitlines()]


def test_the_table_says_what_the_lines_say() -> None:
    assert drawn(REPORT, 100) == summary_lines(REPORT)


def test_a_narrow_table_has_one_figure_a_cell() -> None:
    lines = drawn(REPORT, 40)
    assert "spacing p99     60.3 ms   60.4 ms" in lines
    assert "lateness max    1.12 ms   1.30 ms" in lines
    assert max(map(len, lines)) <= 40


@pytest.mark.parametrize(
    ("frames", "colour"), [(48, "\x1b[32m"), (47, "\x1b[33m"), (0, "\x1b[33m")]
)
def test_only_a_flawless_run_is_green(frames: int, colour: str) -> None:
    console = Console(
        file=io.StringIO(), width=100, force_terminal=True, color_system="standard", _environ={}
    )
    console.print(summary_table({**REPORT, "frames": frames}))
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue().splitlines()[-1].startswith(colour)
