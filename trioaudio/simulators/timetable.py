"""What happens in a call at times of its own: keys, storms of messages, the callee's hanging up."""

from __future__ import annotations

import itertools
from typing import TypeAlias

import attrs

from trioaudio.core.errors import ConfigError
from trioaudio.simulators.agenda import Agenda
from trioaudio.simulators.faults import Faults, Switch

KEYS = "0123456789*#ABCD"
KEY_SPACING = 0.2
"""Seconds between keys, as quick fingers have it."""
_STORM_AFTER = 1.0
_STORM_KEYS = 500
_STORM_PAUSES = 50
_MOST_SECONDS = 1e6


@attrs.frozen
class Press:
    """The callee presses a key."""

    digit: str


@attrs.frozen
class Flow:
    """The carrier asks for a pause, or for its end, whatever its queue holds."""

    paused: bool


@attrs.frozen
class HangUp:
    """The callee hangs up."""


Occurrence: TypeAlias = Press | Flow | HangUp


@attrs.frozen
class Keys:
    """Keys to press, the first one `after` seconds."""

    digits: str
    after: float


@attrs.frozen
class Timetable:
    """Seconds are counted from the start message of a call's first connection."""

    keys: tuple[Keys, ...]
    hang_up_after: float | None
    faults: Faults

    def enter(self, start: float, agenda: Agenda[Occurrence]) -> None:
        """Put everything on an agenda."""
        for keys in self.keys:
            for n, digit in enumerate(keys.digits):
                agenda.put(start + keys.after + n * KEY_SPACING, Press(digit))
        storm = start + _STORM_AFTER
        if self.faults.has(Switch.DTMF_STORM):
            for n, digit in zip(range(_STORM_KEYS), itertools.cycle(KEYS), strict=False):
                agenda.put(storm + n / _STORM_KEYS, Press(digit))
        if self.faults.has(Switch.XOFF_STORM):
            for n in range(2 * _STORM_PAUSES):
                agenda.put(storm + n / (2 * _STORM_PAUSES), Flow(paused=n % 2 == 0))
        if self.hang_up_after is not None:
            agenda.put(start + self.hang_up_after, HangUp())


def read_keys(text: str) -> Keys:
    """Read DIGITS@SECONDS; ConfigError if it is none."""
    digits, at, seconds = text.upper().partition("@")
    try:
        after = float(seconds)
    except ValueError:
        after = -1.0
    if not at or not digits or not set(digits) <= set(KEYS) or not 0 <= after <= _MOST_SECONDS:
        raise ConfigError(
            f"--dtmf {text!r}: wanted keys out of {KEYS} and seconds, such as 42#@1.5"
        )
    return Keys(digits, after)
