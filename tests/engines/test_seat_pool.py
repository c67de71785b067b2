"""Who is seated at which socket, in virtual time, with sockets that do as they are told."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trioaudio.core.engine import EngineLoad
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.engines import _seat_pool
from trioaudio.engines._seat_pool import Outbox, PoolLimits, SeatPool
from trioaudio.engines._service_socket import ServiceAddress
from trioaudio.engines._status import broke_protocol, unavailable

DIAL_S = 0.2
IDLE_S = 60.0
HOME, AWAY = "home", "away"


@attrs.define(eq=False, repr=False)
class Guest:
    """An utterance: what it was told, and whether it would go elsewhere."""

    name: str = "someone"
    returns: bool = False
    waits_since: float | None = None
    errors: list[EngineError] = attrs.field(factory=list)

    def lost(self, error: EngineError) -> bool:
        self.errors.append(error)
        return self.returns

    def refuse(self, error: EngineError) -> None:
        self.errors.append(error)

    def unheard_since(self) -> float | None:
        return self.waits_since


@attrs.define(eq=False, repr=False)
class Talk:
    """What is said over a socket: so many places, of which each may be used `uses` times."""

    key: str
    outbox: Outbox
    most: int
    uses: int = 1000
    over: bool = False
    loud: bool = False
    seated: list[Guest] = attrs.field(factory=list)
    heard: list[str | bytes] = attrs.field(factory=list)

    def places(self, now: float) -> int:
        return min(self.most - len(self.seated), self.uses)

    def guests(self) -> list[Guest]:
        return list(self.seated)

    def is_over(self) -> bool:
        return self.over

    def is_quiet(self) -> bool:
        return not self.seated and not self.loud

    def seat(self, guest: Guest, now: float) -> None:
        self.seated.append(guest)
        self.uses -= 1
        self.outbox.put(f"speak {guest.name}")

    def leave(self, guest: Guest, now: float) -> None:
        self.seated.remove(guest)
        self.outbox.put(f"forget {guest.name}")

    def take(self, message: str | bytes, now: float) -> None:
        if message == "nonsense":
            raise broke_protocol("acme", "nonsense")
        self.heard.append(message)

    def tick(self, now: float) -> None:
        """Nothing is due."""

    def explain(self, error: EngineError) -> EngineError:
        return error


@attrs.define(eq=False, repr=False)
class Socket:
    """A far end: what it was sent; `say` is what it will say, its end closes it."""

    address: ServiceAddress
    said: list[str | bytes] = attrs.field(factory=list)
    closed: bool = False
    takes: bool = True
    say: trio.MemorySendChannel[str] = attrs.field(init=False)
    _heard: trio.MemoryReceiveChannel[str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.say, self._heard = trio.open_memory_channel[str](100)

    async def send(self, message: str | bytes) -> None:
        await trio.lowlevel.checkpoint()
        if not self.takes:
            raise unavailable("acme", "it does not take anything")
        self.said.append(message)

    async def receive(self) -> str | bytes:
        try:
            return await self._heard.receive()
        except trio.EndOfChannel:
            raise unavailable("acme", "it closed the connection") from None


@attrs.define(eq=False, repr=False)
class Service:
    """All sockets and talks there were, in order; it refuses while it is `down`."""

    down: bool = False
    dials: int = 0
    uses: int = 1000
    most_open: int = 0
    sockets: list[Socket] = attrs.field(factory=list)
    talks: list[Talk] = attrs.field(factory=list)

    @contextlib.asynccontextmanager
    async def open_socket(self, address: ServiceAddress) -> AsyncIterator[Socket]:
        self.dials += 1
        await trio.sleep(DIAL_S)
        if self.down:
            raise unavailable("acme", "it cannot be reached")
        socket = Socket(address)
        self.sockets.append(socket)
        self.most_open = max(self.most_open, self.open)
        try:
            yield socket
        finally:
            socket.closed = True

    @property
    def open(self) -> int:
        return sum(not each.closed for each in self.sockets)


Pool = SeatPool[str, Guest]


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> Service:
    found = Service()
    monkeypatch.setattr(_seat_pool, "open_service_socket", found.open_socket)
    return found


@contextlib.asynccontextmanager
async def pooled(
    service: Service, *, per_socket: int = 1, concurrency: int = 4, sockets: int = 4
) -> AsyncIterator[Pool]:
    """Keep a pool whose warm socket is open."""

    def converse(key: str, outbox: Outbox) -> Talk:
        service.talks.append(Talk(key, outbox, per_socket, service.uses))
        return service.talks[-1]

    limits = PoolLimits(
        concurrency=concurrency,
        per_socket=per_socket,
        sockets=sockets,
        idle_s=IDLE_S,
        suspect_s=2.0,
    )
    pool = Pool("acme", lambda key: ServiceAddress("acme", f"ws://acme/{key}"), converse, limits)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pool.run, HOME)
        await trio.sleep(2 * DIAL_S)
        yield pool
        nursery.cancel_scope.cancel()


def counts(pool: Pool) -> tuple[int, int]:
    """Return how many are seated, and how many wait."""
    now = pool.statistics()
    return now.seated, now.waiting


async def test_a_socket_is_warm_before_anybody_comes(
    service: Service, autojump_clock: MockClock
) -> None:
    async with pooled(service) as pool:
        assert pool.statistics().sockets == 1
        guest = Guest()
        pool.enter(guest, HOME)
        assert pool.load() == EngineLoad(open=1, opening=0, speaking=1, waiting=0, most=4)
        assert service.talks[0].seated == [guest]  # at once
        await wait_all_tasks_blocked()
        assert service.sockets[0].said == ["speak someone"]
        assert pool.statistics().unsent == 0


async def test_they_are_seated_in_the_order_they_came_and_who_has_begun_first(
    service: Service, autojump_clock: MockClock
) -> None:
    async with pooled(service, concurrency=1) as pool:
        first, second, third, begun = (Guest(name) for name in ("1", "2", "3", "begun"))
        for each in (first, second, third):
            pool.enter(each, HOME)
        pool.enter(begun, HOME, begun=True)
        assert counts(pool) == (1, 3)
        for going, coming in ((first, begun), (begun, second), (second, third)):
            pool.leave(going)
            assert service.talks[0].seated == [coming]
        pool.leave(third)
        assert counts(pool) == (0, 0)
        assert service.dials == 1


async def test_who_waits_can_leave_and_is_never_seated(
    service: Service, autojump_clock: MockClock
) -> None:
    async with pooled(service, concurrency=1) as pool:
        first, second, third = Guest("1"), Guest("2"), Guest("3")
        for each in (first, second, third):
            pool.enter(each, HOME)
        pool.leave(second)
        pool.leave(second)  # it may say so more than once
        assert counts(pool) == (1, 1)
        pool.leave(first)
        assert service.talks[0].seated == [third]
        await wait_all_tasks_blocked()
        assert service.sockets[0].said == ["speak 1", "forget 1", "speak 3"]


async def test_no_more_are_seated_and_no_more_sockets_opened_than_is_allowed(
    service: Service, autojump_clock: MockClock
) -> None:
    async with pooled(service, per_socket=2, concurrency=5, sockets=2) as pool:
        guests = [Guest(f"{n}") for n in range(9)]
        for each in guests:
            pool.enter(each, HOME)
        await trio.sleep(1)
        assert counts(pool) == (4, 5)
        assert service.open == service.most_open == 2
        for each in guests:
            pool.leave(each)
        assert counts(pool) == (0, 0)
        await trio.sleep(1)
        assert service.dials == 2


async def test_of_two_sockets_the_emptier_one_is_used(
    service: Service, autojump_clock: MockClock
) -> None:
    async with pooled(service, per_socket=2, sockets=2) as pool:
        guests = [Guest(f"{n}") for n in range(4)]
        for each in guests[:3]:
            pool.enter(each, HOME)
        await trio.sleep(1)
        pool.leave(guests[0])
        pool.leave(guests[1])
        assert [len(each.seated) for each in service.talks] == [0, 1]
        pool.enter(guests[3], HOME)
        assert [len(each.seated) for each in service.talks] == [1, 1]


async def test_a_socket_that_is_used_up_makes_room_for_a_fresh_one(
    service: Service, autojump_clock: MockClock
) -> None:
    """A service that rations what is asked for on a socket must not leave everybody waiting."""
    service.uses = 3
    async with pooled(service, concurrency=2, sockets=2) as pool:
        began = trio.current_time()
        for n in range(30):
            guests = [Guest(f"{n}a"), Guest(f"{n}b")]
            for each in guests:
                pool.enter(each, HOME)
            await trio.sleep(2 * DIAL_S)
            assert counts(pool) == (2, 0)
            for each in guests:
                pool.leave(each)
        assert len([m for each in service.sockets for m in each.said if "speak" in str(m)]) == 60
        assert all(each.uses >= 0 for each in service.talks)
        assert service.most_open <= 2
        assert trio.current_time() - began < 30 * 3 * DIAL_S


async def test_one_that_is_used_up_stays_while_something_is_to_come(
    service: Service, autojump_clock: MockClock
) -> None:
    service.uses = 1
    async with pooled(service, sockets=1) as pool:
        first, second = Guest("1"), Guest("2")
        pool.enter(first, HOME)
        service.talks[0].loud = True
        pool.leave(first)
        pool.enter(second, HOME)
        await trio.sleep(1)
        assert counts(pool) == (0, 1)
        assert service.dials == 1
        service.talks[0].loud = False
        await trio.sleep(1)
        assert service.sockets[0].closed
        assert service.talks[1].seated == [second]


async def test_a_socket_of_another_key_makes_room_if_nobody_uses_it(
    service: Service, autojump_clock: MockClock
) -> None:
    async with pooled(service, sockets=1) as pool:
        at_home, away = Guest("1"), Guest("2")
        pool.enter(at_home, HOME)
        pool.enter(away, AWAY)
        await trio.sleep(1)
        assert counts(pool) == (1, 1)
        pool.leave(at_home)
        await trio.sleep(1)
        assert service.sockets[0].closed
        assert [each.address.url for each in service.sockets] == [
            "ws://acme/home",
            "ws://acme/away",
        ]
        assert service.talks[1].seated == [away]


async def test_guests_of_a_lost_socket_go_elsewhere_before_others_or_hear_of_it(
    service: Service, autojump_clock: MockClock
) -> None:
    async with pooled(service, per_socket=2, concurrency=2, sockets=1) as pool:
        patient, broken, later = Guest("patient", returns=True), Guest("broken"), Guest("later")
        for each in (patient, broken, later):
            pool.enter(each, HOME)
        service.sockets[0].say.close()
        await trio.sleep(1)
        assert [each.kind for each in broken.errors] == [EngineFault.UNAVAILABLE]
        assert service.talks[1].seated == [patient, later]
        assert counts(pool) == (2, 0)


async def test_nonsense_ends_a_socket(service: Service, autojump_clock: MockClock) -> None:
    async with pooled(service) as pool:
        guest = Guest()
        pool.enter(guest, HOME)
        service.sockets[0].say.send_nowait("sense")
        service.sockets[0].say.send_nowait("nonsense")
        await wait_all_tasks_blocked()
        assert service.talks[0].heard == ["sense"]
        assert [each.kind for each in guest.errors] == [EngineFault.PROTOCOL]
        assert service.sockets[0].closed


async def test_a_socket_that_takes_nothing_is_lost(
    service: Service, autojump_clock: MockClock
) -> None:
    async with pooled(service) as pool:
        guest = Guest()
        service.sockets[0].takes = False
        pool.enter(guest, HOME)
        await trio.sleep(1)
        assert len(guest.errors) == 1
        assert service.sockets[0].closed
        assert counts(pool) == (0, 0)


async def test_who_waits_for_a_socket_that_cannot_be_opened_is_refused_at_once(
    service: Service, autojump_clock: MockClock
) -> None:
    service.down = True
    async with pooled(service, concurrency=2) as pool:
        began, guest = trio.current_time(), Guest()
        pool.enter(guest, HOME)
        await trio.sleep(1.5 * DIAL_S)
        assert len(guest.errors) == 1
        assert trio.current_time() - began < 1
        assert counts(pool) == (0, 0)
        service.down = False
        await trio.sleep(10)
        again = Guest()
        pool.enter(again, HOME)
        await trio.sleep(1)
        assert counts(pool) == (1, 0)
        assert again.errors == []


async def test_a_service_that_is_down_is_not_dialled_all_the_time(
    service: Service, autojump_clock: MockClock
) -> None:
    service.down = True
    async with pooled(service):
        await trio.sleep(600)
        assert 10 < service.dials < 150


async def test_an_idle_socket_is_renewed_and_one_in_use_is_not(
    service: Service, autojump_clock: MockClock
) -> None:
    async with pooled(service) as pool:
        guest = Guest()
        pool.enter(guest, HOME)
        await trio.sleep(3 * IDLE_S)
        assert service.dials == 1
        pool.leave(guest)
        await trio.sleep(IDLE_S / 2)
        assert service.dials == 1
        await trio.sleep(IDLE_S)
        assert service.dials == 2
        assert [each.closed for each in service.sockets] == [True, False]


async def test_more_sockets_than_the_warm_one_are_closed_when_idle(
    service: Service, autojump_clock: MockClock
) -> None:
    async with pooled(service) as pool:
        guests = [Guest(f"{n}") for n in range(4)]
        for each in guests:
            pool.enter(each, HOME)
        await trio.sleep(1)
        assert service.open == 4
        for each in guests:
            pool.leave(each)
        await trio.sleep(IDLE_S + 2)
        assert service.open == 1


async def test_a_socket_that_kept_silent_to_one_who_left_is_given_to_nobody(
    service: Service, autojump_clock: MockClock
) -> None:
    async with pooled(service) as pool:
        guest = Guest(waits_since=trio.current_time())
        pool.enter(guest, HOME)
        await trio.sleep(3)
        pool.leave(guest)
        pool.enter(Guest("next"), HOME)
        await trio.sleep(1)
        assert service.talks[1].seated
        assert service.sockets[0].closed


async def test_what_is_over_is_replaced(service: Service, autojump_clock: MockClock) -> None:
    async with pooled(service) as pool:
        service.talks[0].over = True
        await trio.sleep(2)
        assert [each.closed for each in service.sockets] == [True, False]
        pool.enter(Guest(), HOME)
        assert service.talks[1].seated


async def test_when_the_pool_is_closed_everybody_hears_of_it(
    service: Service, autojump_clock: MockClock
) -> None:
    async with pooled(service, concurrency=1) as pool:
        seated, waiting = Guest("seated"), Guest("waiting")
        pool.enter(seated, HOME)
        pool.enter(waiting, HOME)
    late = Guest("late")
    pool.enter(late, HOME)
    for each in (seated, waiting, late):
        assert [error.kind for error in each.errors] == [EngineFault.UNAVAILABLE]
        pool.leave(each)
    assert counts(pool) == (0, 0)
    assert service.open == 0
