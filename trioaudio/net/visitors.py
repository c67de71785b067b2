"""Who has connected and asked nothing yet: when there is no room, the one that waits longest goes.

A carrier asks at once. A stranger who only connects, or says a little now and then, could keep
everybody else out for as long as patience lasts, if newcomers were refused instead.
"""

from __future__ import annotations

import attrs
import trio

from trioaudio.net.arrival import Knock


@attrs.define(eq=False)
class Visitor:
    """One connection in handshake."""

    knock: Knock
    scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    """Of all that is done for it."""
    spoke: bool = False
    asked: bool = False
    """Whether it is known what it wants."""
    dropped: bool = False
    """Whether its place was given to another."""

    def may_take(self, seconds: float) -> None:
        """Have it ended unless what comes next is done within so many seconds from now."""
        self.scope.deadline = trio.current_time() + seconds


class Visitors:
    """Those that have asked nothing."""

    def __init__(self) -> None:
        self._silent: dict[Visitor, None] = {}  # the oldest first

    def add(self, visitor: Visitor) -> None:
        """Take note of a connection that begins."""
        self._silent[visitor] = None

    def asked(self, visitor: Visitor) -> None:
        """Take note that it has asked for something: it keeps its place."""
        visitor.asked = True
        self._silent.pop(visitor, None)

    def remove(self, visitor: Visitor) -> None:
        """Forget a connection that is over."""
        self._silent.pop(visitor, None)

    def drop_oldest(self) -> bool:
        """End the one that waits longest; False if all that are here have asked."""
        visitor = next(iter(self._silent), None)
        if visitor is None:
            return False
        del self._silent[visitor]
        visitor.dropped = True
        visitor.scope.cancel()
        return True
