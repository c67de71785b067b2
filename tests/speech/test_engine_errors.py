from __future__ import annotations

import pytest

from speech.listening import broken
from trioaudio.core.errors import EngineError, EngineFault, TextError
from trioaudio.speech.engine_errors import nobody_could, one_engine_error


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


def test_the_only_failure_is_itself() -> None:
    error = broken()
    assert nobody_could([("a", error)]) is error


def test_a_text_nobody_reads_is_the_authors_mistake() -> None:
    first = TextError("a reads no Tamil")
    assert nobody_could([("a", first), ("b", TextError("nor does b"))]) is first


@pytest.mark.parametrize(
    ("last", "kind"),
    [(broken(EngineFault.QUOTA), EngineFault.QUOTA), (TextError("x"), EngineFault.BAD_REQUEST)],
)
def test_of_several_failures_all_are_told(last: Exception, kind: EngineFault) -> None:
    assert isinstance(last, EngineError | TextError)
    error = nobody_could([("a", broken(EngineFault.RATE)), ("b", last)])
    assert isinstance(error, EngineError)
    assert (error.kind, error.retryable) == (kind, True)
    assert str(error) == f"no engine could speak: broken: rate; {last}"
