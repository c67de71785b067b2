"""What a sender must number its audio messages with, and where it miscounts."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from trioaudio.core.encoding import MediaFormat
from trioaudio.core.wire_json import JsonObject, JsonValue
from trioaudio.simulators.dialects._strict_reading import excerpt

# More digits than any count needs, and few enough to be read without harm.
_MOST_DIGITS = 15


@attrs.frozen
class Counter:
    """One number: where it stands and what it counts."""

    path: tuple[str, ...]
    """One name for a member of the message, two for one inside."""
    kinds: tuple[type, ...] = (str,)
    """What it is written as: str, int, or either."""
    of_milliseconds: bool = False
    """It is the duration of the audio before the message, from 0; else it counts from 1."""
    needed: bool = True

    @property
    def outside(self) -> bool:
        """Whether it stands beside the audio's object, and not in it."""
        return len(self.path) == 1

    def read(self, value: object) -> int | None:
        """Return the number; None if it is not written as it should be."""
        if type(value) not in self.kinds:
            return None
        text = str(value)
        if not (text.isascii() and text.isdigit()) or len(text) > _MOST_DIGITS:
            return None
        return int(text) if text == str(int(text)) else None


@attrs.define(eq=False)
class Numbering:
    """The numbers of one connection. A wrong one is blamed once: counting goes on from it."""

    counters: Sequence[Counter]
    media: MediaFormat
    _messages: int = 0
    _samples: int = 0
    _ahead: dict[Counter, int] = attrs.field(factory=dict)
    """By how much the sender's count exceeds ours."""

    def count(self, message: JsonObject, audio: bytes) -> list[str]:
        """Count a message, whatever else is wrong with it; return where it is misnumbered."""
        problems = [
            problem
            for counter in self.counters
            if (problem := self._problem_of(counter, message)) is not None
        ]
        self._messages += 1
        self._samples += len(audio) // self.media.encoding.sample_bytes
        return problems

    def _problem_of(self, counter: Counter, message: JsonObject) -> str | None:
        name = ".".join(counter.path)
        value: JsonValue = message
        for step in counter.path:
            if not isinstance(value, dict) or step not in value:
                return f"{name} is missing" if counter.needed else None
            value = value[step]
        number = counter.read(value)
        if number is None:
            kinds = " or ".join("text" if kind is str else "number" for kind in counter.kinds)
            return f"{name} {excerpt(value)} is no whole number written as {kinds}"
        if counter.of_milliseconds:
            ours, slack = self._samples * 1000 // self.media.sample_rate, 1  # rounding is free
        else:
            ours, slack = self._messages + 1, 0
        wanted = ours + self._ahead.get(counter, 0)
        if abs(number - wanted) <= slack:
            return None
        self._ahead[counter] = number - ours
        return f"{name} is {number}, and should be {wanted}"
