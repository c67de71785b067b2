"""How many sockets there are and when: warm, replaced, redialled, never hammered."""

from __future__ import annotations

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from engines.puppet_cartesia import KEY, Puppet, PuppetSocket, pcm, settings
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.engines._cartesia_connection import MOST_UNSENT, SEND_S, Connection
from trioaudio.engines._cartesia_context import Context, ContextPlace
from trioaudio.engines._cartesia_pool import CROWD_S, REST_S, STALE_S, OpenSocket, Pool
from trioaudio.engines._cartesia_settings import CartesiaSettings
from trioaudio.engines._inbox import Inbox
from trioaudio.engines._leases import Leases

IDLE_S = CartesiaSettings().idle_s


@attrs.define(eq=False)
class Bench:
    """A pool over a puppet; nobody but the test speaks over it."""

    puppet: Puppet
    settings: CartesiaSettings
    pool: Pool = attrs.field(init=False)
    leases: Leases = attrs.field(init=False)
    contexts: int = 0

    def __attrs_post_init__(self) -> None:
        self.leases = Leases(self.settings.concurrency, grace_s=3)
        opened: OpenSocket = self.puppet.open
        self.pool = Pool(opened, self.settings, self.leases, lambda: 1.0)

    async def begin(self) -> tuple[Connection, Context]:
        lease = await self.leases.acquire(self.leases.ticket())
        try:
            connection = await self.pool.place()
        except EngineError:
            lease.release()
            raise
        self.contexts += 1
        context = Context(
            f"context-{self.contexts}",
            {},
            ContextPlace(0, 0.0),
            Inbox(8000),
            8000,
            lambda: None,
        )
        connection.begin(context, lease)
        connection.speak(context, "Hello.")
        return connection, context


def unavailable_error(kind: EngineFault = EngineFault.UNAVAILABLE) -> EngineError:
    return EngineError(f"refused, {KEY} and all", kind=kind, retryable=True)


async def finish(socket: PuppetSocket, *contexts: Context) -> None:
    for context in contexts:
        socket.say_audio(context.ident, pcm(20))
        socket.say("done", context.ident)
    await wait_all_tasks_blocked()


async def test_warm_sockets_are_opened_before_anybody_speaks(autojump_clock: MockClock) -> None:
    bench = Bench(Puppet(), settings(warm_sockets=2))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        await wait_all_tasks_blocked()
        assert bench.pool.statistics().sockets == 2
        await bench.begin()
        assert len(bench.puppet.dials) == 2
        nursery.cancel_scope.cancel()
    assert not bench.puppet.live


async def test_without_warm_ones_the_first_is_dialled_when_wanted(
    autojump_clock: MockClock,
) -> None:
    puppet = Puppet()
    puppet.dial_s = 0.2
    bench = Bench(puppet, settings(warm_sockets=0))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        await trio.sleep(10)
        assert puppet.dials == []
        begun = trio.current_time()
        connection, context = await bench.begin()
        assert trio.current_time() - begun == pytest.approx(0.2)
        await finish(puppet.sockets[0], context)
        assert connection.load == 0
        await trio.sleep(IDLE_S - 1)
        assert len(puppet.live) == 1
        await trio.sleep(2)
        assert puppet.live == []
        await trio.sleep(IDLE_S * 10)
        assert len(puppet.dials) == 1
        nursery.cancel_scope.cancel()


async def test_an_idle_socket_is_replaced_before_it_is_closed(autojump_clock: MockClock) -> None:
    puppet = Puppet()
    bench = Bench(puppet, settings())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        first = await puppet.opened()
        puppet.dial_s = 2.0
        await trio.sleep(IDLE_S + 1)
        assert puppet.live == [first]
        await trio.sleep(2)
        assert len(puppet.live) == 1
        assert first.closed
        puppet.refusal = unavailable_error()
        await trio.sleep(IDLE_S)
        assert len(puppet.live) == 1  # nothing better yet
        await trio.sleep(STALE_S + 1)
        assert puppet.live == []
        nursery.cancel_scope.cancel()


async def test_a_socket_that_is_spoken_over_is_never_idle(autojump_clock: MockClock) -> None:
    puppet = Puppet()
    bench = Bench(puppet, settings())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        first = await puppet.opened()
        _, context = await bench.begin()
        await trio.sleep(IDLE_S * 3)
        assert puppet.live == [first]
        await finish(first, context)
        await trio.sleep(IDLE_S - 1)
        assert puppet.live == [first]
        _, again = await bench.begin()
        await trio.sleep(100)
        await finish(first, again)
        await trio.sleep(IDLE_S - 1)
        assert puppet.live == [first]
        nursery.cancel_scope.cancel()


