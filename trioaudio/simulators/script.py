"""What every connection of a call is made of: what is to be said, and where it goes."""

from __future__ import annotations

from typing import Protocol

import attrs

from trioaudio.core.carrier import Message
from trioaudio.core.encoding import MediaFormat
from trioaudio.simulators.caller import CallerAudio
from trioaudio.simulators.faults import Faults, Strike, Switch
from trioaudio.simulators.timetable import Timetable

# Twenty times real time is a flood to a reader, and still leaves the machine to it.
_FLOOD = 20


class Wire(Protocol):
    """Where a conversation goes; nothing here waits."""

    def say(self, message: Message) -> None:
        """Send a message, in order, however long the socket takes none."""
        ...

    def speak(self, message: Message) -> None:
        """Send caller audio, or drop it if the socket takes none."""
        ...

    def strike(self, strike: Strike) -> None:
        """Do to the socket what a fault is about."""
        ...


@attrs.frozen
class Script:
    """What every connection of a call has in common."""

    media: MediaFormat
    audio: CallerAudio | None
    interval: float
    """Seconds between messages of caller audio."""
    faults: Faults
    timetable: Timetable
    copies: int
    """How often each message of caller audio is sent."""


def script(
    media: MediaFormat,
    audio: CallerAudio | None,
    interval: float,
    faults: Faults,
    timetable: Timetable,
) -> Script:
    """Return what every connection of a call has in common."""
    copies = _FLOOD if faults.has(Switch.FLOOD) else 1
    return Script(media, audio, interval, faults, timetable, copies)
