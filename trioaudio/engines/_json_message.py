"""JSON messages of services: what is in them, and what is wrong with them, never a crash."""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TypeAlias, cast

from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.engines._refusal_words import words_in
from trioaudio.engines._status import broke_protocol, refusal, shortened

JsonObject: TypeAlias = dict[str, object]
_STATUS = re.compile(r"\s*([45]\d\d)\b")


def read_object(engine: str, message: str | bytes) -> JsonObject | EngineError:
    """Return a message's fields; an error of kind PROTOCOL when it is no JSON object."""
    try:
        value = json.loads(message) if isinstance(message, str) else None
    except (ValueError, RecursionError):
        value = None
    if isinstance(value, dict):
        return cast("JsonObject", value)
    return broke_protocol(engine, f"it sent {message[:60]!r} where a JSON object was due")


def inner_object(fields: JsonObject, name: str) -> JsonObject:
    """Return an object within an object; empty when it is none."""
    value = fields.get(name)
    return cast("JsonObject", value) if isinstance(value, dict) else {}


def read_audio(engine: str, value: object) -> bytes | EngineError:
    """Return what base64 text holds; an error of kind PROTOCOL when it is no such text."""
    if isinstance(value, str):
        try:
            return base64.b64decode(value, validate=True)
        except (binascii.Error, ValueError):
            pass
    return broke_protocol(engine, "its audio is no base64 text")


def complaint(engine: str, fields: JsonObject, code: object = None) -> EngineError:
    """Return the error for a message that reports one, by its status if it tells any.

    Some services put the status before the words.
    """
    words = words_in(json.dumps(fields).encode()) or "without a reason"
    found = _STATUS.match(words)
    if isinstance(code, int) and 400 <= code <= 599:
        return refusal(engine, code, words)
    if found is not None:
        return refusal(engine, int(found[1]), words)
    return EngineError(
        f"{engine} reported an error: {shortened(words)}",
        kind=EngineFault.UNAVAILABLE,
        retryable=True,
    )
