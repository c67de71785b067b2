"""One leg after another: what each ending leads to, and how long we wait for the next."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from itertools import cycle

import attrs
import pytest
import trio
from trio.testing import MockClock

from fakes import FakeConnection, connects
from trioaudio.core.backoff import Backoff
from trioaudio.core.carrier import Recovery
from trioaudio.core.connection import Closing, MediaConnection
from trioaudio.core.errors import (
    EngineError,
    EngineFault,
    LegLostError,
    LegRefusedError,
    RemoteProtocolError,
)
from trioaudio.core.facts import Fact, LegConnected, LegEnded, RecoveryBegan
from trioaudio.core.verdict import Verdict
from trioaudio.supervise import LegFailure, RecoveryPolicy, supervise

Ending = Closing | Exception


@attrs.define(eq=False)
class Legs:
    """Runs legs that end one after the other as they are told, a second after they began."""

    endings: list[Ending]
    policy: RecoveryPolicy
    connections: list[MediaConnection | Exception] | None = None
    draws: Iterable[float] = (0.5,)
    wanted: bool = True
    facts: list[Fact] = attrs.field(factory=list)
    began: list[float] = attrs.field(factory=list)
    lasts: float = 1.0

    async def run_leg(self, connection: MediaConnection) -> Closing:
        self.began.append(trio.current_time())
        await trio.sleep(self.lasts)
        ending = self.endings.pop(0)
        if isinstance(ending, Exception):
            raise ending
        return ending

    async def run(self) -> Closing | LegFailure:
        draws = cycle(self.draws)
        connections = self.connections
        if connections is None:
            connections = [FakeConnection() for _ in self.endings]
        return await supervise(
            connects(*connections),
            self.run_leg,
            self.policy,
            self.facts.append,
            lambda: self.wanted,
            lambda: next(draws),
        )

    def waits(self) -> list[tuple[str, float]]:
        return [(fact.how, fact.seconds) for fact in self.facts if isinstance(fact, RecoveryBegan)]


def lost() -> LegLostError:
    return LegLostError("reset")


REDIAL, WAIT, END = (RecoveryPolicy(each) for each in Recovery)


@pytest.mark.parametrize("policy", [REDIAL, WAIT, END])
async def test_a_close_in_good_order_ends_it(
    autojump_clock: MockClock, policy: RecoveryPolicy
) -> None:
    legs = Legs([Closing(1000, "bye")], policy)
    assert await legs.run() == Closing(1000, "bye")
    assert legs.facts == [LegConnected("fake:1", 1), LegEnded(None, "1000 bye")]


@pytest.mark.parametrize(
    ("error", "verdict", "reason"),
    [
        (lost(), Verdict.LOST, "reset"),
        (LegRefusedError("403"), Verdict.REFUSED, "403"),
        (RemoteProtocolError("junk"), Verdict.REFUSED, "junk"),
        (ZeroDivisionError("oops"), Verdict.BUG, "internal error: ZeroDivisionError: oops"),
        (
            EngineError("no", kind=EngineFault.AUTH, retryable=False),
            Verdict.BUG,
            "internal error: EngineError: no",
        ),
        (ExceptionGroup("", [lost(), LegRefusedError("403")]), Verdict.REFUSED, "reset; 403"),
        (ExceptionGroup("", [lost(), lost()]), Verdict.LOST, "reset"),
        (
            ExceptionGroup("", [lost(), ExceptionGroup("", [KeyError("x")])]),
            Verdict.BUG,
            "internal error: KeyError: 'x'",
        ),
    ],
)
@pytest.mark.parametrize("policy", [REDIAL, WAIT, END])
async def test_only_what_was_lost_is_recovered(
    autojump_clock: MockClock,
    error: Exception,
    verdict: Verdict,
    reason: str,
    policy: RecoveryPolicy,
) -> None:
    legs = Legs([error, Closing(1000)], policy)
    outcome = await legs.run()
    ended = next(fact for fact in legs.facts if isinstance(fact, LegEnded))
    assert (ended.verdict, ended.reason) == (verdict.name.lower(), reason)
    # A bug is told with its traceback, what was raised on purpose without.
    assert (ended.bug is not None) is (verdict is Verdict.BUG)
    if verdict is Verdict.LOST and policy.recovery is not Recovery.END:
        assert outcome == Closing(1000)
        assert len(legs.began) == 2
    else:
        assert isinstance(outcome, LegFailure)
        assert (outcome.verdict, outcome.reason) == (verdict, reason)
        assert len(legs.began) == 1
        assert legs.waits() == []


async def test_facts_come_in_order(autojump_clock: MockClock) -> None:
    legs = Legs([lost(), lost(), Closing(1000)], REDIAL)
    await legs.run()
    assert legs.facts == [
        LegConnected("fake:1", 1),
        LegEnded("lost", "reset"),
        RecoveryBegan("redial", 0.125),
        LegConnected("fake:1", 2),
        LegEnded("lost", "reset"),
        RecoveryBegan("redial", 0.125),
        LegConnected("fake:1", 3),
        LegEnded(None, "1000"),
    ]


async def test_redialling_backs_off_by_the_draws(autojump_clock: MockClock) -> None:
    policy = RecoveryPolicy(Recovery.REDIAL, backoff=Backoff(first=1.0, cap=5.0, attempts=5))
    refused_line: list[MediaConnection | Exception] = [lost() for _ in range(4)]
    legs = Legs(
        [lost(), Closing(1000)],
        policy,
        [FakeConnection(), *refused_line, FakeConnection()],
        draws=(0.5, 0.9, 0.0, 1.0, 0.1),
    )
    assert await legs.run() == Closing(1000)
    waits = [0.5 * 1, 0.9 * 2, 0.0, 1.0 * 5, 0.1 * 5]
    assert {how for how, _ in legs.waits()} == {"redial"}
    assert [seconds for _, seconds in legs.waits()] == pytest.approx(waits)
    assert legs.began == [0.0, pytest.approx(1.0 + sum(waits))]
    assert LegConnected("fake:1", 6) in legs.facts


async def test_the_last_attempt_is_the_last(autojump_clock: MockClock) -> None:
    policy = RecoveryPolicy(Recovery.REDIAL, backoff=Backoff(attempts=3))
    unreachable: list[MediaConnection | Exception] = [lost() for _ in range(9)]
    legs = Legs([lost()], policy, [FakeConnection(), *unreachable])
    outcome = await legs.run()
    assert isinstance(outcome, LegFailure)
    assert len(legs.waits()) == 3


async def test_a_refusal_while_redialling_ends_it(autojump_clock: MockClock) -> None:
    legs = Legs([lost()], REDIAL, [FakeConnection(), LegRefusedError("403"), FakeConnection()])
    outcome = await legs.run()
    assert isinstance(outcome, LegFailure)
    assert outcome.verdict is Verdict.REFUSED


async def test_too_many_restarts_mean_it_will_not_get_better(autojump_clock: MockClock) -> None:
    policy = RecoveryPolicy(Recovery.REDIAL, restarts_most=3, restarts_within=60.0)
    legs = Legs([lost() for _ in range(10)], policy, draws=(0.0,))
    outcome = await legs.run()
    assert isinstance(outcome, LegFailure)
    assert len(legs.began) == 4


async def test_restarts_far_apart_may_go_on(autojump_clock: MockClock) -> None:
    policy = RecoveryPolicy(Recovery.REDIAL, restarts_most=3, restarts_within=60.0)
    legs = Legs([*[lost() for _ in range(9)], Closing(1000)], policy, lasts=25.0)
    assert await legs.run() == Closing(1000)


@pytest.mark.parametrize("policy", [REDIAL, WAIT, END])
async def test_a_first_connection_that_fails_is_not_tried_again(
    autojump_clock: MockClock, policy: RecoveryPolicy
) -> None:
    legs = Legs([Closing()], policy, [lost(), FakeConnection()])
    outcome = await legs.run()
    assert isinstance(outcome, LegFailure)
    assert outcome.verdict is Verdict.LOST
    assert legs.facts == [LegEnded("lost", "reset")]
    assert legs.began == []


async def test_the_first_wait_is_its_own(autojump_clock: MockClock) -> None:
    legs = Legs([], RecoveryPolicy(Recovery.WAIT, first_wait=33.0, return_grace=5.0), [])
    assert isinstance(await legs.run(), LegFailure)
    assert trio.current_time() == 33.0


async def test_without_a_first_wait_it_waits_for_ever(autojump_clock: MockClock) -> None:
    with trio.move_on_after(1e6) as scope:
        await Legs([], WAIT, []).run()
    assert scope.cancelled_caught


async def test_the_carrier_has_the_grace_time_to_return(autojump_clock: MockClock) -> None:
    legs = Legs([lost()], RecoveryPolicy(Recovery.WAIT, return_grace=7.0))
    outcome = await legs.run()
    assert isinstance(outcome, LegFailure)
    assert outcome.reason == "nobody came"
    assert trio.current_time() == 8.0
    assert legs.waits() == [("wait", 7.0)]
    assert legs.facts[-1] == LegEnded("lost", "nobody came")


async def test_a_carrier_may_return_more_than_once(autojump_clock: MockClock) -> None:
    legs = Legs([lost(), lost(), Closing(1000)], WAIT)
    assert await legs.run() == Closing(1000)
    assert legs.waits() == [("wait", 10.0)] * 2


async def test_what_is_not_wanted_is_not_recovered(autojump_clock: MockClock) -> None:
    legs = Legs([lost(), Closing()], REDIAL, wanted=False)
    assert isinstance(await legs.run(), LegFailure)
    assert legs.waits() == []


Stop = Callable[[MediaConnection], Awaitable[Closing]]


@pytest.mark.parametrize("where", ["connecting", "running", "waiting"])
async def test_cancelling_passes_through(autojump_clock: MockClock, where: str) -> None:
    policy = RecoveryPolicy(Recovery.REDIAL, backoff=Backoff(first=1000.0, cap=1000.0))
    legs = {
        "connecting": Legs([], policy, []),
        "running": Legs([Closing()], policy, lasts=1000.0),
        "waiting": Legs([lost()], policy),
    }[where]
    with trio.move_on_after(10) as scope:
        await legs.run()
    assert scope.cancelled_caught
    assert trio.current_time() == 10.0


async def test_a_group_with_cancelled_in_it_passes_through_too(autojump_clock: MockClock) -> None:
    """A leg that raises while it is being cancelled: the cancellation must not be judged."""
    facts: list[Fact] = []

    async def run_leg(_connection: MediaConnection) -> Closing:
        async def ends_badly() -> None:
            try:
                await trio.sleep_forever()
            finally:
                raise LegLostError("reset while it was cancelled")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(ends_badly)
            nursery.start_soon(trio.sleep_forever)
        raise AssertionError

    with trio.move_on_after(1) as scope:
        await supervise(
            connects(FakeConnection()), run_leg, REDIAL, facts.append, lambda: True, lambda: 0.5
        )
    assert scope.cancelled_caught
    assert facts == [LegConnected("fake:1", 1)]


async def test_what_ends_the_program_is_not_judged(autojump_clock: MockClock) -> None:
    async def run_leg(_connection: MediaConnection) -> Closing:
        await trio.lowlevel.checkpoint()
        raise KeyboardInterrupt

    with pytest.RaisesGroup(KeyboardInterrupt, flatten_subgroups=True):
        await supervise(
            *(connects(FakeConnection()), run_leg, REDIAL),
            *(lambda _fact: None, lambda: True, lambda: 0.5),
        )
