"""A carrier's HTTP request about a telephone call: what it holds, and whether it is the carrier's.

A carrier asks what to do with a call that came in, or tells what became of one. Whoever can ask
can spend the operator's money, so nothing is believed before it is checked. Checks and readers
compute; they read no clock, no environment and no socket.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeAlias

import attrs

from trioaudio.core.errors import TrioaudioError
from trioaudio.core.upgrade import FORBIDDEN
from trioaudio.core.wire_json import JsonValue, member, text_of

if TYPE_CHECKING:
    from trioaudio.core.carrier import CarrierSettings

Pairs: TypeAlias = tuple[tuple[str, str], ...]
"""Names and values in the order they came; a name may come twice."""


@attrs.frozen
class WebhookRequest:
    """What a carrier asked or told, whole."""

    carrier: str
    """As the path names it; nobody has checked that there is one of that name."""
    key: str | None = attrs.field(repr=False)
    """What stands behind the carrier in the path; None if nothing does."""
    method: str
    """GET or POST."""
    origin: str
    """What the carrier believes it asked, without a path, such as `https://voice.example.com`."""
    path: str = attrs.field(repr=False)
    """As the carrier asked for it, with a proxy's prefix."""
    query: str = attrs.field(repr=False)
    """As sent, without the question mark; empty if there is none."""
    headers: Mapping[str, str] = attrs.field(repr=False)
    """By lower-case name; values of a repeated header are joined by a comma and a space."""
    query_pairs: Pairs = attrs.field(repr=False)
    form: Pairs = attrs.field(repr=False)
    """The body's, if it is a form; else empty."""
    body: bytes = attrs.field(repr=False)
    json: JsonValue = attrs.field(repr=False)
    """The body's value, if it is JSON; else None."""
    peer: str
    """The far end's address, for messages."""
    at: float
    """When it came, seconds since 1970: what a signature's time is compared with."""

    @property
    def url(self) -> str:
        """The whole URL as the carrier asked for it."""
        return f"{self.origin}{self.path}" + (f"?{self.query}" if self.query else "")

    def text(self, *names: str) -> str | None:
        """Return the first that is there of these names: in the form, in the JSON, in the query."""
        for name in names:
            for pairs in (self.form, self.query_pairs):
                found = next((value for each, value in pairs if each == name and value), None)
                if found is not None:
                    return found
            found = text_of(member(self.json, name))
            if found is not None:
                return found
        return None

    def facts(self) -> dict[str, str]:
        """Return all that was told in texts; of what came twice, the last."""
        told = dict((*self.query_pairs, *self.form))
        if isinstance(self.json, dict):
            known = ((name, text_of(value)) for name, value in self.json.items())
            told |= {name: text for name, text in known if text is not None}
        return told


class WebhookRefusedError(TrioaudioError):
    """The request is not the carrier's; `status` is the HTTP status its sender is told."""

    def __init__(self, message: str, *, status: int = FORBIDDEN) -> None:
        super().__init__(message)
        self.status = status


class UnreadableWebhookError(TrioaudioError):
    """The carrier's own request, and not one that tells of a call as its documentation says."""


@attrs.frozen
class WebhookCheck:
    """How a carrier proves that a webhook is its own."""

    check: Callable[[CarrierSettings, WebhookRequest], None]
    """Returns if the request is the carrier's, else raises WebhookRefusedError: with
    `upgrade.UNAUTHORIZED` if it holds no proof at all.

    Compares in constant time, and puts nothing of a secret or of what it expected in a message.
    """
    missing: Callable[[CarrierSettings], str | None]
    """Returns the field name of the setting without which nothing can be checked, or None."""
    proof: str
    """What is checked, for people: "X-Twilio-Signature"."""
    always: bool = True
    """Whether the carrier signs every request; else an unsigned one is let in by a key."""


class CallStage(enum.Enum):
    """What a webhook says of its call."""

    ASKS = "asks"
    """The carrier wants to be told what to do with it."""
    GOES_ON = "goes-on"
    """News of no consequence: it rings, it is up, its stream has begun."""
    OVER = "over"
    """It has ended, or never came about."""


@attrs.frozen
class IncomingCall:
    """What a webhook tells of a call. All of it but `stage` is in the carrier's own words."""

    call_id: str
    stage: CallStage
    inbound: bool
    """Whether somebody called us; False: we had somebody called."""
    caller: str | None = None
    called: str | None = None
    status: str | None = None
    facts: Mapping[str, str] = attrs.field(factory=dict, repr=False)
    """Everything else that was told."""


@attrs.frozen
class HttpAnswer:
    """What a webhook is answered with."""

    status: int = 204
    content_type: str = ""
    """Empty: there is no body."""
    body: str = attrs.field(default="", repr=False)
