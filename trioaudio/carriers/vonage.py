"""Vonage Voice API WebSockets: binary PCM both ways, JSON text for the rest.

https://developer.vonage.com/en/voice/voice-api/guides/websockets (messages, sizes, buffer).

Unusual about it:

* Audio is binary, in messages of exactly 20 ms in both directions: a frame of ours is three.
* The first message, `websocket:connected`, has what the answer document gave as `headers` beside
  its own members. Vonage says nothing about which call it is; an answer document can, by putting
  the call's `uuid` in `headers`. Nothing is sent before this message.
* A `notify` comes back when all before it was played. What a clear does to those not yet back is
  not documented; they are taken to be dropped, and ones that do come back do no harm.
* Vonage holds 3072 messages, some 60 s; we never send ahead by more than the lead.
* Key presses appear in several shapes in the field: `digit`, `dtmf` and `dtmf.digit`.
* Nothing on the socket ends the call: closing ends the leg, and the rest is REST.
* The upgrade carries a JWT signed with the account's signature secret: `_vonage_door`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import assert_never

import attrs

from trioaudio.carriers._reading import (
    caller_audio,
    check_format,
    key_pressed,
    reported_error,
    shown,
)
from trioaudio.carriers._vonage_door import DOOR_CHECK
from trioaudio.core.carrier import (
    Acknowledges,
    Answer,
    Carrier,
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
    MarksAfterClear,
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
    Transfer,
    WireUnit,
)
from trioaudio.core.encoding import MediaFormat, Payload
from trioaudio.core.errors import LocalProtocolError, RemoteProtocolError
from trioaudio.core.secret import Secret, masked_url
from trioaudio.core.wire_json import (
    JsonObject,
    first_member,
    member,
    read_object,
    text_of,
)

PACKET_MS = 20

CALL_HEADERS = ("uuid", "call_uuid", "call-id")
"""Names under which an answer document may say, in the endpoint's `headers`, which call it is."""

_TOO_EARLY = "vonage: nothing is sent before websocket:connected"


@attrs.frozen
class VonageSettings(CarrierSettings):
    """What a Vonage application needs."""

    lead_ms: int = attrs.field(
        default=180, metadata={"help": "milliseconds each frame is sent before it is due"}
    )
    application_id: str = attrs.field(
        default="", metadata={"help": "the application's id; to place calls, and to know its own"}
    )
    private_key_file: Path | None = attrs.field(
        default=None,
        metadata={"help": "file with the application's private key, PEM; to place calls"},
    )
    signature_secret: Secret = attrs.field(
        default=Secret(),
        metadata={"help": "the account's signature secret, which proves Vonage; never shown"},
    )
    rest_url: str = attrs.field(
        default="https://api.nexmo.com",
        metadata={"show": masked_url, "help": "where the REST interface is"},
    )


