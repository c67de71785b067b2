"""The family of Twilio's Media Streams: JSON text, one object per message, named by `event`.

https://www.twilio.com/docs/voice/media-streams/websocket-messages. Others copied it and changed
the spelling of keys, ids, counters and how a call is ended: that is data, a `StreamDialect`. What
they send is read in any spelling; what we send is spelt as the member documents it.
"""

from __future__ import annotations

import binascii
import enum
from collections.abc import Sequence
from typing import assert_never

import attrs

from trioaudio.carriers._reading import (
    StreamPlace,
    base64_audio,
    check_format,
    key_pressed,
    media_pattern,
    reported_error,
    shown,
    text_object,
)
from trioaudio.core.carrier import (
    PREFIX_LENGTH,
    Answer,
    CarrierSettings,
    ClearAudio,
    Command,
    Complaint,
    EndStream,
    Event,
    HangUp,
    Ignored,
    MarkPlayed,
    Message,
    Pause,
    Resume,
    SendAudio,
    SendDtmf,
    SendMark,
    Started,
    Stopped,
    Transfer,
)
from trioaudio.core.encoding import MediaFormat, Payload
from trioaudio.core.errors import LocalProtocolError, RemoteProtocolError
from trioaudio.core.wire_json import (
    JsonObject,
    JsonValue,
    compact,
    first_member,
    member,
    object_of,
    text_of,
    whole_number_of,
)

STREAM_KEYS = ("streamSid", "stream_sid", "stream_id", "streamId")
_CALL_KEYS = ("callSid", "call_sid", "call_control_id", "call_id", "callId")
_SEQUENCE_KEYS = {"streamSid": "sequenceNumber", "stream_sid": "sequence_number"}
_MEDIA = media_pattern(event="media")


class Counters(enum.Enum):
    """What counts the media messages we send."""

    NONE = "none"
    CHUNK = "chunk"
    """`media.chunk`, a number, from 1."""
    FULL = "full"
    """A sequence number and a chunk number from 1, and the milliseconds sent before; as text."""


@attrs.frozen
class StreamSettings(CarrierSettings):
    """The family queues audio and can clear it: some is sent ahead, against jitter."""

    lead_ms: int = attrs.field(
        default=180, metadata={"help": "milliseconds each frame is sent before it is due"}
    )


@attrs.frozen
class StreamDialect:
    """What differs between members of the family."""

    name: str
    """The carrier's, and its part of the names of settings."""
    stream_keys: tuple[str, ...] = ("streamSid",)
    """How the stream's id is spelt in what we send: the first that was in the start message, or
    the first of all. Empty: it is not sent, and not needed."""
    counters: Counters = Counters.NONE
    packet_ms: int | None = None
    """What each media message we send carries; None: as much as there is."""
    hang_up_event: str | None = None
    """The event that ends the telephone call, sent with both ids."""


