"""What a stream subscribes to: what its user wishes, and what the client itself has to know."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from trioaudio.api.events import CallEnded, Event, TextResumed, UtteranceCompleted
from trioaudio.api.requests import Subscribe

OWN_EVENTS: Final = frozenset(
    str(each.__struct_config__.tag) for each in (CallEnded, TextResumed, UtteranceCompleted)
)
_MOST_CALLS: Final = 1000
"""What a subscription can name; with more, every call's events are taken and sorted here."""


class Wishes:
    """Both, as one subscription: there is one a stream."""

    def __init__(self) -> None:
        self._wished = False
        self._calls: frozenset[str] | None = None
        self._events: frozenset[str] | None = None
        self._followed: set[str] = set()
        self._told: Subscribe | None = None

    def wish(self, calls: Collection[str] | None, events: Collection[str] | None) -> Subscribe:
        """Take the user's wish, in place of what was wished before; return what to ask for."""
        self._wished = True
        self._calls = None if calls is None else frozenset(calls)
        self._events = None if events is None else frozenset(events)
        return self._request()

    def follow(self, call: str) -> Subscribe | None:
        """Have the client know a call's state; return what to ask for, None when that was told."""
        self._followed.add(call)
        request = self._request()
        return None if request == self._told else request

    def forget(self, call: str) -> None:
        """Follow a call no more: it is over. The subscription may say so the next time."""
        self._followed.discard(call)

    def told(self, request: Subscribe) -> None:
        """Note what the daemon has taken."""
        self._told = Subscribe(calls=request.calls, events=request.events)

    def wants(self, event: Event) -> bool:
        """Say whether the user wishes an event."""
        return (
            self._wished
            and (self._calls is None or event.call in self._calls)
            and (self._events is None or event.__struct_config__.tag in self._events)
        )

    def _request(self) -> Subscribe:
        calls, events = self._calls, self._events
        if not self._wished:
            calls, events = frozenset(), frozenset()
        if calls is not None:
            calls |= self._followed
            calls = calls if len(calls) <= _MOST_CALLS else None
        if events is not None:
            events |= OWN_EVENTS
        return Subscribe(
            calls=None if calls is None else sorted(calls),
            events=None if events is None else sorted(events),
        )
