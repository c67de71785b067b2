"""Which calls a list shows, and that making it holds nobody up."""

from __future__ import annotations

from itertools import pairwise

import attrs
import pytest
import trio

from control.fake_views import new_call_view
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.requests import NewCall
from trioaudio.api.views import CallView
from trioaudio.control.problems import ProblemError
from trioaudio.control.queries import CallsQuery, choose_calls

IDS = [f"call-{number:04}" for number in range(1000)]
AT_A_TIME = 64
"""Views that may be made between two looks of others at the loop; twice 32, for Trio shuffles."""


@attrs.define(eq=False)
class Known:
    """Calls, some of which were forgotten; every tenth is of another carrier."""

    forgotten: frozenset[str] = frozenset()
    looked: list[str] = attrs.field(factory=list)

    def look(self, call: str) -> CallView:
        self.looked.append(call)
        if call in self.forgotten:
            raise RequestError(RequestFault.NOT_FOUND, f"there is no call {call}")
        carrier = "raw" if call.endswith("0") else "twilio"
        wanted = NewCall(labels={"customer": call[-1]})
        return new_call_view(wanted, call, carrier, None, None, 0.0)


async def chosen(known: Known, query: CallsQuery) -> tuple[list[str], bool]:
    page, more = await choose_calls(IDS, known.look, query)
    return [each.call for each in page], more


async def test_pages_follow_each_other() -> None:
    known = Known()
    first, more = await chosen(known, CallsQuery(limit=400))
    second, still = await chosen(known, CallsQuery(limit=400, after=first[-1]))
    third, after_all = await chosen(known, CallsQuery(limit=400, after=second[-1]))
    assert first + second + third == IDS
    assert (more, still, after_all) == (True, True, False)


async def test_no_more_calls_are_looked_at_than_are_shown() -> None:
    known = Known()
    await chosen(known, CallsQuery(limit=10, after=IDS[499]))
    # And one, to know whether there are more.
    assert known.looked == IDS[500:511]


async def test_a_page_that_ends_with_the_last_says_that_there_is_no_more() -> None:
    assert await chosen(Known(), CallsQuery(limit=10, after=IDS[989])) == (IDS[990:], False)


async def test_what_is_asked_for_is_what_is_shown() -> None:
    tenth = IDS[::10]
    assert await chosen(Known(), CallsQuery(limit=1000, carrier="raw")) == (tenth, False)
    assert await chosen(Known(), CallsQuery(limit=1000, label=["customer:0"])) == (tenth, False)
    several = CallsQuery(limit=1000, label=["customer:0", "customer:1"])
    assert await chosen(Known(), several) == ([], False)
    assert await chosen(Known(), CallsQuery(limit=1000, state="ended")) == ([], False)


async def test_a_call_that_was_forgotten_meanwhile_is_left_out() -> None:
    known = Known(frozenset(IDS[1:999]))
    assert await chosen(known, CallsQuery(limit=1)) == ([IDS[0]], True)
    assert await chosen(known, CallsQuery(limit=2)) == ([IDS[0], IDS[999]], False)


async def test_a_page_begins_behind_a_call_that_there_is() -> None:
    with pytest.raises(ProblemError, match="after: there is no call 'call-x'"):
        await chosen(Known(), CallsQuery(after="call-x"))


async def test_others_have_their_turns_while_a_long_list_is_made(nursery: trio.Nursery) -> None:
    known = Known()
    seen = [0]

    async def look_at_the_loop() -> None:
        while True:
            await trio.lowlevel.checkpoint()
            seen.append(len(known.looked))

    nursery.start_soon(look_at_the_loop)
    await chosen(known, CallsQuery(limit=1000))
    seen.append(len(known.looked))
    assert max(later - before for before, later in pairwise(seen)) <= AT_A_TIME
    nursery.cancel_scope.cancel()
