"""One line of text being written."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trioaudio.dashboard.cells import width_of
from trioaudio.dashboard.keys import Key
from trioaudio.dashboard.line_editor import MOST, LineEditor

NAMES = ("left", "right", "home", "end", "backspace", "delete", "erase-word", "erase-line", "tab")


def write(editor: LineEditor, text: str) -> None:
    for each in text:
        editor.press(Key("text", each))


def test_a_line_is_written_and_mended() -> None:
    editor = LineEditor()
    write(editor, "Helo world")
    for name in ("home", "right", "right", "right"):
        editor.press(Key(name))
    write(editor, "l")
    assert (editor.text, editor.cursor) == ("Hello world", 4)
    editor.press(Key("end"))
    editor.press(Key("erase-word"))
    assert editor.text == "Hello "
    editor.press(Key("backspace"))
    editor.press(Key("home"))
    editor.press(Key("delete"))
    editor.press(Key("pasted", "J\nj\x1b"))
    assert (editor.text, editor.cursor) == ("J j ello", 4)
    editor.press(Key("erase-line"))
    assert (editor.text, editor.cursor) == ("ello", 0)


def test_there_is_an_end_to_it() -> None:
    editor = LineEditor("x" * (MOST - 2), 0)
    editor.press(Key("pasted", "abcdef"))
    assert len(editor.text) == MOST
    assert editor.text.startswith("abx")


@given(
    st.lists(st.one_of(st.sampled_from(NAMES).map(Key), st.text(max_size=9).map(
        lambda text: Key("pasted", text)))),
    st.integers(1, 30),
)  # fmt: skip
def test_whatever_is_pressed_it_stays_a_line_with_a_cursor(keys: list[Key], width: int) -> None:
    editor = LineEditor()
    for key in keys:
        editor.press(key)
        assert 0 <= editor.cursor <= len(editor.text)
    before, at, after = editor.shown(width)
    assert width_of(before + after) + width_of(at) <= max(width, width_of(at))
    assert len(at) == 1
    assert (editor.text + " ").find(before + at) >= 0


def test_the_cursor_is_always_in_sight() -> None:
    editor = LineEditor("one two three four", 18)
    before, at, after = editor.shown(8)
    assert (at, after) == (" ", "")
    assert editor.text.endswith(before)
    assert 1 <= len(before) <= 7
    editor.press(Key("home"))
    assert editor.shown(8) == ("", "o", "ne two ")
