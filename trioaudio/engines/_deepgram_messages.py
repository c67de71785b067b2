"""What is said over a Deepgram speech WebSocket, and what its errors mean.

https://developers.deepgram.com/reference/text-to-speech/speak-streaming
Audio travels in binary messages that carry no name of anything; the order is all there is.
"""

from __future__ import annotations

import enum
import json

import attrs

from trioaudio.core.errors import EngineError, EngineFault, FaultScope
from trioaudio.engines._json_message import read_object
from trioaudio.engines._status import shortened

NAME = "deepgram"
FLUSH = json.dumps({"type": "Flush"})
CLEAR = json.dumps({"type": "Clear"})


class Sign(enum.Enum):
    """What a message that is no audio stands for."""

    FLUSHED = enum.auto()
    """All audio of the text up to a Flush was sent."""
    CLEARED = enum.auto()
    """Nothing of what was asked for before a Clear comes any more."""
    UNFLUSHED = enum.auto()
    """A Flush was not done: there were too many."""
    NOTHING = enum.auto()
    """Metadata, some other warning, or a message of times to come."""


@attrs.frozen
class Reply:
    """A message of the service."""

    audio: bytes = b""
    sign: Sign = Sign.NOTHING


def speak(clause: str) -> str:
    """Return what gives the service text; it may wait for a Flush before it speaks."""
    return json.dumps({"type": "Speak", "text": clause})


def read_reply(message: str | bytes) -> Reply:
    """Read a message. EngineError when it is none, or tells of one."""
    if isinstance(message, bytes):
        return Reply(message)
    fields = read_object(NAME, message)
    if isinstance(fields, EngineError):
        raise fields
    match fields.get("type"):
        case "Flushed":
            return Reply(sign=Sign.FLUSHED)
        case "Cleared":
            return Reply(sign=Sign.CLEARED)
        case "Warning":
            words = f"{fields.get('code', '')} {fields.get('description', '')}".lower()
            return Reply(sign=Sign.UNFLUSHED if "flush" in words else Sign.NOTHING)
        case "Error":
            raise failure(f"{fields.get('code') or ''} {fields.get('description') or ''}".strip())
        case _:
            return Reply()


_KINDS = (
    (EngineFault.AUTH, ("auth", "permission", "forbidden")),
    (EngineFault.QUOTA, ("payment", "credit", "balance", "quota")),
    (EngineFault.RATE, ("rate limit", "rate_limit", "too many", "too_many", "concurren")),
    (EngineFault.TIMEOUT, ("timeout", "timed out", "net-0001")),
    (EngineFault.BAD_REQUEST, ("data-0", "invalid", "unsupported", "not found", "too long")),
)
_FINAL = (EngineFault.AUTH, EngineFault.QUOTA, EngineFault.BAD_REQUEST)


def judge(words: str) -> EngineFault:
    """Return what kind of failure the service's own words tell of.

    https://developers.deepgram.com/docs/tts-troubleshooting-websocket-net-and-data-errors
    """
    text = words.lower()
    return next(
        (kind for kind, marks in _KINDS if any(mark in text for mark in marks)),
        EngineFault.UNAVAILABLE,
    )


def failure(words: str) -> EngineError:
    """Return the error for words of the service."""
    kind = judge(words)
    return EngineError(
        f"{NAME} reported an error: {shortened(words) or 'without a reason'}",
        kind=kind,
        retryable=kind not in _FINAL,
        scope=FaultScope.CONNECTION,
    )


def explain(error: EngineError) -> EngineError:
    """Return an error of the connection with its kind by the service's words in it, if any."""
    kind = judge(str(error))
    if error.kind is not EngineFault.UNAVAILABLE or kind is EngineFault.UNAVAILABLE:
        return error
    return EngineError(str(error), kind=kind, retryable=kind not in _FINAL, scope=error.scope)


def unflushed() -> EngineError:
    """Return the error for a text the service holds back because it was flushed too often."""
    return EngineError(
        f"{NAME} refused a Flush; set TRIOAUDIO_DEEPGRAM_FLUSHES_PER_MINUTE to what it allows",
        kind=EngineFault.RATE,
        retryable=True,
        scope=FaultScope.CONNECTION,
    )
