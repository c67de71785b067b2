"""Real legs on a real pacer over loopback, as a call has them, one of them innocent."""

from __future__ import annotations

import itertools
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import attrs
import trio

from net.carrier_rig import FarEnd, carrier_at
from net.far_ends import PATIENCE, Role
from trioaudio.carriers.raw import CARRIER, RawSettings
from trioaudio.core.carrier import CallerAudio, Event, Message, Metadata, Recovery
from trioaudio.core.connection import Closing, Connect, Inbound, MediaConnection
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.percentiles import Histogram
from trioaudio.core.playout_item import Audio
from trioaudio.heartbeat import LegTiming
from trioaudio.leg import Leg
from trioaudio.media_path import shape_for
from trioaudio.net.media_socket import MediaSocket
from trioaudio.pacer import Pacer
from trioaudio.playout_queue import PlayoutQueue
from trioaudio.supervise import LegFailure, RecoveryPolicy, supervise

PTIME = 0.01
"""Short, so that much is said in little time; nobody here plays it."""

NARROW = 8192
FRAME_BYTES = 960
LARGE_FRAME_BYTES = 8000

FRAMES_TO_STALL = 100
"""Large ones: more than the kernel holds for a far end that reads nothing."""

SETTLING_S = 0.15

AT_ONCE_MS = 600_000
"""A lead so long that whatever is to be said is sent at once, as long as the socket takes it."""

FOR_EVER = 10**9
QUEUE_BOUND = 500


def numbered(number: int, size: int = FRAME_BYTES) -> bytes:
    return number.to_bytes(4, "big") + bytes((number % 251,)) * (size - 4)


async def until_so(condition: Callable[[], bool]) -> None:
    """Look every millisecond; real sockets tell nobody."""
    for _ in itertools.count():
        if condition():
            return
        await trio.sleep(0.001)


@contextmanager
def leaving_nothing() -> Iterator[None]:
    """See that no task and no descriptor outlives the block."""

    def count() -> tuple[int, int]:
        tasks = trio.lowlevel.current_statistics().tasks_living
        return tasks, len(list(Path("/proc/self/fd").iterdir()))

    before = count()
    yield
    assert count() == before


# --- Our end ------------------------------------------------------------------------------


@attrs.define(eq=False)
class OurEnd:
    """A leg as a call has it: served and read by a pacer, supervised, its end judged."""

    pacer: Pacer
    connect: Connect
    listening: bool
    """Whether the caller's audio is decoded and told; else it is only counted."""
    lead_ms: int = 0
    queue: PlayoutQueue = attrs.field(factory=lambda: PlayoutQueue(QUEUE_BOUND))
    heard: list[Message] = attrs.field(factory=list)
    """What was handed on, in the order it was."""
    events: list[Event] = attrs.field(factory=list)
    over: trio.Event = attrs.field(factory=trio.Event)
    up: trio.Event = attrs.field(factory=trio.Event)
    outcome: str = ""
    """How it ended: `closed`, or whose fault it is, and why."""
    _leg: Leg | None = None

    async def live(self) -> None:
        """Be there until the connection is gone."""
        policy = RecoveryPolicy(Recovery.END)
        ended = await supervise(
            self.connect, self._serve, policy, lambda _fact: None, lambda: False, lambda: 0.0
        )
        if isinstance(ended, LegFailure):
            self.outcome = f"{ended.verdict.name.lower()}: {ended.reason}"
        else:
            self.outcome = f"closed: {ended}"
        self.over.set()

    async def _serve(self, connection: MediaConnection) -> Closing:
        """As a call does."""
        settings = RawSettings(lead_ms=self.lead_ms, tail_ms=0)
        leg = self._leg = Leg(
            carrier=CARRIER,
            settings=settings,
            codec=CARRIER.new_codec(settings, shape_for(CARRIER, settings, PcmFormat(8000)).media),
            connection=connection,
            queue=self.queue,
            pacer=self.pacer,
            ptime=PTIME,
            filler=[],
            lateness=Histogram(),
            tell=lambda _fact: None,
            on_event=self.events.append,
            timing=LegTiming(send_deadline=PATIENCE),
        )
        assert leg.polled

        def take(inbound: Inbound) -> None:
            leg.hearing.receive(inbound)
            self.heard.append(inbound.message())

        self.socket._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, NARROW)
        leg.hearing.listening = self.listening
        connection.start_soon(leg.watch)
        self.up.set()
        try:
            leg.attach()
            return await connection.receive(take, polled=True)
        finally:
            leg.detach()
            leg.let_go()

    @property
    def leg(self) -> Leg:
        assert self._leg is not None
        return self._leg

    @property
    def socket(self) -> MediaSocket:
        outlet = self.leg.connection.outlet
        assert isinstance(outlet, MediaSocket)
        return outlet

    async def speak(self, frames: int = FOR_EVER, size: int = FRAME_BYTES) -> None:
        """Have as many frames more played."""
        for _ in range(frames):
            number = self.queue.ledger.framed
            now = trio.current_time()
            await self.queue.put([Audio(0, 1, now, 1, numbered(number, size))])

    async def wait_stalled(self) -> None:
        """Wait until both kernels are full; they may only be slow to pass on what they have."""
        sent, since = -1, trio.current_time()
        while trio.current_time() < since + SETTLING_S:
            if not self.socket.stalled or self.sent != sent:
                sent, since = self.sent, trio.current_time()
            await trio.sleep(0.005)

    @property
    def sent(self) -> int:
        """Frames of speech that went out."""
        return self.queue.ledger.sent

    def check_what_was_told(self) -> None:
        """See that what was handed on was read as it had to be."""
        audio = [each for each in self.heard if isinstance(each, bytes)]
        counts = self.leg.statistics()
        assert counts.messages_in >= len(self.heard)
        if self.listening:
            assert counts.media_in == 0
            told = [
                Metadata(each) if isinstance(each, str) else CallerAudio(each)
                for each in self.heard
            ]
            assert self.events == told
        else:
            assert counts.media_in == len(audio)
            assert self.events == [Metadata(each) for each in self.heard if isinstance(each, str)]


