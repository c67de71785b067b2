"""What is said over an ElevenLabs multi-context WebSocket, and what its errors mean.

https://elevenlabs.io/docs/api-reference/text-to-speech/v-1-text-to-speech-voice-id-multi-stream-input
Fields are read in both spellings that servers use, `contextId` and `context_id`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

import attrs

from trioaudio.core.errors import EngineError, EngineFault, FaultScope
from trioaudio.engines._json_message import JsonObject, read_audio, read_object
from trioaudio.engines._status import shortened

NAME = "elevenlabs"


@attrs.frozen
class Alignment:
    """Characters that are spoken, and when each begins and ends, in milliseconds."""

    characters: tuple[str, ...]
    starts_ms: tuple[float, ...]
    ends_ms: tuple[float, ...]

    @property
    def length_ms(self) -> float:
        """When the last of them ends."""
        return self.ends_ms[-1] if self.ends_ms else 0.0


@attrs.frozen
class Reply:
    """A message of the service; what it does not have is empty or None."""

    context: str | None
    audio: bytes = b""
    alignment: Alignment | None = None
    is_final: bool = False
    error: EngineError | None = None


def begin(context: str, settings: Mapping[str, object]) -> str:
    """Return what opens a context: a single space, and whatever `settings` its voice has."""
    return json.dumps({"text": " ", "context_id": context, **settings})


def speak(context: str, clause: str, *, flush: bool) -> str:
    """Return what has a clause spoken; text must end with a space."""
    value: dict[str, object] = {"text": f"{clause.strip()} ", "context_id": context}
    if flush:
        value["flush"] = True
    return json.dumps(value)


def keep(context: str) -> str:
    """Return what keeps a context, and the socket, that waits for more text."""
    return json.dumps({"text": "", "context_id": context})


def close(context: str) -> str:
    """Return what ends a context; what it was told to speak before is still spoken."""
    return json.dumps({"context_id": context, "close_context": True})


def read_reply(message: str | bytes) -> Reply:
    """Read a message. EngineError of kind PROTOCOL when it is none."""
    fields = read_object(NAME, message)
    if isinstance(fields, EngineError):
        raise fields
    context = _either(fields, "contextId", "context_id")
    ident = context if isinstance(context, str) else None
    if fields.get("error") or (fields.get("code") and fields.get("message")):
        return Reply(ident, error=_complaint(fields))
    audio = fields.get("audio")
    decoded = read_audio(NAME, audio) if audio else b""
    if isinstance(decoded, EngineError):
        raise decoded
    alignment = _alignment(fields.get("alignment"))
    if alignment is None:
        alignment = _alignment(_either(fields, "normalizedAlignment", "normalized_alignment"))
    is_final = _either(fields, "isFinal", "is_final") is True
    return Reply(ident, decoded, alignment, is_final)


def _either(fields: Mapping[str, object], *names: str) -> object:
    return next((fields[name] for name in names if fields.get(name) is not None), None)


def _alignment(value: object) -> Alignment | None:
    """Read an alignment; one that does not fit together is none."""
    if not isinstance(value, dict):
        return None
    characters = _either(value, "chars", "characters")
    starts = _numbers(
        _either(value, "charStartTimesMs", "charsStartTimesMs", "char_start_times_ms")
    )
    lasts = _numbers(_either(value, "charDurationsMs", "charsDurationsMs", "char_durations_ms"))
    if not isinstance(characters, list) or not all(isinstance(each, str) for each in characters):
        return None
    if starts is None or lasts is None or not len(characters) == len(starts) == len(lasts):
        return None
    ends = tuple(start + last for start, last in zip(starts, lasts, strict=True))
    return Alignment(tuple(characters), tuple(starts), ends) if characters else None


def _numbers(value: object) -> Sequence[float] | None:
    if not isinstance(value, list):
        return None
    found = [float(each) for each in value if isinstance(each, int | float)]
    return found if len(found) == len(value) else None


_KINDS = (
    (EngineFault.AUTH, ("api_key", "unauthorized", "authoriz", "authentic", "permission")),
    (EngineFault.QUOTA, ("quota", "credit", "subscription", "payment", "payg", "free_users")),
    (EngineFault.UNAVAILABLE, ("system_busy", "internal", "unavailable", "overloaded")),
    (EngineFault.RATE, ("too_many", "max_active", "rate_limit", "concurren", "simultaneous")),
    (EngineFault.TIMEOUT, ("timeout", "timed_out", "inactiv")),
    (
        EngineFault.BAD_REQUEST,
        ("not_found", "not_exist", "invalid", "unsupported", "not_supported", "too_long"),
    ),
)
_FINAL = (EngineFault.AUTH, EngineFault.QUOTA, EngineFault.BAD_REQUEST)


def judge(words: str) -> EngineFault:
    """Return what kind of failure the service's own words tell of."""
    text = words.lower().replace(" ", "_").replace("-", "_")
    for kind, marks in _KINDS:
        if any(mark in text for mark in marks):
            return kind
    return EngineFault.UNAVAILABLE


def failure(words: str) -> EngineError:
    """Return the error for words of the service."""
    kind = judge(words)
    return EngineError(
        f"{NAME} reported an error: {shortened(words) or 'without a reason'}",
        kind=kind,
        retryable=kind not in _FINAL,
        scope=FaultScope.UTTERANCE,
    )


def explain(error: EngineError) -> EngineError:
    """Return an error of the connection with its kind by the service's words in it, if any."""
    kind = judge(str(error))
    if error.kind is not EngineFault.UNAVAILABLE or kind is EngineFault.UNAVAILABLE:
        return error
    return EngineError(str(error), kind=kind, retryable=kind not in _FINAL, scope=error.scope)


def _complaint(fields: JsonObject) -> EngineError:
    parts = [fields.get(name) for name in ("error", "message")]
    said = [each if isinstance(each, str) else json.dumps(each) for each in parts if each]
    return failure(": ".join(dict.fromkeys(said)))
