"""2600Hz Kazoo Pivot, `<Connect><Stream>`: sends what Twilio's Media Streams send, plays WAV files.

https://docs.2600hz.com/developers/pivot/streams/pivot-stream-web-socket-messages (messages),
https://docs.2600hz.com/developers/pivot/pivot-twi-ml-response-format/stream (how it is opened).

Unusual about it:

* It takes files, MP3 or WAV, not audio as it sends it: media is held until a mark, which makes
  Pivot play what it holds after what it plays. So each of our messages is a whole WAV file with a
  mark behind it.
* What was given a mark cannot be cleared, whether it plays yet or not: there is no barge-in.
* Whether one file follows the other without a gap is not documented, so an utterance goes in one
  message unless `frames_per_message` says otherwise. All marks are used up by that; what comes back
  means no more than that a file was played or the stream is at its end.
* The stream carries 16-bit PCM at 8000 Hz unless the document says otherwise (`audioCodec`,
  `sampleRate`). That what it sends as `audio/L16` is little-endian is inferred.
* Closing the socket ends the call.
"""

from __future__ import annotations

import binascii
import struct
from collections.abc import Sequence

import attrs

from trioaudio.carriers._media_streams import MediaStreamsCodec, StreamDialect
from trioaudio.core.carrier import (
    Carrier,
    CarrierSettings,
    ClearAudio,
    Command,
    Event,
    Ignored,
    MarkPlayed,
    Message,
    Recovery,
    Role,
    SendAudio,
    SendMark,
    Started,
    Starts,
    WireUnit,
)
from trioaudio.core.encoding import Encoding, MediaFormat, Payload, PayloadForm
from trioaudio.core.errors import LocalProtocolError
from trioaudio.core.wire_json import compact

_DIALECT = StreamDialect("kazoo")
_LINEAR_WAV = struct.Struct("<4sI4s4sIHHIIHH4sI2s4sI")
"""RIFF, fmt, two bytes of JUNK, the head of data: 54 bytes, whose base64 needs no padding."""
_MULAW_WAV = struct.Struct("<4sI4s4sIHHIIHHH4sII4sI4sI")
"""RIFF, the longer fmt and the fact that all but linear audio has, an empty JUNK, the head of data:
66 bytes (https://www.mmsp.ece.mcgill.ca/Documents/AudioFormats/WAVE/WAVE.html)."""


@attrs.frozen
class KazooSettings(CarrierSettings):
    """One file for each utterance, against gaps between files."""

    tail_ms: int = attrs.field(
        default=1000,
        metadata={
            "help": "milliseconds between the last frame's end and the hang-up: a file begins to"
            " play some time after it came"
        },
    )
    frames_per_message: int = attrs.field(
        default=0,
        metadata={
            "help": "60 ms frames in one WAV file; 0 sends each utterance whole. Fewer start"
            " sooner and may leave gaps"
        },
    )


class PivotCodec:
    """One leg's protocol state: reads as the family does, and writes files."""

    __slots__ = ("_before", "_media", "_play", "_stream")

    def __init__(self, settings: CarrierSettings, media: MediaFormat) -> None:
        self._stream = MediaStreamsCodec(_DIALECT, settings, media)
        self._media = media
        self._before = self._play = ""

    def receive(self, message: Message) -> list[Event]:
        """Read one message; RemoteProtocolError for a start that we cannot work with."""
        return [self._own(event) for event in self._stream.receive(message)]

    def _own(self, event: Event) -> Event:
        match event:
            case Started(stream_id=stream_id):
                ids = f'"streamSid":{compact(stream_id)}'
                self._before = f'{{"event":"media",{ids},"media":{{"payload":"'
                self._play = f'{{"event":"mark",{ids},"mark":{{"name":"file"}}}}'
            case MarkPlayed():
                return Ignored("a file was played")
            case _:
                pass
        return event

    def send(self, command: Command) -> list[Message]:
        """Write a command; marks play what is held, and what plays cannot be cleared."""
        match command:
            case SendAudio(payload):
                return list(self.seal(payload))
            case SendMark() | ClearAudio():
                return []
            case _:
                return self._stream.send(command)

    def seal(self, payload: Payload) -> Sequence[Message]:
        """Make a WAV file of base64, and have it played."""
        if isinstance(payload, bytes):
            raise LocalProtocolError("kazoo: audio goes as base64, not as bytes")
        if not self._before:
            raise LocalProtocolError("kazoo: audio before the stream has started")
        size = len(payload) // 4 * 3 - payload.count("=", -2)
        head = binascii.b2a_base64(_wav_head(self._media, size), newline=False).decode("ascii")
        return (
            f'{self._before}{head}{payload}","format":{{"encoding":"audio/wav"}}}}}}',
            self._play,
        )

    def is_media(self, message: Message) -> bool:
        """Look for the event in the first characters."""
        return self._stream.is_media(message)


def _wav_head(media: MediaFormat, size: int) -> bytes:
    if media.encoding is Encoding.PCM16:
        return _LINEAR_WAV.pack(
            *(b"RIFF", _LINEAR_WAV.size - 8 + size, b"WAVE"),
            *(b"fmt ", 16, 1, 1, media.sample_rate, media.bytes_in(1000), 2, 16),
            *(b"JUNK", 2, b"\0\0"),
            *(b"data", size),
        )
    return _MULAW_WAV.pack(
        *(b"RIFF", _MULAW_WAV.size - 8 + size, b"WAVE"),
        *(b"fmt ", 18, 7, 1, media.sample_rate, media.bytes_in(1000), 1, 8, 0),
        *(b"fact", 4, size),
        *(b"JUNK", 0),
        *(b"data", size),
    )


CARRIER = Carrier(
    name="kazoo",
    roles=frozenset({Role.ANSWER}),
    settings=KazooSettings(),
    new_codec=PivotCodec,
    documentation="https://docs.2600hz.com/developers/pivot/streams/pivot-stream-web-socket-messages",
    sample_rates=(8000, 16000, 24000),
    encodings=(Encoding.PCM16, Encoding.MULAW),
    form=PayloadForm.BASE64,
    unit=WireUnit(multiple=2, largest=1 << 22),  # 60 s at 24 000 Hz; no limit is documented
    starts=Starts.ON_MESSAGE,
    recovery=Recovery.END,
    ends_by_close=True,
)
