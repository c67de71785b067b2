"""Whose turn is when: made for thousands that each come again within some tens of milliseconds.

Entries wait in lists of one millisecond each, unsorted, and are sorted when their time comes. A
heap of all of them would do the same, but each of its comparisons looks at entries all over memory,
which the processor's caches do not hold beside what a thousand calls are made of: four times as
slow, measured. The heap here holds the lists' times, a hundred small numbers.
"""

from __future__ import annotations

from bisect import insort
from heapq import heapify, heappop, heappush
from typing import Generic, Protocol, TypeAlias, TypeVar

SPARE = 64
"""Entries that are not valid any more and may stay, beside as many as are valid."""

_SLOTS_A_SECOND = 1000


class Turning(Protocol):
    """What has turns."""

    turn: int
    """Which of its entries is the valid one."""


_T = TypeVar("_T", bound=Turning)

Entry: TypeAlias = tuple[float, int, _T, int]
"""When, which in order of asking, who, and which of its turns."""


class Turns(Generic[_T]):
    """Entries in order of time, and of asking where the times are the same."""

    __slots__ = ("_due", "_slots", "_starts", "_sweep_above", "_until", "waiting")

    def __init__(self) -> None:
        self.waiting = 0
        """Entries that wait, those included that are not valid any more."""
        self._due: list[Entry[_T]] = []  # the latest first
        self._until = 0  # every entry of a slot before it is in `_due`
        self._slots: dict[int, list[Entry[_T]]] = {}
        self._starts: list[int] = []
        self._sweep_above = SPARE

    def push(self, entry: Entry[_T]) -> None:
        """Take an entry; its time may be past."""
        # By slot and not by time: the float below a border may be of the slot behind it.
        start = int(entry[0] * _SLOTS_A_SECOND)
        if start < self._until:
            insort(self._due, entry, key=_latest_first)
        else:
            slot = self._slots.get(start)
            if slot is None:
                self._slots[start] = [entry]
                heappush(self._starts, start)
            else:
                slot.append(entry)
        self.waiting += 1
        if self.waiting > self._sweep_above:
            self._sweep()

    def take(self, limit: float) -> Entry[_T] | None:
        """Return the first entry if its time is not after `limit`; it waits no more."""
        due = self._due
        while not due:
            if not self._starts or self._starts[0] > limit * _SLOTS_A_SECOND:
                return None
            start = heappop(self._starts)
            # In place of the old list: who is served may be pushing into it.
            due += self._slots.pop(start)
            due.sort(key=_latest_first)
            self._until = max(self._until, start + 1)
        if due[-1][0] > limit:
            return None
        self.waiting -= 1
        return due.pop()

    @property
    def first_at(self) -> float | None:
        """When the first entry is due; None when nothing waits."""
        if self._due:
            return self._due[-1][0]
        return min(self._slots[self._starts[0]])[0] if self._starts else None

    def _sweep(self) -> None:
        """Let go of entries that are not valid any more: each keeps alive what it would serve."""
        self._due[:] = _valid(self._due)
        for start, slot in list(self._slots.items()):
            slot[:] = _valid(slot)
            if not slot:
                del self._slots[start]
        self._starts[:] = self._slots
        heapify(self._starts)
        self.waiting = len(self._due) + sum(map(len, self._slots.values()))
        self._sweep_above = 2 * self.waiting + SPARE


def _latest_first(entry: Entry[_T]) -> tuple[float, int]:
    return -entry[0], -entry[1]


def _valid(entries: list[Entry[_T]]) -> list[Entry[_T]]:
    return [each for each in entries if each[2].turn == each[3]]
