"""Raw PCM: each binary message is one 60 ms frame of PCM16 LE mono, in both directions.

No carrier's dialect, but the shape of many home-made media endpoints: dial a `ws(s)://` URL,
perhaps with a header, and push 960 bytes (8 kHz) or 1920 bytes (16 kHz) per message. It works
in both roles. There is no protocol for anything else, so whatever an endpoint wants said at
the start, at a clear or at the end is a setting: a text message sent as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

import attrs

from trioaudio.core.carrier import (
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
from trioaudio.core.encoding import MediaFormat, Payload
from trioaudio.core.errors import LocalProtocolError
from trioaudio.core.pcm import SAMPLE_BYTES


@attrs.frozen
class RawSettings(CarrierSettings):
    """What an endpoint may want to be told; empty means nothing is sent."""

    open_message: str = attrs.field(
        default="",
        metadata={"help": "text message sent when the connection is open; empty: none"},
    )
    clear_message: str = attrs.field(
        default="",
        metadata={"help": "text message sent to clear the endpoint's queue; empty: none"},
    )
    end_message: str = attrs.field(
        default="",
        metadata={"help": "text message sent before the connection is closed; empty: none"},
    )


class RawCodec:
    """One leg's messages; keeps no state."""

    __slots__ = ("_clear", "_end", "_open")

    def __init__(self, settings: CarrierSettings, media: MediaFormat) -> None:
        del media  # the far end knows it, or it would not make sense of the bytes
        known = settings if isinstance(settings, RawSettings) else RawSettings()
        self._open = known.open_message
        self._clear = known.clear_message
        self._end = known.end_message

    def receive(self, message: Message) -> list[Event]:
        """Read binary as audio, text as opaque metadata."""
        if isinstance(message, str):
            return [Metadata(message)]
        if len(message) % SAMPLE_BYTES:
            odd = Complaint(f"{len(message)} bytes are no whole samples; last byte dropped")
            return [CallerAudio(message[:-1]), odd]
        return [CallerAudio(message)]

    def send(self, command: Command) -> list[Message]:
        """Write a command; what has no message here is left to the closing of the socket."""
        match command:
            case SendAudio(payload):
                return list(self.seal(payload))
            case ClearAudio():
                return [self._clear] if self._clear else []
            case HangUp() | EndStream():
                return [self._end] if self._end else []
            case Answer():
                return [self._open] if self._open else []
            case SendMark() | Pause() | Resume():
                return []
            case SendDtmf() | Transfer():
                raise LocalProtocolError(
                    f"raw: an endpoint of bare PCM has no way to {type(command).__name__}"
                )
            case _:
                assert_never(command)

    def seal(self, payload: Payload) -> Sequence[Message]:
        """Send the frame as it is."""
        if isinstance(payload, str):
            raise LocalProtocolError("raw: audio goes as bytes, not as text")
        return (payload,)

    def is_media(self, message: Message) -> bool:
        """Binary is audio."""
        return isinstance(message, bytes)


CARRIER = Carrier(
    name="raw",
    roles=frozenset({Role.ANSWER, Role.DIAL}),
    settings=RawSettings(),
    new_codec=RawCodec,
    documentation="docs/media-path.md",
    recovery=Recovery.REDIAL,
    ends_by_close=True,
)
