"""A far end's request to open a media connection, and how a carrier proves that it is one.

Whoever reaches an open media socket can spend the operator's money, so nothing is upgraded
before it is checked. A check computes; it reads no clock, no environment and no socket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

import attrs

from trioaudio.core.errors import TrioaudioError

if TYPE_CHECKING:
    from trioaudio.core.carrier import CarrierSettings

UNAUTHORIZED = 401
"""HTTP: proof is missing."""
FORBIDDEN = 403
"""HTTP: proof was given and is wrong."""


@attrs.frozen
class UpgradeRequest:
    """What was asked for, before it is granted.

    `origin` is what the far end believes it dialled, without a path, such as
    `wss://voice.example.com`: the operator's public URL, or what the request itself says.
    """

    origin: str
    path: str
    """As sent, without the query."""
    query: str
    """As sent, without the question mark; empty if there is none."""
    headers: Mapping[str, str]
    """By lower-case name; values of a repeated header are joined by a comma and a space."""
    peer: str
    """The far end's address, for messages."""
    at: float
    """When it came, seconds since 1970: what tokens with an end of life are compared with."""

    @property
    def url(self) -> str:
        """The whole URL as the far end dialled it."""
        return f"{self.origin}{self.path}" + (f"?{self.query}" if self.query else "")


class UpgradeRefusedError(TrioaudioError):
    """The far end did not prove who it is; `status` is the HTTP status it is told."""

    def __init__(self, message: str, *, status: int = FORBIDDEN) -> None:
        super().__init__(message)
        self.status = status


@attrs.frozen
class DoorCheck:
    """A carrier's proof of identity at the upgrade."""

    check: Callable[[CarrierSettings, UpgradeRequest], None]
    """Returns if the request is the carrier's, else raises UpgradeRefusedError.

    Compares in constant time, and puts nothing of a secret or of what it expected in a message.
    """
    missing: Callable[[CarrierSettings], str | None]
    """Returns the field name of the setting without which nothing can be checked, or None."""
    proof: str
    """What is checked, for people: "X-Twilio-Signature"."""
