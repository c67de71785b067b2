"""Nobody who stops waiting loses an event."""

from __future__ import annotations

import pytest
import trio

from trioaudio.api.events import DtmfCame, Event
from trioaudio.calls.hub import Inbox, SubscriptionCutError
from trioaudio.relay.feed import MOST_EVENTS, Feed


def key(digit: str) -> Event:
    return DtmfCame(call="c", at=0.0, digit=digit, duration_ms=None)


async def test_what_came_earlier_comes_first(autojump_clock: trio.testing.MockClock) -> None:
    inbox = Inbox[Event](10)
    feed = Feed(inbox, [key("1")])
    inbox.put(key("2"))
    inbox.close()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(feed.collect)
        assert await feed.take() == [key("1")]
        assert await feed.take() == [key("2")]
        assert await feed.take() == []


async def test_giving_up_loses_nothing(autojump_clock: trio.testing.MockClock) -> None:
    inbox = Inbox[Event](10)
    feed = Feed(inbox)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(feed.collect)
        for number in range(20):
            with trio.move_on_after(0.5):
                await feed.take()
                pytest.fail("nothing had come")
            inbox.put(key(str(number % 10)))
            assert len(await feed.take()) == 1
        nursery.cancel_scope.cancel()


async def test_what_nobody_takes_waits_in_the_subscription(
    autojump_clock: trio.testing.MockClock,
) -> None:
    inbox = Inbox[Event](5)
    feed = Feed(inbox, [key("0")] * MOST_EVENTS)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(feed.collect)
        inbox.put(key("1"))
        await trio.sleep(1)
        for _ in range(5):
            inbox.put(key("2"))
        await trio.sleep(1)
        assert len(await feed.take()) == MOST_EVENTS
        await trio.sleep(1)
        assert await feed.take() == [key("1"), *[key("2")] * 5]
        nursery.cancel_scope.cancel()


async def test_a_subscription_that_was_cut_is_told(
    autojump_clock: trio.testing.MockClock,
) -> None:
    inbox = Inbox[Event](1)
    inbox.put(key("1"))
    inbox.put(key("2"))
    with pytest.raises(SubscriptionCutError):
        await Feed(inbox).collect()
