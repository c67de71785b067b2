"""ConversationRelay's messages, both directions, without the sockets they travel on.

Documented: https://www.twilio.com/docs/voice/conversationrelay/websocket-messages
(fields, validation rules, `loop` 0 meaning 1000 times). That interruptible may also be one of
four words is documented for the TwiML noun only, and is taken in messages too. Unknown fields are
passed over, and null stands for absent: applications in typed languages write it.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

import msgspec
from msgspec import Meta, Struct, field

from trioaudio.api.shapes import Interruptible, Name
from trioaudio.core.errors import TrioaudioError

LOOPED_WITHOUT_END = 1000
"""How often `loop` 0 plays, as documented."""
LARGEST_MESSAGE = 64 * 1024
"""Bytes of one message from an application; a larger one ends the connection."""

InterruptibleField: TypeAlias = bool | Literal["none", "dtmf", "speech", "any"] | None
Digits: TypeAlias = Annotated[str, Meta(min_length=1, max_length=64, pattern="^[0-9w#*]+$")]
Source: TypeAlias = Annotated[str, Meta(max_length=2000, pattern=r"^https?://[^\s]+$")]
Loop: TypeAlias = Annotated[int, Meta(ge=0, le=LOOPED_WITHOUT_END)]

_WORDS: dict[str, Interruptible] = {
    "none": "never",
    "dtmf": "dtmf",
    "speech": "speech",
    "any": "any",
}


class MalformedMessageError(TrioaudioError):
    """An application sent what is no message of the set; the text says what is wrong with it."""


# --- From the application ----------------------------------------------------------------


class TextMessage(Struct, tag_field="type", tag="text", kw_only=True):
    """Some text to be spoken; `last` ends the talk cycle."""

    token: str
    last: bool | None = None
    interruptible: InterruptibleField = None
    preemptible: bool | None = None
    lang: Name | None = None


class PlayMessage(Struct, tag_field="type", tag="play", kw_only=True):
    """A recording to be played."""

    source: Source
    loop: Loop | None = None
    interruptible: InterruptibleField = None
    preemptible: bool | None = None


class SendDigitsMessage(Struct, tag_field="type", tag="sendDigits"):
    """Keys to be pressed towards the callee."""

    digits: Digits


class LanguageMessage(Struct, tag_field="type", tag="language", rename="camel", kw_only=True):
    """The language of what is said from now on."""

    tts_language: Name | None = None
    transcription_language: str | None = None


class EndMessage(Struct, tag_field="type", tag="end", rename="camel"):
    """The application has done with the call."""

    handoff_data: str | None = None


ApplicationMessage: TypeAlias = (
    TextMessage | PlayMessage | SendDigitsMessage | LanguageMessage | EndMessage
)


class _AnyMessage(Struct):
    type: str


_DECODER: msgspec.json.Decoder[ApplicationMessage] = msgspec.json.Decoder(ApplicationMessage)
_KIND = msgspec.json.Decoder(_AnyMessage)
_KNOWN = ("text", "play", "sendDigits", "language", "end")
_LONGEST_QUOTE = 200


def decode_message(message: str | bytes) -> ApplicationMessage:
    """Return a message as its class; MalformedMessageError says what is wrong with it."""
    if isinstance(message, bytes):
        raise MalformedMessageError("messages are text in JSON, and a binary one came")
    try:
        kind = _KIND.decode(message).type
    except (msgspec.DecodeError, RecursionError) as exc:
        raise MalformedMessageError(
            f"Invalid message received: {exc}: {_quoted(message)}"
        ) from None
    if kind not in _KNOWN:
        raise MalformedMessageError(
            f"Invalid message received: type {_quoted(kind)} is not covered;"
            f" {', '.join(_KNOWN)} are"
        )
    try:
        decoded = _DECODER.decode(message)
    except (msgspec.DecodeError, RecursionError) as exc:
        raise MalformedMessageError(f"Invalid {kind} message received: {exc}") from None
    if isinstance(decoded, LanguageMessage) and not (
        decoded.tts_language or decoded.transcription_language
    ):
        raise MalformedMessageError(
            "Invalid language message received: it needs ttsLanguage or transcriptionLanguage"
        )
    return decoded


def interruptible_of(given: InterruptibleField, otherwise: Interruptible) -> Interruptible:
    """Return what may cut an utterance short, in our words; `otherwise` when it was not told."""
    match given:
        case None:
            return otherwise
        case bool():
            return "any" if given else "never"
        case word:
            return _WORDS[word]


def _quoted(words: str) -> str:
    shown = words if len(words) <= _LONGEST_QUOTE else f"{words[:_LONGEST_QUOTE]}…"
    return repr(shown)


# --- To the application ------------------------------------------------------------------


class SetupMessage(Struct, tag_field="type", tag="setup", rename="camel", kw_only=True):
    """The first message of all: which call it is."""

    session_id: str
    account_sid: str
    parent_call_sid: str = ""
    call_sid: str
    from_: str = field(name="from")
    to: str
    forwarded_from: str = ""
    call_type: str = "PSTN"
    caller_name: str = ""
    direction: str
    call_status: str = "IN_PROGRESS"
    custom_parameters: dict[str, str] = field(default_factory=dict)


class DtmfMessage(Struct, tag_field="type", tag="dtmf"):
    """The callee pressed a key."""

    digit: str


class InterruptMessage(Struct, tag_field="type", tag="interrupt", rename="camel"):
    """The callee cut us short."""

    utterance_until_interrupt: str
    duration_until_interrupt_ms: int


class ErrorMessage(Struct, tag_field="type", tag="error"):
    """Something could not be done; the call goes on."""

    description: str


RelayMessage: TypeAlias = SetupMessage | DtmfMessage | InterruptMessage | ErrorMessage


def encode_message(message: RelayMessage) -> str:
    """Return a message as it goes onto the wire."""
    return msgspec.json.encode(message).decode()