# --- Both, and somebody beside them -------------------------------------------------------


@attrs.frozen
class Encounter:
    """A leg and its carrier."""

    ours: OurEnd
    far: FarEnd


@asynccontextmanager
async def encounter(
    pacer: Pacer, role: Role, *, listening: bool, lead_ms: int = 0
) -> AsyncIterator[Encounter]:
    """A leg that is up, and its far end, which does not read yet."""
    async with carrier_at(role) as (connect, far), trio.open_nursery() as nursery:
        ours = OurEnd(pacer, connect, listening, lead_ms)
        nursery.start_soon(ours.live)
        await far.came.wait()
        await ours.up.wait()
        yield Encounter(ours, far)
        nursery.cancel_scope.cancel()


async def end_in_good_order(met: Encounter) -> None:
    """Close from our side, and see that all that was sent has come."""
    met.ours.leg.finish()
    await met.ours.over.wait()
    await met.far.wait_closed()
    assert met.ours.outcome == "closed: 1000"
    assert met.far.farewell is not None
    assert met.far.farewell.code == 1000
    assert not met.far.cut_off
    assert len(met.far.heard) == met.ours.sent


@asynccontextmanager
async def beside_an_innocent() -> AsyncIterator[Pacer]:
    """A pacer that serves another leg as well, to whom nothing of all that may happen."""
    pacer = Pacer()
    with trio.fail_after(PATIENCE), leaving_nothing():
        async with trio.open_nursery() as nursery:
            nursery.start_soon(pacer.run)
            plain = Role(dialling=False, certificates=None)
            async with encounter(pacer, plain, listening=False) as innocent:
                ours, far = innocent.ours, innocent.far
                far.read()
                nursery.start_soon(ours.speak)
                await until_so(lambda: len(far.heard) >= 2)
                with leaving_nothing():
                    yield pacer
                assert [len(each.readings) for each in pacer.rounds._rounds[False]] == [1]
                assert pacer.rounds._rounds[True] == []
                far.say(b"still there")
                await far.utter()
                before = len(far.heard)
                await until_so(lambda: len(far.heard) >= before + 3 and len(ours.heard) == 1)
                assert ours.heard == [b"still there"]
                await end_in_good_order(innocent)
                assert far.heard == [numbered(number) for number in range(len(far.heard))]
            nursery.cancel_scope.cancel()
    assert pacer.rounds._rounds == {True: [], False: []}


def is_beginning(heard: list[str | bytes], size: int) -> bool:
    """Say whether the frames heard are the first ones sent, whole and in order."""
    return all(each == numbered(number, size) for number, each in enumerate(heard))
