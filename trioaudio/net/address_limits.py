"""How much may be asked of the listener: handshakes at once, refusals of an address in a minute."""

from __future__ import annotations

from collections import Counter, OrderedDict
from typing import Final

import attrs

MINUTE_S: Final = 60.0
ADDRESSES: Final = 4096
"""Addresses whose refusals are remembered; the one heard of longest ago makes room."""


@attrs.define
class _Minute:
    """The minute that began with an address's first refusal."""

    began: float
    refusals: int = 0


class AddressLimits:
    """Counts by site (`far_address.site_of`); times are in seconds of any steady clock."""

    def __init__(self, handshakes: int, refusals: int, in_all: int) -> None:
        self._handshakes_most = handshakes
        self._in_all_most = in_all
        self._in_all = 0
        self._refusals_most = refusals
        self._handshakes: Counter[str] = Counter()
        self._minutes: OrderedDict[str, _Minute] = OrderedDict()

    @property
    def is_full(self) -> bool:
        """Whether no more connections may begin, wherever they come from."""
        return self._in_all >= self._in_all_most

    def begin(self) -> None:
        """Count a connection that begins, of whatever address."""
        self._in_all += 1

    def end(self) -> None:
        """Count it no longer."""
        self._in_all -= 1

    def enter(self, site: str) -> bool:
        """Count a connection for its site; False if that has too many already."""
        if self._handshakes[site] >= self._handshakes_most:
            return False
        self._handshakes[site] += 1
        return True

    def leave(self, site: str) -> None:
        """Count it no longer for its site."""
        self._handshakes[site] -= 1
        if not self._handshakes[site]:
            del self._handshakes[site]

    @property
    def in_handshake(self) -> int:
        """Connections in handshake, of all addresses."""
        return self._in_all

    def refused(self, site: str, now: float) -> None:
        """Count a refusal."""
        minute = self._minute(site, now)
        if minute is None:
            minute = self._minutes[site] = _Minute(now)
            if len(self._minutes) > ADDRESSES:
                self._minutes.popitem(last=False)
        minute.refusals += 1
        self._minutes.move_to_end(site)

    def turned_away_for(self, site: str, now: float) -> float:
        """Return for how many seconds more the site is turned away; 0 if it is not."""
        minute = self._minute(site, now)
        if minute is None or minute.refusals < self._refusals_most:
            return 0.0
        return minute.began + MINUTE_S - now

    def _minute(self, site: str, now: float) -> _Minute | None:
        minute = self._minutes.get(site)
        if minute is not None and now - minute.began >= MINUTE_S:
            del self._minutes[site]
            return None
        return minute
