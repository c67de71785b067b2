"""Who in the client itself waits for which event of an utterance."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import anyio
import attrs

from trioaudio.api.events import Event, TextResumed, UtteranceCompleted


@attrs.define(eq=False)
class Watch:
    """One wait. An utterance's completion ends every wait for it."""

    kind: type[UtteranceCompleted | TextResumed]
    call: str
    utterance: int
    _came: anyio.Event = attrs.field(factory=anyio.Event)
    _event: UtteranceCompleted | TextResumed | None = None

    def tell(self, event: UtteranceCompleted | TextResumed) -> None:
        """Take the event if it is the one."""
        wanted = isinstance(event, self.kind | UtteranceCompleted)
        if wanted and (event.call, event.utterance) == (self.call, self.utterance):
            self._event = event
            self._came.set()

    def end(self) -> None:
        """Nothing will come."""
        self._came.set()

    async def wait(self) -> UtteranceCompleted | TextResumed | None:
        """Wait for it; None when the stream is over."""
        await self._came.wait()
        return self._event


class Watches:
    """All waits of a stream."""

    def __init__(self) -> None:
        self._watches: set[Watch] = set()
        self._ended = False

    @contextmanager
    def watching(
        self, kind: type[UtteranceCompleted | TextResumed], call: str, utterance: int
    ) -> Iterator[Watch]:
        """Have an event noticed from now on, while the block runs."""
        watch = Watch(kind, call, utterance)
        if self._ended:
            watch.end()
        self._watches.add(watch)
        try:
            yield watch
        finally:
            self._watches.discard(watch)

    def tell(self, event: Event) -> None:
        """Pass an event on."""
        if isinstance(event, UtteranceCompleted | TextResumed):
            for watch in self._watches:
                watch.tell(event)

    def end(self) -> None:
        """Let everybody know that nothing will come any more."""
        self._ended = True
        for watch in self._watches:
            watch.end()
