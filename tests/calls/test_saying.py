"""What is being heard on a call, as whoever looks at many calls is told it."""

from __future__ import annotations

from itertools import pairwise

import trio
from trio.testing import MockClock

from calls.live_rig import live_call
from trioaudio.calls.roll import Roll
from trioaudio.calls.utterance_book import HEARD_SHOWN, SHOWN

LONG = "One more word of a text that goes on for a while. " * 20


async def test_the_text_round_the_place_where_it_is(autojump_clock: MockClock) -> None:
    async with live_call() as made:
        roll = Roll()
        roll.add(made.live)
        assert roll.saying(made.live.id) is None
        number = await made.say(LONG)
        await made.say("Not this one yet.")
        seen = []
        while (saying := roll.saying(made.live.id)) is None:  # noqa: ASYNC110  nobody tells
            await trio.sleep(0.06)
        while saying is not None and saying.utterance == number:
            seen.append(saying)
            await trio.sleep(0.5)
            saying = roll.saying(made.live.id)
        assert len(seen) > 10
        assert all(before.heard <= after.heard for before, after in pairwise(seen))
        for each in seen:
            assert each.characters == len(LONG)
            assert each.text == LONG[each.begin : each.begin + SHOWN]
            assert each.begin <= each.heard <= each.begin + len(each.text)
            assert each.heard - each.begin <= max(HEARD_SHOWN, SHOWN)
        assert seen[-1].begin == len(LONG) - SHOWN
        assert saying is not None
        assert saying.text == "Not this one yet."


async def test_nothing_is_said_on_a_call_that_is_over(autojump_clock: MockClock) -> None:
    async with live_call(starts=False) as made:
        roll = Roll()
        roll.add(made.live)
        made.live.fail("hung-up", "all was said")
        roll.leave(made.live)
        assert roll.saying(made.live.id) is None
        assert roll.saying("gone") is None
