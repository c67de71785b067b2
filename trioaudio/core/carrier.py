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

from trioaudio.core.encoding import Encoding, MediaFormat, Payload, PayloadForm
from trioaudio.core.errors import ConfigError
from trioaudio.core.upgrade import DoorCheck

Message: TypeAlias = str | bytes
"""One unit on the wire: text or binary, as the carrier wants it."""

PREFIX_LENGTH = 128
"""How much of a message tells whether it is only audio: some carriers say so behind an id."""


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
    """The carrier reported an error of ours, or sent something wrong that was dropped. Counted."""

    text: str
    code: str | None = None


@attrs.frozen
class Ignored:
    """The carrier sent something unknown or of no use here, and harmless; a debug line."""

    what: str


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
    | Ignored
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

        `message` may be cut after PREFIX_LENGTH bytes, or anywhere before; a yes to a part holds
        for every message that begins so. Media nobody listens to is dropped unread.
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
    """They never come back."""


class Idle(enum.Enum):
    """What is sent while nobody speaks."""

    NONE = "none"
    """Nothing but WebSocket pings."""
    SILENCE = "silence"
    COMFORT_NOISE = "comfort-noise"


class Transport(enum.Enum):
    """What carries the messages."""

    WEBSOCKET = "websocket"
    AUDIOSOCKET = "audiosocket"
    """TCP; each message is one type-length-value unit of Asterisk's AudioSocket, header included.
    The UUID that comes first is what a path is to a WebSocket."""


@attrs.frozen
class WireUnit:
    """What one message may carry, in bytes of encoded audio."""

    multiple: int = 1
    """A message's audio is padded with the encoding's silence to a multiple of this."""
    smallest: int = 1
    """Frames are gathered until there is this much; the last message of an utterance is padded."""
    largest: int = 1 << 20
    packet_ms: int | None = None
    """Each message carries exactly this much; the codec cuts a payload into so many messages."""


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
    encoding: Encoding | None = attrs.field(
        default=None,
        metadata={
            "help": "audio on the wire: pcm16, pcm16-be, mulaw or alaw, where the carrier has a"
            " choice; empty: what is usual there at the sample rate"
        },
    )
    mark_wait_ms: int = attrs.field(
        default=2000,
        metadata={
            "help": "milliseconds to wait for the carrier's word that speech was played, after the"
            " time it should have been; then our own estimate holds"
        },
    )


@attrs.frozen
class Carrier:
    """A carrier's description: all that the rest of the program knows about it."""

    name: str
    roles: frozenset[Role]
    settings: CarrierSettings
    """The defaults; an instance with the operator's values goes to `new_codec`."""
    new_codec: Callable[[CarrierSettings, MediaFormat], CarrierCodec]
    """(settings, what the stream is to carry) → a codec for one leg."""
    documentation: str
    sample_rates: tuple[int, ...] = (8000, 16000)
    encodings: tuple[Encoding, ...] = (Encoding.PCM16,)
    """All it takes; the first that carries the sample rate is the usual one."""
    form: PayloadForm = PayloadForm.BINARY
    never: int | None = None
    """A sample value the carrier takes for something else, so it must not be sent."""
    unit: WireUnit = WireUnit()
    starts: Starts = Starts.ON_CONNECT
    recovery: Recovery = Recovery.WAIT
    clears: bool = False
    """Whether ClearAudio makes the carrier forget what it holds."""
    acknowledges: Acknowledges = Acknowledges.NOTHING
    marks_after_clear: MarksAfterClear = MarksAfterClear.NONE_EXIST
    stamps_by_arrival: bool = False
    """Audio is timed by when it arrives: no lead, and new speech starts in the next slot."""
    transport: Transport = Transport.WEBSOCKET
    subprotocols: tuple[str, ...] = ()
    """Selected only if the carrier offers them; offered when we dial."""
    door_check: DoorCheck | None = None
    """How the carrier proves at the upgrade who it is, beside knowing the path; None: it cannot."""
    hangs_up: bool = False
    """Whether `HangUp` has a message that ends the telephone call; else closing may, or REST."""
    transfers: bool = False
    """Whether `Transfer` has a message; else it is left to REST."""
    ends_by_close: bool = False
    """Closing the socket is all there is to ending the stream."""

    def media_format(self, settings: CarrierSettings, sample_rate: int) -> MediaFormat:
        """Return what a stream carries with these settings; ConfigError if it takes no such thing.

        The problem begins with the setting's field name.
        """
        if sample_rate not in self.sample_rates:
            rates = " or ".join(map(str, self.sample_rates))
            raise ConfigError(
                f"sample_rate={sample_rate}: {self.name} does not take it; give {rates}"
            )
        if settings.encoding is None:
            usual = next((each for each in self.encodings if each.carries(sample_rate)), None)
            if usual is None:
                raise ConfigError(f"sample_rate={sample_rate}: {self.name} has no encoding for it")
            return MediaFormat(usual, sample_rate)
        wanted = settings.encoding
        if wanted not in self.encodings or not wanted.carries(sample_rate):
            able = " or ".join(each.value for each in self.encodings if each.carries(sample_rate))
            raise ConfigError(
                f"encoding={wanted.value}: {self.name} does not take it at {sample_rate} Hz;"
                f" give {able}"
            )
        return MediaFormat(wanted, sample_rate)

    def frames_per_message(self, settings: CarrierSettings, frame_bytes: int) -> int:
        """Return how many frames go in one message, 0 for a whole utterance.

        `frame_bytes` is the encoded size of one frame. Never less than the wire unit asks for.
        """
        if settings.frames_per_message == 0:
            return 0
        needed = -(-self.unit.smallest // frame_bytes)
        return max(settings.frames_per_message, needed)
