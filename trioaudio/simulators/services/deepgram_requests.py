"""What a client may ask of Deepgram's speech, and how it is refused what makes no sense.

https://developers.deepgram.com/reference/text-to-speech/speak-streaming
"""

from __future__ import annotations

import enum
import json
import uuid
from collections.abc import Mapping

import attrs

from trioaudio.core.errors import TrioaudioError
from trioaudio.simulators.services.faults import FaultKind, Strikes
from trioaudio.simulators.services.http import Request
from trioaudio.simulators.services.sound import Encoding, SoundFormat
from trioaudio.simulators.services.studio import Studio

VOICES = ("aura-2-thalia-en", "aura-2-andromeda-en", "aura-2-celeste-es")
LONGEST_TEXT = 2000
_ENCODINGS = {"linear16": Encoding.S16, "mulaw": Encoding.MULAW, "alaw": Encoding.ALAW}
_RATES = {
    "linear16": (8000, 16000, 24000, 32000, 48000),
    "mulaw": (8000, 16000),
    "alaw": (8000, 16000),
}
_CODES = {400: "Bad Request", 401: "INVALID_AUTH", 402: "ASR_PAYMENT_REQUIRED", 403: "FORBIDDEN"}


class RefusedError(TrioaudioError):
    """A request the service answers with an error."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.message = message

    def body(self) -> dict[str, object]:
        """Return the body of the answer."""
        code = _CODES.get(self.status, "TOO_MANY_REQUESTS" if self.status == 429 else "INTERNAL")
        return {"err_code": code, "err_msg": self.message, "request_id": str(uuid.uuid4())}


class Order(enum.Enum):
    """What a message of a client wants."""

    SPEAK = "Speak"
    FLUSH = "Flush"
    CLEAR = "Clear"
    CLOSE = "Close"


@attrs.frozen
class Setup:
    """What stands in a query."""

    model: str
    sound: SoundFormat

    @property
    def language(self) -> str:
        """What the model speaks."""
        return self.model.rpartition("-")[2]


def check_key(request: Request, studio: Studio) -> None:
    """RefusedError for a key that is missing or wrong."""
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    known = scheme.lower() in ("token", "bearer") and key
    if not known or (studio.options.key is not None and key != studio.options.key):
        raise RefusedError(401, "Invalid credentials.")


def read_setup(query: Mapping[str, str], studio: Studio) -> Setup:
    """Read a query; RefusedError."""
    model = query.get("model", "aura-asteria-en")
    voices = studio.options.voices
    if not model.startswith("aura-") or (voices and model not in voices):
        raise RefusedError(400, f"No such model/version combination found: {model}")
    name = query.get("encoding", "linear16")
    rate = query.get("sample_rate", "24000" if name == "linear16" else "8000")
    if name not in _ENCODINGS:
        raise RefusedError(400, f"Unsupported audio encoding: {name}")
    if rate not in map(str, _RATES[name]):
        raise RefusedError(400, f"Unsupported audio format: {name} with a sample rate of {rate}")
    return Setup(model, SoundFormat(_ENCODINGS[name], int(rate)))


def check_room(studio: Studio) -> None:
    """RefusedError when one more would be too many."""
    if studio.full:
        raise RefusedError(429, "Too many requests. Please try again later.")


def check_struck(strikes: Strikes, *kinds: FaultKind) -> None:
    """RefusedError when one of these faults strikes, with the status it has."""
    for kind in kinds:
        status = strikes.value(kind)
        if status is not None:
            raise RefusedError(int(status), "the simulator was told to refuse")


def read_text(value: object) -> str:
    """Return the text of a request or a message; RefusedError."""
    text = value.get("text") if isinstance(value, dict) else None
    if not isinstance(text, str):
        raise RefusedError(400, "Failed to deserialize JSON payload: wanted a text")
    if len(text) > LONGEST_TEXT:
        raise RefusedError(413, f"Input text exceeds maximum character limit of {LONGEST_TEXT}.")
    return text


def read_order(message: str | bytes) -> tuple[Order, str]:
    """Return what a message wants, and its text; RefusedError."""
    try:
        value = json.loads(message)
        order = Order(value.get("type") if isinstance(value, dict) else None)
    except ValueError:
        raise RefusedError(400, "The message is no known JSON message") from None
    return order, read_text(value) if order is Order.SPEAK else ""
