"""What the process says to its caller when it ends. Documented in docs/operations.md."""

from __future__ import annotations

import enum

from trioaudio.core.errors import (
    ChildError,
    ConfigError,
    EngineError,
    LegLostError,
    LegRefusedError,
    OutputError,
    RecordingError,
    RemoteProtocolError,
    TextError,
)


class ExitCode(enum.IntEnum):
    """Exit codes of every verb. A signal ends with 128 plus its number: 130, 143."""

    SAID = 0
    """All of it was said, or the verb did what it is for."""
    BUG = 1
    """An error of ours; please report it."""
    USAGE = 2
    """Wrong arguments or settings."""
    TEXT = 3
    """Nothing that could be spoken or played, or too much of it."""
    ENGINE = 4
    """The engine could not speak, or could not be started."""
    CARRIER = 5
    """The carrier could not be reached, said no, or went away before all was said."""
    OUTPUT = 6
    """A file asked for could not be written."""


def exit_code_for(exc: Exception) -> ExitCode:
    """Return the exit code for an error, BUG for one that was not raised on purpose."""
    match exc:
        case ConfigError():
            return ExitCode.USAGE
        case TextError() | RecordingError():
            return ExitCode.TEXT
        case EngineError() | ChildError():
            return ExitCode.ENGINE
        case LegLostError() | LegRefusedError() | RemoteProtocolError():
            return ExitCode.CARRIER
        case OutputError():
            return ExitCode.OUTPUT
        case _:
            return ExitCode.BUG
