from __future__ import annotations

import pytest

from speech.listening import broken
from trioaudio.core.errors import EngineError, EngineFault, TextError
from trioaudio.speech.engine_errors import one_engine_error


def test_nothing_is_nothing() -> None:
    with one_engine_error():
        pass


def test_the_first_of_several_in_the_groups_place() -> None:
    first = broken(EngineFault.RATE)
    first.__cause__ = OSError("reset")
    with pytest.raises(EngineError) as raised, one_engine_error():
        raise ExceptionGroup("", [ExceptionGroup("", [first]), broken()])
    assert raised.value is first
    assert isinstance(first.__cause__, OSError), "it is still known why"


@pytest.mark.parametrize("other", [TextError("x"), ZeroDivisionError()])
def test_a_group_with_something_else_stays(other: Exception) -> None:
    group = ExceptionGroup("", [broken(), other])
    with pytest.RaisesGroup(EngineError, type(other)) as raised, one_engine_error():
        raise group
    assert raised.value is group
