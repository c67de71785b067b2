"""Text in cells."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioaudio.dashboard.cells import (
    bar,
    clean,
    cropped,
    fitted,
    fitted_line,
    text_of,
    width_of,
)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand\x1b[31m red\x07", "two lines and [31m red "),
        ("\x9b31m\u202eright to left\u200b\u2028", "31mright to left "),
        ("नमस्ते, 你好, émile", "नमस्ते, 你好, émile"),
    ],
)
def test_nothing_that_steers_a_terminal_is_left(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(st.text())
def test_what_is_clean_has_no_control_characters(text: str) -> None:
    categories = {unicodedata.category(each) for each in clean(text)}
    assert not categories & {"Cc", "Cf", "Cs", "Zl", "Zp"}


@given(st.text().map(clean), st.integers(0, 30))
def test_a_cell_has_exactly_its_width(text: str, width: int) -> None:
    assert width_of(fitted(text, width)) == width
    assert width_of(fitted(text, width, right=True)) == width
    assert width_of(cropped(text, width)) <= width


@given(st.lists(st.tuples(st.text().map(clean), st.just("dim"))), st.integers(0, 40))
def test_a_line_has_exactly_its_width(line: list[tuple[str, str]], width: int) -> None:
    assert width_of(text_of(fitted_line(line, width))) == width


def test_what_does_not_fit_is_cut_with_an_ellipsis() -> None:
    assert fitted("telephone", 5) == "tele…"
    assert fitted("你好你好", 4) == "你… "
    assert fitted("12", 5, right=True) == "   12"
    assert text_of(fitted_line([("ab", ""), ("cdef", "dim"), ("g", "")], 4)) == "abc…"


@pytest.mark.parametrize(
    ("value", "full"), [(0.0, 0), (0.001, 1), (5.0, 5), (10.0, 10), (99.0, 10), (-1.0, 0)]
)
def test_a_bar_shows_a_little_as_something(value: float, full: int) -> None:
    assert bar(value, 10.0, 10, "#", ".") == ("#" * full, "." * (10 - full))


def test_a_bar_of_nothing() -> None:
    assert bar(1.0, 0.0, 3, "#", ".") == ("#", "..")
