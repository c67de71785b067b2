"""What came and has not been read yet: bounded, and its writer never waits."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import anyio
import anyio.lowlevel
import attrs

T = TypeVar("T")


@attrs.define(eq=False)
class Arrivals(Generic[T]):
    """A queue for one reader. When it is full the oldest is dropped, and counted in `lost`."""

    bound: int
    lost: int = 0
    _items: deque[T] = attrs.field(factory=deque)
    _came: anyio.Event = attrs.field(factory=anyio.Event)
    _ended: bool = False

    def put(self, item: T) -> None:
        """Take an item."""
        if len(self._items) >= self.bound:
            self._items.popleft()
            self.lost += 1
        self._items.append(item)
        self._came.set()

    def end(self) -> None:
        """Let the reader end when it has read what is there."""
        self._ended = True
        self._came.set()

    async def take(self) -> T | None:
        """Wait for the next item; None when there will be no more."""
        while not self._items:
            if self._ended:
                return None
            self._came = anyio.Event()
            await self._came.wait()
        item = self._items.popleft()
        await anyio.lowlevel.checkpoint()
        return item
