"""Read JSON that somebody else wrote: lenient about types, strict about what is of use.

Carriers differ from their own documentation in whether a number is a string, and one broken
message is no reason to end a call.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Sequence
from typing import TypeAlias

JsonValue: TypeAlias = str | int | float | bool | list["JsonValue"] | dict[str, "JsonValue"] | None
JsonObject: TypeAlias = dict[str, JsonValue]


def read_json(text: str | bytes) -> JsonValue:
    """Return the value a text holds; ValueError if it is no JSON.

    Half a surrogate pair, which JSON may hold and no encoding (RFC 8259, 8.2), becomes a question
    mark: a name cut in the middle of an emoji is no reason to end a call, nor what tells of it.
    """
    try:
        value: JsonValue = json.loads(text)
        if ("\\u" if isinstance(text, str) else b"\\u") in text:  # type: ignore[operator]
            plain = json.dumps(value, ensure_ascii=False).encode(errors="replace")
            value = json.loads(plain)
    except RecursionError:  # brackets nested without end
        raise ValueError("nested too deeply") from None
    return value


def read_object(text: str) -> JsonObject | None:
    """Return the object a text holds; None if it is no JSON, or another kind of value."""
    try:
        value = read_json(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def member(value: JsonValue, *path: str) -> JsonValue:
    """Return what stands at a path of object keys; None if any part of the way is missing."""
    for key in path:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def first_member(value: JsonValue, *names: str) -> JsonValue:
    """Return the first of these members that is there: a carrier may write one name in two ways."""
    if not isinstance(value, dict):
        return None
    return next((value[name] for name in names if value.get(name) is not None), None)


def object_of(value: JsonValue) -> JsonObject:
    """Return an object, empty for anything else."""
    return value if isinstance(value, dict) else {}


def text_of(value: JsonValue) -> str | None:
    """Return a text, or a number as text; None for anything else and for an empty text."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return str(value)
    return value if isinstance(value, str) and value else None


def number_of(value: JsonValue) -> float | None:
    """Return a finite number, also one written as text; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        number = float(value)
    except (ValueError, OverflowError):
        return None
    return number if abs(number) < 1e15 else None


def whole_number_of(value: JsonValue) -> int | None:
    """Return a whole number, also one written as text; None for anything else."""
    number = number_of(value)
    return int(number) if number is not None and number == int(number) else None


def base64_of(value: JsonValue) -> bytes | None:
    """Return what strict base64 stands for; None for anything else."""
    if not isinstance(value, str):
        return None
    try:
        data = binascii.a2b_base64(value, strict_mode=True)
    except ValueError:
        return None
    # Python 3.11 lets padding pass that is too long, and all let bits pass that stand for nothing.
    return data if binascii.b2a_base64(data, newline=False).decode("ascii") == value else None


def compact(value: JsonValue | Sequence[JsonValue]) -> str:
    """Return JSON without white space."""
    return json.dumps(value, separators=(",", ":"))
