"""A call's events for one reader that may stop waiting at any time and loses none by it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import attrs
import trio

from trioaudio.api.events import Event
from trioaudio.calls.hub import Inbox

MOST_EVENTS: Final = 1000
"""Kept here; beyond, they wait in the subscription, which has a bound of its own."""


@attrs.define(eq=False)
class Feed:
    """Events in order: those that came `earlier`, then those of a subscription."""

    inbox: Inbox[Event]
    earlier: Sequence[Event] = ()
    _events: list[Event] = attrs.field(init=False)
    _changed: trio.Event = attrs.field(factory=trio.Event)
    _over: bool = False

    def __attrs_post_init__(self) -> None:
        self._events = list(self.earlier)

    async def collect(self) -> None:
        """Read the subscription until there is no more; SubscriptionCutError when it was cut."""
        while more := await self.inbox.take():
            while len(self._events) >= MOST_EVENTS:
                await self._wait_changed()
            self._events += more
            self._tell_changed()
        self._over = True
        self._tell_changed()

    async def take(self) -> list[Event]:
        """Wait for events and return all there are; none when there will be no more."""
        while not self._events and not self._over:
            await self._wait_changed()
        events, self._events = self._events, []
        self._tell_changed()
        await trio.lowlevel.cancel_shielded_checkpoint()
        return events

    async def _wait_changed(self) -> None:
        await self._changed.wait()

    def _tell_changed(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