async def test_contexts_fill_sockets_and_more_are_dialled_ahead(autojump_clock: MockClock) -> None:
    puppet = Puppet()
    puppet.dial_s = 0.2
    bench = Bench(puppet, settings(concurrency=40, contexts_per_socket=8))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        loads: dict[Connection, int] = {}
        for _ in range(40):
            connection, _ = await bench.begin()
            loads[connection] = loads.get(connection, 0) + 1
            await trio.sleep(0.1)
        assert sorted(loads.values()) == [8] * 5
        assert bench.pool.statistics().contexts == 40
        assert len(puppet.dials) == 5
        nursery.cancel_scope.cancel()


async def test_full_sockets_are_overfilled_where_no_other_can_be_had(
    autojump_clock: MockClock,
) -> None:
    puppet = Puppet()
    bench = Bench(puppet, settings(concurrency=8, contexts_per_socket=2))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        await puppet.opened()
        puppet.dial_s = 60.0  # a dial that hangs
        for _ in range(2):
            await bench.begin()
        begun = trio.current_time()
        await bench.begin()
        assert trio.current_time() - begun == pytest.approx(CROWD_S)
        puppet.refusal = unavailable_error(EngineFault.RATE)
        await trio.sleep(61)
        connection, _ = await bench.begin()
        assert connection.load == 4
        assert len(puppet.live) == 1
        nursery.cancel_scope.cancel()


async def test_a_lost_socket_is_dialled_anew_at_once(autojump_clock: MockClock) -> None:
    puppet = Puppet()
    bench = Bench(puppet, settings())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        for _ in range(5):
            socket = await puppet.opened()
            await trio.sleep(6)
            lost_at = trio.current_time()
            socket.lose()
            await wait_all_tasks_blocked()
            assert puppet.dials[-1] == lost_at
        nursery.cancel_scope.cancel()


async def test_dialling_that_fails_is_not_hammered(autojump_clock: MockClock) -> None:
    puppet = Puppet()
    puppet.refusal = unavailable_error()
    bench = Bench(puppet, settings())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        await trio.sleep(0.1)
        for _ in range(50):  # utterances do not make it dial more often
            with pytest.raises(EngineError):
                await bench.begin()
        await trio.sleep(600)
        gaps = [
            later - sooner for sooner, later in zip(puppet.dials, puppet.dials[1:], strict=False)
        ]
        assert gaps[:7] == pytest.approx([0.5, 1, 2, 4, 8, 16, 30])
        assert set(map(round, gaps[7:])) == {30}
        puppet.refusal = None
        socket = await puppet.opened()
        await bench.begin()
        socket.say("done", "anything")  # an answer: it works
        await wait_all_tasks_blocked()
        lost_at = trio.current_time()
        socket.lose()
        await puppet.opened()
        assert puppet.dials[-1] == lost_at
        nursery.cancel_scope.cancel()


async def test_a_service_that_hangs_up_at_once_is_not_hammered(autojump_clock: MockClock) -> None:
    puppet = Puppet()
    bench = Bench(puppet, settings())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        with trio.move_on_after(60):
            while True:
                (await puppet.opened()).lose()
        assert len(puppet.dials) < 12
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("kind", [EngineFault.AUTH, EngineFault.QUOTA, EngineFault.BAD_REQUEST])
async def test_a_service_that_refuses_us_for_good_is_left_alone(
    autojump_clock: MockClock, kind: EngineFault
) -> None:
    puppet = Puppet()
    puppet.refusal = unavailable_error(kind)
    bench = Bench(puppet, settings())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        with pytest.raises(EngineError, match=r"refused, \*\*\* and all") as caught:
            await bench.begin()
        assert caught.value.kind is kind
        assert KEY not in repr(caught.value)
        await trio.sleep(REST_S - 1)
        assert len(puppet.dials) == 1
        await trio.sleep(2)
        assert len(puppet.dials) == 2
        assert bench.leases.statistics().active == 0
        nursery.cancel_scope.cancel()


