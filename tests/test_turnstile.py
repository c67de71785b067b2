"""The turnstile: one at a time, in order, and nobody for ever; 500 utterances at one instant."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterable
from functools import partial
from itertools import pairwise

import attrs
import pytest
import trio
from trio.testing import MockClock, wait_all_tasks_blocked

from call_rig import PTIME, line
from fakes import FakeConnection, Pieces, connects, numbered_pcm
from trioaudio.call import Call, Hooks
from trioaudio.core.carrier import Event
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.facts import Fact
from trioaudio.core.percentiles import Histogram
from trioaudio.core.speech import SpeechSink
from trioaudio.core.utterance import Cause, UtteranceState
from trioaudio.pacer import Pacer
from trioaudio.turnstile import AT_ONCE, FEWEST_ROUNDS, URGENT_IN_A_ROW, Turnstile, turnstile
from trioaudio.utterances import Order, Say

ROUND_S = 0.0004
CROWD = 500


@attrs.define(eq=False)
class Rounds(trio.abc.Instrument):
    """Counts how often the loop has got round, and lets virtual time pass with each round."""

    clock: MockClock
    takes_s: float = 0.0
    slow: int = 1_000_000
    """Rounds that take so long; then they take no time."""
    count: int = 0

    def before_io_wait(self, timeout: float) -> None:
        """Trio's: everybody runnable has run."""
        self.count += 1
        if self.takes_s and self.slow and not timeout:
            self.slow -= 1
            self.clock.jump(self.takes_s)


def watch(clock: MockClock) -> Rounds:
    """Count the rounds of this loop from now on."""
    made = Rounds(clock)
    trio.lowlevel.add_instrument(made)
    return made


async def pass_by(gate: Turnstile, number: int, passed: list[int], *, urgent: bool = False) -> None:
    await gate.wait_turn(urgent=urgent)
    passed.append(number)


async def few_pass(gate: Turnstile) -> None:
    """Have as many pass as may at once."""
    for _ in range(AT_ONCE):
        await gate.wait_turn()


async def _go_round(times: int) -> None:
    for _ in range(times):
        await trio.lowlevel.checkpoint()


# --- One at a time -----------------------------------------------------------------------------


async def test_who_comes_alone_passes_at_once(autojump_clock: MockClock) -> None:
    rounds = watch(autojump_clock)
    gate, before = Turnstile(), rounds.count
    await few_pass(gate)
    assert rounds.count == before
    await trio.sleep(0.01)
    before = rounds.count
    await few_pass(gate)
    assert rounds.count == before


async def test_after_a_few_the_next_one_waits_for_the_loop_to_get_round(
    autojump_clock: MockClock,
) -> None:
    rounds = watch(autojump_clock)
    gate = Turnstile()
    await few_pass(gate)
    before = rounds.count
    await gate.wait_turn()
    assert rounds.count == before + 1


async def test_a_crowd_passes_one_a_round_in_order(autojump_clock: MockClock) -> None:
    rounds = watch(autojump_clock)
    gate, order, by_round = Turnstile(), list[int](), Counter[int]()

    async def come(number: int) -> None:
        came.append(number)
        await gate.wait_turn()
        order.append(number)
        by_round[rounds.count] += 1

    came: list[int] = []
    async with trio.open_nursery() as nursery:
        for number in range(CROWD):
            nursery.start_soon(come, number)
    assert order == came
    assert max(by_round.values()) <= AT_ONCE + 1
    assert Counter(by_round.values())[1] >= len(by_round) - 2
    assert gate.waiting == 0


@pytest.mark.parametrize(
    ("takes_s", "waits"),
    [
        (0.002, 5),  # twice as long as a calm one: until 10 ms are over
        (0.020, FEWEST_ROUNDS),  # until who passed before has had his turns
    ],
)
async def test_nobody_passes_while_the_loop_is_slow_but_not_for_ever(
    autojump_clock: MockClock, takes_s: float, waits: int
) -> None:
    rounds = watch(autojump_clock)
    gate = Turnstile()
    await few_pass(gate)
    rounds.takes_s = takes_s
    before = rounds.count
    await gate.wait_turn()
    assert rounds.count == before + waits


