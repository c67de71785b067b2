"""One daemon being followed: its events by a stream, its figures by asking now and then.

Asked for are the calls in sight and a few others in turns, never all of them but once for every
connection. A daemon that does not answer is asked again, ever more seldom.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

import attrs
import msgspec
import trio

from trioaudio.api.views import Problem
from trioaudio.client import Client, ClientError, ProblemError, Stream
from trioaudio.core.backoff import Backoff
from trioaudio.dashboard.news import WANTED
from trioaudio.dashboard.nodes import Fleet, Node
from trioaudio.dashboard.scrape import read_metrics

ANSWER_S: Final = 5.0
"""A daemon that has not answered until then is said to give no answer."""
CONNECT_S: Final = 10.0
METRICS_S: Final = 2.0
ENGINES_S: Final = 5.0
BACKOFF: Final = Backoff(first=0.5, cap=8.0, attempts=1_000_000)
LEAST_WAIT_S: Final = 0.2
REFUSED_S: Final = 30.0
"""Before a token that was refused is tried again: the daemon may have been given it meanwhile."""


class SilentError(ClientError):
    """No answer came in time."""


@attrs.define(eq=False)
class Link:
    """How a node is followed. `in_sight` tells which of its calls are looked at."""

    node: Node
    fleet: Fleet
    client: Client
    interval_s: float
    in_sight: Callable[[str], Sequence[str]]
    wall: Callable[[], float]
    """Seconds since 1970."""
    draw: Callable[[], float]
    """A random number from [0, 1)."""
    on_change: Callable[[], None]
    _hurry: trio.Event = attrs.field(factory=trio.Event)

    async def follow(self) -> None:
        """Follow it until cancelled; ProblemError when it refuses the token and is the only one."""
        attempt = 0
        while True:
            before = self.node.answered_at
            least_s = LEAST_WAIT_S
            try:
                await self._connected()
            except* ClientError as group:
                reason = reason_of(group)
                if refusal := refusal_of(reason):
                    if len(self.fleet.nodes) == 1:
                        named = f"{self.node.name}: {reason}"
                        problem = msgspec.structs.replace(refusal, detail=named, errors=None)
                        raise ProblemError(problem) from reason
                    least_s = REFUSED_S
                self.node.fall_silent(str(reason))
                self.on_change()
            attempt = 0 if self.node.answered_at > before else attempt + 1
            wait_s = BACKOFF.delay(attempt, self.draw())
            assert wait_s is not None
            await trio.sleep(least_s + wait_s)

    async def _connected(self) -> None:
        connecting = trio.CancelScope()
        unbounded = connecting.deadline
        with connecting:
            connecting.deadline = trio.current_time() + CONNECT_S
            async with self.client.stream() as stream:
                # Before the list: what happens meanwhile is told twice rather than never.
                await stream.subscribe(events=WANTED)
                await self._look_at_all()
                connecting.deadline = unbounded
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._ask)
                    await self._listen(stream)
        if connecting.cancelled_caught:
            raise SilentError(f"no answer within {CONNECT_S:g} s")

    async def _listen(self, stream: Stream) -> None:
        async for event in stream:
            self.fleet.take_event(self.node, event)

    async def _ask(self) -> None:
        started = trio.current_time()
        engines_at = metrics_at = 0.0
        while True:
            now = trio.current_time()
            with trio.move_on_after(ANSWER_S) as answering:
                await self._look()
                if now >= metrics_at:
                    await self._scrape()
                    metrics_at = now + METRICS_S - self.interval_s / 2
                if now >= engines_at:
                    self.node.engines = await self.client.engines()
                    engines_at = now + ENGINES_S
            if answering.cancelled_caught:
                raise SilentError(f"no answer within {ANSWER_S:g} s")
            turns = int((trio.current_time() - started) / self.interval_s)
            with trio.move_on_at(started + (turns + 1) * self.interval_s):
                await trio.sleep(LEAST_WAIT_S)
                await self._hurry.wait()
            self._hurry = trio.Event()

    def note_sight(self) -> None:
        """Ask soon if calls came in sight that were not looked at lately."""
        oldest = trio.current_time() - 2 * self.interval_s
        rows = map(self.node.calls.get, self.in_sight(self.node.name))
        if any(row is not None and row.taken_at < oldest for row in rows):
            self._hurry.set()

    async def _look_at_all(self) -> None:
        await self._look_at_node()
        views = await self.client.calls()
        self.node.take_all(views, trio.current_time())
        self.on_change()

    async def _look(self) -> None:
        await self._look_at_node()
        wanted = self.node.wanted(self.in_sight(self.node.name))
        views = await self.client.calls_named(wanted, saying=True)
        self.node.take_some(wanted, views, trio.current_time())

    async def _look_at_node(self) -> None:
        view = await self.client.node()
        self.node.take_node(view, trio.current_time(), self.wall())

    async def _scrape(self) -> None:
        text = await self.client.metrics()
        self.node.take_scrape(read_metrics(text, trio.current_time()))


def reason_of(group: BaseExceptionGroup[ClientError]) -> ClientError:
    """Return why there is no answer: that the token was refused, before anything else."""
    leaves: list[ClientError] = []
    rest: list[ClientError | BaseExceptionGroup[ClientError]] = [group]
    while rest:
        each = rest.pop()
        if isinstance(each, BaseExceptionGroup):
            rest += each.exceptions
        else:
            leaves.append(each)
    return next(filter(refusal_of, leaves), leaves[0])


def refusal_of(error: ClientError) -> Problem | None:
    """Return what the daemon said about a token it refused; None for any other error."""
    return error.problem if isinstance(error, ProblemError) and error.status == 401 else None


async def look_once(node: Node, client: Client, wall: float) -> None:
    """Look at a daemon and all its calls: ClientError."""
    node.take_node(await client.node(), trio.current_time(), wall)
    node.engines = await client.engines()
    node.take_scrape(read_metrics(await client.metrics(), trio.current_time()))
    node.take_all(await client.calls(), trio.current_time())
    ids = list(node.calls)
    for start in range(0, len(ids), 100):
        some = ids[start : start + 100]
        views = await client.calls_named(some, saying=True)
        node.take_some(some, views, trio.current_time())
