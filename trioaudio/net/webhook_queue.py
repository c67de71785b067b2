"""Which event is to be posted next: in order within a call, calls beside each other.

Plain state without clock, task or socket. An event that could not be posted holds back its own
call's later ones, and no others. Whatever does not fit drops the oldest, and is counted.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque

import attrs

_SPARE = 64


@attrs.define(eq=False)
class Posting:
    """An event on its way."""

    id: str
    call: str
    event: str
    """Its name."""
    at: float
    """When it happened, seconds since 1970."""
    body: bytes = attrs.field(repr=False)
    kept: bool = False
    """Whether it is to outlive the process."""
    tries: int = 0
    since: float | None = None
    """When it was first tried in this round."""


@attrs.define(eq=False)
class _Lane:
    """One call's events."""

    call: str
    waiting: deque[Posting] = attrs.field(factory=deque)
    busy: bool = False
    """Its first event is being posted."""
    serial: int = 0
    """Of its entry in the heap; any other is of no account."""


@attrs.define(eq=False)
class WebhookQueue:
    """At most `most` postings; at each moment no more than one of a call is taken."""

    most: int
    _lanes: dict[str, _Lane] = attrs.field(factory=dict)
    _due: list[tuple[float, int, str]] = attrs.field(factory=list)
    """Heap of when a call's first event may be posted."""
    _ordinary: OrderedDict[str, Posting] = attrs.field(factory=OrderedDict)
    _kept: OrderedDict[str, Posting] = attrs.field(factory=OrderedDict)
    _serial: int = 0

    def __len__(self) -> int:
        """Count the postings that wait or are being posted."""
        return len(self._ordinary) + len(self._kept)

    def add(self, posting: Posting, now: float) -> Posting | None:
        """Take a posting; return the oldest if it had to make room, one to be kept only last.

        One that is being posted makes no room: its end is near.
        """
        dropped = self._make_room() if len(self) >= self.most else None
        lane = self._lanes.get(posting.call)
        if lane is None:
            lane = self._lanes[posting.call] = _Lane(posting.call)
        lane.waiting.append(posting)
        (self._kept if posting.kept else self._ordinary)[posting.id] = posting
        if len(lane.waiting) == 1 and not lane.busy:
            self._schedule(lane, now)
        return dropped

    def take(self, now: float) -> Posting | None:
        """Return a posting that is due; it stays first of its call until `done` or `again`."""
        self._pass_over_old()
        if not self._due or self._due[0][0] > now:
            return None
        lane = self._lanes[heapq.heappop(self._due)[2]]
        lane.busy = True
        return lane.waiting[0]

    def next_due(self) -> float | None:
        """Return when `take` has something; None when nothing waits."""
        self._pass_over_old()
        return self._due[0][0] if self._due else None

    def done(self, posting: Posting, now: float) -> None:
        """Forget a posting: it was delivered, or never will be."""
        lane = self._lanes[posting.call]
        lane.busy = False
        lane.waiting.popleft()
        self._forget(posting)
        self._go_on(lane, now)

    def again(self, posting: Posting, at: float) -> None:
        """Have a posting taken again, not before `at`."""
        lane = self._lanes[posting.call]
        lane.busy = False
        self._schedule(lane, at)

    def waiting(self) -> list[Posting]:
        """Return all there are, each call's in order."""
        return [each for lane in self._lanes.values() for each in lane.waiting]

    def _make_room(self) -> Posting | None:
        for known in (self._ordinary, self._kept):
            for posting in known.values():
                lane = self._lanes[posting.call]
                if lane.busy and lane.waiting[0] is posting:
                    continue
                lane.waiting.remove(posting)
                self._forget(posting)
                if not lane.waiting:
                    del self._lanes[lane.call]
                return posting
        return None

    def _forget(self, posting: Posting) -> None:
        (self._kept if posting.kept else self._ordinary).pop(posting.id, None)

    def _go_on(self, lane: _Lane, now: float) -> None:
        if lane.waiting:
            self._schedule(lane, now)
        else:
            del self._lanes[lane.call]

    def _schedule(self, lane: _Lane, at: float) -> None:
        self._serial += 1
        lane.serial = self._serial
        heapq.heappush(self._due, (at, lane.serial, lane.call))
        if len(self._due) > 2 * self.most + _SPARE:  # calls that are over left theirs behind
            self._due = [each for each in self._due if self._counts(each)]
            heapq.heapify(self._due)

    def _pass_over_old(self) -> None:
        while self._due and not self._counts(self._due[0]):
            heapq.heappop(self._due)

    def _counts(self, entry: tuple[float, int, str]) -> bool:
        lane = self._lanes.get(entry[2])
        return lane is not None and lane.serial == entry[1] and not lane.busy
