"""One child process after the other, so that an engine has one: restarted with patience."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import attrs
import trio

from trioaudio.core.backoff import Backoff, RestartIntensity
from trioaudio.core.child_protocol import Message
from trioaudio.core.errors import ChildError, EngineError
from trioaudio.core.facts import EngineRestarted, Tell
from trioaudio.engines._child import Child, Unavailable, open_child
from trioaudio.lone_error import lone_error


@attrs.frozen(kw_only=True)
class ChildPlan:
    """Which process is kept, and how patiently."""

    engine: str
    what: str
    """The voice, for messages."""
    command: Sequence[str]
    restarts: int
    """So many within `within_s` seconds; then nothing is tried for `rest_s` seconds."""
    within_s: float
    rest_s: float
    unavailable: Unavailable


class ChildUser(Protocol):
    """Who speaks with the child. None of it but the greeting waits."""

    async def greet(self, child: Child) -> None:
        """Wait until a new child is ready; EngineError if it fails to be."""
        ...

    def begin(self, child: Child) -> None:
        """Have a ready child do all that is asked for now, and what will be until `lose`."""
        ...

    def take(self, message: Message) -> None:
        """Take a message of the child's."""
        ...

    def lose(self) -> None:
        """Ask the child for nothing more: it is gone."""
        ...

    def blame(self, ending: str) -> None:
        """Learn how the child ended while it was in use."""
        ...

    def refuse(self, reason: str) -> None:
        """Fail what is asked for, and all that will be until `begin`."""
        ...


async def keep_child(plan: ChildPlan, user: ChildUser, tell: Tell) -> None:
    """Run children until cancelled.

    What goes wrong before the first is ready is raised: EngineError, ChildError.
    """
    intensity = RestartIntensity(plan.restarts, plan.within_s)
    backoff = Backoff(first=0.05, cap=2.0, attempts=plan.restarts)
    keeper = _Keeper(plan, user, tell)
    failed_starts = 0
    try:
        while True:
            try:
                await keeper.run_child()
                failed_starts = 0
            except (ChildError, EngineError) as exc:
                if not keeper.begun:
                    raise
                keeper.last_ending = str(exc)
                failed_starts += 1
            if not intensity.allow(trio.current_time()):
                user.refuse(keeper.last_ending)
                await trio.sleep(plan.rest_s)
            elif failed_starts:
                await trio.sleep(backoff.delay(failed_starts, 1.0) or plan.rest_s)
    finally:
        user.refuse("it has been closed")


@attrs.define(eq=False)
class _Keeper:
    """What is known from one child to the next."""

    plan: ChildPlan
    user: ChildUser
    tell: Tell
    begun: bool = False
    last_ending: str = ""

    async def run_child(self) -> None:
        """Run one child until it is gone, and note how it ended."""
        plan = self.plan
        with lone_error():
            async with (
                open_child(plan.command, plan.what, plan.unavailable) as child,
                trio.open_nursery() as nursery,
            ):
                nursery.start_soon(child.write_requests)
                await self.user.greet(child)
                if self.begun:
                    self.tell(EngineRestarted(plan.engine, self.last_ending))
                self.begun = True
                junk = await self._listen(child)
                nursery.cancel_scope.cancel()
        self.last_ending = junk or child.ending
        self.user.blame(self.last_ending)

    async def _listen(self, child: Child) -> str:
        """Let the user speak with a ready child until it is gone; return its junk if any."""
        try:
            self.user.begin(child)
            while (messages := await child.receive()) is not None:
                for message in messages:
                    self.user.take(message)
        except EngineError as exc:
            return str(exc)
        finally:
            self.user.lose()
        return ""
