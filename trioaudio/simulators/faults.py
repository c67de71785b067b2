"""What is to go wrong in a simulated call, and when."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence

import attrs

from trioaudio.core.errors import ConfigError


class Strike(enum.Enum):
    """A fault that strikes once in a call, after so many received frames."""

    RESET = "reset-after"
    CLOSE = "close-after"
    GARBAGE = "garbage-after"
    STOP_READING = "stop-reading-after"
    HALF_OPEN = "half-open-after"
    EARLY_STOP = "early-stop-after"


class Switch(enum.Enum):
    """A fault that is there or not."""

    EARLY_MEDIA = "early-media"
    DUPLICATE_START = "duplicate-start"
    NO_START = "no-start"
    DUPLICATE_MARKS = "duplicate-marks"
    STALE_MARK_AFTER_CLEAR = "stale-mark-after-clear"
    DTMF_STORM = "dtmf-storm"
    MALFORMED = "malformed"
    BIG_MESSAGE = "big-message"
    XOFF_STORM = "xoff-storm"
    FLOOD = "flood"
    REJECT_SILENTLY = "reject-silently"


class Amount(enum.Enum):
    """A fault with a number."""

    REDIAL_AFTER = "redial-after"
    LATE_START = "late-start"
    LATE_MARKS = "late-marks"
    LOST_MARKS = "lost-marks"
    CLEAR_RACE = "clear-race"
    SLOW_READER = "slow-reader"


MEANINGS: Mapping[Strike | Switch | Amount, str] = {
    Strike.RESET: "the TCP connection is reset",
    Strike.CLOSE: "the WebSocket is closed in good order, code 1000",
    Strike.GARBAGE: "64 bytes are sent that are no WebSocket frame",
    Strike.STOP_READING: "nothing more is read and no ping answered; audio is sent on",
    Strike.HALF_OPEN: "nothing more is read, answered or sent; the socket stays open",
    Strike.EARLY_STOP: "the stream is said to end, and goes on",
    Switch.EARLY_MEDIA: "caller audio for 100 ms before the start message, on each connection",
    Switch.DUPLICATE_START: "the start messages come twice, on each connection",
    Switch.NO_START: "no start message on any connection; caller audio comes all the same",
    Switch.DUPLICATE_MARKS: "every mark is acknowledged twice",
    Switch.STALE_MARK_AFTER_CLEAR: "200 ms after a clear a mark from before it is acknowledged"
    " as played: those that waited, else the last one played",
    Switch.DTMF_STORM: "500 keys within a second, a second after the start",
    Switch.MALFORMED: "what the carrier should never send, right after the start",
    Switch.BIG_MESSAGE: "10 MB of caller audio in one message, right after the start",
    Switch.XOFF_STORM: "50 times pause and resume within a second, a second after the start",
    Switch.FLOOD: "caller audio at twenty times real time",
    Switch.REJECT_SILENTLY: "audio is taken and never played, marks are never acknowledged",
    Amount.REDIAL_AFTER: "a lost or reset connection is dialled again, same call id",
    Amount.LATE_START: "the start message comes so late, on each connection",
    Amount.LATE_MARKS: "marks are acknowledged so late",
    Amount.LOST_MARKS: "acknowledgements that never come; all of them without a rate",
    Amount.CLEAR_RACE: "a clear acts so late, 200 if unsaid, and takes what came meanwhile",
    Amount.SLOW_READER: "no faster is anything read",
}
"""What each fault is, in the words of `--help`; N of a strike is received frames."""

AMOUNTS: Mapping[Amount, str] = {
    Amount.REDIAL_AFTER: "=SECONDS",
    Amount.LATE_START: "=SECONDS",
    Amount.LATE_MARKS: "=SECONDS",
    Amount.LOST_MARKS: "[=RATE, 0 to 1]",
    Amount.CLEAR_RACE: "[=MS]",
    Amount.SLOW_READER: "=BYTES_PER_SECOND",
}
"""How an amount is written."""

_DEFAULTS = {Amount.LOST_MARKS: 1.0, Amount.CLEAR_RACE: 200.0}
_LEAST = {Amount.SLOW_READER: 1.0}
_MOST = {Amount.LOST_MARKS: 1.0}
_REASON = 1e9


@attrs.frozen
class Faults:
    """All that was asked to go wrong."""

    strikes: Mapping[Strike, int] = attrs.field(factory=dict)
    """After how many received frames each is due."""
    switches: frozenset[Switch] = frozenset()
    amounts: Mapping[Amount, float] = attrs.field(factory=dict)

    def has(self, switch: Switch) -> bool:
        """Say whether a fault was asked for."""
        return switch in self.switches

    def seconds(self, amount: Amount) -> float | None:
        """Return a fault's number, None if it was not asked for; CLEAR_RACE is made seconds."""
        value = self.amounts.get(amount)
        return value / 1000 if value is not None and amount is Amount.CLEAR_RACE else value


class Strikes:
    """Which faults of a call are still to come; each strikes once, whatever is dialled after it."""

    def __init__(self, faults: Faults) -> None:
        self._to_come = dict(faults.strikes)
        self._once = {Switch.MALFORMED, Switch.BIG_MESSAGE} & faults.switches

    def due(self, frames: int) -> Strike | None:
        """Return a fault that is due after `frames` received frames, and forget it."""
        for strike, after in self._to_come.items():
            if frames >= after:
                del self._to_come[strike]
                return strike
        return None

    def first(self, switch: Switch) -> bool:
        """Say, once, that a fault was asked for that strikes with the first start of a call."""
        if switch in self._once:
            self._once.discard(switch)
            return True
        return False


def read_faults(texts: Sequence[str]) -> Faults:
    """Read `--fault` values; ConfigError names each that is no fault."""
    strikes: dict[Strike, int] = {}
    switches: set[Switch] = set()
    amounts: dict[Amount, float] = {}
    problems: list[str] = []
    for text in texts:
        name, equals, value = text.partition("=")
        try:
            match _named(name):
                case Strike() as strike:
                    strikes[strike] = int(_within(int(value), 0, _REASON))
                case Switch() as switch:
                    _refuse_value(equals)
                    switches.add(switch)
                case Amount() as amount:
                    amounts[amount] = _amount(amount, equals, value)
        except ValueError as exc:
            problems.append(f"--fault {text}: {exc}")
    if problems:
        raise ConfigError(*problems)
    return Faults(strikes, frozenset(switches), amounts)


def _named(name: str) -> Strike | Switch | Amount:
    for fault in MEANINGS:
        if fault.value == name:
            return fault
    known = ", ".join(sorted(fault.value for fault in MEANINGS))
    raise ValueError(f"unknown; there are {known}")


def _amount(amount: Amount, equals: str, value: str) -> float:
    if not equals and amount in _DEFAULTS:
        return _DEFAULTS[amount]
    return _within(float(value), _LEAST.get(amount, 0.0), _MOST.get(amount, _REASON))


def _refuse_value(equals: str) -> None:
    if equals:
        raise ValueError("takes no value")


def _within(number: float, least: float, most: float) -> float:
    if not least <= number <= most:
        raise ValueError(f"must lie between {least:g} and {most:g}")
    return number
