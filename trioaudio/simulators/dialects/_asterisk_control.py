"""The text messages of Asterisk's WebSocket channel, in JSON or in the older plain form.

Source: https://docs.asterisk.org/Configuration/Channel-Drivers/WebSocket and `chan_websocket.c`,
which decides what either form allows: commands of at most 128 bytes, names in capitals.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import attrs

from trioaudio.core.wire_json import JsonObject, JsonValue, compact
from trioaudio.simulators.dialects._strict_reading import (
    DeviationError,
    demand_members,
    demand_name,
    demand_text,
    parse_json,
)

LONGEST_COMMAND = 128
_CORRELATED = ("MARK_MEDIA", "STOP_MEDIA_BUFFERING")
_BARE = (
    "ANSWER",
    "HANGUP",
    "START_MEDIA_BUFFERING",
    "FLUSH_MEDIA",
    "PAUSE_MEDIA",
    "CONTINUE_MEDIA",
    "GET_STATUS",
    "REPORT_QUEUE_DRAINED",
)
_DIRECTIONS = ("in", "out", "both")


class UnparsableError(DeviationError):
    """A command Asterisk answers with an ERROR event, and not only with a line in its log."""


@attrs.frozen
class Order:
    """A command that was read."""

    command: str
    correlation_id: str = ""
    direction: str = ""


class ControlForm(Protocol):
    """One of the two forms."""

    def bare(self, event: str, channel_id: str) -> str:
        """Write an event that says nothing but its name."""
        ...

    def correlated(self, event: str, channel_id: str, correlation_id: str) -> str:
        """Write an event that gives back an id, or has an empty one."""
        ...

    def told(self, event: str, members: Mapping[str, JsonValue]) -> str:
        """Write an event with members."""
        ...

    def read(self, text: str) -> Order:
        """Read a command; DeviationError says what is wrong with it."""
        ...


class PlainForm:
    """One line: a name, then words or name:value pairs."""

    def bare(self, event: str, channel_id: str) -> str:  # noqa: ARG002 -- only JSON has it
        """Write the name."""
        return event

    def correlated(self, event: str, channel_id: str, correlation_id: str) -> str:  # noqa: ARG002
        """Write the name and the id."""
        return f"{event} {correlation_id}".rstrip()

    def told(self, event: str, members: Mapping[str, JsonValue]) -> str:
        """Write pairs; objects are left out, for only JSON has them."""
        pairs = [f"{name}:{_plain(value)}" for name, value in members.items() if value != {}]
        return " ".join((event, *pairs))

    def read(self, text: str) -> Order:
        """Read a name, and an id where one may stand."""
        _refuse_long(text)
        command, space, rest = text.partition(" ")
        if command in _CORRELATED:
            return Order(command, rest)
        if command not in _BARE:
            raise DeviationError(f"command {command[:40]!r} is unknown to Asterisk, in plain text")
        if space:
            raise DeviationError(f"{command} takes nothing behind it, here is {rest[:40]!r}")
        return Order(command)


class JsonForm:
    """One object."""

    def bare(self, event: str, channel_id: str) -> str:
        """Write the name and the channel."""
        return compact({"event": event, "channel_id": channel_id})

    def correlated(self, event: str, channel_id: str, correlation_id: str) -> str:
        """Write the name, the channel and the id."""
        told: JsonObject = {
            "event": event,
            "channel_id": channel_id,
            "correlation_id": correlation_id,
        }
        return compact(told)

    def told(self, event: str, members: Mapping[str, JsonValue]) -> str:
        """Write the members as they are."""
        return compact({"event": event, **members})

    def read(self, text: str) -> Order:
        """Read an object; UnparsableError if there is none."""
        _refuse_long(text)
        try:
            value = parse_json(text)
        except DeviationError as exc:
            raise UnparsableError(str(exc)) from None
        if not isinstance(value, dict):
            raise UnparsableError("JSON that is no object")
        command = demand_name(value, "command")
        if command in _CORRELATED:
            demand_members(value, command, ("command",), optional=("correlation_id",))
            told = "correlation_id" in value
            return Order(command, demand_text(value, command, "correlation_id") if told else "")
        if command == "SET_MEDIA_DIRECTION":
            demand_members(value, command, ("command", "direction"))
            direction = demand_text(value, command, "direction")
            if direction not in _DIRECTIONS:
                raise DeviationError(f"{command}: direction {direction[:40]!r} is none")
            return Order(command, direction=direction)
        if command not in _BARE:
            raise DeviationError(f"command {command[:40]!r} is unknown to Asterisk")
        demand_members(value, command, ("command",))
        return Order(command)


FORMS: Mapping[str, ControlForm] = {"json": JsonForm(), "plain": PlainForm()}


def _refuse_long(text: str) -> None:
    length = len(text.encode(errors="surrogatepass"))
    if not length:
        raise DeviationError("empty text")
    if length > LONGEST_COMMAND:
        raise DeviationError(f"command of {length} bytes is ignored; {LONGEST_COMMAND} at most")


def _plain(value: JsonValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
