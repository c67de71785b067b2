"""Never more than the limit, in the order of tickets, and nothing is ever lost."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trioaudio.engines._leases import HOLD_S, RECOVER_S, Lease, Leases

GRACE_S = 3.0


def leases_of(limit: int) -> Leases:
    return Leases(limit, grace_s=GRACE_S)


async def take(leases: Leases, count: int = 1) -> list[Lease]:
    return [await leases.acquire(leases.ticket()) for _ in range(count)]


async def test_it_gives_as_many_as_there_are_and_takes_them_back() -> None:
    leases = leases_of(2)
    first, second = await take(leases, 2)
    assert leases.statistics().active == 2
    first.release()
    first.release()
    assert not first.held
    assert second.held
    assert leases.statistics().active == 1
    second.release()
    assert leases.statistics().active == 0


async def test_whoever_came_first_is_first(autojump_clock: MockClock) -> None:
    leases = leases_of(1)
    order: list[int] = []

    async def use(ticket: int) -> None:
        lease = await leases.acquire(ticket)
        order.append(ticket)
        await trio.sleep(1)
        lease.release()

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(use, leases.ticket())
            await wait_all_tasks_blocked()
        assert leases.statistics().waiting == 19
    assert order == sorted(order)
    assert trio.current_time() == 20
    assert leases.statistics().active == leases.statistics().waiting == 0


async def test_who_has_to_wait_again_keeps_the_place(autojump_clock: MockClock) -> None:
    leases = leases_of(1)
    mine = leases.ticket()
    (busy,) = await take(leases)
    order: list[str] = []

    async def use(name: str, ticket: int) -> None:
        lease = await leases.acquire(ticket)
        order.append(name)
        lease.release()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(use, "later", leases.ticket())
        await wait_all_tasks_blocked()
        nursery.start_soon(use, "mine", mine)
        await wait_all_tasks_blocked()
        busy.release()
    assert order == ["mine", "later"]


@pytest.mark.parametrize("cancelled_first", [True, False])
async def test_cancelled_in_line_it_leaves_no_trace(
    autojump_clock: MockClock, cancelled_first: bool
) -> None:
    leases = leases_of(1)
    (busy,) = await take(leases)
    got = trio.Event()

    async def use() -> None:
        (await leases.acquire(leases.ticket())).release()
        got.set()

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(1):
            await leases.acquire(leases.ticket())
        first = trio.CancelScope()

        async def first_in_line() -> None:
            with first:
                (await leases.acquire(leases.ticket())).release()

        nursery.start_soon(first_in_line)
        await wait_all_tasks_blocked()
        nursery.start_soon(use)
        await wait_all_tasks_blocked()
        # In the very moment the first is called it is cancelled: the next must be called then.
        for act in (
            (first.cancel, busy.release) if cancelled_first else (busy.release, first.cancel)
        ):
            act()
        with trio.fail_after(1):
            await got.wait()
    assert leases.statistics().waiting == leases.statistics().active == 0


async def test_a_lingering_lease_counts_until_its_grace_is_over(autojump_clock: MockClock) -> None:
    leases = leases_of(2)
    first, second = await take(leases, 2)
    first.linger()
    first.linger()
    await trio.sleep(1)
    second.linger()
    assert leases.statistics().lingering == 2
    await take(leases)
    assert trio.current_time() == GRACE_S
    await take(leases)
    assert trio.current_time() == GRACE_S + 1
    assert leases.statistics().active == 2
    first.release()
    assert leases.statistics().active == 2


async def test_a_lingering_lease_ends_early_when_it_is_released(autojump_clock: MockClock) -> None:
    leases = leases_of(1)
    (lease,) = await take(leases)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(take, leases)
        await wait_all_tasks_blocked()
        lease.linger()
        await trio.sleep(1)
        lease.release()
    assert trio.current_time() == 1
    lease.linger()
    assert leases.statistics().lingering == 0


async def test_a_refusal_lowers_the_limit_for_a_while(autojump_clock: MockClock) -> None:
    leases = leases_of(8)
    held = await take(leases, 5)
    leases.lower()
    held.pop().release()
    leases.lower()
    held.pop().release()
    assert leases.statistics().limit == 3
    assert leases.statistics().refused == 2
    await take(leases)
    assert trio.current_time() == HOLD_S
    assert leases.statistics().limit == 4
    await trio.sleep(RECOVER_S)
    assert leases.statistics().limit == 6
    await trio.sleep(RECOVER_S)
    assert leases.statistics().limit == 8
    await trio.sleep(3600)
    assert leases.statistics().limit == 8


async def test_the_limit_stays_one_at_least() -> None:
    leases = leases_of(3)
    (lease,) = await take(leases)
    leases.lower()
    lease.release()
    leases.lower()
    assert leases.statistics().limit == 1
    await take(leases)


@pytest.mark.parametrize("limit", [1, 7])
async def test_the_limit_is_never_exceeded(autojump_clock: MockClock, limit: int) -> None:
    leases = leases_of(limit)
    most = 0

    async def use(number: int) -> None:
        nonlocal most
        with trio.move_on_after(number % 11 or 100):
            lease = await leases.acquire(leases.ticket())
            most = max(most, leases.statistics().active)
            await trio.sleep(number % 3 / 10)
            (lease.linger if number % 5 == 0 else lease.release)()

    async with trio.open_nursery() as nursery:
        for number in range(300):
            nursery.start_soon(use, number)
    assert most == limit
    await trio.sleep(GRACE_S)
    assert leases.statistics().active <= limit