class VonageCodec:
    """One leg's messages."""

    __slots__ = ("_media", "_opening", "_packet_bytes", "_silence")

    def __init__(self, settings: CarrierSettings, media: MediaFormat) -> None:
        del settings  # what an operator may change about the messages is in `media`
        self._media = media
        self._packet_bytes = media.bytes_in(PACKET_MS)
        self._silence = media.encoding.silence
        self._opening: JsonObject | None = None

    # --- Inbound ---------------------------------------------------------------------

    def receive(self, message: Message) -> list[Event]:
        """Read binary as audio, text as an event; RemoteProtocolError for another format."""
        if isinstance(message, bytes):
            if self._opening is None:
                return [Complaint("audio before websocket:connected; dropped")]
            return caller_audio(message, self._media.encoding.sample_bytes)
        value = read_object(message)
        if value is None:
            return [Complaint("a text message that is no JSON object; dropped")]
        event = text_of(value.get("event"))
        if event == "websocket:connected":
            return [self._connected(value)]
        if event not in ("websocket:cleared", "websocket:notify", "websocket:dtmf"):
            return [
                reported_error(value)
                if event in ("error", "websocket:error")
                else Ignored(f"event {shown(event)}")
            ]
        if self._opening is None:
            return [Complaint(f"{event} before websocket:connected; dropped")]
        if event == "websocket:cleared":
            return [Cleared()]
        return [_notified(value) if event == "websocket:notify" else _pressed(value)]

    def is_media(self, message: Message) -> bool:
        """Binary is audio."""
        return isinstance(message, bytes)

    def _connected(self, value: JsonObject) -> Event:
        if self._opening is not None:
            if value == self._opening:
                return Complaint("a second websocket:connected; ignored")
            raise RemoteProtocolError(
                "vonage: a second, different websocket:connected on one connection; each stream"
                " needs a connection of its own"
            )
        check_format("vonage", self._media, encoding=value.get("content-type"))
        self._opening = value
        headers = {
            name: header for name, header in value.items() if name not in ("event", "content-type")
        }
        return Started(
            call_id=text_of(first_member(value, *CALL_HEADERS)),
            encoding=self._media.encoding.value,
            sample_rate=self._media.sample_rate,
            metadata=headers or None,
        )

    # --- Outbound --------------------------------------------------------------------

    def send(self, command: Command) -> list[Message]:
        """Write a command; before websocket:connected there is nothing to clear."""
        match command:
            case SendAudio(payload):
                return list(self.seal(payload))
            case SendMark(name):
                self._require_opening()
                return [f'{{"action":"notify","payload":{{"id":{json.dumps(name)}}}}}']
            case ClearAudio():
                return [] if self._opening is None else ['{"action":"clear"}']
            case HangUp() | EndStream() | Answer() | Pause() | Resume():
                return []
            case SendDtmf() | Transfer():
                raise LocalProtocolError(
                    f"vonage: the stream has no way to {type(command).__name__}"
                )
            case _:
                assert_never(command)

    def seal(self, payload: Payload) -> Sequence[Message]:
        """Cut audio into packets of 20 ms; a short last one is filled with silence."""
        if isinstance(payload, str):
            raise LocalProtocolError("vonage: audio goes as bytes, not as text")
        if self._opening is None:
            raise LocalProtocolError(_TOO_EARLY)
        size = self._packet_bytes
        if len(payload) == 3 * size:  # a frame, as nearly always: without a loop
            return payload[:size], payload[size : 2 * size], payload[2 * size :]
        packets = [payload[start : start + size] for start in range(0, len(payload), size)]
        if short := -len(payload) % size:
            packets[-1] += self._silence * (short // len(self._silence))
        return packets

    def _require_opening(self) -> None:
        if self._opening is None:
            raise LocalProtocolError(_TOO_EARLY)


def _notified(value: JsonObject) -> Event:
    name = text_of(member(value, "payload", "id"))
    if name is None:
        return Complaint("a websocket:notify without the id we gave it; dropped")
    return MarkPlayed(name)


def _pressed(value: JsonObject) -> Event:
    nested = value.get("dtmf")
    inner = nested if isinstance(nested, dict) else {"digit": nested}
    digit = value.get("digit")
    return key_pressed(
        inner.get("digit") if digit is None else digit,
        first_member(value, "duration") or inner.get("duration"),
    )


CARRIER = Carrier(
    name="vonage",
    roles=frozenset({Role.ANSWER}),
    settings=VonageSettings(),
    new_codec=VonageCodec,
    documentation="https://developer.vonage.com/en/voice/voice-api/guides/websockets",
    unit=WireUnit(packet_ms=PACKET_MS),
    starts=Starts.ON_MESSAGE,
    recovery=Recovery.END,
    clears=True,
    acknowledges=Acknowledges.MARKS,
    marks_after_clear=MarksAfterClear.DROPPED,
    door_check=DOOR_CHECK,
    ends_by_close=True,
)
