"""A dialect in plain words, and a wire that remembers when what was said."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from trioaudio.core.carrier import Message
from trioaudio.simulators.dialect import (
    Action,
    Audio,
    Control,
    Malformed,
    MarkAsked,
    Reading,
)
from trioaudio.simulators.faults import Strike

ACTIONS = {each.value: each for each in Action}


@attrs.define(eq=False)
class PlainDialect:
    """Text is an action, `mark NAME` or `do NAME`; bytes are audio, an even number of them."""

    def opening(self) -> Sequence[Message]:
        return ("start",)

    def late_opening(self) -> Sequence[Message]:
        return ("late",)

    def caller_audio(self, audio: bytes) -> Message:
        return audio

    def read(self, message: Message) -> Sequence[Reading]:
        if isinstance(message, bytes):
            return (Audio(message, "short" if len(message) < 100 else None),)
        word, _, name = message.partition(" ")
        if word == "mark":
            return (MarkAsked(name),)
        if word == "do":
            return (Control(name, {"to": 42}, (f"done {name}",)),)
        if word == "two":
            return (Action.CLEAR, MarkAsked("after"))
        if word in ACTIONS:
            return (ACTIONS[word],)
        return (Malformed(f"what is {word}?", ("pardon",)),)

    def mark_played(self, name: str) -> Sequence[Message]:
        return (f"played {name}",)

    def cleared(self, marks: Sequence[str]) -> Sequence[Message]:
        return (f"cleared {' '.join(marks)}".strip(),)

    def dtmf(self, digit: str) -> Sequence[Message]:
        return (f"key {digit}",)

    def flow(self, *, paused: bool) -> Sequence[Message]:
        return ("xoff" if paused else "xon",)

    def drained(self) -> Sequence[Message]:
        return ("drained",)

    def closing(self, reason: str) -> Sequence[Message]:
        return (f"closing: {reason}",)

    def malformed(self) -> Sequence[Message]:
        return ("}{",)


@attrs.define(eq=False)
class RememberedWire:
    """Keeps what was said; the test keeps the time."""

    now: float = 0.0
    said: list[tuple[float, Message]] = attrs.field(factory=list)
    spoken: list[tuple[float, Message]] = attrs.field(factory=list)
    strikes: list[Strike] = attrs.field(factory=list)

    def say(self, message: Message) -> None:
        self.said.append((round(self.now, 4), message))

    def speak(self, message: Message) -> None:
        self.spoken.append((round(self.now, 4), message))

    def strike(self, strike: Strike) -> None:
        self.strikes.append(strike)

    @property
    def words(self) -> list[Message]:
        return [message for _, message in self.said]
