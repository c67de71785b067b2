"""How a message sent to a simulated carrier is read: every deviation has a name.

Nothing is lenient here. A member that is missing, unknown, twice there or of another JSON type
than documented is said to be so, because a carrier ignores such things without a word.
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping, Sequence

from trioaudio.core.carrier import Message
from trioaudio.core.encoding import Encoding
from trioaudio.core.wire_json import JsonObject, JsonValue

_KINDS: Mapping[type, str] = {str: "a text", dict: "an object"}
_EXCERPT = 40


class DeviationError(ValueError):
    """What breaks the documented form, in words for the report."""


def parse_json(text: str) -> JsonValue:
    """Return a text's JSON value; DeviationError also for NaN, and for a member twice there."""
    try:
        value: JsonValue = _JSON.decode(text)
    except RecursionError:
        raise DeviationError("text that is no JSON: nested too deeply") from None
    except ValueError as exc:
        raise DeviationError(f"text that is no JSON: {exc}") from None
    return value


def parse_object(message: Message, carrier: str) -> JsonObject:
    """Return the object of a text message."""
    if isinstance(message, bytes):
        raise DeviationError(f"binary message of {len(message)} bytes; {carrier} takes text only")
    value = parse_json(message)
    if not isinstance(value, dict):
        raise DeviationError(f"JSON that is no object: {excerpt(value)}")
    return value


def demand_name(value: JsonObject, member: str) -> str:
    """Return the member that says what a message is."""
    if member not in value:
        raise DeviationError(f"JSON without {member}")
    return demand_text(value, "message", member)


def problems_of_members(
    value: JsonObject, where: str, wanted: Mapping[str, type], optional: Mapping[str, type]
) -> list[str]:
    """Return what is missing from an object, not expected in it, or of another type.

    A type is str, dict, or `object` for any; `where` is how the object is called in messages.
    """
    missing = [name for name in wanted if name not in value]
    problems = [f"{where} without {', '.join(missing)}"] if missing else []
    for name, member in value.items():
        kind = wanted.get(name) or optional.get(name)
        if kind is None:
            problems.append(f"{where} with {name[:_EXCERPT]!r}, which is not documented")
        elif kind is not object and type(member) is not kind:
            problems.append(f"{where}: {name} is {excerpt(member)}, must be {_KINDS[kind]}")
    return problems


def demand_members(
    value: JsonObject, where: str, names: Sequence[str], optional: Sequence[str] = ()
) -> None:
    """Refuse an object that lacks one of `names`, or has a member that is in neither list."""
    problems = problems_of_members(
        value, where, dict.fromkeys(names, object), dict.fromkeys(optional, object)
    )
    if problems:
        raise DeviationError("; ".join(problems))


def demand_value(value: JsonObject, where: str, name: str, wanted: str | int) -> None:
    """Refuse a member that is not exactly `wanted`, JSON type included."""
    found = value[name]
    if type(found) is not type(wanted) or found != wanted:
        raise DeviationError(f"{where}: {name} is {excerpt(found)}, must be {excerpt(wanted)}")


def demand_text(value: JsonObject, where: str, name: str) -> str:
    """Return a member that must be a text and not empty."""
    found = value[name]
    if not isinstance(found, str) or not found:
        raise DeviationError(f"{where}: {name} is {excerpt(found)}, must be a text")
    return found


def demand_whole_number(value: JsonObject, where: str, name: str) -> int:
    """Return a member that must be a JSON number without a fraction."""
    found = value[name]
    if type(found) is not int:
        raise DeviationError(f"{where}: {name} is {excerpt(found)}, must be a whole number")
    return found


def demand_object(value: JsonObject, where: str, name: str) -> JsonObject:
    """Return a member that must be an object."""
    found = value[name]
    if not isinstance(found, dict):
        raise DeviationError(f"{where}: {name} is {excerpt(found)}, must be an object")
    return found


def read_base64(text: str) -> bytes:
    """Return the bytes of strict base64, of which there must be some."""
    try:
        data = binascii.a2b_base64(text, strict_mode=True)
    except ValueError as exc:
        raise DeviationError(f"no strict base64: {exc}") from None
    if binascii.b2a_base64(data, newline=False).decode() != text:
        # What binascii lets pass: padding too long, bits set that stand for nothing.
        raise DeviationError("no strict base64: it would be written differently")
    if not data:
        raise DeviationError("empty")
    return data


def demand_audio(value: JsonObject, where: str, name: str, encoding: Encoding) -> bytes:
    """Return the audio a member holds as strict base64: whole samples, and some."""
    text = demand_text(value, where, name)
    try:
        data = read_base64(text)
    except DeviationError as exc:
        raise DeviationError(f"{where}: {name} is {exc}") from None
    demand_samples(data, encoding)
    return data


def demand_samples(data: bytes, encoding: Encoding) -> None:
    """Refuse audio that is empty or ends within a sample."""
    if not data or len(data) % encoding.sample_bytes:
        raise DeviationError(f"{len(data)} bytes of audio are no whole {encoding.value} samples")


def excerpt(value: JsonValue) -> str:
    """Return the beginning of a value as JSON, fit for a message."""
    text = json.dumps(value)
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}…"


def _refuse_constant(name: str) -> JsonValue:
    raise ValueError(f"{name} is no JSON")


def _refuse_twins(pairs: list[tuple[str, JsonValue]]) -> JsonObject:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError(f"a member is twice in the object with {min(value)[:_EXCERPT]!r}")
    return value


# One for all: making it costs.
_JSON = json.JSONDecoder(parse_constant=_refuse_constant, object_pairs_hook=_refuse_twins)
