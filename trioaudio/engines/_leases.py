"""How many texts a service speaks for us at once, and whose turn is next.

A plan allows so many; whoever wants one more waits in line, by the order of their tickets. A text
that was cancelled may still be spoken for a while, so its lease lingers. When the service refuses
although we counted right, somebody else uses the plan too: the limit is lowered for a while, and
raised again step by step. Nothing runs in the background: the first in line keeps the time.
"""

from __future__ import annotations

import bisect
import itertools

import attrs
import trio

HOLD_S = 10.0
"""How long a lowered limit stays; then it is raised by half, at least by one, each `RECOVER_S`."""
RECOVER_S = 5.0


@attrs.frozen
class LeaseStatistics:
    """A snapshot of the leases."""

    active: int
    """Held, those that linger included."""
    lingering: int
    waiting: int
    limit: int
    """How many may be held now."""
    refused: int
    """How often the service refused one that we thought was free."""


class Lease:
    """The right to have one text spoken, until it is released; releasing twice is once."""

    __slots__ = ("_leases",)

    def __init__(self, leases: Leases) -> None:
        self._leases = leases

    @property
    def held(self) -> bool:
        """Whether it counts, because it is in use or lingers."""
        return self._leases.is_held(self)

    def release(self) -> None:
        """Give it back."""
        self._leases.give_back(self)

    def linger(self) -> None:
        """Give it back when the grace is over, unless it is released before."""
        self._leases.keep_for_grace(self)


@attrs.define(eq=False)
class _Place:
    """A place in the line."""

    ticket: int
    turn: trio.Event = attrs.field(factory=trio.Event)


class Leases:
    """At most `limit` leases at once, given in the order of tickets.

    `grace_s` is how long a lease lingers after a cancel.
    """

    def __init__(
        self,
        limit: int,
        *,
        grace_s: float,
        hold_s: float = HOLD_S,
        recover_s: float = RECOVER_S,
    ) -> None:
        self._most = self._limit = limit
        self._grace_s = grace_s
        self._hold_s = hold_s
        self._recover_s = recover_s
        self._rises_at = 0.0  # when a lowered limit is raised next
        self._held: set[Lease] = set()
        self._lingering: dict[Lease, float] = {}  # until when, soonest first
        self._line: list[_Place] = []  # by ticket
        self._tickets = itertools.count(1)
        self._refused = 0

    def ticket(self) -> int:
        """Return a place in line to come; kept by whoever has to wait again."""
        return next(self._tickets)

    async def acquire(self, ticket: int) -> Lease:
        """Wait for a lease; whoever has an earlier ticket and waits too comes first."""
        place = _Place(ticket)
        bisect.insort(self._line, place, key=lambda each: each.ticket)
        try:
            await trio.lowlevel.checkpoint()
            while not self._is_turn_of(place):
                await self._wait_turn(place)
            lease = Lease(self)
            self._held.add(lease)
            return lease
        finally:
            self._line.remove(place)
            self._call_first()

    def lower(self) -> None:
        """Note that the service refused one of the leases held now, which is to be released.

        The limit becomes what was not refused.
        """
        now = trio.current_time()
        self._advance(now)
        self._refused += 1
        self._limit = max(1, min(self._limit, len(self._held) - 1))
        self._rises_at = now + self._hold_s
        self._call_first()

    def is_held(self, lease: Lease) -> bool:
        """Say whether a lease counts."""
        self._advance(trio.current_time())
        return lease in self._held

    def give_back(self, lease: Lease) -> None:
        """Count a lease no more."""
        self._lingering.pop(lease, None)
        if lease in self._held:
            self._held.remove(lease)
            self._call_first()

    def keep_for_grace(self, lease: Lease) -> None:
        """Count a lease until the grace is over."""
        if lease in self._held and lease not in self._lingering:
            self._lingering[lease] = trio.current_time() + self._grace_s
            self._call_first()

    def statistics(self) -> LeaseStatistics:
        """Return the counts of now."""
        self._advance(trio.current_time())
        return LeaseStatistics(
            active=len(self._held),
            lingering=len(self._lingering),
            waiting=len(self._line),
            limit=self._limit,
            refused=self._refused,
        )

    def _is_turn_of(self, place: _Place) -> bool:
        self._advance(trio.current_time())
        return self._line[0] is place and len(self._held) < self._limit

    async def _wait_turn(self, place: _Place) -> None:
        """Wait to be called; the first in line wakes for what time alone changes, too."""
        place.turn = trio.Event()
        wake_at = self._next_change() if self._line[0] is place else None
        with trio.CancelScope() as scope:
            if wake_at is not None:
                scope.deadline = wake_at
            await place.turn.wait()

    def _next_change(self) -> float | None:
        times = list(itertools.islice(self._lingering.values(), 1))
        if self._limit < self._most:
            times.append(self._rises_at)
        return min(times, default=None)

    def _advance(self, now: float) -> None:
        """Do what has become due: end graces, raise the limit."""
        while self._lingering:
            lease, until = next(iter(self._lingering.items()))
            if until > now:
                break
            del self._lingering[lease]
            self._held.discard(lease)
        while self._limit < self._most and self._rises_at <= now:
            self._limit = min(self._most, self._limit + max(1, self._limit // 2))
            self._rises_at += self._recover_s

    def _call_first(self) -> None:
        if self._line:
            self._line[0].turn.set()
