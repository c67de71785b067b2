"""What a carrier's reply says, whichever shape it says it in: done, or refused and why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import attrs

from trioaudio.core.call_control import CallControlError, RestReply
from trioaudio.core.wire_json import JsonObject, JsonValue, read_object, text_of

Path: TypeAlias = tuple[str, ...]
"""Where something stands in a reply: names of members; "0" is a list's first."""

_MOST_WORDS = 300
_TIMED_OUT = 408
_TAG = re.compile(r"<(Message|Code|title)>\s*([^<]*)", re.IGNORECASE)
_NOTHING: Final[Mapping[str, str]] = MappingProxyType({})


@attrs.frozen
class Replies:
    """How one carrier says no."""

    carrier: str
    codes: tuple[Path, ...]
    """Where its error code may stand; the first that is there counts."""
    words: tuple[Path, ...]
    """Where its words for people may stand."""
    credentials: tuple[str, ...]
    """Field names of the settings to check when it does not know us."""
    unknown: frozenset[str] = frozenset({"401", "403"})
    """HTTP statuses and codes that say so."""
    explained: Mapping[str, str] = _NOTHING
    """What codes mean that come without words."""

    def check(self, reply: RestReply) -> None:
        """Raise CallControlError for any status that is no success."""
        if not 200 <= reply.status <= 299:
            raise self.refusal(reply)

    def object_in(self, reply: RestReply) -> JsonObject:
        """Return the object that a success holds; CallControlError for all else."""
        self.check(reply)
        value = read_object(reply.body)
        if value is None:
            raise CallControlError(
                f"{self.carrier} answered HTTP {reply.status}, and not with a JSON object; is its"
                " URL right?",
                status=reply.status,
                maybe_done=True,
            )
        return value

    def text(self, reply: RestReply, *path: str) -> str:
        """Return a text that a success must hold; CallControlError when it does not."""
        found = text_of(at(self.object_in(reply), path))
        if found is None:
            raise CallControlError(
                f"{self.carrier} answered HTTP {reply.status} without {'.'.join(path)}, so it is"
                " not known whether it did what was asked",
                status=reply.status,
                maybe_done=True,
            )
        return found

    def refusal(self, reply: RestReply) -> CallControlError:
        """Return what a refusal says, in one line."""
        code, words = self._code_and_words(reply.body)
        number = f"HTTP {reply.status}" + (f", code {code}" if code else "")
        said = words or self.explained.get(code or "") or "no reason given"
        advice = ""
        if self.unknown & {str(reply.status), code}:
            names = (f"TRIOAUDIO_{self.carrier}_{each}".upper() for each in self.credentials)
            advice = f"; check {' and '.join(names)}"
        return CallControlError(
            f"{self.carrier} refuses ({number}): {said}{advice}",
            status=reply.status,
            code=code,
            maybe_done=reply.status >= 500 or reply.status == _TIMED_OUT,
        )

    def _code_and_words(self, body: str) -> tuple[str | None, str]:
        value = read_object(body)
        if value is None:
            found = {name.lower(): one_line(text) for name, text in _TAG.findall(body)}
            plain = "" if body.lstrip().startswith("<") else one_line(body)
            return found.get("code") or None, found.get("message") or found.get("title") or plain
        codes = (text_of(at(value, path)) for path in self.codes)
        words = (text_of(at(value, path)) for path in self.words)
        code = next((each for each in codes if each), None)
        return (
            None if code is None else one_line(code),
            one_line(next((each for each in words if each), "")),
        )


def at(value: JsonValue, path: Path) -> JsonValue:
    """Return what stands at a path; None when any part of the way is missing."""
    for key in path:
        match value:
            case dict():
                value = value.get(key)
            case [first, *_] if key == "0":
                value = first
            case _:
                return None
    return value


def one_line(text: str) -> str:
    """Return somebody else's words fit for a message: one line, printable, of bounded length."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= _MOST_WORDS else f"{line[:_MOST_WORDS]}…"
