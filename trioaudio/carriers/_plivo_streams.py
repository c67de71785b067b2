"""The media-stream messages of Plivo and of those who took them over; what differs is data.

https://www.plivo.com/docs/voice/audio-streaming/audio-streaming (all messages, both ways).
"""

from __future__ import annotations

import array
import json
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
    CallerAudio,
    CarrierSettings,
    ClearAudio,
    Cleared,
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
from trioaudio.core.encoding import Encoding, MediaFormat, Payload
from trioaudio.core.errors import LocalProtocolError, RemoteProtocolError
from trioaudio.core.secret import Secret, masked_url
from trioaudio.core.wire_json import (
    JsonObject,
    JsonValue,
    first_member,
    member,
    object_of,
    text_of,
)

_MEDIA = media_pattern(event="media")

_OF_A_STREAM = ("media", "dtmf", "playedStream", "played", "clearedAudio", "stop")

_CONTENT_TYPES = {Encoding.PCM16: "audio/x-l16", Encoding.MULAW: "audio/x-mulaw"}


@attrs.frozen
class PlivoFamilySettings(CarrierSettings):
    """What an account of the family needs, to place calls and to end them."""

    lead_ms: int = attrs.field(
        default=180, metadata={"help": "milliseconds each frame is sent before it is due"}
    )
    auth_id: str = attrs.field(
        default="", metadata={"help": "the account's Auth ID; to place and to end calls"}
    )
    auth_token: Secret = attrs.field(
        default=Secret(), metadata={"help": "the account's Auth Token; never shown"}
    )
    rest_url: str = attrs.field(
        default="", metadata={"show": masked_url, "help": "where the REST interface is"}
    )
    transfer_url: str = attrs.field(
        default="",
        metadata={"help": "URL of the answer document that dials the human a call goes to"},
    )


@attrs.frozen
class Variant:
    """How one carrier of the family differs from the others."""

    name: str
    presses_keys: bool = False
    """Whether there is `sendDTMF`."""
    stops: bool = False
    """Whether there is a `stop` from us."""
    caller_big_endian: bool = False
    """Whether the caller's PCM comes in network byte order, whatever ours has."""


