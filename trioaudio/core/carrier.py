"""What a carrier is to us: the events it reports, the commands it takes, and its description.

A carrier codec is sans-I/O: a message read becomes events, a command becomes messages. The two
unions are closed, so the type checker finds the carrier that forgot a command. Facts that
differ by carrier are data in `Carrier`, so that nothing above asks which carrier it has.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

import attrs

from trioaudio.core.encoding import Encoding, Payload, PayloadForm

Message: TypeAlias = str | bytes
"""One unit on the wire: text or binary, as the carrier wants it."""


# --- Events: it happened -----------------------------------------------------------------


@attrs.frozen
class Started:
    """The media stream is open; ids are the carrier's own, opaque, None where it has none."""

    stream_id: str | None = None
    call_id: str | None = None
    encoding: str | None = None
    sample_rate: int | None = None
    metadata: Any = None


@attrs.frozen
class CallerAudio:
    """Audio from the far end, still in the carrier's encoding."""

    payload: bytes
    track: str | None = None


@attrs.frozen
class MarkPlayed:
    """A mark came back. `heard` is False when the carrier says it was cleared, None if unsaid."""

    name: str
    heard: bool | None = None


@attrs.frozen
class Cleared:
    """The carrier has forgotten what it had not played."""


@attrs.frozen
class DtmfPressed:
    """A key was pressed: 0-9, *, #, A-D."""

    digit: str
    duration_ms: float | None = None


@attrs.frozen
class FlowPaused:
    """The carrier's queue is nearly full: send no audio until FlowResumed."""


@attrs.frozen
class FlowResumed:
    """The carrier takes audio again."""


@attrs.frozen
class QueueDrained:
    """The carrier has played all it was sent."""


@attrs.frozen
class Metadata:
    """Something the carrier told about the call, as JSON value or opaque text."""

    value: Any


@attrs.frozen
class Complaint:
    """The carrier reported an error of ours, or sent something odd that was tolerated."""

    text: str
    code: str | None = None


@attrs.frozen
class Stopped:
    """The carrier has ended the media stream."""

    reason: str | None = None


Event: TypeAlias = (
    Started
    | CallerAudio
    | MarkPlayed
    | Cleared
    | DtmfPressed
    | FlowPaused
    | FlowResumed
    | QueueDrained
    | Metadata
    | Complaint
    | Stopped
)


# --- Commands: do it ---------------------------------------------------------------------


@attrs.frozen
class SendAudio:
    """Play a payload made by `payload_encoder` for this carrier."""

    payload: Payload


@attrs.frozen
class SendMark:
    """Echo `name` once all audio before it has been played."""

    name: str


@attrs.frozen
class ClearAudio:
    """Forget audio not yet played."""


@attrs.frozen
class Pause:
    """Hold what is playing."""


@attrs.frozen
class Resume:
    """Go on after Pause."""


@attrs.frozen
class Answer:
    """The stream is open and we may speak: what the far end is to be told first, if anything."""


@attrs.frozen
class SendDtmf:
    """Press keys towards the callee."""

    digits: str


@attrs.frozen
class Transfer:
    """Connect the callee to somebody else; numbers in the carrier's notation."""

    to: tuple[str, ...]
    caller_id: str | None = None
    timeout_s: int = 40
    duration_s: int = 5400


@attrs.frozen
class HangUp:
    """End the telephone call."""

    reason: str | None = None


@attrs.frozen
class EndStream:
    """End the media stream; what the call does then is the carrier's business."""


Command: TypeAlias = (
    SendAudio
    | SendMark
    | ClearAudio
    | Pause
    | Resume
    | Answer
    | SendDtmf
    | Transfer
    | HangUp
    | EndStream
)


class CarrierCodec(Protocol):
    """One leg's protocol state.

    Never waits; raises nothing on what the carrier sends except RemoteProtocolError.
    """

    def receive(self, message: Message) -> list[Event]:
        """Read one message; RemoteProtocolError if it breaks the carrier's protocol."""
        ...

    def send(self, command: Command) -> list[Message]:
        """Write one command as none, one or several messages.

        None means the carrier needs to be told nothing. LocalProtocolError when the carrier
        has no way to do it and silence would be a lie (`Transfer`, `SendDtmf`).
        """
        ...

    def seal(self, payload: Payload) -> Sequence[Message]:
        """Return the messages of one audio payload, at the last moment: ids, sequence numbers.

        The hot path: once per playout item, by concatenation, no parsing and no `json.dumps`.
        """
        ...

    def is_media(self, message: Message) -> bool:
        """Say from a message's kind or first bytes whether it is only audio, without decoding.

        `message` may be cut after 64 bytes. Media nobody listens to is dropped unread.
        """
        ...


