"""Asterisk's WebSocket channel (chan_websocket): binary audio, commands and events as text.

Documented: https://docs.asterisk.org/Configuration/Channel-Drivers/WebSocket/ (Asterisk 20.16,
21.11, 22.6, 23.0 and later; JSON since 20.18, 22.8, 23.2). Read in channels/chan_websocket.c: the
limit on commands, what a flush does, the exact events. Nothing here is guessed.

Unusual about it:

* Either end may dial. `Dial(WebSocket/<connection>/c(slin16)f(json))` has Asterisk dial us, as
  websocket_client.conf says: `connection_type = per_call_config`, `uri`, `protocols = media`,
  `username`, `password`; the last two are checked at the door, and we have half a second unless
  `connection_timeout` says more. `Dial(WebSocket/INCOMING/c(slin16)f(json))` has it wait for us
  at `ws://<host>:8088/media/<id>`, the id being the channel's MEDIA_WEBSOCKET_CONNECTION_ID; if
  something in front of it wants credentials, they go into TRIOAUDIO_HEADERS, as
  `Authorization: Basic …`.
* Say the codec by `c(…)`: slin16, slin, ulaw or alaw, whichever our settings say. Codecs that
  cannot be cut anywhere, and the option `p`, put the channel in passthrough mode, where most
  commands are refused.
* Commands and events are both JSON or both plain text. MEDIA_START shows which, and that holds;
  the setting `control` is for what is sent before it. Commands over 128 bytes are ignored there.
* It plays by its own clock and makes silence by itself: up to 20 s may wait, and XOFF comes at 18.
  What does not fill a 20 ms frame is dropped. Audio can come before MEDIA_START.
* FLUSH_MEDIA also forgets marks, whose MEDIA_MARK_PROCESSED then never comes; and against its
  documentation it leaves a pause in force, so CONTINUE_MEDIA goes after it.
* HANGUP, and closing, hang up the WebSocket channel; the caller's own goes on in the dialplan,
  where nothing after `Dial` means the end of the call. There is no way back for a lost connection.
* GET_STATUS would tell how much is waiting; it is not asked, since pacing keeps that small.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, assert_never

import attrs

from trioaudio.carriers._asterisk_text import Control, ControlEvent, read_event, write_command
from trioaudio.carriers._door_checks import basic_door_check
from trioaudio.carriers._reading import caller_audio, key_pressed, shown
from trioaudio.core.carrier import (
    Acknowledges,
    Answer,
    Carrier,
    CarrierSettings,
    ClearAudio,
    Command,
    Complaint,
    EndStream,
    Event,
    FlowPaused,
    FlowResumed,
    HangUp,
    Ignored,
    MarkPlayed,
    MarksAfterClear,
    Message,
    Pause,
    QueueDrained,
    Recovery,
    Resume,
    Role,
    SendAudio,
    SendDtmf,
    SendMark,
    Started,
    Starts,
    Transfer,
    WireUnit,
)
from trioaudio.core.encoding import Encoding, MediaFormat, Payload
from trioaudio.core.errors import LocalProtocolError, RemoteProtocolError
from trioaudio.core.secret import Secret
from trioaudio.core.wire_json import JsonObject, object_of, text_of, whole_number_of

FRAME_MS: Final = 20
LARGEST_MESSAGE: Final = 65_280
"""Bytes: what is whole frames in every format, under the 65 500 at which Asterisk hangs up."""

_SMALLEST_FRAME = 160
"""Bytes: 20 ms of G.711. A frame of any other encoding is a multiple of it."""

_FORMATS: Final = {
    "ulaw": MediaFormat(Encoding.MULAW, 8000),
    "alaw": MediaFormat(Encoding.ALAW, 8000),
    "slin": MediaFormat(Encoding.PCM16, 8000),
    "slin12": MediaFormat(Encoding.PCM16, 12000),
    "slin16": MediaFormat(Encoding.PCM16, 16000),
    "slin24": MediaFormat(Encoding.PCM16, 24000),
    "slin32": MediaFormat(Encoding.PCM16, 32000),
    "slin44": MediaFormat(Encoding.PCM16, 44100),
    "slin48": MediaFormat(Encoding.PCM16, 48000),
    "slin96": MediaFormat(Encoding.PCM16, 96000),
    "slin192": MediaFormat(Encoding.PCM16, 192000),
}
"""Asterisk's names of what can be cut into frames."""

