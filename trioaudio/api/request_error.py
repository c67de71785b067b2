"""Why a request was not carried out, without HTTP: whose mistake it is, and what to do."""

from __future__ import annotations

import enum

from trioaudio.core.errors import TrioaudioError


class RequestFault(enum.Enum):
    """What kind of mistake a request was; the value is the last part of the problem's type."""

    NOT_FOUND = "not-found"
    """There never was such a call, utterance, prompt, engine …"""
    ENDED = "ended"
    """There was, and it is over."""
    CONFLICT = "conflict"
    """Not in this state: append after close, a mark's name twice."""
    INVALID = "invalid"
    """The request makes no sense."""
    UNSUPPORTED = "unsupported"
    """This carrier or this node's configuration has no way to do it."""
    FORBIDDEN = "forbidden"
    """The operator has not allowed it: a URL, a role."""
    FULL = "full"
    """A bound of this call is reached: utterances or text waiting."""
    BUSY = "busy"
    """The node takes no new calls: full, draining."""
    ENGINE = "engine"
    """No engine could make what was asked for."""
    CARRIER = "carrier"
    """The carrier said no, or nothing."""


class RequestError(TrioaudioError):
    """A request was not carried out, and nothing of it was; the message says what to do."""

    def __init__(
        self, fault: RequestFault, message: str, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message)
        self.fault = fault
        self.retry_after_s = retry_after_s
