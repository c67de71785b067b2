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

from collections import deque
from collections.abc import Callable, Collection, Sequence
from typing import assert_never

import attrs
import trio

from trioaudio.core.ledger import Ledger
from trioaudio.core.mark_name import mark_name
from trioaudio.core.playout_item import Action, Audio, Mark, PlayoutItem, UtteranceEnd

FRAMES_AHEAD = 8
"""480 ms: how far framing may run ahead of the pacer."""

LOW_WATER = 2
"""120 ms: what is left when framing goes on, so that one wake-up of it makes six frames."""

KEPT = 20
"""1.2 s of frames sent before, and what stood between them: a word, and a carrier's lead."""


@attrs.frozen
class Recalled:
    """What was called back: frames by utterance."""

    frames: dict[int, int]


class PlayoutQueue:
    """`bound` items may wait; framing waits for room, the pacer never waits.

    The last `kept` items that were sent can be called back.
    """

    __slots__ = (
        "_audio_kept",
        "_blocked",
        "_items",
        "_keep",
        "_kept",
        "_low",
        "_on_item",
        "_room",
        "_to_expire",
        "_waiting",
        "bound",
        "generation",
        "ledger",
    )

    def __init__(self, bound: int = FRAMES_AHEAD, kept: int = KEPT) -> None:
        self.ledger = Ledger()
        self.generation = 0
        self.bound = bound
        self._low = min(LOW_WATER, bound // 2)
        self._items: list[PlayoutItem] = []  # so short that a deque would only be larger
        self._kept: deque[PlayoutItem] = deque()
        self._keep = kept
        self._audio_kept = 0
        self._room = trio.lowlevel.ParkingLot()
        self._waiting = False
        self._blocked: Sequence[PlayoutItem] = ()  # what is being put and waits for room
        self._on_item: Callable[[], None] | None = None
        self._to_expire = 0

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
                if len(queued) >= self.bound:
                    self._waiting, self._blocked = True, items
                    await self._room.park()
                queued.append(item)
                done += 1
                # Nobody starves beside a queue that holds something.
                if len(queued) == 1 and self._on_item is not None:
                    self._on_item()
        finally:
            self._blocked = ()
            if done < len(items):
                self.ledger.flush(_frames(items[done:]))

    def take(self) -> PlayoutItem | None:
        """Return the next item of the generation in force; None when there is none yet."""
        queued = self._items
        while queued:
            item = queued.pop(0)
            if self._waiting:
                self._make_room()
            if item.generation == self.generation and not self._to_expire:
                return item
            if not self._drop(item):
                return item
        return None

    def put_back(self, item: PlayoutItem) -> None:
        """Return what was taken and not served; it is the next to be taken."""
        item.generation = self.generation  # others may have been cut while it waited elsewhere
        self._items.insert(0, item)

    def _make_room(self) -> None:
        """Let framing go on, once there is little left."""
        if len(self._items) <= self._low:
            self._waiting = False
            self._room.unpark_all()

    def sent(self, item: Audio) -> None:
        """Count speech as sent, and keep it for a while. Once a frame of every call."""
        self.ledger.send(item.frames)
        self._kept.append(item)
        self._audio_kept += 1
        while self._audio_kept > self._keep:  # ends and marks between the frames do not count
            if isinstance(self._kept.popleft(), Audio):
                self._audio_kept -= 1

    def served(self, item: UtteranceEnd | Mark) -> None:
        """Keep the place of what stood between the frames."""
        self._kept.append(item)

    def recall(self, frames: int, utterances: Collection[int]) -> Recalled:
        """Put back the last `frames` frames that were sent, to be sent again, as far as kept.

        Only those of some utterances; their ends and marks come back with them.
        """
        back: list[PlayoutItem] = []
        recalled: dict[int, int] = {}
        while self._kept and frames > 0:
            item = self._kept.pop()
            whose = utterance_of(item)
            if isinstance(item, Audio):
                self._audio_kept -= 1
                frames -= item.frames
                if whose in utterances:
                    recalled[item.utterance] = recalled.get(item.utterance, 0) + item.frames
            if whose in utterances:
                if isinstance(item, UtteranceEnd):
                    recalled.setdefault(item.utterance, 0)  # that all was sent is told again
                self._renew(item)
                back.append(item)
        self.ledger.recall(sum(recalled.values()))
        self._items[:0] = reversed(back)
        if back and len(self._items) == len(back) and self._on_item is not None:
            self._on_item()
        return Recalled(recalled)

    def cut(self, utterances: Collection[int]) -> int:
        """Drop all speech, and what follows of some utterances; return the frames dropped now.

        What was asked for by itself stays, and so does the consequence of one that was played.
        """
        old = self.generation
        self.generation += 1
        self._to_expire = 0
        self._kept.clear()
        self._audio_kept = 0
        before = self.ledger.flushed
        for item in (*self._items, *self._blocked):
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
        for item in (*self._items, *self._blocked):
            if item.generation == old and utterance_of(item) not in utterances:
                self._renew(item)
        self._drop_old()
        return self.ledger.flushed - before

    def _drop_old(self) -> None:
        self._items[:] = [  # in place: who puts holds on to it
            item
            for item in self._items
            if item.generation == self.generation or not self._drop(item)
        ]
        if self._waiting:
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
        if isinstance(item, UtteranceEnd) and not old and not self._items:
            # What was late is over; what comes next is new and stays.
            self._to_expire = 0
        return old

    def flush(self) -> int:
        """Drop all speech queued and all still on its way here; return the frames dropped now."""
        self.generation += 1
        self._to_expire = 0
        self._kept.clear()
        self._audio_kept = 0
        before = self.ledger.flushed
        self.take()  # everything there is of an older generation now
        return self.ledger.flushed - before

    def expire(self, frames: int) -> None:
        """Drop the next `frames` frames, queued or still to come: they are too old."""
        self._to_expire += frames

    @property
    def waiting_since(self) -> float | None:
        """When the oldest speech waiting here was ready; None when none waits."""
        return next((item.ready_at for item in self._items if isinstance(item, Audio)), None)

    @property
    def depth(self) -> int:
        """Items waiting."""
        return len(self._items)


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
