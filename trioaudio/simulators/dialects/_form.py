"""What the carriers of the Media Streams family do each in its own way, as data.

Also how ids, durations and dates are written, which their descriptions need.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

import attrs

from trioaudio.core.carrier import MarksAfterClear
from trioaudio.core.encoding import MediaFormat
from trioaudio.core.wire_json import JsonObject
from trioaudio.simulators.dialects._numbering import Counter

# A dialect has no clock: its messages are dated by the audio before them, from this day on.
_EPOCH = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)


@attrs.frozen
class Names:
    """How a carrier spells the two members that nearly every message has."""

    sequence: str
    stream: str


CAMEL = Names("sequenceNumber", "streamSid")
SNAKE = Names("sequence_number", "stream_sid")


@attrs.frozen
class Sizes:
    """How much audio one message may hold: bytes, unless the name says milliseconds."""

    whole_samples: bool = True
    """Not so where messages are cut out of a file."""
    multiple: int = 1
    largest: int | None = None
    advised: int = 0
    """Less is played, and blamed."""
    shortest_ms: int = 0
    longest_ms: int | None = None

    def refusals(self, audio: bytes, media: MediaFormat) -> list[str]:
        """Return why audio of this size is not played."""
        size = len(audio)
        problems = []
        if self.whole_samples and size % media.encoding.sample_bytes:
            problems.append(f"{size} bytes of audio are no whole samples")
        if size % self.multiple:
            problems.append(f"{size} bytes of audio are no multiple of {self.multiple}")
        if self.largest is not None and size > self.largest:
            problems.append(f"{size} bytes of audio are more than {self.largest}")
        if size < media.bytes_in(self.shortest_ms):
            problems.append(f"{size} bytes of audio last less than {self.shortest_ms} ms")
        if self.longest_ms is not None and size > media.bytes_in(self.longest_ms):
            problems.append(f"{size} bytes of audio last more than {self.longest_ms} ms")
        return problems


@attrs.frozen
class Form:
    """How one carrier speaks, for one call."""

    names: Names
    stream_id: str
    connected: JsonObject
    """The first message, but for its event."""
    start: JsonObject
    """What the start message has beside event, sequence number and stream id."""
    stop: Callable[[str], JsonObject]
    """(reason) → likewise for the stop message."""
    number: Callable[[int], str | int] = str
    """How sequence numbers, chunks and timestamps are written."""
    track: str | None = "inbound"
    """What caller audio is said to be; None if it is not said."""
    dtmf: JsonObject | None = attrs.field(factory=dict)
    """What comes with a digit; None if the carrier tells of none."""
    more: Callable[[str, str], JsonObject] = lambda _event, _moment: {}
    """(event, moment) → what else stands in a message after connected."""
    sizes: Sizes = Sizes()
    beside_payload: Mapping[str, type] = attrs.field(factory=dict)
    """What else may stand in the media of the sender, and its type."""
    counters: tuple[Counter, ...] = ()
    """What the sender numbers its audio with."""
    stream_needed: bool = True
    """Whether the sender must name the stream; if not, it may."""
    hang_up: Mapping[str, str] | None = None
    """The members of the message that ends the call, beside event and stream; None: none does."""
    error: Callable[[str, bool], JsonObject] | None = None
    """(what is wrong, whether with the audio) → what the carrier says to it, if it says so."""
    marks_after_clear: MarksAfterClear = MarksAfterClear.RETURNED


def sid(prefix: str, uuid: str) -> str:
    """Return an id with Twilio's look: two letters and 32 hexadecimal digits."""
    return prefix + uuid.replace("-", "").lower()


def milliseconds_of(size: int, media: MediaFormat) -> int:
    """Return how long so many bytes of encoded audio last, rounded down."""
    return size // media.encoding.sample_bytes * 1000 // media.sample_rate


def moment_at(milliseconds: int) -> str:
    """Return a date and time so long after the stream's start, as vendors write it."""
    moment = _EPOCH + dt.timedelta(milliseconds=milliseconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
