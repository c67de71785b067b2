"""What was let in and what was refused, counted; and told, but not to fill a disk.

Strangers decide how often something is refused. So each address has a few lines a minute, all
addresses together some more, and the rest is one line at the minute's end.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

import attrs
import trio

from trioaudio.core.facts import DoorRefused, MoreDoorRefusals, Tell
from trioaudio.net.address_limits import MINUTE_S
from trioaudio.net.refusal import Refusal, printable

TOLD_OF_ONE: Final = 5
"""Refusals of one address told in a minute."""
TOLD_OF_ALL: Final = 100
"""Refusals told in a minute. No more addresses than this are counted by name either."""


@attrs.frozen
class ListenerStatistics:
    """Counts since the listener was opened."""

    accepted: int
    """Connections handed to a call."""
    refused: Mapping[int, int]
    """Connections refused, by HTTP status."""
    abandoned: int
    """Connections that went away, or said nothing in time, before anything could be decided."""
    in_handshake: int
    """Connections nothing is decided about yet, proxies' included."""
    doors: int
    answered: int = 0
    """Webhooks answered."""


class RefusalRecord:
    """Keeps the counts; `tell_the_rest` is its one task."""

    def __init__(self, tell: Tell) -> None:
        self.accepted = 0
        self.abandoned = 0
        self.answered = 0
        self.refused: Counter[int] = Counter()
        self._tell = tell
        self._told: Counter[str] = Counter()
        self._untold: Counter[str] = Counter()
        self._untold_total = 0
        self._minute_began = False
        self._news = trio.Event()

    def refuse(self, peer: str, site: str, refusal: Refusal) -> None:
        """Count a refusal, and tell it if it is one of the first in this minute."""
        self.refused[refusal.status.value] += 1
        if not self._minute_began:
            self._minute_began = True
            self._news.set()
        if self._told.total() < TOLD_OF_ALL and self._told[site] < TOLD_OF_ONE:
            self._told[site] += 1
            reason = printable(refusal.reason)
            self._tell(DoorRefused(peer, refusal.status.value, reason, refusal.bug))
            return
        self._untold_total += 1
        if site in self._untold or len(self._untold) < TOLD_OF_ALL:
            self._untold[site] += 1

    async def tell_the_rest(self) -> None:
        """Sum up each minute in which there was too much to tell; for ever."""
        while True:
            await self._news.wait()
            await trio.sleep(MINUTE_S)
            self.sum_up()

    def sum_up(self) -> None:
        """Tell what was not, and begin a new minute with the next refusal."""
        if self._untold_total:
            [(busiest, _)] = self._untold.most_common(1)
            self._tell(MoreDoorRefusals(self._untold_total, MINUTE_S, busiest))
        self._told.clear()
        self._untold.clear()
        self._untold_total = 0
        self._minute_began = False
        self._news = trio.Event()
