from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from speech.listening import broken
from trioaudio.core.errors import EngineFault, TextError
from trioaudio.core.facts import EngineRested, EngineReturned, Fact
from trioaudio.speech.engine_health import (
    FAILURES_IN_A_ROW,
    FIRST_REST_S,
    LONGEST_REST_S,
    EngineHealth,
)


class Watched:
    """An engine's health with somebody who watches it, and what was told of it."""

    def __init__(self, *, rests: bool = True) -> None:
        self.facts: list[Fact] = []
        self.tried_at: list[float] = []
        self.works = False
        self.health = EngineHealth("a", self.facts.append, rests)

    async def try_it(self) -> None:
        self.tried_at.append(trio.current_time())
        await trio.lowlevel.checkpoint()
        if not self.works:
            raise broken(EngineFault.TIMEOUT)

    @property
    def rests(self) -> list[float]:
        return [fact.seconds for fact in self.facts if isinstance(fact, EngineRested)]


@pytest.mark.parametrize(
    "kind", [EngineFault.UNAVAILABLE, EngineFault.TIMEOUT, EngineFault.PROTOCOL]
)
def test_three_failures_in_a_row_and_it_rests(kind: EngineFault) -> None:
    health = EngineHealth("a", lambda _fact: None)
    for _ in range(FAILURES_IN_A_ROW - 1):
        health.failed(broken(kind))
    assert not health.resting
    health.succeeded()
    for _ in range(FAILURES_IN_A_ROW - 1):
        health.failed(broken(kind))
    assert not health.resting, "they were not in a row"
    health.failed(broken(kind))
    assert health.resting


@pytest.mark.parametrize("kind", [EngineFault.AUTH, EngineFault.QUOTA])
def test_what_only_the_operator_can_change_is_believed_at_once(kind: EngineFault) -> None:
    health = EngineHealth("a", lambda _fact: None)
    health.failed(broken(kind))
    assert health.resting


@pytest.mark.parametrize(
    "error",
    [
        broken(EngineFault.BAD_REQUEST),
        broken(EngineFault.EMPTY),
        broken(EngineFault.RATE),
        TextError("the voice has no sound for this text"),
    ],
)
def test_what_says_nothing_of_the_next_text_does_not_count(error: TextError) -> None:
    health = EngineHealth("a", lambda _fact: None)
    for _ in range(100):
        health.failed(error)
    assert not health.resting
    assert health.failures == 0


def test_the_embedded_engine_never_rests() -> None:
    health = EngineHealth("a", lambda _fact: None, rests=False)
    for kind in list(EngineFault) * 10:
        health.failed(broken(kind))
    assert not health.resting


async def test_it_rests_longer_each_time_and_returns(autojump_clock: MockClock) -> None:
    watched = Watched()
    begun = trio.current_time()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watched.health.watch, watched.try_it)
        watched.health.failed(broken(EngineFault.QUOTA))
        await trio.sleep(400)
        assert watched.rests == [5, 10, 20, 40, 80, 120, 120, 120]
        assert watched.rests[0] == FIRST_REST_S
        assert max(watched.rests) == LONGEST_REST_S
        assert [at - begun for at in watched.tried_at] == [5, 15, 35, 75, 155, 275, 395]
        reasons = [fact.reason for fact in watched.facts if isinstance(fact, EngineRested)]
        assert reasons == ["broken: quota", *["broken: timeout"] * 7], "what it says now"
        watched.works = True
        await trio.sleep(120)
        assert not watched.health.resting
        assert watched.facts[-1] == EngineReturned("a")
        nursery.cancel_scope.cancel()


async def test_who_returns_and_fails_again_rests_longer_until_it_has_spoken(
    autojump_clock: MockClock,
) -> None:
    watched = Watched()
    watched.works = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watched.health.watch, watched.try_it)
        for speaks in (False, False, True, False):
            if speaks:
                watched.health.succeeded()
            watched.health.failed(broken(EngineFault.AUTH))
            await trio.sleep(60)
        nursery.cancel_scope.cancel()
    assert watched.rests == [5, 10, 5, 10]


async def test_failures_of_utterances_that_were_under_way_do_not_count_twice(
    autojump_clock: MockClock,
) -> None:
    watched = Watched()
    watched.works = True
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watched.health.watch, watched.try_it)
        watched.health.failed(broken(EngineFault.AUTH))
        await trio.sleep(1)
        for _ in range(10):
            watched.health.failed(broken())
        watched.health.succeeded()  # one that began before the rest
        await trio.sleep(60)
        assert (watched.rests, watched.health.resting) == ([5], False)
        for _ in range(FAILURES_IN_A_ROW - 1):
            watched.health.failed(broken())
        assert not watched.health.resting, "it begins anew"
        nursery.cancel_scope.cancel()


async def test_an_utterance_that_began_before_says_nothing_of_the_rest(
    autojump_clock: MockClock,
) -> None:
    watched = Watched()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(watched.health.watch, watched.try_it)
        watched.health.failed(broken(EngineFault.AUTH))
        await trio.sleep(2)
        watched.health.succeeded()
        await trio.sleep(20)
        nursery.cancel_scope.cancel()
    assert watched.rests == [5, 10, 20]


async def test_it_dies_with_its_chain(autojump_clock: MockClock) -> None:
    watched = Watched()
    for moment in (1.0, 5.0, 7.0):
        with trio.move_on_after(moment) as scope:
            watched.health.failed(broken(EngineFault.AUTH))
            await watched.health.watch(watched.try_it)
        assert scope.cancelled_caught
