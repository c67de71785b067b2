"""A call's speech on its way from framing to the pacer: bounded, ordered, droppable in one go.

It belongs to the call, not to the leg: what was not sent survives a lost connection. A barge-in
bumps the generation and drains; what a framer puts in afterwards is of an old generation and is
dropped when its turn comes. What was sent last is kept for a second, so that it can be called back
and sent again when it was not heard after all. Every frame is in the ledger.

Not a memory channel, for one reason: a channel wakes its sender for every item taken, which costs
a task switch, as much as sending the frame. Here framing sleeps until the queue is down to its
low-water mark, and then fills it in one go.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import assert_never

import attrs
import trio

from trioaudio.core.ledger import Ledger
from trioaudio.core.mark_name import mark_name
from trioaudio.core.playout_item import Action, Audio, Mark, PlayoutItem, UtteranceEnd

FRAMES_AHEAD = 12
"""720 ms: how far framing may run ahead of the pacer."""

LOW_WATER = 2
"""120 ms: what is left when framing goes on, so that one wake-up of it makes ten frames."""

KEPT = 14
"""840 ms of frames sent, and what stood between them: a word; a carrier's lead comes on top."""


@attrs.frozen
class Recalled:
    """What was called back: frames by utterance."""

    frames: dict[int, int]


