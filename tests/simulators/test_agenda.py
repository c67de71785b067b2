from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from trioaudio.simulators.agenda import Agenda, earliest


@given(st.lists(st.integers(0, 5)))
def test_things_come_in_the_order_of_their_times_then_of_their_coming(times: list[int]) -> None:
    agenda: Agenda[tuple[int, int]] = Agenda()
    for n, at in enumerate(times):
        agenda.put(at, (at, n))
    assert agenda.due == min(times, default=None)
    taken = []
    while (item := agenda.take(10)) is not None:
        taken.append(item)
    assert taken == sorted((at, n) for n, at in enumerate(times))


def test_nothing_comes_before_its_time() -> None:
    agenda: Agenda[str] = Agenda()
    agenda.put(2.0, "later")
    assert agenda.take(1.999) is None
    assert agenda.take(2.0) == "later"
    assert agenda.due is None


def test_the_earliest_of_what_may_not_be() -> None:
    assert earliest(None, 3.0, None, 1.0, 2.0) == 1.0
    assert earliest(None) is None
