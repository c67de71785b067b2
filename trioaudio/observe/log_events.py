"""What a log record holds: plain values, without secrets, ready to be written in a thread."""

from __future__ import annotations

import datetime as dt
import json
import logging
import math
import traceback
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from trioaudio.core.secret import MASK, Secret
from trioaudio.observe.log_context import with_call

_SHORTEST_MASKED: Final = 4  # masking a shorter text would tear holes in ordinary words
_DEEPEST: Final = 6
_CONTROLS: Final = {
    code: f"\\x{code:02x}" for code in (*range(32), *range(0x7F, 0xA0)) if chr(code) != "\n"
}
_CONTROLS_AND_NEWLINE: Final = {**_CONTROLS, ord("\n"): "\\n"}
_OF_SEVERAL_LINES: Final = ("exception", "stack")
_PRIORITIES: Final = {"critical": 2, "error": 3, "warning": 4, "info": 6, "debug": 7}
"""Syslog's numbers, as the journal reads them: sd-daemon(3)."""

Event = dict[str, Any]
Render = Callable[[Event], str]


class LogEvent(dict[str, Any]):
    """The message of a record that came through structlog."""

    def __str__(self) -> str:
        """Read well where nothing is set up and logging's last resort prints it."""
        rest = " ".join(f"{key}={self[key]}" for key in self if key != "event")
        return f"{self.get('event')} {rest}"


def event_of(record: logging.LogRecord, context: Mapping[str, Any]) -> Event:
    """Return the event of any record; `context` is added to one that did not bring its own."""
    when = dt.datetime.fromtimestamp(record.created, dt.UTC)
    head = {
        "timestamp": when.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "level": record.levelname.lower(),
        "logger": record.name,
    }
    if isinstance(record.msg, LogEvent):
        return with_call({**head, "event": "", **record.msg, **head})
    event: Event = with_call({**head, "event": record.getMessage(), **context})
    if record.exc_info and record.exc_info[1] is not None:
        event["exception"] = "".join(traceback.format_exception(record.exc_info[1])).rstrip()
    return event


class Mask:
    """Turns an event into plain values in which no secret is left."""

    def __init__(self, secrets: Collection[str]) -> None:
        self._secrets: list[str] = []
        self.add(secrets)

    def add(self, secrets: Collection[str]) -> None:
        """Mask these as well from now on."""
        usable = {text for text in secrets if len(text) >= _SHORTEST_MASKED}
        # Longest first: one secret may be part of another.
        self._secrets = sorted(usable.union(self._secrets), key=len, reverse=True)

    def __call__(self, event: Mapping[str, Any]) -> Event:
        """Return the masked event; later changes to the values do not reach it."""
        return {str(key): self._plain(value, _DEEPEST) for key, value in event.items()}

    def _plain(self, value: object, deeper: int) -> Any:
        match value:
            case None | bool() | int():
                return value
            case float():
                return value if math.isfinite(value) else repr(value)
            case str():
                return self._masked(value)
            case Secret():
                return MASK
            case Mapping() if deeper:
                return {
                    self._masked(str(key)): self._plain(each, deeper - 1)
                    for key, each in value.items()
                }
            case list() | tuple() | set() | frozenset() if deeper:
                return [self._plain(each, deeper - 1) for each in value]
            case _:
                return self._masked(repr(value))

    def _masked(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, MASK)
        return text


class LineFormatter(logging.Formatter):
    """Renders the event of a record."""

    def __init__(self, render: Render) -> None:
        super().__init__()
        self._render = render

    def format(self, record: logging.LogRecord) -> str:
        """Return the finished line, or lines where there is a traceback."""
        return self._render(dict(record.msg)) if isinstance(record.msg, dict) else str(record.msg)


def json_line(event: Event) -> str:
    """Render one JSON object on one line."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":"))


def console_line(*, colors: bool) -> Render:
    """Return the renderer for people. What a far end wrote cannot move the cursor."""
    import structlog  # noqa: PLC0415 - see `logs`

    renderer = structlog.dev.ConsoleRenderer(
        colors=colors,
        pad_event_to=0,
        sort_keys=False,
        exception_formatter=structlog.dev.plain_traceback,
    )

    def render(event: Event) -> str:
        safe = {
            key: value.translate(_CONTROLS if key in _OF_SEVERAL_LINES else _CONTROLS_AND_NEWLINE)
            if isinstance(value, str)
            else value
            for key, value in event.items()
        }
        return str(renderer(None, "", safe))

    return render


def journal_line() -> Render:
    """Return the renderer for systemd's journal, which keeps time and level beside the text."""
    plain = console_line(colors=False)

    def render(event: Event) -> str:
        mark = f"<{_PRIORITIES.get(event['level'], 6)}>"
        text = plain({key: event[key] for key in event if key not in {"timestamp", "level"}})
        return "\n".join(mark + line for line in text.splitlines())  # each is an entry there

    return render
