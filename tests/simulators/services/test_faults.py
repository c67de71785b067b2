"""Faults: how they are asked for, and what they strike."""

from __future__ import annotations

import random

import pytest

from trioaudio.core.errors import ConfigError
from trioaudio.simulators.services.faults import (
    ODD_CHUNKS,
    RESET,
    UPGRADE_STATUS,
    FaultKind,
    Faults,
    Scope,
    read_faults,
)

KNOWN = (RESET, ODD_CHUNKS, UPGRADE_STATUS)


def faults(*texts: str, seed: int = 0) -> Faults:
    return Faults(read_faults(texts, KNOWN), random.Random(seed))


def struck(found: Faults, kind: FaultKind, times: int, scope: Scope = Scope.UTTERANCE) -> list[int]:
    """Return which of so many it struck, counted from 1."""
    return [n for n in range(1, times + 1) if kind in found.strike(scope)]


def test_a_value_is_given_or_the_kinds_own() -> None:
    strikes = faults("reset=20").strike(Scope.UTTERANCE)
    assert strikes.value(RESET) == 20
    assert strikes.value(ODD_CHUNKS) is None
    assert faults("reset").strike(Scope.UTTERANCE).value(RESET) == RESET.value


def test_without_a_rate_it_strikes_always() -> None:
    assert struck(faults("odd-chunks"), ODD_CHUNKS, 5) == [1, 2, 3, 4, 5]


def test_every_nth() -> None:
    assert struck(faults("reset=5@1/3"), RESET, 9) == [3, 6, 9]


def test_the_nth_only() -> None:
    assert struck(faults("reset@#2"), RESET, 9) == [2]


def test_by_chance_as_often_as_asked_and_the_same_for_one_seed() -> None:
    once = struck(faults("reset@0.1", seed=7), RESET, 2000)
    assert once == struck(faults("reset@0.1", seed=7), RESET, 2000)
    assert once != struck(faults("reset@0.1", seed=8), RESET, 2000)
    assert 150 < len(once) < 250


def test_one_fault_does_not_move_another() -> None:
    alone = struck(faults("reset@0.5"), RESET, 1)
    assert struck(faults("reset@0.5", "odd-chunks@#9"), RESET, 1) == alone


def test_connections_and_utterances_are_counted_apart() -> None:
    found = faults("upgrade-status=402@1/2", "reset@1/2")
    assert struck(found, UPGRADE_STATUS, 3, Scope.CONNECTION) == [2]
    assert struck(found, RESET, 3) == [2]
    assert found.struck == {"upgrade-status": 1, "reset": 1}


def test_no_fault_strikes_nothing() -> None:
    assert not faults().strike(Scope.UTTERANCE)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("rest", "did you mean reset"),
        ("odd-chunks=3", "takes no value"),
        ("reset=-1", "must be 0 to"),
        ("reset=nan", "must be 0 to"),
        ("upgrade-status=200", "must be 400 to 599"),
        ("reset=", "could not convert"),
        ("reset@2", "is no rate"),
        ("reset@1/0", "is no rate"),
        ("reset@#0", "is no rate"),
        ("reset@-0.1", "is no rate"),
        ("reset@often", "is no rate"),
        ("reset@nan", "is no rate"),
    ],
)
def test_what_is_no_sense_is_named(text: str, why: str) -> None:
    with pytest.raises(ConfigError, match=why) as caught:
        faults(text)
    assert text in str(caught.value)


def test_all_problems_are_told_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        faults("rest", "odd-chunks", "reset@x")
    assert len(caught.value.problems) == 2
