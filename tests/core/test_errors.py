import inspect

import pytest

from trioaudio.core import errors
from trioaudio.core.errors import (
    ConfigError,
    EngineError,
    EngineFault,
    FaultScope,
    TrioaudioError,
    UnframeableRateError,
)


def test_every_error_has_the_same_root() -> None:
    raised_on_purpose = [
        each
        for _, each in inspect.getmembers(errors, inspect.isclass)
        if issubclass(each, BaseException)
    ]
    assert len(raised_on_purpose) > 8
    assert all(issubclass(each, TrioaudioError) for each in raised_on_purpose)


def test_whose_fault_it_is_cannot_be_mistaken() -> None:
    kinds = TrioaudioError.__subclasses__()
    for kind in kinds:
        assert not any(issubclass(kind, other) for other in kinds if other is not kind)


def test_a_config_error_holds_every_problem() -> None:
    error = ConfigError("no such carrier", "no such voice")
    assert error.problems == ("no such carrier", "no such voice")
    assert str(error) == "no such carrier; no such voice"


def test_an_unframeable_rate_is_the_operators() -> None:
    with pytest.raises(ConfigError, match="11025"):
        raise UnframeableRateError("11025 Hz")


def test_an_engine_error_says_what_to_do_about_it() -> None:
    error = EngineError("try later", kind=EngineFault.RATE, retryable=True)
    assert str(error) == "try later"
    assert (error.kind, error.retryable) == (EngineFault.RATE, True)
    assert error.scope is FaultScope.UTTERANCE
    lost = EngineError(
        "gone", kind=EngineFault.UNAVAILABLE, retryable=False, scope=FaultScope.CONNECTION
    )
    assert (lost.retryable, lost.scope) == (False, FaultScope.CONNECTION)
