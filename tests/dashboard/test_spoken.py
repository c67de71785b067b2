"""What is being said, in one line."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dashboard.things import call_view, node_with, saying
from trioaudio.dashboard.cells import text_of, width_of
from trioaudio.dashboard.nodes import CallRow
from trioaudio.dashboard.spoken import spoken_line, whole_text

TEXT = "One two three four five six seven eight nine ten eleven twelve thirteen fourteen."


def row_of(**facts: object) -> CallRow:
    # not speaking: nothing is estimated
    view = call_view("a", speaking=False, saying=saying(**facts))  # type: ignore[arg-type]
    return node_with(view).calls["a"]


def again(row: CallRow, **facts: object) -> None:
    row.take(call_view("a", speaking=False, saying=saying(**facts)), 100.0)  # type: ignore[arg-type]


def test_the_part_that_was_heard_stands_out() -> None:
    row = row_of(text=TEXT, heard=4)
    assert spoken_line(row, 20, 100.0) == (("One ", "heard"), ("two three four ", "coming"))


def test_the_line_stays_until_it_was_heard_to_its_end() -> None:
    row = row_of(text=TEXT, heard=0)
    shown: list[str] = []
    for heard in range(len(TEXT) + 1):
        again(row, text=TEXT, heard=heard)
        line = spoken_line(row, 20, 100.0)
        assert width_of(text_of(line)) <= 20
        if not shown or shown[-1] != text_of(line):
            shown.append(text_of(line))
        assert len(text_of(line[:1])) > 0
    assert "".join(shown) == TEXT
    assert spoken_line(row, 20, 100.0)[-1][1] == "heard"


def test_another_utterance_begins_anew() -> None:
    row = row_of(text=TEXT, heard=40)
    spoken_line(row, 20, 100.0)
    again(row, text="Short.", heard=0, utterance=2)
    assert spoken_line(row, 20, 100.0) == (("Short.", "coming"),)


def test_a_text_of_which_a_part_is_told() -> None:
    row = row_of(text=TEXT[20:], begin=20, heard=24)
    line = spoken_line(row, 20, 100.0)
    assert line[0] == (TEXT[20:24], "heard")
    again(row, text=TEXT[40:], begin=40, heard=44)
    assert spoken_line(row, 20, 100.0)[0] == (TEXT[40:44], "heard")


@given(st.text(max_size=80), st.integers(0, 80), st.integers(0, 40))
def test_any_text_fits(text: str, heard: int, width: int) -> None:
    row = row_of(text=text, heard=min(heard, len(text)))
    line = spoken_line(row, width, 100.0)
    assert width_of(text_of(line)) <= width
    assert text_of(line).isprintable()
    for each in whole_text(row, width, 100.0, 5):
        assert width_of(text_of(each)) <= width


def test_where_nothing_is_said_nothing_stands() -> None:
    row = node_with(call_view("a")).calls["a"]
    assert spoken_line(row, 20, 100.0) == ()
    assert whole_text(row, 20, 100.0, 5) == []
    assert spoken_line(row_of(text=TEXT), 3, 100.0) == ()


def test_the_whole_of_it() -> None:
    row = row_of(text=TEXT, heard=24)
    lines = whole_text(row, 20, 100.0, 9)
    assert "".join(map(text_of, lines)) == TEXT
    heard = "".join(text for line in lines for text, style in line if style == "heard")
    assert heard == TEXT[:24]
    assert len(whole_text(row, 20, 100.0, 2)) == 2
