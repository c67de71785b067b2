"""All calls of the node, by id, and what is still known of those that ended lately."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from operator import itemgetter

import attrs
import trio

from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.views import CallView, SayingView, UtteranceView
from trioaudio.calls.call_view import call_view
from trioaudio.calls.live_call import LiveCall

REMEMBERED = 1000
REMEMBERED_S = 600.0
"""Calls that are over can be asked for so long, and so many of them."""


@attrs.frozen
class _Over:
    """What is kept of a call that is over: none of its parts, only what it showed at the end."""

    view: CallView
    utterances: dict[int, UtteranceView]
    created_at: float
    ended_at: float


@attrs.define(eq=False)
class Roll:
    """The calls, and what those that are over showed at their end."""

    live: dict[str, LiveCall] = attrs.field(factory=dict)
    total: int = 0
    _over: OrderedDict[str, _Over] = attrs.field(factory=OrderedDict)
    _empty: trio.Event = attrs.field(factory=trio.Event)

    def __len__(self) -> int:
        """Count those that are not over."""
        return len(self.live)

    def __iter__(self) -> Iterator[LiveCall]:
        """Give those that are not over."""
        return iter(list(self.live.values()))

    def add(self, live: LiveCall) -> None:
        """Take a new one."""
        self.live[live.id] = live
        self.total += 1

    def leave(self, live: LiveCall) -> None:
        """Let go of one that is over."""
        del self.live[live.id]
        self._over[live.id] = _Over(
            call_view(live), _utterances(live), live.created_at, trio.current_time()
        )
        self._forget()
        if not self.live:
            self._empty.set()

    async def wait_empty(self) -> None:
        """Wait until every call is over."""
        while self.live:
            if self._empty.is_set():
                self._empty = trio.Event()  # one for all who wait
            await self._empty.wait()

    def _forget(self) -> None:
        oldest = trio.current_time() - REMEMBERED_S
        while self._over:
            first = next(iter(self._over.values()))
            if len(self._over) <= REMEMBERED and first.ended_at > oldest:
                return
            self._over.popitem(last=False)

    # --- What is asked -----------------------------------------------------------------

    def find_live(self, call: str) -> LiveCall:
        """Return one that is not over; RequestError."""
        found = self.live.get(call)
        if found is None:
            view = self._find_over(call).view
            raise RequestError(RequestFault.ENDED, f"call {call} is over: {view.reason}")
        if found.ended:
            raise RequestError(RequestFault.ENDED, f"call {call} is over: {found.reason}")
        return found

    def ids(self) -> list[str]:
        """Return those that ended lately and those that are not over, the oldest first."""
        self._forget()
        begun = [(each.created_at, call) for call, each in self._over.items()]
        begun += [(each.created_at, call) for call, each in self.live.items()]
        return [call for _, call in sorted(begun, key=itemgetter(0))]

    def view(self, call: str) -> CallView:
        """Return one; RequestError."""
        live = self.live.get(call)
        return self._find_over(call).view if live is None else call_view(live)

    def utterances(self, call: str) -> list[UtteranceView]:
        """Return a call's utterances, the last ones, oldest first; RequestError."""
        live = self.live.get(call)
        found = self._find_over(call).utterances if live is None else _utterances(live)
        return [found[number] for number in sorted(found)]

    def saying(self, call: str) -> SayingView | None:
        """Return what is being heard on a call; None if nothing is, or the call is over."""
        live = self.live.get(call)
        if live is None:
            return None
        live.call.count_played()
        entry = live.book.being_heard()
        return None if entry is None else entry.saying()

    def utterance(self, call: str, number: int) -> UtteranceView:
        """Return one utterance; RequestError."""
        live = self.live.get(call)
        if live is not None:
            live.call.count_played()
            return live.book.find(number).view(live.shared.clock)
        found = self._find_over(call).utterances.get(number)
        if found is None:
            raise RequestError(
                RequestFault.NOT_FOUND, f"there is no utterance {number} known of call {call}"
            )
        return found

    def _find_over(self, call: str) -> _Over:
        found = self._over.get(call)
        if found is None:
            raise RequestError(
                RequestFault.NOT_FOUND,
                f"there is no call {call}, or it ended more than"
                f" {REMEMBERED_S / 60:.0f} minutes ago",
            )
        return found


def _utterances(live: LiveCall) -> dict[int, UtteranceView]:
    live.call.count_played()
    entries = {**live.book.complete, **live.book.incomplete}
    return {number: entry.view(live.shared.clock) for number, entry in entries.items()}