class PlivoStreamCodec:
    """One leg's messages."""

    __slots__ = ("_before", "_media", "_place", "_stream_id", "_variant")

    def __init__(self, variant: Variant, media: MediaFormat) -> None:
        self._variant = variant
        self._media = media
        self._place = StreamPlace(variant.name)
        self._stream_id = ""  # as JSON, quotes included
        self._before = ""

    # --- Inbound ---------------------------------------------------------------------

    def receive(self, message: Message) -> list[Event]:
        """Read a JSON message; RemoteProtocolError for a start we cannot work with."""
        value = text_object(self._variant.name, message)
        if isinstance(value, Complaint):
            return [value]
        event = "media" if self.is_media(message) else text_of(value.get("event"))
        if event == "error":
            return [reported_error(value)]
        if self._place.stopped:
            return [Complaint(f"{shown(event)} after the stream has ended; dropped")]
        if event == "start":
            return [self._start(value)]
        if event not in _OF_A_STREAM:
            return [Ignored(f"event {shown(event)}")]
        if complaint := self._place.misplaced(event, value.get("streamId")):
            return [complaint]
        return self._in_stream(event, value)

    def is_media(self, message: Message) -> bool:
        """Audio is `"event":"media"` before any object."""
        return isinstance(message, str) and _MEDIA.match(message, 0, PREFIX_LENGTH) is not None

    def _start(self, value: JsonObject) -> Event:
        start = value.get("start")
        stream_id = text_of(member(start, "streamId")) or text_of(value.get("streamId"))
        call_id = text_of(member(start, "callId"))
        if again := self._place.repeated(stream_id, call_id):
            return again
        if stream_id is None:
            raise RemoteProtocolError(
                f"{self._variant.name}: the start message has no streamId, so nothing can be"
                " marked or cleared"
            )
        announced = member(start, "mediaFormat")
        check_format(
            self._variant.name,
            self._media,
            encoding=member(announced, "encoding"),
            sample_rate=member(announced, "sampleRate"),
            channels=member(announced, "channels"),
        )
        self._place.ids = (stream_id, call_id)
        self._stream_id = json.dumps(stream_id)
        self._before = (
            '{"event":"playAudio","media":{'
            f'"contentType":"{_CONTENT_TYPES[self._media.encoding]}",'
            f'"sampleRate":{self._media.sample_rate},"payload":"'
        )
        return Started(
            stream_id,
            call_id,
            self._media.encoding.value,
            self._media.sample_rate,
            _custom(first_member(value, "extra_headers", "extraHeaders")),
        )

    def _in_stream(self, event: str, value: JsonObject) -> list[Event]:
        match event:
            case "media":
                return self._caller_audio(object_of(value.get("media")))
            case "dtmf":
                pressed = value.get("dtmf")
                digit = member(pressed, "digit") if isinstance(pressed, dict) else pressed
                return [key_pressed(digit, member(pressed, "duration"))]
            case "playedStream" | "played":
                mark = text_of(value.get("name"))
                if mark is None:
                    return [Complaint(f"{event} without a name; dropped")]
                return [MarkPlayed(mark, heard=True)]
            case "clearedAudio":
                return [Cleared()]
            case _:
                self._place.stopped = True
                reason = first_member(value, "reason") or member(value.get("stop"), "reason")
                return [Stopped(text_of(reason))]

    def _caller_audio(self, media: JsonObject) -> list[Event]:
        track = text_of(media.get("track"))
        events = base64_audio(media.get("payload"), self._media.encoding.sample_bytes, track)
        if self._media.encoding is Encoding.PCM16 and self._variant.caller_big_endian:
            return [_swapped(event) for event in events]
        return events

    # --- Outbound --------------------------------------------------------------------

    def send(self, command: Command) -> list[Message]:
        """Write a command; before the start message there is nothing to clear or to stop."""
        match command:
            case SendAudio(payload):
                return list(self.seal(payload))
            case SendMark(name):
                return [self._told("checkpoint", name)]
            case ClearAudio():
                return [self._told("clearAudio")] if self._stream_id else []
            case SendDtmf(digits) if self._variant.presses_keys:
                return [f'{{"event":"sendDTMF","dtmf":{json.dumps(digits)}}}']
            case EndStream() | HangUp() if self._variant.stops and self._stream_id:
                return [self._told("stop")]
            case EndStream() | HangUp() | Answer() | Pause() | Resume():
                return []
            case SendDtmf() | Transfer():
                raise LocalProtocolError(
                    f"{self._variant.name}: the stream has no way to {type(command).__name__}"
                )
            case _:
                assert_never(command)

    def seal(self, payload: Payload) -> Sequence[Message]:
        """Wrap base64 in a playAudio message."""
        if not self._before:
            raise LocalProtocolError(f"{self._variant.name}: audio before the start message")
        if isinstance(payload, bytes):
            raise LocalProtocolError(f"{self._variant.name}: audio goes as base64, not as bytes")
        return (f'{self._before}{payload}"}}}}',)

    def _told(self, event: str, name: str | None = None) -> str:
        if not self._stream_id:
            raise LocalProtocolError(f"{self._variant.name}: {event} before the start message")
        named = "" if name is None else f',"name":{json.dumps(name)}'
        return f'{{"event":"{event}","streamId":{self._stream_id}{named}}}'


def _custom(headers: JsonValue) -> JsonValue:
    """Return what the operator had sent along, None if nothing: it is opaque, and no JSON."""
    return None if headers in ("", "{}") else headers


def _swapped(event: Event) -> Event:
    if not isinstance(event, CallerAudio):
        return event
    samples = array.array("h", event.payload)
    samples.byteswap()
    return attrs.evolve(event, payload=samples.tobytes())
