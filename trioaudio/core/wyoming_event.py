"""Wyoming's events as bytes, and back: a line of JSON, then its data, then its payload.

https://github.com/OHF-Voice/wyoming
A reader takes bytes cut anywhere and holds no more than one event's worth of them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import attrs

LARGEST_LINE = 1 << 20
LARGEST_DATA = 4 << 20
"""Bytes of JSON after the line; a list of a thousand voices is half a megabyte."""
LARGEST_PAYLOAD = 4 << 20
"""Bytes of sound; a minute and a half of PCM16 at 22.05 kHz in one event."""


class EventError(ValueError):
    """The far end sent what is no event; nothing after it can be understood."""


@attrs.frozen
class Event:
    """Something one end says to the other."""

    type: str
    data: Mapping[str, object] = attrs.field(factory=dict)
    payload: bytes = attrs.field(default=b"", repr=False)

    def encode(self) -> bytes:
        """Return it as bytes; half a surrogate pair becomes a question mark."""
        line: dict[str, object] = {"type": self.type}
        data = b""
        if self.data:
            data = json.dumps(self.data, ensure_ascii=False).encode("utf-8", "replace")
            line["data_length"] = len(data)
        if self.payload:
            line["payload_length"] = len(self.payload)
        return json.dumps(line).encode() + b"\n" + data + self.payload

    def text(self, name: str) -> str:
        """Return a text out of the data; empty when there is none."""
        value = self.data.get(name)
        return value if isinstance(value, str) else ""


@attrs.frozen
class _Head:
    """An event's line, read."""

    type: str
    data: Mapping[str, object]
    data_length: int
    payload_length: int

    @property
    def length(self) -> int:
        """Bytes that follow the line."""
        return self.data_length + self.payload_length


class EventReader:
    """Events out of bytes cut anywhere."""

    __slots__ = ("_head", "_held", "_searched")

    def __init__(self) -> None:
        self._held = bytearray()
        self._searched = 0
        self._head: _Head | None = None

    @property
    def midway(self) -> bool:
        """Whether part of an event is held."""
        return bool(self._held) or self._head is not None

    def push(self, data: bytes) -> list[Event]:
        """Return the events that are now complete. EventError, and then it is of no more use."""
        self._held += data
        events = []
        while (event := self._next()) is not None:
            events.append(event)
        return events

    def _next(self) -> Event | None:
        if self._head is None:
            self._head = self._read_head()
        head = self._head
        if head is None or len(self._held) < head.length:
            return None
        data = dict(head.data)
        if head.data_length:
            data.update(_read_object(bytes(self._held[: head.data_length])))
        payload = bytes(self._held[head.data_length : head.length])
        del self._held[: head.length]
        self._head = None
        return Event(head.type, data, payload)

    def _read_head(self) -> _Head | None:
        end = self._held.find(b"\n", self._searched)
        if end < 0:
            self._searched = len(self._held)
            if self._searched > LARGEST_LINE:
                raise EventError(f"a line of more than {LARGEST_LINE} bytes")
            return None
        line = _read_object(bytes(self._held[:end]))
        del self._held[: end + 1]
        self._searched = 0
        kind, data = line.get("type"), line.get("data") or {}
        if not isinstance(kind, str) or not isinstance(data, dict):
            raise EventError("an event without a type, or with data that is no object")
        return _Head(
            type=kind,
            data=data,
            data_length=_length(line, "data_length", LARGEST_DATA),
            payload_length=_length(line, "payload_length", LARGEST_PAYLOAD),
        )


def _read_object(text: bytes) -> dict[str, object]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise EventError("what is no JSON object where one was due")
    return found


def _length(line: Mapping[str, object], name: str, most: int) -> int:
    value = line.get(name)
    if value is None:
        return 0
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= most:
        raise EventError(f"a {name} that is no number from 0 to {most}")
    return value
