import inspect
from typing import get_args

import attrs
import pytest

from trioaudio.core import facts
from trioaudio.core.facts import Fact, LegEnded, Resynced


def test_the_union_holds_every_fact() -> None:
    declared = {each for _, each in inspect.getmembers(facts, inspect.isclass) if attrs.has(each)}
    assert declared == set(get_args(Fact))


def test_facts_are_values_that_nobody_changes() -> None:
    fact = LegEnded(verdict="lost", reason="reset")
    assert fact == LegEnded("lost", "reset")
    assert hash(Resynced(0.5)) == hash(Resynced(0.5))
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        fact.reason = "other"  # type: ignore[misc]
