"""What a call is still to do, in order: texts to say, and what follows them.

The highest priority goes first, equal ones in the order they came; nothing here cuts what is
being said. What is no text waits until all that was there before it is done.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import TypeAlias

import attrs
import trio

from trioaudio.core.carrier import EndStream, HangUp, SendDtmf, Transfer
from trioaudio.core.playout_item import Action
from trioaudio.utterances import Say

UTTERANCES_AHEAD = 64
"""Texts that may wait to be said, unless told otherwise; the next one waits for room."""

Consequence: TypeAlias = HangUp | Transfer | EndStream | SendDtmf


@attrs.frozen
class Deed:
    """Something to be done that is no text, once all before it has been played."""

    command: Consequence
    tail: float | None = None

    def action(self, generation: int) -> Action:
        """Return it as a playout item."""
        return Action(generation, self.command, tail=self.tail)


Work: TypeAlias = Say | Deed


@attrs.frozen(order=True)
class _Entry:
    rank: int
    number: int
    work: Work = attrs.field(order=False)


class Agenda:
    """At most `bound` texts wait; who adds another one waits for room, or is refused."""

    def __init__(self, bound: int = UTTERANCES_AHEAD) -> None:
        self.bound = bound
        self._entries: list[_Entry] = []
        self._added = 0
        self._room = trio.lowlevel.ParkingLot()
        self._something = trio.Event()
        self._closed = False

    def __len__(self) -> int:
        """Count what waits."""
        return len(self._entries)

    def close(self) -> None:
        """Keep nobody waiting for room any more: nothing will be done."""
        self._closed = True
        self._room.unpark_all()

    async def put(self, work: Work) -> None:
        """Add work; waits while too much is there."""
        await trio.lowlevel.checkpoint()
        while isinstance(work, Say) and len(self._entries) >= self.bound and not self._closed:
            await self._room.park()
        self.put_nowait(work)

    def put_nowait(self, work: Work) -> int:
        """Add work and return how much is done before it; trio.WouldBlock when there is no room.

        What is no text finds room always: there are few, and they end the call.
        """
        if isinstance(work, Say):
            if len(self._entries) >= self.bound and not self._closed:
                raise trio.WouldBlock
            rank = -work.priority
        else:
            rank = self._entries[-1].rank if self._entries else 0
        self._added += 1
        entry = _Entry(rank, self._added, work)
        at = bisect_right(self._entries, entry)
        self._entries.insert(at, entry)
        self._something.set()
        return at

    async def take(self) -> Work:
        """Wait for the next work and take it."""
        await trio.lowlevel.checkpoint()  # before: what is taken is not lost to a cancellation
        while not self._entries:
            self._something = trio.Event()
            await self._something.wait()
        entry = self._entries.pop(0)
        self._room.unpark()
        return entry.work

    def drop(self, which: Callable[[Work], bool] = lambda _work: True) -> None:
        """Forget work, all of it unless told which."""
        self._entries = [each for each in self._entries if not which(each.work)]
        self._room.unpark_all()
