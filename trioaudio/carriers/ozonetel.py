"""Ozonetel / KooKoo `<stream>`: JSON text both ways, with samples as arrays of integers.

https://github.com/anoopk405/kookoo-voicebot (npm kookoo-voicebot, read in code: start, media,
mark, commands) and https://github.com/rajeshganji/ai-agent-portal. Ozonetel publishes no reference:
all of it is third-party knowledge.

Unusual about it:

* 80 samples in a message are 10 ms, a hundred messages a second each way. Every sender seen in
  public does so. It is a setting, since some say that the platform takes any number.
* The first media message claims 16000 Hz, and is to be skipped; the others are at 8000 Hz.
* `ucid` is the call. What they name `call_id` is the caller's number, and goes into the metadata.
* One description of the platform has `clearBuffer` name the SIP extension and the call, or it does
  nothing; others send the bare command. With the setting `extension` both are named.
* `mark` messages answer media that carries a `seqid`. Ours carries none, since sources disagree
  on whether a clear drops them or repeats the last; what was played is our own estimate.
* Closing the socket ends the call, and a lost one is not dialled again.
"""

from __future__ import annotations

import json
import re
import struct
from collections.abc import Sequence
from typing import assert_never

import attrs

from trioaudio.carriers._reading import (
    StreamPlace,
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
    WireUnit,
)
from trioaudio.core.encoding import MediaFormat, Payload, PayloadForm
from trioaudio.core.errors import LocalProtocolError, RemoteProtocolError
from trioaudio.core.wire_json import (
    JsonObject,
    JsonValue,
    first_member,
    member,
    object_of,
    text_of,
    whole_number_of,
)

SAMPLE_RATE = 8000
PACKET_SAMPLES = 80
FALSE_RATE = 16000
"""What the first media message claims."""

_BITS = 16
_MEDIA = media_pattern(event="media", type="media")
_NOT_METADATA = frozenset({"event", "type", "ucid", "media"})


@attrs.frozen
class OzonetelSettings(CarrierSettings):
    """What is uncertain about Ozonetel."""

    lead_ms: int = attrs.field(
        default=180, metadata={"help": "milliseconds each frame is sent before it is due"}
    )
    packet_samples: int = attrs.field(
        default=PACKET_SAMPLES,
        metadata={
            "help": "samples in one media message, 80 are 10 ms; 0 sends each frame in one message"
        },
    )
    extension: str = attrs.field(
        default="",
        metadata={"help": "SIP extension of the stream, named when audio is cleared; empty: not"},
    )


