"""Asterisk's WebSocket channel in its two notations: JSON, and the older plain text.

https://docs.asterisk.org/Configuration/Channel-Drivers/WebSocket/; the plain text events as
channels/chan_websocket.c writes them: a name, then `key:value` pairs, or for a mark its id alone.
"""

from __future__ import annotations

import enum

import attrs

from trioaudio.core.errors import LocalProtocolError
from trioaudio.core.wire_json import JsonObject, JsonValue, compact, read_object, text_of

LONGEST_COMMAND = 128
"""Bytes; longer ones are dropped with a line in Asterisk's log and no word to us."""

_WITH_ID = frozenset({"MEDIA_MARK_PROCESSED", "MEDIA_BUFFERING_COMPLETED"})
_ERROR_TEXT = "error_text:"


class Control(enum.Enum):
    """How commands and events are written."""

    JSON = "json"
    PLAIN = "plain"


@attrs.frozen
class ControlEvent:
    """An event of Asterisk's, whichever way it was written."""

    name: str
    fields: JsonObject
    control: Control


def read_event(text: str) -> ControlEvent | None:
    """Return the event a text message holds; None if it is meant to be JSON and is not."""
    text = text.strip()
    if text[:1] in ("{", "["):
        value = read_object(text)
        if value is None:
            return None
        return ControlEvent(text_of(value.get("event")) or "", value, Control.JSON)
    name, _, rest = text.partition(" ")
    return ControlEvent(name, _plain_fields(name, rest), Control.PLAIN)


def _plain_fields(name: str, rest: str) -> JsonObject:
    if name in _WITH_ID:
        return {"correlation_id": rest}
    fields: dict[str, JsonValue] = {}
    rest, error, error_text = rest.partition(_ERROR_TEXT)
    if error:  # free text to the end
        fields["error_text"] = error_text
    for pair in rest.split():
        key, colon, value = pair.partition(":")
        if colon:
            fields[key] = value
    return fields


def write_command(control: Control, name: str, correlation_id: str | None = None) -> str:
    """Return a command; LocalProtocolError for one so long that Asterisk would ignore it."""
    if control is Control.PLAIN:
        text = name if correlation_id is None else f"{name} {correlation_id}"
    else:
        given = {} if correlation_id is None else {"correlation_id": correlation_id}
        text = compact({"command": name, **given})
    if len(text.encode("utf-8", "surrogatepass")) > LONGEST_COMMAND:
        raise LocalProtocolError(
            f"asterisk: {name} with its id is over {LONGEST_COMMAND} bytes, and would be ignored"
        )
    return text
