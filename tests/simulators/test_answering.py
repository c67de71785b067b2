from __future__ import annotations

from trioaudio.simulators.answering import Switchboard
from trioaudio.simulators.options import parse
from trioaudio.simulators.place import Place, new_place


def places(count: int) -> list[Place]:
    options = parse(["--carrier", "raw", "--listen", "127.0.0.1:0", "--calls", str(count)])
    return [new_place(options, n + 1, None, lambda _name, _more: None) for n in range(count)]


def test_new_callers_get_new_calls_in_order() -> None:
    first, second = places(2)
    switchboard = Switchboard([first, second], 2)
    assert switchboard.assign("/a?") is first
    assert switchboard.assign("/a?") is second


def test_who_comes_back_goes_on_with_the_same_call() -> None:
    first, second, third = places(3)
    switchboard = Switchboard([first, second, third], 3)
    switchboard.assign("/a?")
    switchboard.assign("/b?")
    switchboard.give_back(first, over=False)
    switchboard.give_back(second, over=False)
    assert switchboard.assign("/b?") is second
    assert switchboard.assign("/c?") is third
    assert switchboard.assign("/d?") is first
    switchboard.give_back(second, over=True)
    assert (switchboard.unfinished, switchboard.waiting) == (2, [])
