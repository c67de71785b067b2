"""What a simulated carrier says and understands: the interface of one dialect.

A dialect computes and never waits: the call tells it what happened, and it returns messages. It
is written from the carrier's documentation, and knows nothing of our own codec for the same
carrier, so that both cannot be wrong in the same way without anybody noticing. It is stricter
than any carrier: every deviation from the documented form is named.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, TypeAlias

import attrs

from trioaudio.core.carrier import MarksAfterClear, Message, Transport
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.pcm import PTIME_MS

# --- Readings: what a message sent to the carrier means --------------------------------------


@attrs.frozen
class Audio:
    """Audio to play, in the stream's encoding; `problem` is what is wrong with its form."""

    data: bytes
    problem: str | None = None
    cuts: bool = False
    """Whether it takes the place of what is waiting to be played."""


@attrs.frozen
class MarkAsked:
    """The sender wants to know when all audio before this has been played."""

    name: str


class Action(enum.Enum):
    """What the sender may ask about what is playing."""

    CLEAR = "clear"
    PAUSE = "pause"
    RESUME = "resume"
    STOP = "stop"
    """The stream ends; the call may go on."""
    HANG_UP = "hang-up"


@attrs.frozen
class Control:
    """Anything else a carrier may be told, listed in the report: a transfer, an answer."""

    name: str
    more: Mapping[str, object] = attrs.field(factory=dict)
    replies: Sequence[Message] = ()
    """What the carrier says to it at once."""


@attrs.frozen
class Malformed:
    """A message, or part of one, that breaks the documented form, and how: a violation."""

    problem: str
    replies: Sequence[Message] = ()
    """What the carrier says to it: an error message, where it has one."""


Reading: TypeAlias = Audio | MarkAsked | Action | Control | Malformed


# --- A dialect ---------------------------------------------------------------------------


@attrs.frozen
class CallFacts:
    """What is particular to one simulated call. Ids are made up by the process, not here."""

    media: MediaFormat
    """What is on the wire, in both directions."""
    stream_id: str
    """A random UUID; a dialect may give it the carrier's own look."""
    call_id: str
    """Likewise. Stays the same when a lost connection is dialled again."""
    caller: str
    called: str
    options: Mapping[str, str] = attrs.field(factory=dict)
    """The dialect's own options, of which `DialectKind.options` knows names and meanings."""
    ptime_ms: int = PTIME_MS
    """The duration of the frames the sender is to send."""


class Dialect(Protocol):
    """One connection's protocol state."""

    def opening(self) -> Sequence[Message]:
        """Return what the carrier says when the connection is open, before any audio."""
        ...

    def late_opening(self) -> Sequence[Message]:
        """Return what it says after its first audio; empty for nearly all."""
        ...

    def caller_audio(self, audio: bytes) -> Message:
        """Wrap one message of caller audio, which is in the stream's encoding already."""
        ...

    def read(self, message: Message) -> Sequence[Reading]:
        """Read a message from the sender; every deviation is a Malformed, never an exception."""
        ...

    def mark_played(self, name: str) -> Sequence[Message]:
        """Return what the carrier says when the audio before a mark has been played."""
        ...

    def cleared(self, marks: Sequence[str]) -> Sequence[Message]:
        """Return what it says after a clear; `marks` were asked for and not played."""
        ...

    def dtmf(self, digit: str) -> Sequence[Message]:
        """Return what it says when the callee presses a key; empty if it cannot tell."""
        ...

    def flow(self, *, paused: bool) -> Sequence[Message]:
        """Return what it says when its queue is nearly full, or has room again."""
        ...

    def drained(self) -> Sequence[Message]:
        """Return what it says when all was played, for those that do so unasked or were asked."""
        ...

    def closing(self, reason: str) -> Sequence[Message]:
        """Return what it says before it closes, because the callee or the sender hung up."""
        ...

    def malformed(self) -> Sequence[Message]:
        """Return messages a carrier should never send, for the fault of that name."""
        ...


@attrs.frozen
class Handshake:
    """What a carrier sends with its request to open the media connection."""

    url: str
    """What is dialled; may differ from what was asked for, as by a query."""
    headers: tuple[tuple[str, str], ...] = ()
    subprotocols: tuple[str, ...] = ()


@attrs.frozen
class Credentials:
    """What a carrier can prove itself with; empty texts are not there.

    `secret` is the account's secret as the dialect knows it: Twilio's auth token, Vonage's
    signature secret, Telnyx's stream token, user:password where it is Basic.
    """

    secret: str = ""
    at: float = 0.0
    """Seconds since 1970: the time of signing."""
    nonce: str = ""
    """Random text, for signatures that hold one."""


@attrs.frozen
class Backlog:
    """How much audio a carrier holds before it complains, in milliseconds."""

    most_ms: int
    """Audio beyond it is dropped, which is a violation."""
    pause_at_ms: int | None = None
    """It asks for a pause then."""
    resume_at_ms: int | None = None


@attrs.frozen
class DialectKind:
    """A dialect's description."""

    name: str
    """The same as our carrier's."""
    new: Callable[[CallFacts], Dialect]
    dials: bool = True
    listens: bool = False
    encodings: tuple[Encoding, ...] = (Encoding.PCM16,)
    """The first that carries the sample rate is spoken unless another is asked for."""
    sample_rates: tuple[int, ...] = (8000, 16000)
    caller_ptime_ms: int = 20
    """The duration of one message of caller audio; 0: the same as the sender's frames."""
    transport: Transport = Transport.WEBSOCKET
    marks_after_clear: MarksAfterClear = MarksAfterClear.NONE_EXIST
    backlog: Backlog | None = None
    handshake: Callable[[str, CallFacts, Credentials], Handshake] = (
        lambda url, _facts, _credentials: Handshake(url)
    )
    """(URL to dial, the call, credentials) → what is dialled and sent along."""
    subprotocols: tuple[str, ...] = ()
    """When it listens: what it demands of the dialler."""
    options: Mapping[str, str] = attrs.field(factory=dict)
    """Names and meanings of what `--option NAME=VALUE` can change."""