async def test_it_goes_on_as_soon_as_the_loop_is_calm_again(autojump_clock: MockClock) -> None:
    rounds = watch(autojump_clock)
    gate = Turnstile()
    await few_pass(gate)
    rounds.takes_s, rounds.slow = 0.002, 2
    before = rounds.count
    await gate.wait_turn()
    assert rounds.count == before + 3


async def test_the_urgent_pass_first_and_the_crowd_still_gets_on(autojump_clock: MockClock) -> None:
    rounds = watch(autojump_clock)
    gate, passed = Turnstile(), list[int]()
    await few_pass(gate)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pass_by, gate, 0, passed)  # whose turn is next
        await _go_round(1)
        rounds.takes_s = 0.002
        for number in (1, 2):
            nursery.start_soon(pass_by, gate, number, passed)
        for number in range(100, 100 + 2 * URGENT_IN_A_ROW):
            nursery.start_soon(partial(pass_by, gate, number, passed, urgent=True))
    rest = [each for each in passed if each]
    assert [each >= 100 for each in rest] == (
        [True] * URGENT_IN_A_ROW + [False] + [True] * URGENT_IN_A_ROW + [False]
    )


async def test_who_gives_up_leaves_its_place_to_the_next(autojump_clock: MockClock) -> None:
    rounds = watch(autojump_clock)
    gate, passed = Turnstile(), list[int]()
    await few_pass(gate)
    scopes = [trio.CancelScope() for _ in range(5)]

    async def come(number: int) -> None:
        with scopes[number]:
            await pass_by(gate, number, passed)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(come, 0)
        await _go_round(1)
        rounds.takes_s = 0.002  # nobody passes soon
        for number in range(1, 5):
            nursery.start_soon(come, number)
        await _go_round(2)
        assert gate.waiting == 4  # and one is at the turnstile
        for number in (0, 1, 3):
            scopes[number].cancel()
    assert sorted(passed) == [2, 4]
    await trio.sleep(0.01)
    with trio.fail_after(1):
        await gate.wait_turn()  # and it is free again
    assert gate.waiting == 0


def test_each_event_loop_has_one_of_its_own() -> None:
    async def own() -> Turnstile:
        await trio.lowlevel.checkpoint()
        assert turnstile() is turnstile()
        return turnstile()

    assert trio.run(own) is not trio.run(own)


# --- Utterances --------------------------------------------------------------------------------