class PlayoutQueue:
    """`bound` items may wait; framing waits for room, the pacer never waits.

    The last `kept` items that were sent can be called back.
    """

    __slots__ = (
        "_at",
        "_blocked",
        "_counted",
        "_items",
        "_keep",
        "_ledger",
        "_low",
        "_on_item",
        "_room",
        "_sent_to",
        "_to_expire",
        "_wanting_room",
        "bound",
        "generation",
    )

    def __init__(self, bound: int = FRAMES_AHEAD, kept: int = KEPT) -> None:
        self.generation = 0
        self.bound = bound
        self._ledger = Ledger()
        self._low = min(LOW_WATER, bound // 2)
        # What was sent and is kept, then what waits. One list, and numbers of places in it: a turn
        # of the pacer must touch as few objects as it can, since few of a thousand calls' are in
        # the processor's caches.
        self._items: list[PlayoutItem] = []
        self._at = 0
        self._sent_to = 0
        self._counted = 0  # up to here, what was sent is in the ledger
        self._keep = kept
        self._room = trio.lowlevel.ParkingLot()
        self._wanting_room = False
        self._blocked: Sequence[PlayoutItem] = ()  # what is being put and waits for room
        self._on_item: Callable[[], None] | None = None
        self._to_expire = 0

    @property
    def ledger(self) -> Ledger:
        """What became of every frame until now."""
        if self._counted < self._sent_to:
            self._count_sent()
        return self._ledger

    def _count_sent(self) -> None:
        self._ledger.send(_frames(self._items[self._counted : self._sent_to]))
        self._counted = self._sent_to

    def serve(self, on_item: Callable[[], None] | None) -> None:
        """Call `on_item` when there is something to take again; None when nobody takes."""
        self._on_item = on_item

    async def put(self, items: Sequence[PlayoutItem]) -> None:
        """Queue items in order, waiting for room; a checkpoint only if it waits.

        If cancelled, the frames not queued yet count as flushed.
        """
        # Counted before the first await: the pacer may send a frame during it.
        self.ledger.frame(_frames(items))
        queued = self._items
        done = 0
        try:
            for item in items:
                if len(queued) - self._at >= self.bound:
                    self._wanting_room, self._blocked = True, items
                    await self._room.park()
                queued.append(item)
                done += 1
                # Nobody starves beside a queue that holds something.
                if len(queued) - self._at == 1 and self._on_item is not None:
                    self._on_item()
        finally:
            self._blocked = ()
            if done < len(items):
                self.ledger.flush(_frames(items[done:]))

    def take(self) -> PlayoutItem | None:
        """Return the next item of the generation in force; None when there is none yet.

        Audio keeps its place: `sent` or `put_back` must follow before anything else is taken.
        """
        items = self._items
        while self._at < len(items):
            item = items[self._at]
            self._at += 1
            if self._wanting_room and len(items) - self._at <= self._low:
                self._make_room()
            in_force = item.generation == self.generation and not self._to_expire
            if in_force and isinstance(item, Audio):
                return item
            self._at -= 1
            del items[self._at]
            if in_force or not self._drop(item):
                return item
        return None

    def put_back(self, item: PlayoutItem) -> None:
        """Return what was taken and not served; it is the next to be taken."""
        item.generation = self.generation  # others may have been cut while it waited elsewhere
        if self._at > self._sent_to and self._items[self._at - 1] is item:
            self._at -= 1
        else:
            self._items.insert(self._at, item)

    def _make_room(self) -> None:
        """Let framing go on, since there is little left, and forget what was sent long ago."""
        self._wanting_room = False
        self._room.unpark_all()
        self._forget(max(0, self._first_kept()))

    def _first_kept(self) -> int:
        """Return where the last `kept` frames that were sent begin."""
        at = self._sent_to
        audio = 0
        while at > 0:
            # Ends and marks between the frames do not count.
            audio += isinstance(self._items[at - 1], Audio)
            if audio > self._keep:
                break
            at -= 1
        return at

    def _forget(self, count: int) -> None:
        """Forget the first items, all of which were sent."""
        self._count_sent()
        del self._items[:count]
        self._at -= count
        self._sent_to -= count
        self._counted -= count

    def sent(self, item: Audio) -> None:
        """Count speech that was just taken as sent, and keep it for a while."""
        del item
        self._sent_to = self._at

    def served(self, item: UtteranceEnd | Mark) -> None:
        """Keep the place of what stood between the frames."""
        self._items.insert(self._at, item)
        self._at += 1
        self._sent_to = self._at

    def recall(self, frames: int, utterances: Collection[int]) -> Recalled:
        """Put back the last `frames` frames that were sent, to be sent again, as far as kept.

        Only those of some utterances; their ends and marks come back with them.
        """
        back: list[PlayoutItem] = []
        recalled: dict[int, int] = {}
        self._forget(self._first_kept())
        items = self._items
        at = self._sent_to
        while at > 0 and frames > 0:
            at -= 1
            item = items[at]
            whose = utterance_of(item)
            if isinstance(item, Audio):
                frames -= item.frames
                if whose in utterances:
                    recalled[item.utterance] = recalled.get(item.utterance, 0) + item.frames
            if whose in utterances:
                if isinstance(item, UtteranceEnd):
                    recalled.setdefault(item.utterance, 0)  # that all was sent is told again
                self._renew(item)
                back.append(item)
        self.ledger.recall(sum(recalled.values()))
        starved = not self.depth
        items[at : self._at] = [*items[self._sent_to : self._at], *reversed(back)]
        self._at += at - self._sent_to
        self._sent_to = self._counted = at
        if back and starved and self._on_item is not None:
            self._on_item()
        return Recalled(recalled)

    def cut(self, utterances: Collection[int]) -> int:
        """Drop all speech, and what follows of some utterances; return the frames dropped now.

        What was asked for by itself stays, and so does the consequence of one that was played.
        """
        old = self.generation
        self.generation += 1
        self._to_expire = 0
        self._forget(self._sent_to)
        before = self.ledger.flushed
        for item in (*self.waiting, *self._blocked):
            stays = isinstance(item, Action) and item.utterance not in utterances
            if stays and item.generation == old:
                self._renew(item)
        self._drop_old()
        return self.ledger.flushed - before

    def drop(self, utterances: Collection[int]) -> int:
        """Drop some utterances, and what follows of them; return the frames dropped now.

        What a framer still puts in for them is dropped as well; the others are of the new
        generation, and who frames one must take that over.
        """
        old = self.generation
        self.generation += 1
        before = self.ledger.flushed
        for item in (*self.waiting, *self._blocked):
            if item.generation == old and utterance_of(item) not in utterances:
                self._renew(item)
        self._drop_old()
        return self.ledger.flushed - before

    def _drop_old(self) -> None:
        self._items[self._at :] = [  # in place: who puts holds on to it
            item
            for item in self.waiting
            if item.generation == self.generation or not self._drop(item)
        ]
        if self._wanting_room and self.depth <= self._low:
            self._make_room()

    def _renew(self, item: PlayoutItem) -> None:
        """Have an item be of the generation in force."""
        item.generation = self.generation
        if isinstance(item, Mark) and item.utterance is not None:
            # Under its old name it may still come back, from before.
            item.name = mark_name(item.utterance, self.generation)

    def _drop(self, item: PlayoutItem) -> bool:
        """Drop an item of an older generation, or speech that is too old; say whether it was."""
        old = item.generation != self.generation
        if isinstance(item, Audio):
            self.ledger.flush(item.frames, expired=not old)
            if not old:
                self._to_expire = max(0, self._to_expire - item.frames)
            return True
        if isinstance(item, UtteranceEnd) and not old and not self.depth:
            # What was late is over; what comes next is new and stays.
            self._to_expire = 0
        return old

    def flush(self) -> int:
        """Drop all speech queued and all still on its way here; return the frames dropped now."""
        self.generation += 1
        self._to_expire = 0
        self._forget(self._sent_to)
        before = self.ledger.flushed
        self.take()  # everything there is of an older generation now
        return self.ledger.flushed - before

    def expire(self, frames: int) -> None:
        """Drop the next `frames` frames, queued or still to come: they are too old."""
        self._to_expire += frames

    @property
    def waiting(self) -> Sequence[PlayoutItem]:
        """The items that wait, the next to be taken first."""
        return self._items[self._at :]

    @property
    def waiting_since(self) -> float | None:
        """When the oldest speech waiting here was ready; None when none waits."""
        return next((item.ready_at for item in self.waiting if isinstance(item, Audio)), None)

    @property
    def depth(self) -> int:
        """Items waiting."""
        return len(self._items) - self._at


def utterance_of(item: PlayoutItem) -> int | None:
    """Return whose an item is; None of what was asked for by itself."""
    match item:
        case Audio(utterance=utterance) | UtteranceEnd(utterance=utterance):
            return utterance
        case Mark(utterance=owner) | Action(utterance=owner):
            return owner
        case _:
            assert_never(item)


def _frames(items: Sequence[PlayoutItem]) -> int:
    frames = 0
    for item in items:  # three a call, a thousand calls: a generator would cost more than this
        if isinstance(item, Audio):
            frames += item.frames
    return frames
