"""Who is connected, and who gives way when there is no room: whoever has nothing under way.

A stranger who only connects, or sends a request that never ends, could keep everybody behind the
same address out for as long as patience lasts, if newcomers were refused instead. What counts as
under way is a request that has come whole or whose token is good, and a stream with a good token.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import chain
from typing import Any, Final

import attrs
import trio

HEAD_S: Final = 10.0
"""How long the first request's head may take to come, from the connection on."""
_GUEST: Final = "trioaudio.guest"
_TOLD_EVERY_S: Final = 60.0
logger = logging.getLogger("trioaudio.control")


@attrs.define(eq=False)
class Guest:
    """One connection; `scope` is of all that is done for it, and ends when no request comes."""

    peer: str
    close: Callable[[], None]
    _guests: Guests
    scope: trio.CancelScope = attrs.field(
        factory=lambda: trio.CancelScope(deadline=trio.current_time() + HEAD_S), init=False
    )
    _asking: int = attrs.field(default=0, init=False)  # over HTTP/2 there may be several

    @contextmanager
    def asking(self, scope: Mapping[str, Any]) -> Iterator[Any]:
        """Answer a request, whose head is whole, in the block; return its scope for `keep_place`.

        The place is not kept yet: the rest of the request may never come.
        """
        self.scope.deadline = trio.CancelScope().deadline  # none
        self._asking += 1
        try:
            yield {**scope, _GUEST: self}
        finally:
            self._asking -= 1
            if not self._asking:
                self._guests.rests(self)

    def keep(self) -> None:
        """Have its place kept while it is asking."""
        self._guests.keeps(self)


def keep_place(scope: Mapping[str, Any]) -> None:
    """Have the connection of a request, by its ASGI scope, not give way until that is answered."""
    guest: Guest | None = scope.get(_GUEST)
    if guest is not None:
        guest.keep()


@attrs.define(eq=False)
class Guests:
    """Those that are connected: `most` in all, `most_of_peer` of one address."""

    most: int
    most_of_peer: int
    _peers: Counter[str] = attrs.field(factory=Counter, init=False)
    _here: set[Guest] = attrs.field(factory=set, init=False)
    _strangers: dict[Guest, None] = attrs.field(factory=dict, init=False)  # the oldest first
    _idle: dict[Guest, None] = attrs.field(factory=dict, init=False)  # were answered; likewise
    _tell_at: float | None = attrs.field(default=None, init=False)

    def admit(self, peer: str, close: Callable[[], None]) -> Guest | None:
        """Take a connection in, another's place if need be; None if nobody can give way."""
        if self._peers[peer] >= self.most_of_peer and not self._drop(peer):
            return None
        if len(self._here) >= self.most and not self._drop(None):
            return None
        guest = Guest(peer, close, self)
        self._here.add(guest)
        self._peers[peer] += 1
        self._strangers[guest] = None
        return guest

    def keeps(self, guest: Guest) -> None:
        """Take note that something is under way."""
        self._strangers.pop(guest, None)
        self._idle.pop(guest, None)

    def rests(self, guest: Guest) -> None:
        """Take note that nothing is under way any more."""
        self.keeps(guest)
        if guest in self._here:
            self._idle[guest] = None

    def leave(self, guest: Guest) -> None:
        """Forget a connection that is over; those that gave way are forgotten already."""
        if guest not in self._here:
            return
        self._here.remove(guest)
        self.keeps(guest)
        self._peers[guest.peer] -= 1
        if not self._peers[guest.peer]:
            del self._peers[guest.peer]

    def _drop(self, peer: str | None) -> bool:
        """Close the oldest with nothing under way, of a peer or of all; False if there is none."""
        some = chain(self._strangers, self._idle)
        guest = next((each for each in some if peer in {None, each.peer}), None)
        self._tell(peer, guest)
        if guest is None:
            return False
        self.leave(guest)
        guest.close()
        return True

    def _tell(self, peer: str | None, guest: Guest | None) -> None:
        now = trio.current_time()
        if self._tell_at is not None and now < self._tell_at:
            return
        self._tell_at = now + _TOLD_EVERY_S
        logger.warning(
            "there are too many connections%s: %s; this is told once a minute",
            "" if peer is None else f" from {peer}",
            "newcomers are closed" if guest is None else "those that ask nothing give way",
        )
