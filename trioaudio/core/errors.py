"""Whose fault it is. Every error the program raises on purpose is here.

Library exceptions are mapped to these in the one file that imports the library.
`verdict.judge` turns them into what to do about a leg.
"""

from __future__ import annotations

import enum


class TrioaudioError(Exception):
    """Root of all errors raised on purpose; the message is one line a person can act on."""


class LocalProtocolError(TrioaudioError):
    """We broke a protocol's rules: a bug of ours."""


class RemoteProtocolError(TrioaudioError):
    """The carrier broke its protocol's rules."""


class LegLostError(TrioaudioError):
    """The network took the leg away: reset, time-out, unreachable, half-dead."""


class LegRefusedError(TrioaudioError):
    """The carrier said no, and asking again will not change that."""


class ConfigError(TrioaudioError):
    """The operator's: a setting or an argument. Holds every problem found, one line each."""

    def __init__(self, *problems: str) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class UnframeableRateError(ConfigError):
    """A sample rate that gives no whole number of samples in one ptime."""


class TextError(TrioaudioError):
    """The author's: text that cannot be spoken (empty, too long, in a script the voice lacks)."""


class RecordingError(TrioaudioError):
    """The author's: a recording that cannot be played, or cannot be fetched from where it is."""


class OutputError(TrioaudioError):
    """A file asked for could not be written; nothing half-written is left behind."""


class ChildError(TrioaudioError):
    """The machine would not give us a child process."""


class EngineFault(enum.Enum):
    """What kind of failure an engine reported."""

    AUTH = "auth"
    QUOTA = "quota"
    RATE = "rate"
    BAD_REQUEST = "bad-request"
    EMPTY = "empty"
    UNAVAILABLE = "unavailable"
    TIMEOUT = "timeout"
    PROTOCOL = "protocol"


class FaultScope(enum.Enum):
    """What an engine failure took with it."""

    UTTERANCE = "utterance"
    CONNECTION = "connection"


class EngineError(TrioaudioError):
    """An engine could not speak.

    `kind` says why, `retryable` whether the same request may work later or elsewhere,
    `scope` whether only this utterance or the whole connection is affected.
    """

    def __init__(
        self,
        message: str,
        *,
        kind: EngineFault,
        retryable: bool,
        scope: FaultScope = FaultScope.UTTERANCE,
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retryable = retryable
        self.scope = scope
