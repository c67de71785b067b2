"""What is to go wrong in a simulated call, and when."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import attrs

from trioaudio.core.errors import ConfigError


class Fault(enum.Enum):
    """A fault that strikes once, after so many received frames."""

    RESET = "reset-after"
    """The TCP connection is reset."""
    STOP_READING = "stop-reading-after"
    """Nothing more is read, and no ping is answered."""
    CLOSE = "close-after"
    """A close in good order, code 1000."""
    GARBAGE = "garbage-after"
    """Bytes that are no WebSocket frame."""


_SWITCHES = ("reject-silently", "big-message", "flood")
_REDIAL = "redial-after"
_MOST = 1e9


@attrs.frozen
class Faults:
    """All that was asked to go wrong."""

    after_frames: dict[Fault, int] = attrs.field(factory=dict)
    redial_after_seconds: float | None = None
    """Dial again this long after a connection was lost, or ended by a fault."""
    reject_silently: bool = False
    """Audio is taken and never played, and nobody is told."""
    big_message: bool = False
    """A message of 10 MB right after the connection is up."""
    flood: bool = False
    """Caller audio faster than real time."""


class Strikes:
    """Which faults are still to come; each strikes once, whatever is dialled again after it."""

    def __init__(self, faults: Faults) -> None:
        self._to_come = dict(faults.after_frames)

    def due(self, frames: int) -> Fault | None:
        """Return a fault that is due after `frames` received frames, and forget it."""
        for fault, after in self._to_come.items():
            if frames >= after:
                del self._to_come[fault]
                return fault
        return None


def read_faults(texts: Sequence[str]) -> Faults:
    """Read `--fault` values; ConfigError names each that is no fault."""
    after_frames: dict[Fault, int] = {}
    redial: float | None = None
    switches: set[str] = set()
    problems: list[str] = []
    for text in texts:
        name, equals, number = text.partition("=")
        try:
            if name in _SWITCHES:
                _refuse_value(equals)
                switches.add(name)
            elif name == _REDIAL:
                redial = _within_reason(float(number))
            else:
                fault = _fault(name)
                after_frames[fault] = int(_within_reason(int(number)))
        except ValueError as exc:
            problems.append(f"--fault {text}: {exc}")
    if problems:
        raise ConfigError(*problems)
    return Faults(
        after_frames=after_frames,
        redial_after_seconds=redial,
        reject_silently="reject-silently" in switches,
        big_message="big-message" in switches,
        flood="flood" in switches,
    )


def _fault(name: str) -> Fault:
    try:
        return Fault(name)
    except ValueError:
        known = sorted([*(fault.value for fault in Fault), *_SWITCHES, _REDIAL])
        raise ValueError(f"unknown; there are {', '.join(known)}") from None


def _refuse_value(equals: str) -> None:
    if equals:
        raise ValueError("takes no value")


def _within_reason(number: float) -> float:
    if not 0 <= number <= _MOST:
        raise ValueError("must not be negative, nor beyond reason")
    return number
