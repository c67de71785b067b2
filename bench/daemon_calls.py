"""Calls of a real daemon with callees of ours, as an application makes them: by its control API."""

from __future__ import annotations

import contextlib
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

import attrs
import trio

from bench.callees import Callees, callees
from bench.serving import Serving
from trioaudio.api.events import CallEnded, Event, UtteranceCompleted
from trioaudio.client.call import Call
from trioaudio.client.client import Client
from trioaudio.client.errors import StreamCutError
from trioaudio.client.stream import Stream

COMPLETED, ENDED = "utterance.completed", "call.ended"
AT_ONCE = 8
"""Calls being made at a time: an application's, not a stampede."""

_TEXT = (
    "your order number has left our house this morning and will be with you before the evening"
    " please keep the receipt ready when our driver comes to the door thank you for waiting so"
    " long the office opens again on monday and somebody will call you back about the payment"
)
_WORDS = _TEXT.split()


def sentence(draw: random.Random, words: int) -> str:
    """Return a text nobody has said before, of so many words; thirteen take some five seconds."""
    return " ".join(draw.choices(_WORDS, k=words)).capitalize() + "."


def now_ns() -> int:
    """Return the time the callees note arrivals by."""
    return time.monotonic_ns()


@attrs.define(eq=False)
class Driver:
    """A client of the daemon, and the callees."""

    serving: Serving
    callees: Callees
    client: Client
    stream: Stream
    http: bool
    """Whether commands go by HTTP, not over the stream."""
    carrier: str
    draw: random.Random = attrs.field(factory=lambda: random.Random(1))
    others: dict[str, int] = attrs.field(factory=dict)
    """Completions that were not normal, by cause."""
    leaving: bool = False
    """Whether the daemon was told to leave: then the end of the stream is none of a trial."""
    _done: dict[tuple[str, int], UtteranceCompleted] = attrs.field(factory=dict)
    _waits: dict[tuple[str, int], trio.Event] = attrs.field(factory=dict)
    _ended: dict[str, trio.Event] = attrs.field(factory=dict)

    async def open_call(self, leg: int) -> Call:
        """Make a call and have a callee come to it; return when its audio is up."""
        made = await self.client.create_call(carrier=self.carrier, greeting=False)
        self._ended.setdefault(made.id, trio.Event())
        url = (await made.view()).media_url
        assert url is not None
        await self.callees.dial(leg, urlsplit(url).path)
        return made if self.http else self.stream.call(made.id)

    async def open_calls(self, legs: range) -> list[Call]:
        """Make calls, some at a time; in the order of their legs."""
        calls: dict[int, Call] = {}
        left = iter(legs)

        async def open_next() -> None:
            for leg in left:
                calls[leg] = await self.open_call(leg)

        async with trio.open_nursery() as nursery:
            for _ in range(AT_ONCE):
                nursery.start_soon(open_next)
        return [calls[leg] for leg in legs]

    async def speak_on(self, call: Call, write: Callable[[], str]) -> None:
        """Have the next utterance waiting on a call, always; `write` is asked for its text."""
        waiting = deque[int]()
        while True:
            while len(waiting) < 2:
                waiting.append((await call.say(write())).number)
            await self.wait_completed(call, waiting.popleft())

    async def wait_completed(self, call: Call, utterance: int) -> UtteranceCompleted:
        """Wait until an utterance is complete."""
        key = (call.id, utterance)
        if key not in self._done:
            came = self._waits[key] = trio.Event()
            try:
                await came.wait()
            finally:
                del self._waits[key]
        return self._done.pop(key)

    async def wait_ended(self, call: Call) -> None:
        """Wait until a call is over."""
        await self._ended[call.id].wait()

    def forget(self, call: Call) -> None:
        """Keep nothing of a call that is over."""
        del self._ended[call.id]

    async def listen(self) -> None:
        """Take events until cancelled."""
        try:
            async for event in self.stream:
                self._take(event)
        except StreamCutError:
            if not self.leaving:
                raise

    def _take(self, event: Event) -> None:
        if isinstance(event, UtteranceCompleted):
            key = (event.call, event.utterance)
            if event.cause != "normal":
                self.others[event.cause] = self.others.get(event.cause, 0) + 1
            self._done[key] = event
            if (wait := self._waits.get(key)) is not None:
                wait.set()
        elif isinstance(event, CallEnded):
            self._ended.setdefault(event.call, trio.Event()).set()


@contextlib.asynccontextmanager
async def driving(
    serving: Serving, carrier: str, legs: int, *, http: bool = False, speaking: bool = False
) -> AsyncIterator[Driver]:
    """Open a client, its stream, and callees for so many calls, `speaking` if they are heard."""
    async with (
        callees(carrier, legs, serving.media_port, speaking=speaking) as far_ends,
        serving.client() as client,
        client.stream() as stream,
        trio.open_nursery() as nursery,
    ):
        await stream.subscribe(events=[COMPLETED, ENDED])
        driver = Driver(serving, far_ends, client, stream, http, carrier)
        nursery.start_soon(driver.listen)
        yield driver
        nursery.cancel_scope.cancel()