class MediaStreamsCodec:
    """One leg's protocol state."""

    __slots__ = (
        "_before",
        "_chunk",
        "_clear",
        "_dialect",
        "_hang_up",
        "_mark",
        "_media",
        "_place",
        "_sent_bytes",
        "_sequence_key",
    )

    def __init__(
        self, dialect: StreamDialect, settings: CarrierSettings, media: MediaFormat
    ) -> None:
        del settings  # what an operator may change here is in `media`
        self._dialect = dialect
        self._media = media
        self._place = StreamPlace(dialect.name)
        # Beginnings of messages, made when the stream has started; before that they are empty.
        self._before = self._mark = ""
        self._clear: list[Message] = []
        self._hang_up: list[Message] = []
        self._sequence_key = ""
        self._chunk = 0
        self._sent_bytes = 0

    # --- What the carrier sends ----------------------------------------------------------

    def receive(self, message: Message) -> list[Event]:
        """Read one message; RemoteProtocolError for a start that we cannot work with."""
        value = text_object(self._dialect.name, message)
        if isinstance(value, Complaint):
            return [value]
        if self._place.stopped:
            return [Complaint("a message after the stream was stopped; dropped")]
        event = value.get("event")
        if event == "media":
            return self._within("media", value) or self._read_media(value.get("media"))
        if self.is_media(message):
            return [Complaint("a message that is two events at once; dropped")]
        return self._read_rare(event, value)

    def is_media(self, message: Message) -> bool:
        """Look for the event in the first PREFIX_LENGTH characters."""
        if not isinstance(message, str):
            return False
        if message.startswith('{"event":"media",'):  # nearly always
            return True
        return _MEDIA.match(message, 0, PREFIX_LENGTH) is not None

    def _read_rare(self, event: JsonValue, value: JsonObject) -> list[Event]:
        match event:
            case "start":
                return self._read_start(value, object_of(value.get("start")))
            case "stop":
                return self._read_stop(value)
            case "mark":
                return self._within("mark", value) or [_read_mark(value)]
            case "dtmf":
                return self._within("dtmf", value) or [_read_dtmf(value.get("dtmf"))]
            case "error":
                return [reported_error(value)]
            case _:
                return [Ignored(f"event {shown(event)}")]

    def _within(self, what: str, value: JsonObject) -> list[Event]:
        """Return a complaint unless a message belongs to the stream that has started."""
        misplaced = self._place.misplaced(what, first_member(value, *STREAM_KEYS))
        return [] if misplaced is None else [misplaced]

    def _read_media(self, media: JsonValue) -> list[Event]:
        track = text_of(member(media, "track"))
        return base64_audio(member(media, "payload"), self._media.encoding.sample_bytes, track)

    def _read_stop(self, value: JsonObject) -> list[Event]:
        if self._place.ids is not None and (misplaced := self._within("stop", value)):
            return misplaced
        self._place.stopped = True
        return [Stopped(text_of(member(value, "stop", "reason")))]

    def _read_start(self, value: JsonObject, start: JsonObject) -> list[Event]:
        stream_id = text_of(_in_either(STREAM_KEYS, value, start))
        call_id = text_of(_in_either(_CALL_KEYS, start, value))
        known = self._place.ids or (None, None)  # an id left out is no other one
        repeated = self._place.repeated(stream_id or known[0], call_id or known[1])
        if repeated is not None:
            return [repeated]
        announced = _in_either(("mediaFormat", "media_format"), start, value)
        encoding = text_of(first_member(announced, "encoding"))
        sample_rate = whole_number_of(first_member(announced, "sampleRate", "sample_rate"))
        check_format(
            self._dialect.name,
            self._media,
            encoding=encoding,
            sample_rate=sample_rate,
            channels=first_member(announced, "channels"),
        )
        self._open(stream_id, call_id, {*value, *start})
        parameters = _in_either(("customParameters", "custom_parameters"), start, value)
        metadata = parameters if isinstance(parameters, dict) else None
        return [Started(stream_id, call_id, encoding, sample_rate, metadata)]

    def _open(self, stream_id: str | None, call_id: str | None, spelt: set[str]) -> None:
        """Take the ids, and make what stays the same in all our messages."""
        dialect = self._dialect
        key = next((key for key in dialect.stream_keys if key in spelt), None)
        key = key or next(iter(dialect.stream_keys), None)
        ids = ""
        if key is not None:
            if stream_id is None:
                raise RemoteProtocolError(f"{dialect.name} started a stream without {key}")
            ids = f',"{key}":{compact(stream_id)}'
            self._sequence_key = _SEQUENCE_KEYS.get(key, "sequence_number")
        self._place.ids = (stream_id, call_id)
        self._mark = f'{{"event":"mark"{ids},"mark":{{"name":'
        self._clear = [f'{{"event":"clear"{ids}}}']
        if dialect.hang_up_event is not None:
            call = "" if call_id is None else f',"call_sid":{compact(call_id)}'
            self._hang_up = [f'{{"event":{compact(dialect.hang_up_event)}{ids}{call}}}']
        self._before = f'{{"event":"media"{ids}'
        if dialect.counters is Counters.NONE:
            self._before += ',"media":{"payload":"'

    # --- What we send --------------------------------------------------------------------

    def send(self, command: Command) -> list[Message]:
        """Write a command; what has no message here is left to closing or to REST."""
        match command:
            case SendAudio(payload):
                return list(self.seal(payload))
            case SendMark(name):
                return [self._write_mark(name)]
            case ClearAudio():
                return list(self._clear)
            case HangUp():
                return list(self._hang_up)
            case Pause() | Resume() | Answer() | EndStream():
                return []
            case SendDtmf() | Transfer():
                raise LocalProtocolError(
                    f"{self._dialect.name}: the stream has no message to {type(command).__name__}"
                )
            case _:
                assert_never(command)

    def _write_mark(self, name: str) -> str:
        if not self._mark:
            raise LocalProtocolError(f"{self._dialect.name}: a mark before the stream has started")
        return f"{self._mark}{compact(name)}}}}}"

    def seal(self, payload: Payload) -> Sequence[Message]:
        """Wrap base64 in a media message, or in several where their size is fixed."""
        if isinstance(payload, bytes):
            raise LocalProtocolError(f"{self._dialect.name}: audio goes as base64, not as bytes")
        if not self._before:
            raise LocalProtocolError(f"{self._dialect.name}: audio before the stream has started")
        if self._dialect.packet_ms is not None:
            pieces = _cut(payload, self._media, self._dialect.packet_ms)
            return [f'{self._before}{piece}"}}}}' for piece in pieces]
        counters = "" if self._dialect.counters is Counters.NONE else self._count(payload)
        return (f'{self._before}{counters}{payload}"}}}}',)

    def _count(self, payload: str) -> str:
        """Return what stands between the ids and the payload, and count the payload."""
        self._chunk += 1
        if self._dialect.counters is Counters.CHUNK:
            return f',"media":{{"chunk":{self._chunk},"payload":"'
        sent_ms = self._sent_bytes * 1000 // self._media.bytes_in(1000)
        self._sent_bytes += len(payload) // 4 * 3 - payload.count("=", -2)
        return (
            f',"{self._sequence_key}":"{self._chunk}",'
            f'"media":{{"chunk":"{self._chunk}","timestamp":"{sent_ms}","payload":"'
        )


def _in_either(names: tuple[str, ...], first: JsonObject, second: JsonObject) -> JsonValue:
    found = first_member(first, *names)
    return first_member(second, *names) if found in (None, "") else found


def _read_mark(value: JsonObject) -> Event:
    name = text_of(member(value, "mark", "name"))
    return Complaint("a mark without a name; dropped") if name is None else MarkPlayed(name)


def _read_dtmf(dtmf: JsonValue) -> Event:
    return key_pressed(member(dtmf, "digit"), member(dtmf, "duration"))


def _cut(payload: str, media: MediaFormat, packet_ms: int) -> list[str]:
    """Return base64 of so many milliseconds each, the last one filled up with silence."""
    size = media.bytes_in(packet_ms)
    length = size * 4 // 3
    if not (size % 3 or len(payload) % length or payload.endswith("=")):  # the usual case
        return [payload[start : start + length] for start in range(0, len(payload), length)]
    audio = binascii.a2b_base64(payload)
    audio += media.encoding.silence * (-len(audio) % size // media.encoding.sample_bytes)
    return [
        binascii.b2a_base64(audio[start : start + size], newline=False).decode("ascii")
        for start in range(0, len(audio), size)
    ]
