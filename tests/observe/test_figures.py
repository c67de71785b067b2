from __future__ import annotations

import pytest

from trioaudio.observe import figures


@pytest.mark.parametrize(
    ("value", "said"),
    [(None, "-"), (0.084, "0.08"), (-0.001, "0.00"), (12.34, "12.3"), (412.34, "412.3")],
)
def test_decimal(value: float | None, said: str) -> None:
    assert figures.decimal(value) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, ""), (0, "0.0 s"), (59.99, "59.9 s"), (62.9, "1:02.9"), (3662, "1:01:02")],
)
def test_clock(seconds: float | None, said: str) -> None:
    assert figures.clock(seconds) == said


@pytest.mark.parametrize(
    ("count", "said"),
    [(None, "-"), (1, "1 byte"), (9600, "9600 bytes"), (46080, "46.1 kB"), (2_300_000, "2.3 MB")],
)
def test_amount(count: int | None, said: str) -> None:
    assert figures.amount(count) == said


def test_times() -> None:
    assert [figures.times(count) for count in (1, 2, 3)] == ["once", "twice", "3 times"]


@pytest.mark.parametrize("value", [None, True, "1", float("nan"), float("inf"), []])
def test_what_is_no_number_is_none(value: object) -> None:
    assert figures.number({"x": value}, "x") is None
    assert figures.whole({"x": value}, "x") is None


def test_what_is_printed_cannot_move_the_cursor() -> None:
    assert figures.words({"x": "a\x1b[2J\nb\x9b\x7f"}, "x") == "a [2J b  "
    assert figures.words({"x": 1}, "x") == ""
