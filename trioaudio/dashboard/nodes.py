"""What is known of the daemons and their calls: a model without a terminal and without waiting.

`now` is on a clock that only runs forward; times of the API are seconds since 1970.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from trioaudio.api.events import CallEnded, CallStarted, Event, UtteranceCompleted
from trioaudio.api.views import CallView, EngineView, NodeView, SayingView
from trioaudio.dashboard.cells import clean
from trioaudio.dashboard.scrape import Rates, Scrape, rates_between

REMEMBERED_S: Final = 60.0
"""What a sparkline shows."""
EVENTS_KEPT: Final = 200
SLICE: Final = 20
"""Calls out of sight that are looked at in one turn, so that sorting and filtering know them."""
UNKNOWN_MOST: Final = 30
ONLY_MOST: Final = 100
"""Calls one request may name."""
USUAL_PACE: Final = 14.0
"""Characters a second, until a call's own pace is known."""
CAREFUL: Final = 0.9
"""Of the pace: what is shown between two answers shall not have to go back."""


@attrs.define(eq=False)
class Recent:
    """Values of the last minute."""

    values: deque[tuple[float, float]] = attrs.field(factory=deque)

    def add(self, value: float | None, now: float) -> None:
        """Take a value, unless there is none."""
        while self.values and self.values[0][0] <= now - REMEMBERED_S:
            self.values.popleft()
        if value is not None:
            self.values.append((now, value))

    def minute(self, count: int, now: float) -> list[float]:
        """Return the largest value of each of `count` equal parts of the last minute, oldest first.

        A part without a value has that of the one before; parts before the first value are left
        out. The newest part is the one that is not over, so that no value moves between parts.
        """
        part = REMEMBERED_S / count
        first = int(now // part) - count + 1
        largest: dict[int, float] = {}
        for at, value in self.values:
            number = int(at // part)
            largest[number] = max(value, largest.get(number, value))
        shown: list[float] = []
        for number in range(first, first + count):
            if number in largest:
                shown.append(largest[number])
            elif shown:
                shown.append(shown[-1])
        return shown


@attrs.define(eq=False)
class CallRow:
    """One call, as it was when it was looked at last."""

    view: CallView
    taken_at: float
    found_by: str = ""
    """What a filter looks into, in small letters."""
    late: Recent = attrs.field(factory=Recent)
    pace: float = USUAL_PACE
    """Characters heard a second."""
    engine: str = ""
    line_start: tuple[int, int] = (0, 0)
    """Of which utterance, and where in its text, the line begins that is shown."""

    def take(self, view: CallView, now: float) -> None:
        """Take a newer view."""
        self._learn_pace(self.view.saying, view.saying, now - self.taken_at)
        self.view, self.taken_at = view, now
        self.late.add(view.lateness_p99_ms, now)
        if view.saying is not None and view.saying.spoken_by:
            self.engine = clean(view.saying.spoken_by[-1])
        told = (view.call, view.state, view.carrier, view.to, view.caller_id, view.peer)
        labels = (f"{key}:{value}" for key, value in view.labels.items())
        self.found_by = " ".join(filter(None, (*told, self.engine, *labels))).lower()

    def _learn_pace(
        self, before: SayingView | None, after: SayingView | None, seconds: float
    ) -> None:
        if before is None or after is None or before.utterance != after.utterance or seconds <= 0:
            return
        if after.heard > before.heard:
            self.pace = (self.pace + (after.heard - before.heard) / seconds) / 2

    def heard(self, now: float) -> int:
        """Return how many characters of what is being said were heard by now, as estimated."""
        saying = self.view.saying
        if saying is None:
            return 0
        if self.view.paused or not self.view.speaking:
            return saying.heard
        ahead = CAREFUL * self.pace * min(max(0.0, now - self.taken_at), 2.0)
        return min(saying.heard + int(ahead), saying.begin + len(saying.text))


@attrs.define(eq=False)
class Node:
    """One daemon and its calls, the oldest first."""

    name: str
    view: NodeView | None = None
    engines: list[EngineView] = attrs.field(factory=list)
    scrape: Scrape | None = None
    rates: Rates = Rates()
    calls: dict[str, CallRow] = attrs.field(factory=dict)
    late: Recent = attrs.field(factory=Recent)
    silent_since: float | None = 0.0
    """Seconds since 1970 of its last answer, None while it answers; 0: it never has."""
    trouble: str = "no answer yet"
    """Why there is none, in one line."""
    answered_at: float = 0.0
    _unknown: dict[str, None] = attrs.field(factory=dict)
    _next: int = 0

    @property
    def answers(self) -> bool:
        """Whether it does."""
        return self.silent_since is None

    # --- What comes ----------------------------------------------------------------------

    def take_node(self, view: NodeView, now: float, wall: float) -> None:
        """Take the daemon's own view; `wall` is in seconds since 1970."""
        self.view, self.silent_since, self.trouble, self.answered_at = view, None, "", wall
        self.late.add(view.lateness_p99_ms, now)

    def fall_silent(self, why: str) -> None:
        """Note that it answers no more."""
        self.trouble = clean(why)
        if self.silent_since is None:
            self.silent_since = self.answered_at

    def take_scrape(self, scrape: Scrape) -> None:
        """Take its metrics."""
        if self.scrape is not None:
            self.rates = rates_between(self.scrape, scrape)
        self.scrape = scrape

    def take_all(self, views: Iterable[CallView], now: float) -> None:
        """Take the list of all calls: others there are none."""
        known = self.calls
        self.calls = {}
        self._unknown.clear()
        for view in views:
            if view.state != "ended":
                row = known.get(view.call) or CallRow(view, now)
                row.take(view, now)
                self.calls[view.call] = row

    def take_some(self, asked: Sequence[str], views: Iterable[CallView], now: float) -> None:
        """Take what came for the calls asked for; those that did not come are forgotten."""
        came = {view.call: view for view in views}
        for call in asked:
            self._unknown.pop(call, None)
            view = came.get(call)
            if view is None or view.state == "ended":
                self.calls.pop(call, None)
            elif (row := self.calls.get(call)) is not None:
                row.take(view, now)
            else:
                self.calls[call] = row = CallRow(view, now)
                row.take(view, now)

    def take_event(self, event: Event) -> None:
        """Note which calls come and go."""
        match event:
            case CallStarted():
                self._unknown[event.call] = None
            case CallEnded():
                self._unknown.pop(event.call, None)
                self.calls.pop(event.call, None)
            case _ if (row := self.calls.get(event.call)) is None:
                self._unknown[event.call] = None
            case UtteranceCompleted() if event.spoken_by:
                row.engine = clean(event.spoken_by[-1])

    # --- What is asked for -----------------------------------------------------------------

    def wanted(self, visible: Sequence[str]) -> list[str]:
        """Return which calls to look at in this turn: new ones, those in sight, some others."""
        wanted = dict.fromkeys(list(self._unknown)[:UNKNOWN_MOST])
        room = ONLY_MOST - SLICE
        wanted.update(dict.fromkeys([each for each in visible if each in self.calls][:room]))
        known = list(self.calls)
        for _ in range(min(SLICE, len(known))):
            self._next %= len(known)
            wanted[known[self._next]] = None
            self._next += 1
        return list(wanted)[:ONLY_MOST]


@attrs.define(eq=False)
class Fleet:
    """All daemons, and what they told last."""

    nodes: list[Node]
    events: deque[tuple[Node, Event]] = attrs.field(factory=lambda: deque(maxlen=EVENTS_KEPT))

    def take_event(self, node: Node, event: Event) -> None:
        """Take what a daemon tells."""
        node.take_event(event)
        self.events.append((node, event))

    def find(self, node: str, call: str) -> CallRow | None:
        """Return a call that is not over."""
        for each in self.nodes:
            if each.name == node:
                return each.calls.get(call)
        return None