_NAMES: Final[dict[type[Command], str]] = {
    Answer: "ANSWER",
    HangUp: "HANGUP",
    Pause: "PAUSE_MEDIA",
    Resume: "CONTINUE_MEDIA",
}
_ERROR_SHOWN = 120
"""Characters: Asterisk's own texts are half that."""


@attrs.frozen
class AsteriskSettings(CarrierSettings):
    """How the channel was dialled, and who may dial us."""

    lead_ms: int = attrs.field(
        default=180, metadata={"help": "milliseconds each frame is sent before it is due"}
    )
    control: Control = attrs.field(
        default=Control.JSON,
        metadata={
            "help": "json or plain: how commands are written until Asterisk has shown how it writes"
        },
    )
    answer: bool = attrs.field(
        default=False,
        metadata={"help": "whether to answer the channel; for one dialled with the option n"},
    )
    user: str = attrs.field(
        default="",
        metadata={"help": "username in websocket_client.conf, checked when Asterisk dials us"},
    )
    password: Secret = attrs.field(
        default=Secret(),
        metadata={"help": "password in websocket_client.conf; never shown"},
    )


class AsteriskCodec:
    """One leg's messages; remembers the channel, the notation and whether it paused playing."""

    __slots__ = ("_answers", "_control", "_ids", "_media", "_paused")

    def __init__(self, settings: CarrierSettings, media: MediaFormat) -> None:
        known = settings if isinstance(settings, AsteriskSettings) else AsteriskSettings()
        self._control = known.control
        self._answers = known.answer
        self._media = media
        self._ids: tuple[str | None, str | None] | None = None  # of the connection, the channel
        self._paused = False

    # --- Received --------------------------------------------------------------------

    def receive(self, message: Message) -> list[Event]:
        """Read binary as audio, text as an event in either notation."""
        if isinstance(message, bytes):
            return caller_audio(message, self._media.encoding.sample_bytes)
        event = read_event(message)
        if event is None:
            return [Complaint("text that is neither a JSON object nor a plain event; dropped")]
        if event.name == "MEDIA_START":
            return self._start(event)
        if self._ids is None:
            return [Complaint(f"{shown(event.name)} before MEDIA_START; dropped")]
        channel = text_of(event.fields.get("channel_id"))
        if channel not in (None, self._ids[1]):
            return [Complaint(f"{shown(event.name)} of another channel; dropped")]
        return [_happened(event.name, event.fields)]

    def _start(self, event: ControlEvent) -> list[Event]:
        fields = event.fields
        connection = text_of(fields.get("connection_id"))
        channel = text_of(fields.get("channel_id"))
        if self._ids is not None:
            if {connection, channel} <= {None, *self._ids}:
                return [Complaint("MEDIA_START a second time; dropped")]
            raise RemoteProtocolError("asterisk: a second MEDIA_START, of another channel")
        name = text_of(fields.get("format"))
        self._check_format(name, whole_number_of(fields.get("optimal_frame_size")))
        self._ids = connection, channel
        self._control = event.control
        variables = object_of(fields.get("channel_variables")) or None
        return [Started(connection, channel, name, self._media.sample_rate, variables)]

    def _check_format(self, name: str | None, frame_bytes: int | None) -> None:
        """Refuse what would be noise; older ones name no format, only the size of a frame."""
        media = self._media
        if name is not None and (announced := _FORMATS.get(name.lower())) != media:
            reads = "what cannot be cut into frames" if announced is None else f"{announced}"
            raise RemoteProtocolError(
                f"asterisk: MEDIA_START says format {shown(name)}, which is {reads}; expected is"
                f" {media}; change c(…) where Asterisk dials, TRIOAUDIO_ASTERISK_ENCODING or"
                " TRIOAUDIO_SAMPLE_RATE"
            )
        if frame_bytes == 0:
            raise RemoteProtocolError(
                "asterisk: optimal_frame_size 0 means a codec in passthrough mode, whose frames"
                " nobody else can cut; have Asterisk dial with c(slin16), c(slin) or c(ulaw)"
            )
        expected = media.bytes_in(FRAME_MS)
        if frame_bytes not in (None, expected):
            raise RemoteProtocolError(
                f"asterisk: MEDIA_START says {frame_bytes} bytes a frame, but 20 ms of {media} are"
                f" {expected}; change c(…) where Asterisk dials, TRIOAUDIO_ASTERISK_ENCODING or"
                " TRIOAUDIO_SAMPLE_RATE"
            )

    # --- Sent ------------------------------------------------------------------------

    def send(self, command: Command) -> list[Message]:
        """Write a command in Asterisk's notation; LocalProtocolError for a mark name too long."""
        match command:
            case SendAudio(payload):
                return list(self.seal(payload))
            case SendMark(name):
                return [self._write("MARK_MEDIA", name)]
            case ClearAudio():
                return self._clear()
            case Pause() | Resume() | Answer() | HangUp():
                return self._name(command)
            case EndStream():
                return []
            case SendDtmf() | Transfer():
                raise LocalProtocolError(
                    f"asterisk: the WebSocket channel has no command for {type(command).__name__}"
                )
            case _:
                assert_never(command)

    def _name(self, command: Pause | Resume | Answer | HangUp) -> list[Message]:
        """Write a command that is its name and nothing else."""
        if isinstance(command, Answer) and not self._answers:
            return []
        if isinstance(command, Pause | Resume):
            self._paused = isinstance(command, Pause)
        return [self._write(_NAMES[type(command)])]

    def _clear(self) -> list[Message]:
        flush: list[Message] = [self._write("FLUSH_MEDIA")]
        return [*flush, *self.send(Resume())] if self._paused else flush

    def _write(self, name: str, correlation_id: str | None = None) -> str:
        return write_command(self._control, name, correlation_id)

    def seal(self, payload: Payload) -> Sequence[Message]:
        """Send audio as it is; what is over the limit goes in several messages."""
        if isinstance(payload, str):
            raise LocalProtocolError("asterisk: audio goes as bytes, not as text")
        if self._ids is None:
            raise LocalProtocolError("asterisk: audio before MEDIA_START")
        if len(payload) <= LARGEST_MESSAGE:
            return (payload,)
        starts = range(0, len(payload), LARGEST_MESSAGE)
        return [payload[at : at + LARGEST_MESSAGE] for at in starts]

    def is_media(self, message: Message) -> bool:
        """Binary is audio."""
        return isinstance(message, bytes)


