"""What somebody who is not let in is told, and what the operator is told about it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

import attrs

from trioaudio.core.secret import MASK

GUESSES: Final = frozenset(
    {
        HTTPStatus.BAD_REQUEST,
        HTTPStatus.UNAUTHORIZED,
        HTTPStatus.FORBIDDEN,
        HTTPStatus.NOT_FOUND,
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.UPGRADE_REQUIRED,
    }
)
"""What is said to those who do not know the way in: enough of it, and their address is turned
away. A carrier that comes too late, twice, or while we are full is none of them."""

_LONGEST_SHOWN = 80
_LONGEST_REASON = 400
_LONGEST_SEGMENT = 16
"""Of a path's segments only shorter ones are shown: nothing that short is a token."""


@attrs.frozen
class Refusal:
    """Why somebody is not let in; never holds a token."""

    status: HTTPStatus
    reason: str
    """For the operator. The far end is told the status only."""
    headers: Mapping[str, str] = attrs.field(factory=dict)
    bug: Exception | None = None
    """What a check raised that it should not have."""

    def answer(self) -> bytes:
        """Return the whole HTTP response."""
        status = f"{self.status.value} {self.status.phrase}"
        body = f"{status}: no media stream is expected here\n"
        headers = {
            "Content-Type": "text/plain; charset=utf-8",
            "Content-Length": str(len(body)),
            "Connection": "close",
            **self.headers,
        }
        lines = (f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items()))
        return "\r\n".join((*lines, "", body)).encode()


def too_many(what: str, seconds: float) -> Refusal:
    """Return what an address is told of which there are too many; it may come again later."""
    return Refusal(
        HTTPStatus.TOO_MANY_REQUESTS,
        f"too many {what} from this address",
        {"Retry-After": str(math.ceil(seconds))},
    )


def printable(text: str) -> str:
    """Return a reason fit for a log line, whatever a stranger put into it."""
    shown = "".join(each if each.isprintable() else "?" for each in text)
    return shown if len(shown) <= _LONGEST_REASON else f"{shown[:_LONGEST_REASON]}..."


def masked_path(path: str) -> str:
    """Return a path fit for a log line: without its last segment, and any long one."""
    *folders, last = path.rstrip("/").split("/")
    shown = [each if len(each) < _LONGEST_SEGMENT else MASK for each in folders]
    text = "/".join((*shown, MASK if last else ""))
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}..."
