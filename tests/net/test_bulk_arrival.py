"""Carriers that all arrive at once, on real sockets: each gets in, and none holds the loop."""

from __future__ import annotations

from collections import Counter

import attrs
import trio

from net.far_ends import read_head, upgrade_request
from trioaudio.core.connection import MediaConnection
from trioaudio.net.admission import Admission
from trioaudio.net.listener import Listener, open_listener

CROWD = 150
AT_ONCE = 8
"""Handshakes that one address may have at once."""


@attrs.define(eq=False)
class Steps(trio.abc.Instrument):
    """Counts, round by round of the loop, how many connections were worked on."""

    of_round: int = 0
    by_count: Counter[int] = attrs.field(factory=Counter)

    def after_task_step(self, task: trio.lowlevel.Task) -> None:
        """Trio's: a task has run."""
        self.of_round += task.name.endswith("Listener._admit")

    def before_io_wait(self, timeout: float) -> None:
        """Trio's: everybody runnable has run."""
        del timeout
        self.by_count[self.of_round] += 1
        self.of_round = 0


@attrs.define(eq=False)
class Crowd:
    """Carriers, the calls they come for, and who is up."""

    listener: Listener
    up: set[int] = attrs.field(factory=set)
    answers: Counter[bytes] = attrs.field(factory=Counter)
    all_up: trio.Event = attrs.field(factory=trio.Event)

    async def expect(self, number: int) -> None:
        """Be a call."""
        async with self.listener.open_door(f"/media/{number}").connect(10) as connection:
            await self._live(number, connection)

    async def _live(self, number: int, connection: MediaConnection) -> None:
        assert connection.peer.startswith("127.0.0.1:")
        self.up.add(number)
        if len(self.up) == CROWD:
            self.all_up.set()
        await self.all_up.wait()

    async def dial(self, number: int) -> None:
        """Be its carrier."""
        port = int(self.listener.address.rpartition(":")[2])
        async with await trio.open_tcp_stream("127.0.0.1", port) as stream:
            await stream.send_all(upgrade_request(f"/media/{number}"))
            self.answers[(await read_head(stream)).split(b" ")[1]] += 1
            await self.all_up.wait()


async def test_all_that_arrive_at_once_get_in_and_none_is_one_too_many() -> None:
    steps = Steps()
    with trio.fail_after(20):
        async with (
            open_listener("127.0.0.1", 0, Admission(handshakes_most=AT_ONCE)) as listener,
            trio.open_nursery() as nursery,
        ):
            crowd = Crowd(listener)
            for number in range(CROWD):
                nursery.start_soon(crowd.expect, number)
            trio.lowlevel.add_instrument(steps)
            for number in range(CROWD):
                nursery.start_soon(crowd.dial, number)
    assert crowd.up == set(range(CROWD))
    assert crowd.answers == {b"101": CROWD}
    assert listener.statistics().refused == {}
    assert listener.statistics().accepted == CROWD
    assert max(steps.by_count) <= AT_ONCE
