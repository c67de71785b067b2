"""All calls of the node, and those that ended lately."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from calls.live_rig import live_call
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.requests import NewCall
from trioaudio.calls import roll as roll_module
from trioaudio.calls.live_call import LiveCall
from trioaudio.calls.roll import REMEMBERED_S, Roll


async def another(like: LiveCall) -> LiveCall:
    await trio.lowlevel.checkpoint()
    return LiveCall(wanted=NewCall(), line=like.line, shared=like.shared)


def over(roll: Roll, live: LiveCall) -> None:
    live.fail("hung-up", "all was said")
    roll.leave(live)


async def test_a_call_is_found_while_it_lives_and_a_while_after(autojump_clock: MockClock) -> None:
    async with live_call(starts=False) as made:
        roll, live = Roll(), made.live
        roll.add(live)
        assert (len(roll), list(roll), roll.total) == (1, [live], 1)
        assert roll.find_live(live.id) is live
        said = await made.say("Hello.")
        assert roll.view(live.id).state == "expected"
        over(roll, live)
        assert (len(roll), list(roll), roll.total) == (0, [], 1)
        assert roll.ids() == [live.id]
        view = roll.view(live.id)
        assert (view.state, view.cause, view.reason) == ("ended", "hung-up", "all was said")
        assert [each.text_unheard for each in roll.utterances(live.id)] == ["Hello."]
        assert roll.utterance(live.id, said).cause == "carrier-lost"
        with pytest.raises(RequestError, match="no utterance 7"):
            roll.utterance(live.id, 7)
        with pytest.raises(RequestError, match="all was said") as caught:
            roll.find_live(live.id)
        assert caught.value.fault is RequestFault.ENDED
        await trio.sleep(REMEMBERED_S + 1)
        assert roll.ids() == []
        with pytest.raises(RequestError, match="there is no call") as caught:
            roll.view(live.id)
        assert caught.value.fault is RequestFault.NOT_FOUND


async def test_not_more_than_so_many_are_remembered(
    autojump_clock: MockClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(roll_module, "REMEMBERED", 2)
    async with live_call(starts=False) as made:
        roll = Roll()
        calls = [await another(made.live) for _ in range(4)]
        for each in calls:
            roll.add(each)
        for each in calls[:3]:
            over(roll, each)
        assert roll.ids() == [each.id for each in calls[1:]]
        assert roll.total == 4


async def test_everybody_who_waits_for_the_last_call_is_told(autojump_clock: MockClock) -> None:
    async with live_call(starts=False) as made:
        roll = Roll()
        calls = [await another(made.live) for _ in range(2)]
        for each in calls:
            roll.add(each)
        gone: list[int] = []

        async def wait(number: int) -> None:
            await roll.wait_empty()
            gone.append(number)

        with trio.fail_after(10):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(wait, 1)
                nursery.start_soon(wait, 2)
                await wait_all_tasks_blocked()
                over(roll, calls[0])
                await wait_all_tasks_blocked()
                assert gone == []
                over(roll, calls[1])
        assert sorted(gone) == [1, 2]
        await roll.wait_empty()


async def test_one_that_came_as_the_last_one_left_is_waited_for(autojump_clock: MockClock) -> None:
    async with live_call(starts=False) as made:
        roll = Roll()
        first, second = await another(made.live), await another(made.live)
        roll.add(first)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(roll.wait_empty)
            await wait_all_tasks_blocked()
            over(roll, first)
            roll.add(second)
            await wait_all_tasks_blocked()
            assert nursery.child_tasks
            over(roll, second)
