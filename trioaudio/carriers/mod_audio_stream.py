"""FreeSWITCH with mod_audio_stream (amigniter): PCM16 in, `streamAudio` JSON or raw binary out.

https://github.com/amigniter/mod_audio_stream: documented in its README, read in the source of the
open build; what the commercial build does is documented for version 1.0.3 and in the author's
answers in issues 72, 87 and 93.

Unusual about it:

* FreeSWITCH dials us on `uuid_audio_stream <uuid> start <url> mono 8k [metadata]`; the metadata,
  if any, is the first text and may be anything. Then binary PCM16 LE comes, and nothing else
  ever does: no start, no keys, no word on what was played, no stop; `send_text` and `stop` may
  send more text. Use `mono`: with `stereo` two voices would be taken for one at half speed.
* The open build plays nothing by itself. Each `streamAudio` message becomes a file and the event
  `mod_audio_stream::play`, on which a script of yours plays it, cutting short the one before, as
  users report. So each utterance goes whole, and no silence goes in between: it would cut, too.
* The commercial build (`STREAM_PLAYBACK=true`) queues and plays by itself, base64 or raw binary;
  for binary it is told the rate first and wants 20 ms a message. Set `build` to commercial and
  `frames_per_message` to 1, and perhaps `lead_ms` to 100: a gap of 20 ms can be heard there.
* What is playing is stopped by `uuid_audio_stream <uuid> break` inside FreeSWITCH (commercial
  build), and the call is ended there too. Text that is not audio becomes the event
  `mod_audio_stream::json`, so a script of yours can be told: `clear_message`, `end_message`.
  Since nothing happens without one, this carrier is described as one that cannot clear.
* It does not dial again when the connection is lost, and has no proof of who dials.
"""

from __future__ import annotations

import binascii
import enum
from collections.abc import Sequence
from typing import Final, assert_never

import attrs

from trioaudio.carriers._reading import caller_audio
from trioaudio.core.carrier import (
    Answer,
    Carrier,
    CarrierSettings,
    ClearAudio,
    Command,
    EndStream,
    Event,
    HangUp,
    Message,
    Metadata,
    Pause,
    Recovery,
    Resume,
    Role,
    SendAudio,
    SendDtmf,
    SendMark,
    Transfer,
)
from trioaudio.core.encoding import MediaFormat, Payload, PayloadForm
from trioaudio.core.errors import LocalProtocolError
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.core.wire_json import read_json

PACKET_MS: Final = 20
"""What the commercial build recommends for one binary message."""


class Build(enum.Enum):
    """Which mod_audio_stream it is."""

    OPEN = "open"
    """Audio goes as base64 in JSON; the commercial build takes that as well."""
    COMMERCIAL = "commercial"
    """Audio goes as raw binary, after its rate."""


@attrs.frozen
class ModAudioStreamSettings(CarrierSettings):
    """Which build it is, and what a script of yours in FreeSWITCH wants to be told."""

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
            "help": "60 ms frames sent at a time; 0 sends each utterance whole, which the open"
            " build needs; give 1 with build=commercial"
        },
    )
    build: Build = attrs.field(
        default=Build.OPEN,
        metadata={
            "help": "mod_audio_stream's: open (base64, each message becomes a file) or commercial"
            " (raw binary, played as it comes)"
        },
    )
    clear_message: str = attrs.field(
        default="",
        metadata={
            "help": "text message sent when speech is cut, for a script in FreeSWITCH that stops"
            " what is playing; empty: none"
        },
    )
    end_message: str = attrs.field(
        default="",
        metadata={
            "help": "text message sent before the connection is closed, for a script in FreeSWITCH"
            " that ends the call; empty: none"
        },
    )


class ModAudioStreamCodec:
    """One leg's messages; keeps no state, since there are no ids and no sequence numbers."""

    __slots__ = ("_announcement", "_before", "_clear", "_end", "_packet_bytes")

    def __init__(self, settings: CarrierSettings, media: MediaFormat) -> None:
        known = (
            settings if isinstance(settings, ModAudioStreamSettings) else ModAudioStreamSettings()
        )
        rate = media.sample_rate
        raw = known.build is Build.COMMERCIAL
        self._packet_bytes = media.bytes_in(PACKET_MS) if raw else 0
        self._announcement = f'{{"type":"rawAudio","data":{{"sampleRate":{rate}}}}}' if raw else ""
        self._clear = known.clear_message
        self._end = known.end_message
        self._before = (
            '{"type":"streamAudio","data":{"audioDataType":"raw",'
            f'"sampleRate":{rate},"audioData":"'
        )

    def receive(self, message: Message) -> list[Event]:
        """Read binary as audio, and text as metadata, JSON or opaque."""
        if isinstance(message, bytes):
            return caller_audio(message, SAMPLE_BYTES)
        try:
            return [Metadata(read_json(message))]
        except ValueError:
            return [Metadata(message)]

    def send(self, command: Command) -> list[Message]:
        """Write a command; most have no message but the one the operator made up."""
        match command:
            case SendAudio(payload):
                return list(self.seal(payload))
            case ClearAudio():
                return _unless_empty(self._clear)
            case HangUp() | EndStream():
                return _unless_empty(self._end)
            case Answer():
                return _unless_empty(self._announcement)
            case SendMark() | Pause() | Resume():
                return []
            case SendDtmf() | Transfer():
                raise LocalProtocolError(
                    f"mod_audio_stream: there is no message for {type(command).__name__};"
                    " it is done inside FreeSWITCH"
                )
            case _:
                assert_never(command)

    def seal(self, payload: Payload) -> Sequence[Message]:
        """Wrap base64 in a streamAudio message, or turn it into binary ones of 20 ms each.

        The form is the carrier's and cannot depend on a setting, hence the way back: 4 µs a frame.
        """
        if isinstance(payload, bytes):
            raise LocalProtocolError("mod_audio_stream: audio comes here as base64, not as bytes")
        size = self._packet_bytes
        if not size:
            return (f'{self._before}{payload}"}}}}',)
        audio = binascii.a2b_base64(payload)
        if short := len(audio) % size:
            audio += bytes(size - short)
        return [audio[at : at + size] for at in range(0, len(audio), size)]

    def is_media(self, message: Message) -> bool:
        """Binary is audio."""
        return isinstance(message, bytes)


def _unless_empty(message: str) -> list[Message]:
    return [message] if message else []


CARRIER = Carrier(
    name="mod_audio_stream",
    roles=frozenset({Role.ANSWER}),
    settings=ModAudioStreamSettings(),
    new_codec=ModAudioStreamCodec,
    documentation="https://github.com/amigniter/mod_audio_stream",
    form=PayloadForm.BASE64,
    recovery=Recovery.END,
    ends_by_close=True,
)
