from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from trioaudio.observe.live_picture import ASCII, UNICODE, line_starts, picture, sparkline

TEXT = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
SNAPSHOT: dict[str, object] = {
    "state": "speaking",
    "text": TEXT,
    "engine": "espeak",
    "carrier": "telecmi",
    "peer": "127.0.0.1:54321",
    "frames": 1,
    "frame_bytes": 960,
    "first_frame_ms": 61.2,
    "bytes": 960,
    "elapsed_s": 2.94,
    "lateness_ms": {"p50": 0.08, "p99": 0.31, "max": 1.12},
    "queue": 4,
    "queue_bound": 8,
    "history": [0.1, None, 2.0],
}


def plain(width: int, height: int = 20, **changes: object) -> list[str]:
    return [line.plain for line in picture({**SNAPSHOT, **changes}, width, height, UNICODE)]


@given(st.integers(1, 200), st.integers(1, 12), st.text(max_size=300), st.integers(0, 300))
def test_it_always_fits(width: int, height: int, text: str, spoken: int) -> None:
    lines = plain(width, height, text=text, spoken=spoken)
    assert 1 <= len(lines) <= height
    assert all(cell_len(line) <= width for line in lines)


@given(st.text(max_size=300), st.integers(2, 60))
def test_a_wrapped_text_loses_nothing_and_fits(text: str, width: int) -> None:
    starts = line_starts(text, width)
    assert starts[0] == 0
    assert list(starts) == sorted(set(starts))
    lines = [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]
    assert all(sum(map(cell_len, line.rstrip(" "))) <= width for line in lines)


def test_words_are_not_broken() -> None:
    starts = line_starts(TEXT, 20)
    assert all(start == 0 or TEXT[start - 1] == " " for start in starts)


@pytest.mark.parametrize(
    ("spoken", "shown"),
    [(0, ["one two", "three four", "five six"]), (20, ["three four", "five six", "seven eight"])],
)
def test_a_long_text_is_seen_round_the_current_position(spoken: int, shown: list[str]) -> None:
    assert [line.rstrip() for line in plain(11, spoken=spoken)[1:4]] == shown


@pytest.mark.parametrize(
    ("height", "shown"),
    [
        (1, ["● speaking"]),
        (2, ["● speaking", "one two"]),
        (4, ["● speaking", "one two", "spoken", "lateness"]),
        (5, ["● speaking", "one two", "spoken", "lateness", "queue"]),
    ],
)
def test_a_low_terminal_shows_what_tells_most(height: int, shown: list[str]) -> None:
    lines = plain(60, height)
    assert len(lines) == height
    assert all(line.startswith(start) for line, start in zip(lines, shown, strict=True))


def test_a_window_of_a_text_counts_the_whole() -> None:
    lines = plain(80, spoken=10, text_offset=90, text_characters=200)
    assert any(line.endswith(" 50 %") for line in lines)


def test_an_empty_snapshot_is_drawn() -> None:
    lines = [line.plain for line in picture({}, 80, 20, ASCII)]
    assert "lateness  p50 -    p99 -    max -" in [line.rstrip() for line in lines]
    assert "queue     . 0/1   underruns 0   resyncs 0" in lines


def test_noise_stays_low_in_the_sparkline() -> None:
    assert sparkline([0.0, 0.1, -0.2], UNICODE.levels) == "▁▁▁"
    assert sparkline([0.0, 1.0], UNICODE.levels) == "▁█"
    assert sparkline([1.0, 20.0], UNICODE.levels) == "▁█"


def test_what_went_wrong_stands_out() -> None:
    line = next(x for x in picture({"underruns": 2}, 80, 20, UNICODE) if "underruns 2" in x.plain)
    assert "bold yellow" in {str(span.style) for span in line.spans}
