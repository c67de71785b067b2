"""What is to go wrong in a simulated service, how often, and with what value.

A fault is asked for as NAME[=VALUE][@RATE]. RATE says which of the things it can strike it does
strike: `1/20` every twentieth, `0.05` so many by chance, `#3` the third only; without it, all.
"""

from __future__ import annotations

import enum
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import attrs

from trioaudio.core.errors import ConfigError
from trioaudio.core.suggest import did_you_mean

_BEYOND_REASON = 1e9
_STATUS = (400.0, 599.0)


class Scope(enum.Enum):
    """What a fault strikes, and is counted by."""

    CONNECTION = "connection"
    UTTERANCE = "utterance"
    """One context, one HTTP request: whatever the service speaks in one go."""


@attrs.frozen
class FaultKind:
    """A fault there is; `value` is the number it takes if none is given, None if it takes none."""

    name: str
    scope: Scope
    help: str
    value: float | None = None
    limits: tuple[float, float] = (0.0, _BEYOND_REASON)
    """The least and the greatest value there is sense in."""


def _connection(
    name: str, explanation: str, value: float, limits: tuple[float, float] = (0, _BEYOND_REASON)
) -> FaultKind:
    return FaultKind(name, Scope.CONNECTION, explanation, value, limits)


def _utterance(
    name: str,
    explanation: str,
    value: float | None = None,
    limits: tuple[float, float] = (0, _BEYOND_REASON),
) -> FaultKind:
    return FaultKind(name, Scope.UTTERANCE, explanation, value, limits)


# A connection, while it begins and while nothing happens.
UPGRADE_STATUS = _connection(
    "upgrade-status", "the upgrade is refused with HTTP status N", 500, _STATUS
)
SLOW_UPGRADE = _connection("slow-upgrade", "the upgrade is answered after N ms", 2000)
IDLE_CLOSE = _connection("idle-close", "closed in good order after N idle seconds", 1)

# An utterance that is not spoken.
REFUSE = _utterance("refuse", "refused with status N before any audio", 429, _STATUS)
ORPHAN_REFUSE = _utterance("orphan-refuse", "as refuse, not saying which utterance", 429, _STATUS)
SILENT = _utterance("silent", "accepted, and nothing comes of it")

# An utterance that is cut, N ms of audio into it.
FAIL = _utterance("fail", "fails with status 500 after N ms of audio", 300)
ORPHAN_FAIL = _utterance("orphan-fail", "as fail, not saying which utterance", 300)
RESET = _utterance("reset", "the TCP connection is reset after N ms of audio", 300)
CLOSE = _utterance("close", "the connection is closed in good order after N ms of audio", 300)
STALL = _utterance("stall", "nothing more after N ms of audio; the connection stays open", 300)
NO_DONE = _utterance("no-done", "the message that tells of the end is missing")

# Audio that is not as it should be.
SLOW = _utterance("slow", "the audio takes N times as long to make as to play", 2, (0, 1000))
ODD_CHUNKS = _utterance("odd-chunks", "every chunk but the last has an odd number of bytes")
CHUNK_BYTES = _utterance("chunk-bytes", "every chunk but the last has N bytes", 1, (1, 16 << 20))
WAV_HEADER = _utterance("wav-header", "a WAV header before the audio")
WRONG_RATE = _utterance(
    "wrong-rate", "audio at N Hz, whatever was asked for", 44100, (4000, 192000)
)

# Everything a service may do to the timings of words.
NO_TIMESTAMPS = _utterance("no-timestamps", "the timings asked for do not come")

DELIVERY_FAULTS = (
    *(SILENT, FAIL, RESET, CLOSE, STALL, NO_DONE),
    *(SLOW, ODD_CHUNKS, CHUNK_BYTES, WAV_HEADER, WRONG_RATE, NO_TIMESTAMPS),
)
"""What `delivery` does by itself for every service; NO_DONE is left to the service."""


@attrs.frozen
class _Rate:
    """When a fault strikes: every nth, the nth only, or by chance."""

    every: int = 1
    only: int | None = None
    chance: float | None = None

    def strikes(self, count: int, draw: float) -> bool:
        """Say whether it strikes the count-th time it could, counted from 1."""
        if self.only is not None:
            return count == self.only
        if self.chance is not None:
            return draw < self.chance
        return count % self.every == 0


@attrs.frozen
class AskedFault:
    """A fault asked for."""

    kind: FaultKind
    value: float
    rate: _Rate


@attrs.frozen
class Strikes:
    """The faults that strike one connection or one utterance."""

    _values: Mapping[FaultKind, float] = attrs.field(factory=dict)

    def __contains__(self, kind: FaultKind) -> bool:
        return kind in self._values

    def __bool__(self) -> bool:
        return bool(self._values)

    def value(self, kind: FaultKind) -> float | None:
        """Return a fault's number; None when it does not strike."""
        return self._values.get(kind)


class Faults:
    """All that was asked to go wrong, and how often each thing has."""

    def __init__(self, asked: Sequence[AskedFault], draw: random.Random) -> None:
        self._asked = asked
        self._draw = draw
        self._counts: Counter[Scope] = Counter()
        self.struck: Counter[str] = Counter()

    def strike(self, scope: Scope) -> Strikes:
        """Decide what goes wrong with the next connection or utterance."""
        self._counts[scope] += 1
        count = self._counts[scope]
        values: dict[FaultKind, float] = {}
        for each in self._asked:
            # One draw for each, struck or not: what one fault does must not move another.
            draw = self._draw.random()
            if each.kind.scope is scope and each.rate.strikes(count, draw):
                values[each.kind] = each.value
                self.struck[each.kind.name] += 1
        return Strikes(values)


def read_faults(texts: Iterable[str], known: Iterable[FaultKind]) -> list[AskedFault]:
    """Read NAME[=VALUE][@RATE] texts; ConfigError names each that is none of the known."""
    kinds = {each.name: each for each in known}
    found: list[AskedFault] = []
    problems: list[str] = []
    for text in texts:
        named, at, rate = text.partition("@")
        name, equals, value = named.partition("=")
        try:
            kind = _kind(name, kinds)
            number = _value(kind, value if equals else None)
            found.append(AskedFault(kind, number, _rate(rate if at else "1/1")))
        except ValueError as exc:
            problems.append(f"--fault {text}: {exc}")
    if problems:
        raise ConfigError(*problems)
    return found


def _kind(name: str, kinds: Mapping[str, FaultKind]) -> FaultKind:
    if name not in kinds:
        raise ValueError(f"unknown; {did_you_mean(name, kinds)}")
    return kinds[name]


def _value(kind: FaultKind, text: str | None) -> float:
    if kind.value is None:
        if text is not None:
            raise ValueError("takes no value")
        return 0.0
    if text is None:
        return kind.value
    number = float(text)
    least, most = kind.limits
    if not least <= number <= most:
        raise ValueError(f"the value must be {least:g} to {most:g}")
    return number


def _rate(text: str) -> _Rate:
    try:
        if text.startswith("#"):
            rate = _Rate(only=int(text[1:]))
        elif text.startswith("1/"):
            rate = _Rate(every=int(text[2:]))
        else:
            rate = _Rate(chance=float(text))
    except ValueError:
        rate = _Rate(every=0)
    least = rate.every if rate.only is None else rate.only
    if least < 1 or not 0 <= (rate.chance or 0) <= 1:
        raise ValueError(f"{text!r} is no rate; wanted 1/20, 0.05 or #3")
    return rate
