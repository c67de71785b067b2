"""A call's speech on its way from framing to the pacer: bounded, ordered, droppable in one go.

It belongs to the call, not to the leg: what was not sent survives a lost connection. A barge-in
bumps the generation and drains; what a framer puts in afterwards is of an old generation and is
dropped when its turn comes. Every frame is in the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import trio

from trioaudio.core.ledger import Ledger
from trioaudio.core.playout_item import Audio, PlayoutItem

FRAMES_AHEAD = 8
"""480 ms: how far framing may run ahead of the pacer."""


def _frames(items: Sequence[PlayoutItem]) -> int:
    return sum(item.frames for item in items if type(item) is Audio)


class PlayoutQueue:
    """`bound` items may wait; framing waits for room, the pacer never waits."""

    def __init__(self, bound: int = FRAMES_AHEAD) -> None:
        self.ledger = Ledger()
        self.generation = 0
        self.bound = bound
        self._items_in, self._items_out = trio.open_memory_channel[PlayoutItem](bound)
        self._take_nowait = self._items_out.receive_nowait
        self._on_item: Callable[[], None] | None = None
        self._to_expire = 0

    def serve(self, on_item: Callable[[], None] | None) -> None:
        """Call `on_item` at each item put; None when nobody takes them for now."""
        self._on_item = on_item

    async def put(self, items: Sequence[PlayoutItem]) -> None:
        """Queue items in order, waiting for room.

        If cancelled, the frames not queued yet count as flushed.
        """
        # Counted before the first await: the pacer may send a frame during it.
        self.ledger.frame(_frames(items))
        done = 0
        try:
            for item in items:
                try:
                    self._items_in.send_nowait(item)
                except trio.WouldBlock:
                    await self._items_in.send(item)
                done += 1
                if self._on_item is not None:
                    self._on_item()
        finally:
            if done < len(items):
                self.ledger.flush(_frames(items[done:]))

    def take(self) -> PlayoutItem | None:
        """Return the next item of the generation in force; None when there is none yet."""
        while True:
            try:
                item = self._take_nowait()
            except trio.WouldBlock:
                return None
            if item.generation != self.generation:
                if type(item) is Audio:
                    self.ledger.flush(item.frames)
            elif self._to_expire and type(item) is Audio:
                self._to_expire = max(0, self._to_expire - item.frames)
                self.ledger.flush(item.frames, expired=True)
            else:
                return item

    def flush(self) -> int:
        """Drop all speech queued and all still on its way here; return the frames dropped now."""
        self.generation += 1
        self._to_expire = 0
        before = self.ledger.flushed
        self.take()  # everything there is of an older generation now
        return self.ledger.flushed - before

    def expire(self, frames: int) -> None:
        """Drop the next `frames` frames, queued or still to come: they are too old."""
        self._to_expire += frames

    @property
    def depth(self) -> int:
        """Items waiting."""
        return self._items_out.statistics().current_buffer_used
