"""How a relay behaves where ConversationRelay has attributes for it, and how it ended."""

from __future__ import annotations

import ssl
from typing import Literal, TypeAlias

import attrs

from trioaudio.api.shapes import Interruptible

RelayStatus: TypeAlias = Literal["ended", "completed", "failed"]
"""The application ended it; the call was over; the application was lost or could not be reached."""


@attrs.frozen
class RelayTerms:
    """What holds for every call whose application is reached under these terms."""

    interruptible: Interruptible = "any"
    """Of texts and recordings that do not say; as documented for the attribute."""
    preemptible: bool = False
    """Of texts and recordings that do not say; as documented for the attribute."""
    end: Literal["now", "after-played"] = "now"
    """When `end` hangs up. It is not documented what becomes of speech that is under way."""
    account_sid: str = ""
    """What `setup` tells as accountSid."""
    connect_timeout_s: float = 5.0
    """For all of it: name look-up, TCP, TLS and WebSocket."""
    tls: ssl.SSLContext | None = attrs.field(default=None, repr=False)
    """For wss://; None: the system's certificates are trusted."""


@attrs.frozen
class RelayEnded:
    """How a call's relay ended: what ConversationRelay tells the action callback."""

    call: str
    session: str
    status: RelayStatus
    detail: str
    """One line for people."""
    handoff_data: str | None = None
    """What the application's `end` said, untouched."""