def _happened(name: str, fields: JsonObject) -> Event:
    """Return what an event other than MEDIA_START means."""
    match name:
        case "MEDIA_XOFF":
            return FlowPaused()
        case "MEDIA_XON":
            return FlowResumed()
        case "QUEUE_DRAINED":
            return QueueDrained()
        case "MEDIA_MARK_PROCESSED":
            return _played(text_of(fields.get("correlation_id")))
        case "DTMF_END":
            return key_pressed(fields.get("digit"))
        case "ERROR":
            text = (text_of(fields.get("error_text")) or "")[:_ERROR_SHOWN]
            return Complaint(f"Asterisk reports an error: {text!a}")
        case _:
            return Ignored(f"event {shown(name)}")


def _played(mark: str | None) -> Event:
    if mark is None:
        return Complaint("a mark without an id; dropped")
    return MarkPlayed(mark, heard=True)


CARRIER = Carrier(
    name="asterisk",
    roles=frozenset({Role.ANSWER, Role.DIAL}),
    settings=AsteriskSettings(),
    new_codec=AsteriskCodec,
    documentation="https://docs.asterisk.org/Configuration/Channel-Drivers/WebSocket/",
    encodings=(Encoding.PCM16, Encoding.MULAW, Encoding.ALAW),
    unit=WireUnit(multiple=_SMALLEST_FRAME, smallest=_SMALLEST_FRAME, largest=LARGEST_MESSAGE),
    starts=Starts.ON_MESSAGE,
    recovery=Recovery.END,
    clears=True,
    acknowledges=Acknowledges.MARKS,
    marks_after_clear=MarksAfterClear.DROPPED,
    subprotocols=("media",),
    door_check=basic_door_check(),
    hangs_up=True,
    ends_by_close=True,
)
