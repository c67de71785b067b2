import pytest

from trioaudio.core.errors import (
    ChildError,
    ConfigError,
    EngineError,
    EngineFault,
    LegLostError,
    LegRefusedError,
    LocalProtocolError,
    OutputError,
    RecordingError,
    RemoteProtocolError,
    TextError,
    TrioaudioError,
    UnframeableRateError,
)
from trioaudio.core.exit_code import ExitCode, exit_code_for


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (ConfigError("x"), 2),
        (UnframeableRateError("x"), 2),
        (TextError("x"), 3),
        (RecordingError("x"), 3),
        (EngineError("x", kind=EngineFault.AUTH, retryable=False), 4),
        (ChildError("x"), 4),
        (LegLostError("x"), 5),
        (LegRefusedError("x"), 5),
        (RemoteProtocolError("x"), 5),
        (OutputError("x"), 6),
        (LocalProtocolError("x"), 1),
        (TrioaudioError("x"), 1),
        (OSError("x"), 1),
    ],
)
def test_an_error_says_how_the_process_ends(error: Exception, code: int) -> None:
    assert exit_code_for(error) == code


def test_success_is_zero_and_no_error_is_success() -> None:
    assert ExitCode(0) is ExitCode.SAID
    assert len({code.value for code in ExitCode}) == len(ExitCode)
