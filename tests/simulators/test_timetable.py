from __future__ import annotations

import pytest

from trioaudio.core.errors import ConfigError
from trioaudio.simulators.agenda import Agenda
from trioaudio.simulators.faults import read_faults
from trioaudio.simulators.timetable import (
    Flow,
    HangUp,
    Keys,
    Occurrence,
    Press,
    Timetable,
    read_keys,
)


def all_of(timetable: Timetable) -> list[tuple[float, Occurrence]]:
    agenda: Agenda[Occurrence] = Agenda()
    timetable.enter(10.0, agenda)
    found = []
    while (at := agenda.due) is not None:
        item = agenda.take(at)
        assert item is not None
        found.append((at, item))
    return found


def test_keys_and_a_hang_up() -> None:
    timetable = Timetable((Keys("4#", 1.5), Keys("A", 0.0)), 3.0, read_faults([]))
    assert all_of(timetable) == [
        (10.0, Press("A")),
        (11.5, Press("4")),
        (11.7, Press("#")),
        (13.0, HangUp()),
    ]


def test_a_storm_of_keys() -> None:
    found = all_of(Timetable((), None, read_faults(["dtmf-storm"])))
    assert len(found) == 500
    assert all(isinstance(each, Press) and 11.0 <= at < 12.0 for at, each in found)
    assert len({each for _, each in found}) == 16


def test_a_storm_of_pauses() -> None:
    found = all_of(Timetable((), None, read_faults(["xoff-storm"])))
    assert [each for _, each in found] == [Flow(paused=True), Flow(paused=False)] * 50
    assert found[-1][0] < 12.0


def test_keys_are_read() -> None:
    assert read_keys("1a#@2.5") == Keys("1A#", 2.5)


@pytest.mark.parametrize("text", ["", "1", "@1", "1@", "1@x", "E@1", "1@-1", "1@nan", "1@1e9"])
def test_what_is_no_key(text: str) -> None:
    with pytest.raises(ConfigError, match="--dtmf"):
        read_keys(text)