class OzonetelCodec:
    """One leg's messages."""

    __slots__ = (
        "_before",
        "_extension",
        "_media",
        "_media_seen",
        "_packet_samples",
        "_packets",
        "_place",
    )

    def __init__(self, settings: CarrierSettings, media: MediaFormat) -> None:
        known = settings if isinstance(settings, OzonetelSettings) else OzonetelSettings()
        self._media = media
        self._extension = known.extension
        self._packet_samples = max(0, known.packet_samples)
        self._packets = re.compile(rf"[^,]++(?:,[^,]++){{0,{max(0, self._packet_samples - 1)}}}+")
        self._before = ""
        self._place = StreamPlace("ozonetel")
        self._media_seen = False

    # --- Inbound ---------------------------------------------------------------------

    def receive(self, message: Message) -> list[Event]:
        """Read a JSON message; RemoteProtocolError for a start we cannot work with."""
        value = text_object("ozonetel", message)
        if isinstance(value, Complaint):
            return [value]
        event = "media" if self.is_media(message) else _event_of(value)
        if event == "error":
            return [reported_error(value)]
        if self._place.stopped:
            return [Complaint(f"{shown(event)} after the stream has ended; dropped")]
        if event == "start":
            return [self._start(value)]
        if event not in ("media", "dtmf", "stop"):
            return [Ignored(f"event {shown(event)}")]
        if complaint := self._place.misplaced(event, value.get("ucid")):
            return [complaint]
        return self._in_stream(event, value)

    def is_media(self, message: Message) -> bool:
        """Audio is `"event":"media"` with `"type":"media"` before any object."""
        return isinstance(message, str) and _MEDIA.match(message, 0, PREFIX_LENGTH) is not None

    def _start(self, value: JsonObject) -> Event:
        ucid = text_of(value.get("ucid"))
        if again := self._place.repeated(ucid):
            return again
        if ucid is None:
            raise RemoteProtocolError(
                "ozonetel: the start message has no ucid, which all audio must name"
            )
        # Its `encoding` is that of the telephone leg: here the samples are linear all the same.
        announced = value.get("media")
        check_format(
            "ozonetel",
            self._media,
            sample_rate=member(announced, "sampleRate"),
            channels=member(announced, "channels"),
        )
        self._place.ids = (ucid,)
        self._before = (
            f'{{"event":"media","type":"media","ucid":{json.dumps(ucid)},"data":{{"samples":['
        )
        more = {name: each for name, each in value.items() if name not in _NOT_METADATA}
        return Started(
            ucid, ucid, self._media.encoding.value, self._media.sample_rate, more or None
        )

    def _in_stream(self, event: str, value: JsonObject) -> list[Event]:
        match event:
            case "media":
                return self._caller_audio(object_of(value.get("data")))
            case "dtmf":
                data = value.get("data")
                digit = first_member(value, "signal", "digit", "dtmf")
                nested = first_member(data, "signal", "digit")
                return [key_pressed(nested if digit is None else digit)]
            case _:
                self._place.stopped = True
                return [Stopped(text_of(first_member(value, "cause", "reason")))]

    def _caller_audio(self, data: JsonObject) -> list[Event]:
        first, self._media_seen = not self._media_seen, True
        rate = whole_number_of(data.get("sampleRate"))
        if first and rate == FALSE_RATE:
            return []
        expected = (
            ("sampleRate", self._media.sample_rate),
            ("bitsPerSample", _BITS),
            ("channelCount", 1),
        )
        for name, ours in expected:
            theirs = data.get(name)
            if theirs is not None and whole_number_of(theirs) != ours:
                return [Complaint(f"media with {name} {shown(theirs)}, not {ours}; dropped")]
        audio = _pcm_of(data.get("samples"))
        if audio is None:
            return [Complaint("media without 16-bit integer samples; dropped")]
        return [CallerAudio(audio)]

    # --- Outbound --------------------------------------------------------------------

    def send(self, command: Command) -> list[Message]:
        """Write a command; before the start message there is nothing to clear."""
        match command:
            case SendAudio(payload):
                return list(self.seal(payload))
            case ClearAudio():
                return [] if self._place.ids is None else [self._clear(*self._place.ids)]
            case HangUp():
                return ['{"command":"callDisconnect"}']
            case SendMark() | EndStream() | Answer() | Pause() | Resume():
                return []
            case SendDtmf() | Transfer():
                raise LocalProtocolError(
                    f"ozonetel: the stream has no way to {type(command).__name__}"
                )
            case _:
                assert_never(command)

    def seal(self, payload: Payload) -> Sequence[Message]:
        """Put samples into messages of one packet; a short last one is filled with silence."""
        if self._place.ids is None:
            raise LocalProtocolError("ozonetel: audio before the start message")
        if isinstance(payload, bytes):
            raise LocalProtocolError("ozonetel: audio goes as numbers, not as bytes")
        size = self._packet_samples
        if not size:
            return (self._sealed(payload, payload.count(",") + 1),)
        packets = self._packets.findall(payload)
        short = size - (packets[-1].count(",") + 1)
        packets[-1] += ",0" * short
        return [self._sealed(packet, size) for packet in packets]

    def _sealed(self, samples: str, count: int) -> str:
        return (
            f'{self._before}{samples}],"bitsPerSample":{_BITS},"sampleRate":{SAMPLE_RATE},'
            f'"channelCount":1,"numberOfFrames":{count},"type":"data"}}}}'
        )

    def _clear(self, ucid: str | None) -> str:
        if not self._extension:
            return '{"command":"clearBuffer"}'
        return (
            f'{{"command":"clearBuffer","extension":{json.dumps(self._extension)},'
            f'"sessionId":{json.dumps(ucid)}}}'
        )


def _event_of(value: JsonObject) -> str | None:
    """Return what a message is; a key comes as `media` of another type."""
    kind = text_of(value.get("type"))
    return kind if kind == "dtmf" else text_of(value.get("event")) or kind


def _pcm_of(samples: JsonValue) -> bytes | None:
    """Return integers as PCM16 LE; None if they are none, or do not fit in 16 bits."""
    if not isinstance(samples, list):
        return None
    try:
        return struct.pack(f"<{len(samples)}h", *samples)
    except struct.error:
        return None


CARRIER = Carrier(
    name="ozonetel",
    roles=frozenset({Role.ANSWER}),
    settings=OzonetelSettings(),
    new_codec=OzonetelCodec,
    documentation="https://github.com/anoopk405/kookoo-voicebot",
    sample_rates=(SAMPLE_RATE,),
    form=PayloadForm.NUMBERS,
    unit=WireUnit(packet_ms=PACKET_SAMPLES * 1000 // SAMPLE_RATE),
    starts=Starts.ON_MESSAGE,
    recovery=Recovery.END,
    clears=True,
    hangs_up=True,
    ends_by_close=True,
)
