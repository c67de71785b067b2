"""FreJun Teler media streams: JSON text both ways, PCM as base64.

https://frejun.ai/docs/media-streaming/supported-messages (messages),
https://frejun.ai/docs/media-streaming/overview, and the vendor's public bridges
(frejun-tech/teler-cartesia-bridge), read in code.

Unusual about it:

* The vendor advises 500 ms or more in a message, so nine frames go in one by default: 540 ms. A
  clear wipes what is queued, so this costs no time at barge-in, only precision.
* Where the audio stands in our message is a setting: the vendor's bridges write it flat, one page
  of the documentation puts it in `data`.
* Each message has a `chunk_id` by which it could be interrupted alone; we only ever clear all.
* There are no marks, no keys and no stop: closing is the end, and what was played is our estimate.
* What happens to a lost connection is not documented; the call's state is kept for a while.
"""

from __future__ import annotations

import enum
from collections.abc import Sequence
from typing import assert_never

import attrs

from trioaudio.carriers._reading import (
    StreamPlace,
    base64_audio,
    check_format,
    media_pattern,
    reported_error,
    shown,
    text_object,
)
from trioaudio.core.carrier import (
    PREFIX_LENGTH,
    Answer,
    Carrier,
    CarrierSettings,
    ClearAudio,
    Command,
    Complaint,
    EndStream,
    Event,
    HangUp,
    Ignored,
    Message,
    Pause,
    Recovery,
    Resume,
    Role,
    SendAudio,
    SendDtmf,
    SendMark,
    Started,
    Starts,
    Stopped,
    Transfer,
)
from trioaudio.core.encoding import MediaFormat, Payload, PayloadForm
from trioaudio.core.errors import LocalProtocolError
from trioaudio.core.wire_json import JsonObject, first_member, member, text_of

_MEDIA = media_pattern(type="audio")

_OURS = frozenset(
    {"type", "account_id", "call_app_id", "call_id", "stream_id", "message_id", "data"}
)


class AudioForm(enum.Enum):
    """Where the audio stands in a message of ours."""

    FLAT = "flat"
    """Beside `type`."""
    NESTED = "nested"
    """In an object `data`."""


@attrs.frozen
class TelerSettings(CarrierSettings):
    """What is uncertain about Teler."""

    lead_ms: int = attrs.field(
        default=180, metadata={"help": "milliseconds each message is sent before it is due"}
    )
    frames_per_message: int = attrs.field(
        default=9,
        metadata={
            "help": "60 ms frames in one message, of which Teler wants 500 ms or more;"
            " 0 sends each utterance whole"
        },
    )
    audio_form: AudioForm = attrs.field(
        default=AudioForm.FLAT,
        metadata={"help": "where audio stands in a message: flat, or nested in data"},
    )


class TelerCodec:
    """One leg's messages."""

    __slots__ = ("_after", "_before", "_chunks", "_media", "_place")

    def __init__(self, settings: CarrierSettings, media: MediaFormat) -> None:
        known = settings if isinstance(settings, TelerSettings) else TelerSettings()
        nested = known.audio_form is AudioForm.NESTED
        self._media = media
        self._before = '{"type":"audio",' + ('"data":{' if nested else "") + '"audio_b64":"'
        self._after = "}}" if nested else "}"
        self._chunks = 0
        self._place = StreamPlace("teler")

    # --- Inbound ---------------------------------------------------------------------

    def receive(self, message: Message) -> list[Event]:
        """Read a JSON message; RemoteProtocolError for a start we cannot work with."""
        value = text_object("teler", message)
        if isinstance(value, Complaint):
            return [value]
        kind = "audio" if self.is_media(message) else text_of(value.get("type"))
        if kind == "error":
            return [reported_error(value)]
        if self._place.stopped:
            return [Complaint(f"{shown(kind)} after the stream has ended; dropped")]
        if kind == "start":
            return [self._start(value)]
        if kind not in ("audio", "stop"):
            return [Ignored(f"message {shown(kind)}")]
        if complaint := self._place.misplaced(kind, value.get("stream_id")):
            return [complaint]
        if kind == "stop":
            self._place.stopped = True
            return [Stopped(text_of(value.get("reason")))]
        audio = first_member(value, "audio_b64") or member(value, "data", "audio_b64")
        return base64_audio(audio, self._media.encoding.sample_bytes)

    def is_media(self, message: Message) -> bool:
        """Audio is `"type":"audio"` before any object."""
        return isinstance(message, str) and _MEDIA.match(message, 0, PREFIX_LENGTH) is not None

    def _start(self, value: JsonObject) -> Event:
        stream_id, call_id = text_of(value.get("stream_id")), text_of(value.get("call_id"))
        if again := self._place.repeated(stream_id, call_id):
            return again
        data = value.get("data")
        check_format(
            "teler",
            self._media,
            encoding=member(data, "encoding"),
            sample_rate=member(data, "sample_rate"),
            channels=member(data, "channels"),
        )
        self._place.ids = (stream_id, call_id)
        more = {name: each for name, each in value.items() if name not in _OURS}
        return Started(
            stream_id,
            call_id,
            self._media.encoding.value,
            self._media.sample_rate,
            more or None,
        )

    # --- Outbound --------------------------------------------------------------------

    def send(self, command: Command) -> list[Message]:
        """Write a command; before the start message there is nothing to clear."""
        match command:
            case SendAudio(payload):
                return list(self.seal(payload))
            case ClearAudio():
                return [] if self._place.ids is None else ['{"type":"clear"}']
            case SendMark() | HangUp() | EndStream() | Answer() | Pause() | Resume():
                return []
            case SendDtmf() | Transfer():
                raise LocalProtocolError(
                    f"teler: the stream has no way to {type(command).__name__}"
                )
            case _:
                assert_never(command)

    def seal(self, payload: Payload) -> Sequence[Message]:
        """Wrap base64 in an audio message with the next chunk_id."""
        if self._place.ids is None:
            raise LocalProtocolError("teler: audio before the start message")
        if isinstance(payload, bytes):
            raise LocalProtocolError("teler: audio goes as base64, not as bytes")
        self._chunks += 1
        return (f'{self._before}{payload}","chunk_id":{self._chunks}{self._after}',)


CARRIER = Carrier(
    name="teler",
    roles=frozenset({Role.ANSWER}),
    settings=TelerSettings(),
    new_codec=TelerCodec,
    documentation="https://frejun.ai/docs/media-streaming/supported-messages",
    form=PayloadForm.BASE64,
    starts=Starts.ON_MESSAGE,
    recovery=Recovery.WAIT,
    clears=True,
    ends_by_close=True,
)
