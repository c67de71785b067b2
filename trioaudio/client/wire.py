"""The control API's bytes: what is sent without its defaults, and what comes on the stream.

An audio message is: version 1, the call id's length, the call id in ASCII, the side (0 the
callee's, 1 ours), then PCM16 LE mono. Events of a kind this version does not know are passed over.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import attrs
import msgspec
from msgspec import NODEFAULT, Struct

from trioaudio.api.commands import CallCommand
from trioaudio.api.events import Event
from trioaudio.api.requests import StreamRequest
from trioaudio.api.shapes import Message
from trioaudio.api.views import Answer, Cut

AUDIO_VERSION: Final = 1
SIDES: Final = ("callee", "ours")


class UnreadableError(Exception):
    """Not what the control API says."""


@attrs.frozen
class Audio:
    """60 ms of one side of a call."""

    call: str
    side: str
    pcm: bytes


Arrival: TypeAlias = Answer | Cut | Event | Audio


class _Head(Struct):
    kind: str | None = None
    event: str | None = None


_head = msgspec.json.Decoder(_Head)
_answer = msgspec.json.Decoder(Answer)
_cut = msgspec.json.Decoder(Cut)
_event: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


def fields_of(message: Message) -> dict[str, object]:
    """Return a message's fields and tag without those that are as they would be anyway.

    So an older daemon takes what a newer client sends, as long as nothing new is asked for.
    """
    config = message.__struct_config__
    told: dict[str, object] = {config.tag_field: config.tag} if config.tag_field else {}
    for field in msgspec.structs.fields(message):
        value = getattr(message, field.name)
        usual = field.default
        if usual is NODEFAULT and field.default_factory is not NODEFAULT:
            usual = field.default_factory()
        if usual is NODEFAULT or value != usual:
            told[field.encode_name] = _plain(value)
    return told


def _plain(value: object) -> object:
    if isinstance(value, Message):
        return fields_of(value)
    if isinstance(value, list):
        return [_plain(each) for each in value]
    return value


def command_of(command: CallCommand) -> tuple[str, dict[str, object]]:
    """Return a command's name and its body."""
    told = fields_of(command)
    return str(told.pop("do")), told


def encode_request(request: StreamRequest) -> str:
    """Return a request as the stream takes it."""
    return msgspec.json.encode(fields_of(request)).decode()


def read_text(data: str) -> Answer | Cut | Event | None:
    """Read a text message of the stream; None for a kind nobody here knows. UnreadableError."""
    try:
        head = _head.decode(data)
        if head.kind == "answer":
            return _answer.decode(data)
        if head.kind == "cut":
            return _cut.decode(data)
        if head.event in EVENT_NAMES:
            return _event.decode(data)
    except msgspec.DecodeError as exc:
        raise UnreadableError(str(exc)) from exc
    return None


def read_audio(data: bytes | bytearray) -> Audio | None:
    """Read a binary message of the stream; None for a version unknown here. UnreadableError."""
    if not data or data[0] != AUDIO_VERSION:
        return None
    length = data[1] if len(data) > 1 else 0
    start = 3 + length
    if length == 0 or len(data) < start or data[start - 1] >= len(SIDES):
        raise UnreadableError(f"an audio message of {len(data)} bytes with a broken head")
    try:
        call = bytes(data[2 : 2 + length]).decode("ascii")
    except UnicodeDecodeError as exc:
        raise UnreadableError("an audio message with a broken call id") from exc
    return Audio(call, SIDES[data[start - 1]], bytes(data[start:]))


EVENT_NAMES: Final = frozenset(str(each.__struct_config__.tag) for each in Event.__args__)
