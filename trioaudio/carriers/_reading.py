"""What reading several carriers' messages has in common: JSON text with audio in it, or bytes.

Lenient where a carrier's documentation and its doings differ; whatever cannot be used becomes a
Complaint of one line, never with more of the message in it than a few words.
"""

from __future__ import annotations

import itertools
import re

import attrs

from trioaudio.core.carrier import CallerAudio, Complaint, DtmfPressed, Event, Message
from trioaudio.core.encoding import Encoding, MediaFormat
from trioaudio.core.errors import RemoteProtocolError
from trioaudio.core.wire_json import (
    JsonObject,
    JsonValue,
    base64_of,
    first_member,
    number_of,
    read_object,
    text_of,
    whole_number_of,
)

_KEYS = frozenset("0123456789*#ABCD")
_SHOWN = 40
"""Characters of a foreign text that a Complaint shows."""
_ERROR_SHOWN = 200
"""Of an error the carrier reports, which may be a sentence."""

_BLANK = r"[ \t\r\n]*"
_TEXT = r'"(?:[^"\\]|\\.)*"'
_SCALAR = rf"(?:{_TEXT}|[-+.0-9eE]+|true|false|null)"
_MEMBERS = rf"(?:{_BLANK}{_TEXT}{_BLANK}:{_BLANK}{_SCALAR}{_BLANK},)*?"

_ENCODINGS = {
    "l16": Encoding.PCM16,
    "linear16": Encoding.PCM16,
    "pcm": Encoding.PCM16,
    "pcm16": Encoding.PCM16,
    "raw": Encoding.PCM16,
    "slin": Encoding.PCM16,
    "slin16": Encoding.PCM16,
    "mulaw": Encoding.MULAW,
    "ulaw": Encoding.MULAW,
    "pcmu": Encoding.MULAW,
    "alaw": Encoding.ALAW,
    "pcma": Encoding.ALAW,
}


def media_pattern(**members: str) -> re.Pattern[str]:
    """Return what matches an object that begins with these members, in any order.

    Between them only texts and numbers are passed over, so that a match says something about
    the object itself and not about one inside it.
    """
    orders = (
        _MEMBERS.join(
            f'{_BLANK}"{name}"{_BLANK}:{_BLANK}"{value}"{_BLANK}[,}}]' for name, value in order
        )
        for order in itertools.permutations(members.items())
    )
    return re.compile(rf"{_BLANK}{{{_MEMBERS}(?:{'|'.join(orders)})")


def shown(value: object, most: int = _SHOWN) -> str:
    """Return a foreign value as a few printable characters."""
    text = ascii(value[:most] if isinstance(value, str) else value)
    return text if len(text) <= most else f"{text[:most]}..."


def text_object(carrier: str, message: Message) -> JsonObject | Complaint:
    """Return the object a text message holds, or what is wrong with the message."""
    if isinstance(message, bytes):
        return Complaint(f"{len(message)} binary bytes, where {carrier} sends text; dropped")
    value = read_object(message)
    return Complaint("a message that is no JSON object; dropped") if value is None else value


@attrs.define(eq=False)
class StreamPlace:
    """Where a connection stands: before its stream, in it or after it, and which stream it is."""

    carrier: str
    ids: tuple[str | None, ...] | None = None
    """As the start message gave them, the stream's own first; None before it."""
    stopped: bool = False

    def repeated(self, *ids: str | None) -> Complaint | None:
        """Return a Complaint if the stream was started before, None if this is the first time.

        RemoteProtocolError if it was another stream: audio and marks of two cannot be told apart.
        """
        if self.ids is None:
            return None
        if self.ids == ids:
            return Complaint("a second start of the same stream; ignored")
        raise RemoteProtocolError(
            f"{self.carrier}: another stream was started on a connection that had one; each needs"
            " a connection of its own"
        )

    def misplaced(self, what: str, stream_id: JsonValue) -> Complaint | None:
        """Return a Complaint about a message that belongs to no stream, or to another one."""
        if self.ids is None:
            return Complaint(f"{what} before the stream was started; dropped")
        theirs = text_of(stream_id)
        if theirs not in (None, self.ids[0]):
            return Complaint(f"{what} of another stream, {shown(theirs)}; dropped")
        return None


def caller_audio(audio: bytes, sample_bytes: int, track: str | None = None) -> list[Event]:
    """Return audio as an event; a last byte that is no whole sample is dropped and told."""
    if not len(audio) % sample_bytes:
        return [CallerAudio(audio, track)]
    odd = Complaint(f"{len(audio)} bytes of audio are no whole samples; last byte dropped")
    return [CallerAudio(audio[:-1], track), odd]


def base64_audio(value: JsonValue, sample_bytes: int, track: str | None = None) -> list[Event]:
    """Return audio that stands in a message as base64."""
    audio = base64_of(value)
    if audio is None:
        return [Complaint("a media message without base64 audio; dropped")]
    return caller_audio(audio, sample_bytes, track)


def key_pressed(digit: JsonValue, duration_ms: JsonValue = None) -> Event:
    """Return a pressed key as an event, or a Complaint when it is none."""
    key = (text_of(digit) or "").upper()
    if key not in _KEYS:
        return Complaint(f"a key that does not exist: {shown(digit)}; dropped")
    return DtmfPressed(key, number_of(duration_ms))


def reported_error(value: JsonObject) -> Complaint:
    """Return what a carrier's error message says, wherever it keeps its words and its code."""
    found = first_member(value, "payload", "error")
    error = found if isinstance(found, dict) else value
    words = [text_of(error.get(name)) for name in ("title", "message", "detail", "reason")]
    text = ": ".join(word for word in (*words, text_of(found)) if word is not None)
    code = text_of(first_member(error, "code", "errorCode", "error_code"))
    return Complaint(
        f"the carrier reports an error: {shown(text or None, _ERROR_SHOWN)}",
        None if code is None else ascii(code[:_SHOWN])[1:-1],
    )


def check_format(
    carrier: str,
    media: MediaFormat,
    *,
    encoding: JsonValue = None,
    sample_rate: JsonValue = None,
    channels: JsonValue = None,
) -> None:
    """Compare what a start message announces with what was chosen.

    What is not announced is not compared, and a content type may name its rate. Raises
    RemoteProtocolError, since every byte of audio would be noise.
    """
    kind, _, parameters = (text_of(encoding) or "").partition(";")
    named = _ENCODINGS.get(kind.strip().lower().removeprefix("audio/").removeprefix("x-"))
    in_type = re.search(r"rate=([0-9]{1,7})", parameters)
    rates = (whole_number_of(sample_rate), int(in_type[1]) if in_type else None)
    ours = Encoding.PCM16 if media.encoding is Encoding.PCM16_BE else media.encoding
    if (
        (kind and named is not ours)
        or any(rate not in (None, media.sample_rate) for rate in rates)
        or whole_number_of(channels) not in (None, 1)
    ):
        said = ", ".join(
            f"{name} {shown(value)}"
            for name, value in (
                ("encoding", encoding),
                ("rate", sample_rate),
                ("channels", channels),
            )
            if value is not None
        )
        raise RemoteProtocolError(
            f"{carrier}: the stream was announced with {said}, but {media}, mono, was chosen;"
            f" set TRIOAUDIO_{carrier.upper()}_ENCODING and TRIOAUDIO_SAMPLE_RATE to what the"
            " carrier sends, or have it send what they say"
        )
