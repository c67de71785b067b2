"""What is to happen at which time, without looking at any clock."""

from __future__ import annotations

import heapq
from typing import Generic, TypeVar

import attrs

T = TypeVar("T")


@attrs.define(eq=False)
class Agenda(Generic[T]):
    """Items in the order of their times; those of one time in the order they were put in."""

    _items: list[tuple[float, int, T]] = attrs.field(factory=list)
    _count: int = 0

    @property
    def due(self) -> float | None:
        """When the next item is due; None of no items."""
        return self._items[0][0] if self._items else None

    def put(self, at: float, item: T) -> None:
        """Let something be due at `at`."""
        heapq.heappush(self._items, (at, self._count, item))
        self._count += 1

    def take(self, now: float) -> T | None:
        """Return the next item that is due by `now` and forget it; None if there is none."""
        if self._items and self._items[0][0] <= now:
            return heapq.heappop(self._items)[2]
        return None


def earliest(*times: float | None) -> float | None:
    """Return the first of some times; None if nothing has a time."""
    first: float | None = None
    for at in times:  # hundreds of times a call and second: no generator, no call of min
        if at is not None and (first is None or at < first):
            first = at
    return first