# --- Description -------------------------------------------------------------------------


class Role(enum.Enum):
    """Who opens the socket; says nothing about who called whom."""

    ANSWER = "answer"
    """The carrier dials us."""
    DIAL = "dial"
    """We dial the carrier."""


class Recovery(enum.Enum):
    """What can be done about a lost leg."""

    REDIAL = "redial"
    """We connect again."""
    WAIT = "wait"
    """The carrier may connect again with the same call; we keep its state for a grace time."""
    END = "end"
    """Nothing."""


class Starts(enum.Enum):
    """What lets us speak."""

    ON_CONNECT = "on-connect"
    ON_MESSAGE = "on-message"
    """Nothing may be sent before the carrier's start message."""


class Acknowledges(enum.Enum):
    """How a carrier says that audio was played."""

    NOTHING = "nothing"
    MARKS = "marks"


class MarksAfterClear(enum.Enum):
    """What a clear does to marks not yet played."""

    NONE_EXIST = "none-exist"
    RETURNED = "returned"
    """They come back at once and do not mean that anything was heard."""
    REPORTED = "reported"
    """They come back saying they were cleared."""
    DROPPED = "dropped"


class Idle(enum.Enum):
    """What is sent while nobody speaks."""

    NONE = "none"
    """Nothing but WebSocket pings."""
    SILENCE = "silence"
    COMFORT_NOISE = "comfort-noise"


@attrs.frozen
class WireUnit:
    """Bytes of encoded audio one message may carry; a tail is padded to a multiple."""

    multiple: int = 1
    smallest: int = 1
    largest: int = 1 << 20


@attrs.frozen
class CarrierSettings:
    """What an operator may change about every carrier; a carrier may subclass it with more.

    Field metadata `help` is the text of the settings reference, units included.
    """

    lead_ms: int = attrs.field(
        default=0, metadata={"help": "milliseconds each frame is sent before it is due"}
    )
    tail_ms: int = attrs.field(
        default=200,
        metadata={"help": "milliseconds between the last frame's end and the hang-up"},
    )
    clear_gap_ms: int = attrs.field(
        default=0,
        metadata={"help": "milliseconds without audio after a clear, which audio might overtake"},
    )
    idle: Idle = attrs.field(
        default=Idle.NONE,
        metadata={"help": "sent while nobody speaks: none, silence or comfort-noise"},
    )
    frames_per_message: int = attrs.field(
        default=1,
        metadata={"help": "60 ms frames in one message; 0 sends each utterance whole"},
    )


@attrs.frozen
class Carrier:
    """A carrier's description: all that the rest of the program knows about it."""

    name: str
    roles: frozenset[Role]
    settings: CarrierSettings
    """The defaults; an instance with the operator's values goes to `new_codec`."""
    new_codec: Callable[[CarrierSettings, int], CarrierCodec]
    """(settings, sample rate in Hz) → a codec for one leg."""
    documentation: str
    sample_rates: tuple[int, ...] = (8000, 16000)
    encoding: Encoding = Encoding.PCM16
    form: PayloadForm = PayloadForm.BINARY
    unit: WireUnit = WireUnit()
    starts: Starts = Starts.ON_CONNECT
    recovery: Recovery = Recovery.WAIT
    clears: bool = False
    """Whether ClearAudio makes the carrier forget what it holds."""
    acknowledges: Acknowledges = Acknowledges.NOTHING
    marks_after_clear: MarksAfterClear = MarksAfterClear.NONE_EXIST
    stamps_by_arrival: bool = False
    """Audio is timed by when it arrives: no lead, and new speech starts in the next slot."""
    subprotocols: tuple[str, ...] = ()
    """Selected only if the carrier offers them."""
    ends_by_close: bool = False
    """Closing the socket is all there is to ending the stream."""
