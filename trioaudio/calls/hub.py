"""Who is told what: events go to every subscription that wants them, and nobody is waited for.

A subscription holds a bounded number of events. One whose reader does not keep up is cut: it
is told so, and how much it missed; the calls notice nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Generic, TypeVar

import attrs
import trio

from trioaudio.api.events import Event

EVENTS_AHEAD = 1000
"""Events that may wait for a reader; some ten seconds of a node's busiest."""

T = TypeVar("T")


class SubscriptionCutError(Exception):
    """The reader was too slow: `lost` items were not told."""

    def __init__(self, lost: int) -> None:
        super().__init__(f"too slow: {lost} were not told")
        self.lost = lost


@attrs.define(eq=False)
class Inbox(Generic[T]):
    """A bounded queue that is cut, not waited for, when it is full."""

    bound: int
    lost: int = 0
    on_cut: Callable[[], None] | None = None
    """Called once, when an item found no room."""
    _items: deque[T] = attrs.field(factory=deque)
    _came: trio.Event = attrs.field(factory=trio.Event)
    _closed: bool = False

    def put(self, item: T) -> None:
        """Take an item; once one found no room, all that follow are lost too."""
        if self.lost or len(self._items) >= self.bound:
            if not self.lost and self.on_cut is not None:
                self.on_cut()
            self.lost += 1
        else:
            self._items.append(item)
        self._came.set()

    def __len__(self) -> int:
        """Count what waits."""
        return len(self._items)

    def close(self) -> None:
        """Let the reader end when it has read what is there."""
        self._closed = True
        self._came.set()

    async def take(self) -> list[T]:
        """Wait for items and return all there are; none when there will be no more.

        SubscriptionCutError once all that was kept has been taken.
        """
        await trio.lowlevel.checkpoint()  # first: what is taken is not lost to a cancellation
        while not self._items:
            if self.lost:
                raise SubscriptionCutError(self.lost)
            if self._closed:
                return []
            self._came = trio.Event()
            await self._came.wait()
        items = list(self._items)
        self._items.clear()
        return items


@attrs.define(eq=False)
class Subscription:
    """What one subscriber wants, and what waits for it. The wishes may be changed at any time."""

    calls: frozenset[str] | None = None
    """None: every call."""
    events: frozenset[str] | None = None
    """By name; None: all."""
    inbox: Inbox[Event] = attrs.field(factory=lambda: Inbox[Event](EVENTS_AHEAD))

    def wants(self, call: str, event: str) -> bool:
        """Say whether an event is to be told."""
        return (self.calls is None or call in self.calls) and (
            self.events is None or event in self.events
        )


class EventHub:
    """Passes events on to whoever subscribed."""

    def __init__(self) -> None:
        self._subscriptions: set[Subscription] = set()
        self.cut = 0
        """Subscriptions whose readers were too slow."""

    def wanted(self, call: str, event: str) -> bool:
        """Say whether anybody wants such an event: what costs work to find out need not be."""
        return any(each.wants(call, event) for each in self._subscriptions)

    def tell(self, event: Event) -> None:
        """Tell an event; nothing waits."""
        name = event.__struct_config__.tag
        for each in self._subscriptions:
            if each.wants(event.call, str(name)):
                each.inbox.put(event)

    @contextmanager
    def subscribed(
        self, calls: Collection[str] | None = None, events: Collection[str] | None = None
    ) -> Iterator[Subscription]:
        """Have events told while the block runs."""
        subscription = Subscription(
            None if calls is None else frozenset(calls),
            None if events is None else frozenset(events),
        )
        subscription.inbox.on_cut = self._count_cut
        self._subscriptions.add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions.discard(subscription)
            subscription.inbox.close()

    @property
    def waiting(self) -> int:
        """Events that wait for their readers, all together."""
        return sum(len(each.inbox) for each in self._subscriptions)

    def _count_cut(self) -> None:
        self.cut += 1

    def __len__(self) -> int:
        """Count the subscriptions."""
        return len(self._subscriptions)
