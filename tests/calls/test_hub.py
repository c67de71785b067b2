"""Events go to whoever wants them, and nobody is waited for."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from trioaudio.api.events import CallLost, DtmfCame, Event
from trioaudio.calls.hub import EVENTS_AHEAD, EventHub, Inbox, Subscription, SubscriptionCutError


def key(call: str = "a", digit: str = "1") -> DtmfCame:
    return DtmfCame(call=call, at=0.0, digit=digit, duration_ms=None)


def lost(call: str = "a") -> CallLost:
    return CallLost(call=call, at=0.0, reason="gone", seconds=1.0)


async def taken(told: Subscription) -> list[Event]:
    with trio.fail_after(1):
        return await told.inbox.take()


async def test_only_what_was_wished_for_is_told() -> None:
    hub = EventHub()
    with (
        hub.subscribed() as everything,
        hub.subscribed(calls=["a"]) as one_call,
        hub.subscribed(events=["dtmf"]) as keys,
        hub.subscribed(calls=["b"], events=["dtmf"]) as both,
        hub.subscribed(calls=[]) as nothing,
    ):
        assert len(hub) == 5
        told: list[Event] = [key("a"), lost("a"), key("b"), lost("b")]
        for each in told:
            hub.tell(each)
        assert await taken(everything) == told
        assert await taken(one_call) == told[:2]
        assert await taken(keys) == [told[0], told[2]]
        assert await taken(both) == [told[2]]
        assert not nothing.inbox._items
    assert len(hub) == 0


async def test_wishes_may_change_at_any_time() -> None:
    hub = EventHub()
    with hub.subscribed(calls=["a"]) as told:
        hub.tell(key("b"))
        told.calls = frozenset(["b"])
        hub.tell(key("a"))
        hub.tell(key("b", "2"))
        assert await taken(told) == [key("b", "2")]


async def test_whether_anybody_wants_it() -> None:
    await trio.lowlevel.checkpoint()
    hub = EventHub()
    assert not hub.wanted("a", "dtmf")
    with hub.subscribed(calls=["a"], events=["dtmf"]):
        assert hub.wanted("a", "dtmf")
        assert not hub.wanted("b", "dtmf")
        assert not hub.wanted("a", "underrun")
    assert not hub.wanted("a", "dtmf")


async def test_one_who_does_not_read_is_cut_and_the_others_are_not() -> None:
    hub = EventHub()
    with hub.subscribed() as slow, hub.subscribed() as quick:
        for number in range(EVENTS_AHEAD + 7):
            hub.tell(key(digit=str(number % 10)))
            if not number % 100:
                assert await taken(quick)
        assert len(await taken(quick)) < 100
        kept = await taken(slow)
        assert len(kept) == EVENTS_AHEAD
        assert slow.inbox.lost == 7
        with pytest.raises(SubscriptionCutError, match="7 were not told") as caught:
            await taken(slow)
        assert caught.value.lost == 7


async def test_after_a_cut_nothing_more_is_kept() -> None:
    inbox = Inbox[int](2)
    for each in range(3):
        inbox.put(each)
    assert await inbox.take() == [0, 1]
    inbox.put(3)  # there would be room, but not for a list with a hole in it
    with pytest.raises(SubscriptionCutError):
        await inbox.take()
    assert inbox.lost == 2


async def test_a_reader_waits_for_what_comes(autojump_clock: MockClock) -> None:
    inbox = Inbox[int](10)
    async with trio.open_nursery() as nursery:

        async def write() -> None:
            for each in range(3):
                await trio.sleep(1)
                inbox.put(each)
            inbox.close()

        nursery.start_soon(write)
        assert [await inbox.take() for _ in range(4)] == [[0], [1], [2], []]
        assert trio.current_time() == pytest.approx(3)


async def test_what_was_there_at_the_close_is_read() -> None:
    inbox = Inbox[int](10)
    inbox.put(1)
    inbox.close()
    assert await inbox.take() == [1]
    assert await inbox.take() == []
    assert await inbox.take() == []


async def test_a_reader_ends_with_the_subscription() -> None:
    hub = EventHub()
    ended = False

    async def read(told: Subscription) -> None:
        nonlocal ended
        assert await told.inbox.take() == []
        ended = True

    stack = ExitStack()
    told = stack.enter_context(hub.subscribed())
    async with trio.open_nursery() as nursery:
        nursery.start_soon(read, told)
        await wait_all_tasks_blocked()
        assert not ended
        stack.close()
    assert ended


async def test_a_cancelled_reader_loses_nothing() -> None:
    inbox = Inbox[int](10)
    inbox.put(1)
    with trio.CancelScope() as scope:
        scope.cancel()
        await inbox.take()
    assert scope.cancelled_caught
    inbox.put(2)
    assert await inbox.take() == [1, 2]
