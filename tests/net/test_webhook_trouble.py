from __future__ import annotations

import trio
from trio.testing import MockClock

from trioaudio.core.facts import Fact, WebhookFailed
from trioaudio.net.webhook_trouble import TELL_EVERY_S, WebhookTrouble


async def test_the_first_is_told_at_once_and_a_minute_s_together(autojump_clock: MockClock) -> None:
    told: list[tuple[float, Fact]] = []
    start = trio.current_time()
    trouble = WebhookTrouble(
        lambda fact: told.append((trio.current_time() - start, fact)), lambda: 7
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trouble.tell_for_ever)
        await trio.sleep(5)
        trouble.note("no answer")
        await trio.sleep(1)
        for _ in range(1000):
            trouble.note("HTTP 500", lost=2)
        await trio.sleep(300)
        nursery.cancel_scope.cancel()
    assert told == [
        (5.0, WebhookFailed("no answer", 0, 7)),
        (5.0 + TELL_EVERY_S, WebhookFailed("HTTP 500", 2000, 7)),
    ]
    assert trouble.lost == 2000


def test_what_is_left_is_told_at_the_end() -> None:
    told: list[Fact] = []
    trouble = WebhookTrouble(told.append, lambda: 0)
    trouble.tell_now()
    assert told == []
    trouble.note("gone", lost=1)
    trouble.tell_now()
    trouble.tell_now()
    assert told == [WebhookFailed("gone", 1, 0)]