@attrs.define(eq=False)
class Noting:
    """A speaker that notes when it was asked for what."""

    frames: int
    asked: list[tuple[str, int, float]] = attrs.field(factory=list)
    """The text, in which round of the loop, and when."""
    rounds: Rounds | None = None
    name: str = "noting"

    def check(self, choice: VoiceChoice) -> None:
        """Have every voice."""

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Read everything."""

    async def speak(
        self, pieces: AsyncIterable[str], sink: SpeechSink, choice: VoiceChoice
    ) -> None:
        """Note it and say some frames."""
        del choice
        assert self.rounds is not None
        async for text in pieces:
            self.asked.append((text, self.rounds.count, trio.current_time()))
            await sink.write(numbered_pcm(self.frames))


def frames_at(link: FakeConnection) -> list[float]:
    """Return when each frame of audio was sent."""
    return [each.at for each in link.received if isinstance(each.message, bytes)]


def _ignore_event(_event: Event) -> None:
    """Take no notice."""


@attrs.define(eq=False)
class Many:
    """So many calls on fake connections."""

    speaker: Noting
    pacer: Pacer = attrs.field(factory=lambda: Pacer(early=0.0))
    calls: list[Call] = attrs.field(factory=list)
    links: list[FakeConnection] = attrs.field(factory=list)
    facts: list[Fact] = attrs.field(factory=list)
    lateness: Histogram = attrs.field(factory=Histogram)

    async def open(self, nursery: trio.Nursery, count: int) -> None:
        """Have them all up."""
        nursery.start_soon(self.pacer.run)
        on = line()
        for _ in range(count):
            call = Call(
                line=on,
                speaker=self.speaker,
                pacer=self.pacer,
                lateness=self.lateness,
                hooks=Hooks(tell=self.facts.append, on_event=_ignore_event),
            )
            link = FakeConnection()
            self.calls.append(call)
            self.links.append(link)
            nursery.start_soon(call.run, connects(link))
        await wait_all_tasks_blocked()

    def say_at_once(self) -> list[Say]:
        """Have every call say something, at one instant."""
        return [
            call.speech.order(Order(Pieces(str(number))))[0]
            for number, call in enumerate(self.calls)
        ]


async def test_500_utterances_at_one_instant_begin_one_after_the_other(
    autojump_clock: MockClock,
) -> None:
    rounds = watch(autojump_clock)
    many = Many(Noting(20, rounds=rounds))
    async with trio.open_nursery() as nursery:
        await many.open(nursery, CROWD)
        rounds.takes_s = ROUND_S
        began = trio.current_time()
        said = many.say_at_once()
        for each in said:
            await each.done.wait()
        nursery.cancel_scope.cancel()
    assert {each.utterance.state for each in said} == {UtteranceState.PLAYED}
    assert len(many.speaker.asked) == CROWD
    busiest = Counter(number for _, number, _ in many.speaker.asked).most_common(1)[0][1]
    assert busiest <= AT_ONCE + 1
    firsts = [frames_at(link)[0] for link in many.links]
    assert max(firsts) - began < CROWD * ROUND_S * 3
    # No phase of 60 ms is everybody's: each tenth of it holds about a tenth of the calls.
    phases = Counter(int((at - began) % PTIME / PTIME * 10) for at in firsts)
    assert len(phases) == 10
    assert max(phases.values()) < 0.2 * CROWD


async def test_they_begin_in_the_order_they_were_asked_for(autojump_clock: MockClock) -> None:
    rounds = watch(autojump_clock)
    many = Many(Noting(1, rounds=rounds))
    async with trio.open_nursery() as nursery:
        await many.open(nursery, 20)
        for number, call in enumerate(many.calls):
            call.speech.order(Order(Pieces(str(number))))
            await trio.lowlevel.checkpoint()
            await trio.lowlevel.checkpoint()
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert [int(text) for text, _, _ in many.speaker.asked] == list(range(20))


async def test_those_cut_while_they_wait_are_never_begun(autojump_clock: MockClock) -> None:
    rounds = watch(autojump_clock)
    many = Many(Noting(3, rounds=rounds))
    async with trio.open_nursery() as nursery:
        await many.open(nursery, 100)
        said = many.say_at_once()
        for _ in range(20):
            await trio.lowlevel.checkpoint()
        begun = {int(text) for text, _, _ in many.speaker.asked}
        for call in many.calls[50:]:
            call.barge_in()
        await trio.sleep(2)
        assert [each.utterance.state for each in said[:50]] == [UtteranceState.PLAYED] * 50
        assert {each.utterance.cause for each in said[50:]} == {Cause.BARGE_IN}
        asked = {int(text) for text, _, _ in many.speaker.asked}
        assert asked == begun | set(range(50))
        # And what is said next is said: nobody left the turnstile closed.
        (again, _) = many.calls[99].speech.order(Order(Pieces("again")))
        await again.done.wait()
        assert again.utterance.state is UtteranceState.PLAYED
        nursery.cancel_scope.cancel()


async def test_who_is_in_the_middle_of_speech_does_not_wait_behind_the_crowd(
    autojump_clock: MockClock,
) -> None:
    rounds = watch(autojump_clock)
    many = Many(Noting(9, rounds=rounds))
    async with trio.open_nursery() as nursery:
        await many.open(nursery, 200)
        talking = many.calls[0]
        first, _ = talking.speech.order(Order(Pieces("first")))
        await trio.sleep(0.2)
        second, _ = talking.speech.order(Order(Pieces("second")))
        rounds.takes_s = 0.005  # so slow a loop that the crowd takes seconds
        many.say_at_once()
        await second.done.wait()
        assert first.utterance.state is UtteranceState.PLAYED
        nursery.cancel_scope.cancel()
    texts = [text for text, _, _ in many.speaker.asked]
    assert texts.index("second") < 20
    heard = frames_at(many.links[0])[:18]
    assert max(b - a for a, b in pairwise(heard)) < 2 * PTIME
