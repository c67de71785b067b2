"""What keys change, and which orders they give."""

from __future__ import annotations

import pytest

from trioaudio.dashboard.keys import Key
from trioaudio.dashboard.sorting import SORTS
from trioaudio.dashboard.view_state import SORT_KEYS, STATUS_S, Mode, Order, ViewState

PLACES = [("n", f"c{number}") for number in range(50)]


def press(state: ViewState, *names: str) -> list[Order]:
    orders = []
    for name in names:
        key = Key("text", name) if len(name) == 1 else Key(name)
        order = state.press(key, 1.0)
        if order is not None:
            orders.append(order)
    return orders


def looking(rows: int = 10) -> ViewState:
    state = ViewState()
    state.arrange(PLACES, rows)
    return state


def test_moving_keeps_the_selected_call_in_sight() -> None:
    state = looking()
    assert state.selected == PLACES[0]
    for names, row, top in [
        (["down", "down", "up"], 1, 0),
        (["page-down"], 11, 2),
        (["end"], 49, 40),
        (["down"], 49, 40),
        (["page-up"], 39, 39),
        (["home", "up"], 0, 0),
        (["G"], 49, 40),
        (["g", "j", "j", "k"], 1, 0),
    ]:
        press(state, *names)
        state.arrange(PLACES, 10)
        assert (state.selected, state.top) == (PLACES[row], top)


def test_the_selection_stays_on_its_call_whatever_happens_around_it() -> None:
    state = looking()
    press(state, "down", "down", "down")
    state.arrange(PLACES[::-1], 10)
    assert state.selected == PLACES[3]
    assert state.top <= 46 < state.top + 10
    state.arrange(PLACES[4:], 10)  # it is over: what took its place, or the last one
    assert state.selected == PLACES[49]
    state.arrange([], 10)
    assert [state.selected, state.top] == [None, 0]
    state.arrange(PLACES, 10)
    assert state.selected == PLACES[0]


def test_a_lower_terminal_scrolls_to_the_selected_call() -> None:
    state = looking(40)
    press(state, "end")
    state.arrange(PLACES, 3)
    assert (state.top, state.selected) == (47, PLACES[49])
    state.arrange(PLACES, 60)
    assert state.top == 0


def test_sorting() -> None:
    state = looking()
    for letter, name in SORT_KEYS.items():
        press(state, letter)
        assert (state.sort, state.reverse) == (name, letter == "A")
    press(state, "D")
    assert state.reverse
    press(state, "r")
    assert not state.reverse
    assert sorted(SORT_KEYS.values()) == sorted(SORTS)
    for name in [*list(SORTS)[1:], "age"]:
        press(state, "A", *[">"] * list(SORTS).index(name))
        assert state.sort == name
        press(state, "<")
    press(state, "A", "left")
    assert state.sort == "node"
    press(state, "tab")
    assert state.sort == "age"


def test_the_filter_works_while_it_is_written() -> None:
    state = looking()
    press(state, "/", "q", "4")
    assert (state.mode, state.needle, state.quitting) == (Mode.FILTER, "q4", False)
    press(state, "enter")
    assert (state.mode, state.needle) == (Mode.LIST, "q4")
    press(state, "/", "backspace")
    assert state.needle == "q"
    press(state, "escape")
    assert (state.mode, state.needle) == (Mode.LIST, "")
    press(state, "/", "x", "enter", "escape")
    assert state.needle == ""


def test_something_is_said_on_the_call_that_was_selected() -> None:
    state = looking()
    assert press(state, "down", "s", "H", "i", "!") == []
    state.arrange(PLACES[2:], 10)  # that call is over meanwhile: it is not said to another one
    assert press(state, "enter") == [Order("say", PLACES[1], "Hi!")]
    assert press(state, "s", "enter") == []
    assert press(state, "s", "x", "escape") == []
    assert state.mode is Mode.LIST


def test_nothing_pasted_is_a_command() -> None:
    state = looking()
    assert state.press(Key("pasted", "q\nhy\ni"), 1.0) is None
    assert (state.mode, state.quitting) == (Mode.LIST, False)
    press(state, "h")
    assert state.press(Key("pasted", "y"), 1.0) is None
    assert state.status == "not hung up"


def test_hanging_up_asks_first() -> None:
    state = looking()
    assert press(state, "h", "n") == []
    assert state.status == "not hung up"
    assert press(state, "h", "enter") == []
    press(state, "h")
    assert (state.mode, state.target) == (Mode.HANG_UP, "c0")
    assert press(state, "y") == [Order("hang-up", PLACES[0])]
    assert press(state, "i") == [Order("interrupt", PLACES[0])]


@pytest.mark.parametrize("letter", ["i", "s", "h"])
def test_without_a_call_there_is_nothing_to_order(letter: str) -> None:
    state = ViewState()
    assert press(state, letter) == []
    assert state.mode is Mode.LIST
    assert state.status == "there is no call to do that with"
    assert state.status_until == 1.0 + STATUS_S
    press(state, "enter")
    assert state.mode is Mode.LIST


def test_pages_and_the_way_back() -> None:
    state = looking()
    modes = []
    for name in ("enter", "down", "enter", "enter", "escape", "?", "q"):
        press(state, name)
        modes.append(state.mode.value)
    assert modes == ["details", "details", "list", "details", "list", "help", "list"]
    assert (state.selected, state.quitting) == (PLACES[1], False)


@pytest.mark.parametrize("begun", ["s", "/", "h", "?"])
@pytest.mark.parametrize("ended", ["enter", "escape"])
def test_what_was_begun_on_a_page_goes_back_to_it(begun: str, ended: str) -> None:
    state = looking()
    press(state, "down", "enter", begun)
    assert state.page == PLACES[1]
    assert press(state, ended) == []
    assert [state.mode, state.page] == [Mode.DETAILS, PLACES[1]]
    press(state, "escape", begun, ended)
    assert [state.mode, state.page] == [Mode.LIST, None]


@pytest.mark.parametrize("begun", ["", "s", "h", "?"])
def test_the_end_of_a_call_closes_its_page_and_opens_no_other(begun: str) -> None:
    state = looking()
    press(state, "down", "enter", *begun)
    state.notice_end(PLACES, 5.0)
    assert state.status == ""
    left = PLACES[:1] + PLACES[2:]
    state.notice_end(left, 5.0)
    state.arrange(left, 10)
    assert (state.status, state.page) == ("that call is over", None)
    if begun:
        press(state, "enter")
    assert (state.mode, state.shown) == (Mode.LIST, Mode.LIST)


def test_what_is_asked_stands_over_the_page_of_its_call() -> None:
    state = looking()
    shown = []
    for names in (["s"], ["escape", "enter", "s"], ["escape", "h"], ["n", "/"], ["escape", "?"]):
        press(state, *names)
        shown.append(state.shown.value)
    assert shown == ["list", "details", "details", "list", "help"]


def test_pausing_and_quitting() -> None:
    state = looking()
    told = []
    for name in "ppq":
        press(state, name)
        told.append((state.paused, state.quitting))
    assert told == [(True, False), (False, False), (False, True)]
