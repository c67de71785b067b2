"""What a relay asks of the daemon: the part of the control API's `Desk` it needs."""

from __future__ import annotations

from typing import Protocol

from trioaudio.api.commands import CallCommand
from trioaudio.api.views import CallView, Reply
from trioaudio.calls.hub import EventHub


class RelayDesk(Protocol):
    """Keeps the calls."""

    @property
    def hub(self) -> EventHub:
        """Where events are told."""
        ...

    def call(self, call: str) -> CallView:
        """Return one call; RequestError when there is none."""
        ...

    async def command(self, call: str, command: CallCommand) -> Reply:
        """Tell a call something; RequestError when it is not done."""
        ...