async def test_who_waits_for_a_dial_fails_with_it(autojump_clock: MockClock) -> None:
    puppet = Puppet()
    puppet.dial_s = 1.0
    puppet.refusal = unavailable_error()
    bench = Bench(puppet, settings())
    failed: list[float] = []

    async def try_once() -> None:
        with pytest.raises(EngineError):
            await bench.begin()
        failed.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        begun = trio.current_time()
        async with trio.open_nursery() as tries:
            for _ in range(10):
                tries.start_soon(try_once)
        assert set(failed) == {begun + 1.0}
        nursery.cancel_scope.cancel()


async def test_closed_it_fails_whoever_waits_and_whoever_comes(autojump_clock: MockClock) -> None:
    puppet = Puppet()
    puppet.dial_s = 1.0
    bench = Bench(puppet, settings())

    async def try_once() -> None:
        with pytest.raises(EngineError, match="closed"):
            await bench.begin()

    async with trio.open_nursery() as tries, trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        tries.start_soon(try_once)
        await trio.sleep(0.5)
        nursery.cancel_scope.cancel()
    await try_once()
    assert bench.leases.statistics().active == 0
    assert bench.pool.statistics().contexts == 0


async def test_contexts_of_a_closed_engine_fail(autojump_clock: MockClock) -> None:
    bench = Bench(Puppet(), settings())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        connection, context = await bench.begin()
        nursery.cancel_scope.cancel()
    assert context.over
    assert context.error is not None
    assert bench.leases.statistics().active == 0
    connection.cancel(context)
    connection.end(context)  # too late, and no harm
    assert connection.statistics().unsent == 0


async def test_a_silent_socket_has_to_answer_pings(autojump_clock: MockClock) -> None:
    puppet = Puppet()
    bench = Bench(puppet, attrs.evolve(settings(), ping_s=20.0))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        socket = await puppet.opened()
        await trio.sleep(10)
        socket.say("news")
        await trio.sleep(15)
        assert socket.pings == 0
        await trio.sleep(6)
        assert socket.pings == 1
        socket.answers_pings = False
        _, context = await bench.begin()
        asked_again = trio.current_time() + 40
        socket_2 = await puppet.opened()
        assert trio.current_time() <= asked_again
        assert socket.closed
        assert context.error is not None
        assert "ping" in str(context.error)
        assert not socket_2.closed
        nursery.cancel_scope.cancel()


async def test_a_socket_that_speaks_need_not_answer_pings(autojump_clock: MockClock) -> None:
    puppet = Puppet()
    bench = Bench(puppet, attrs.evolve(settings(), ping_s=20.0))
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        socket = await puppet.opened()
        socket.answers_pings = False
        await bench.begin()
        for _ in range(10):
            await trio.sleep(25)
            socket.say("news")
        assert socket.pings > 0
        assert not socket.closed
        nursery.cancel_scope.cancel()


async def test_a_socket_that_takes_nothing_is_lost(autojump_clock: MockClock) -> None:
    puppet = Puppet()
    bench = Bench(puppet, settings())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        socket = await puppet.opened()
        socket.blocked = True
        _, context = await bench.begin()
        begun = trio.current_time()
        await puppet.opened()
        assert trio.current_time() - begun == pytest.approx(SEND_S)
        assert context.error is not None
        assert context.error.kind is EngineFault.UNAVAILABLE
        nursery.cancel_scope.cancel()


async def test_what_waits_to_be_sent_is_bounded(autojump_clock: MockClock) -> None:
    puppet = Puppet()
    bench = Bench(puppet, settings())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        (await puppet.opened()).blocked = True
        connection, context = await bench.begin()
        await wait_all_tasks_blocked()
        for _ in range(MOST_UNSENT + 10):
            connection.speak(context, "More.")
        assert connection.statistics().unsent <= MOST_UNSENT
        await wait_all_tasks_blocked()
        assert context.error is not None
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("heard", ["nothing", "something"])
async def test_a_socket_that_was_silent_until_the_patience_ended_is_not_used_again(
    autojump_clock: MockClock, heard: str
) -> None:
    puppet = Puppet()
    bench = Bench(puppet, settings())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(bench.pool.keep_sockets)
        socket = await puppet.opened()
        await trio.sleep(10)
        connection, context = await bench.begin()
        _, other = await bench.begin()
        await trio.sleep(0.3)
        if heard == "something":
            socket.say("done", other.ident)
        await trio.sleep(0.5)
        connection.cancel(context)
        await wait_all_tasks_blocked()
        assert socket.closed == (heard == "nothing")
        assert len(puppet.dials) == (2 if heard == "nothing" else 1)
        assert other.over
        nursery.cancel_scope.cancel()
