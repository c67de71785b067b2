from __future__ import annotations

import pytest

from trioaudio.core.errors import ConfigError
from trioaudio.simulators.faults import (
    AMOUNTS,
    MEANINGS,
    Amount,
    Strike,
    Strikes,
    Switch,
    read_faults,
)


def test_faults_are_read() -> None:
    faults = read_faults(
        ["reset-after=3", "redial-after=0.5", "reject-silently", "flood", "clear-race=50"]
    )
    assert faults.strikes == {Strike.RESET: 3}
    assert faults.seconds(Amount.REDIAL_AFTER) == 0.5
    assert faults.seconds(Amount.CLEAR_RACE) == 0.05
    assert faults.seconds(Amount.LATE_START) is None
    assert faults.has(Switch.REJECT_SILENTLY)
    assert faults.has(Switch.FLOOD)
    assert not faults.has(Switch.BIG_MESSAGE)


def test_some_amounts_need_not_be_given() -> None:
    faults = read_faults(["lost-marks", "clear-race"])
    assert faults.amounts == {Amount.LOST_MARKS: 1.0, Amount.CLEAR_RACE: 200.0}


@pytest.mark.parametrize(
    "text",
    [
        *("flood=1", "reset-after", "reset-after=x", "reset-after=-1", "redial-after=nan", ""),
        *("redial-after", "lost-marks=1.1", "lost-marks=", "slow-reader=0", "late-marks=-1"),
    ],
)
def test_no_faults(text: str) -> None:
    with pytest.raises(ConfigError, match="--fault"):
        read_faults([text])


def test_every_problem_is_named() -> None:
    with pytest.raises(ConfigError) as found:
        read_faults(["foo", "flood=1"])
    assert len(found.value.problems) == 2
    assert "there are big-message, clear-race, close-after" in found.value.problems[0]


def test_each_fault_strikes_once() -> None:
    strikes = Strikes(read_faults(["reset-after=3", "close-after=5"]))
    assert strikes.due(2) is None
    assert strikes.due(3) is Strike.RESET
    assert strikes.due(4) is None
    assert strikes.due(9) is Strike.CLOSE
    assert strikes.due(10) is None


def test_what_strikes_at_the_first_start_does_so_once() -> None:
    strikes = Strikes(read_faults(["malformed"]))
    assert strikes.first(Switch.MALFORMED)
    assert not strikes.first(Switch.MALFORMED)
    assert not strikes.first(Switch.BIG_MESSAGE)


def test_every_fault_has_a_meaning() -> None:
    assert set(MEANINGS) == {*Strike, *Switch, *Amount}
    assert set(AMOUNTS) == set(Amount)
