"""Many calls placed by one REST client."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import attrs
import pytest
import trio

from net.rest_sides import ACCOUNT, placing_for, settings_for
from trioaudio.call_control import load_call_control
from trioaudio.core.connection import MediaConnection
from trioaudio.core.errors import LegLostError
from trioaudio.core.facts import CallControlFailed, CallPlaced, Fact
from trioaudio.net.carrier_rest import CarrierRest, RestTiming, open_carrier_rest
from trioaudio.placement import Placement, patience_for, placement
from trioaudio.simulators.rest_serving import OpenRest, RestOptions, open_rest


@attrs.define(eq=False)
class Side:
    """A simulated carrier, one client of it, and what was told."""

    opened: OpenRest
    rest: CarrierRest
    name: str
    facts: list[Fact] = attrs.field(factory=list)

    @asynccontextmanager
    async def place(self) -> AsyncIterator[Placement]:
        async with placement(
            self.rest,
            placing_for(self.name),
            nobody_comes,
            ends_by_message=False,
            tell=self.facts.append,
            patience_s=5.0,
        ) as made:
            yield made


@asynccontextmanager
async def nobody_comes(wait_s: float | None) -> AsyncIterator[MediaConnection]:
    await trio.sleep(0.01)
    raise LegLostError(f"no carrier connected within {wait_s}")
    yield


@asynccontextmanager
async def a_side(name: str = "telnyx", *faults: str) -> AsyncIterator[Side]:
    options = RestOptions(name, account=ACCOUNT, faults=faults, dials=False)
    async with open_rest(options) as opened:
        own = settings_for(name, opened.url)
        timing = RestTiming(whole=2.0)
        async with open_carrier_rest(load_call_control(name), own, timing=timing) as rest:
            yield Side(opened, rest, name)


async def test_one_client_places_and_ends_many_calls() -> None:
    async with a_side() as side:
        ids: list[str | None] = []

        async def one_call() -> None:
            async with side.place() as made:
                with pytest.raises(LegLostError, match="telnyx placed the call and did not"):
                    async with made.connect(0.01):
                        pass
                assert made.placed is not None
                ids.append(made.placed.call_id)

        async with trio.open_nursery() as nursery:
            for _ in range(40):
                nursery.start_soon(one_call)
        assert len(set(ids)) == 40
        assert set(side.opened.ended) == set(ids)
        assert sum(isinstance(each, CallPlaced) for each in side.facts) == 40


async def test_a_call_that_is_told_to_be_over_is_not_ended_again() -> None:
    async with a_side() as side:
        async with side.place() as made:
            assert made.link is not None
            with pytest.raises(LegLostError):
                async with made.connect(0.01):
                    pass
            made.ended()
        assert side.opened.ended == []


async def test_a_call_nobody_wanted_is_not_placed() -> None:
    async with a_side("exotel") as side:
        async with side.place() as made:
            assert made.link is None
            assert made.placed is None
            assert not made.connected
        assert side.opened.requests.total() == 0


async def test_what_cannot_be_ended_in_time_is_told() -> None:
    async with a_side("telnyx", "silent") as side:
        with trio.move_on_after(0.1):
            async with (
                placement(
                    side.rest,
                    placing_for("telnyx"),
                    nobody_comes,
                    ends_by_message=False,
                    tell=side.facts.append,
                    patience_s=0.2,
                ) as made,
                made.connect(None),
            ):
                pass
        (fact,) = side.facts
        assert isinstance(fact, CallControlFailed)
        assert "no answer within 0.2 s; the call may still be up" in fact.reason


def test_patience_is_for_two_requests() -> None:
    assert patience_for(15.0) == 40.0
