"""Thousands of utterances, fifty at once, by an engine that fails in every way there is.

On virtual time. Whatever happens, each utterance ends, every character is accounted for and was
heard, and nothing is left behind.
"""

from __future__ import annotations

import gc
import itertools
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterable, Iterator
from random import Random

import attrs
import pytest
import trio
from trio.testing import MockClock

from fakes import EngineScript, Pieces, ScriptedEngine
from speech.listening import Callee, SlowText, broken, chain_of, never, speaks, text_of
from trioaudio.core.engine import PcmSink, VoiceChoice
from trioaudio.core.errors import EngineError, EngineFault
from trioaudio.core.speech import Stretch, WholeText
from trioaudio.speech.chain import EngineChain

CONCURRENCY = 50
FAULTS_OF_ALL = 0.05
WINDOW = 50
"""Utterances whose memory is looked at; that makes them slow."""
SENTENCES = [
    "Good morning, this is the pharmacy on the old market square.",
    "Your medicine is ready, so please come by before six today.",
    "Bring the paper your doctor gave you, or a picture of it; we will find it.",
    "We would be very happy to see you at our new shop near the railway station some day soon.",
    "Yes, that is right.",
    "Thank you for waiting, and goodbye for now.",
]
CUT_AT = 45  # every text is longer than that


async def says_nothing(clauses: AsyncIterable[str], sink: PcmSink) -> None:
    number = 0
    async for _ in clauses:
        number += 1
        await trio.sleep(0.05)
        sink.tell_spoken(number)


async def leaves_early(clauses: AsyncIterable[str], sink: PcmSink) -> None:
    await speaks()(Pieces(await clauses.__aiter__().__anext__()), sink)


def after_all(error: Exception | None) -> EngineScript:
    """Return an engine that says it all and then fails, or never comes to an end."""

    async def script(clauses: AsyncIterable[str], sink: PcmSink) -> None:
        await speaks()(clauses, sink)
        if error is not None:
            raise error
        await trio.sleep_forever()

    return script


async def fails_in_all_its_tasks(clauses: AsyncIterable[str], sink: PcmSink) -> None:
    try:
        await speaks(fails_at=20)(clauses, sink)
    except EngineError as exc:
        raise ExceptionGroup("two tasks", [ExceptionGroup("", [exc]), broken()]) from None


@attrs.define(eq=False)
class Faults:
    """What an engine does at each turn: mostly what it should, and each fault in its turn."""

    random: Random
    happened: Counter[str] = attrs.field(factory=Counter)
    _kinds: Iterator[str] = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self._kinds = itertools.cycle([*(kind.value for kind in EngineFault), *self._others()])

    def _others(self) -> dict[str, EngineScript]:
        at = self.random.randrange(CUT_AT)
        return {
            "stall": speaks(stalls_at=at, speed=self.random.choice([1.0, 1.2, 10.0])),
            "mute": never,
            "silent": says_nothing,
            "leaves early": leaves_early,
            "group": fails_in_all_its_tasks,
            "never done": after_all(None),
            "fails after all": after_all(broken(EngineFault.TIMEOUT)),
        }

    def script(self, kind: str) -> EngineScript:
        others = self._others()
        if kind in others:
            return others[kind]
        return speaks(
            fails_at=self.random.randrange(CUT_AT),
            error=broken(EngineFault(kind)),
            words=self.random.random() < 0.5,
        )

    async def speak(self, clauses: AsyncIterable[str], sink: PcmSink) -> None:
        if self.random.random() >= FAULTS_OF_ALL:
            speed = self.random.choice([1.2, 3.0, 10.0])
            await speaks(words=self.random.random() < 0.5, speed=speed)(clauses, sink)
            return
        kind = next(self._kinds)
        self.happened[kind] += 1
        await self.script(kind)(clauses, sink)


def text_for(number: int, random: Random) -> str:
    return " ".join(random.choices(SENTENCES[:4], k=1 + number % 3) + random.choices(SENTENCES))


def pieces_of(text: str, number: int) -> AsyncIterable[str]:
    match number % 3:
        case 0:
            return WholeText(text)
        case 1:
            return Pieces(*(text[at : at + 7] for at in range(0, len(text), 7)))
        case _:
            return SlowText([f"{word} " for word in text[:-1].split(" ")] + ["."], 0.02)


def squeezed(text: str) -> str:
    return "".join(text.split())


@attrs.define(eq=False)
class Outcome:
    """What became of the utterances of a run."""

    said: int = 0
    taken_over: int = 0
    characters: int = 0
    twice: int = 0
    """Characters said twice."""
    worst_gap_s: float = 0.0
    worst_wait_s: float = 0.0

    def judge(self, text: str, callee: Callee, wait_s: float) -> None:
        """Check that every character is accounted for, and was heard."""
        stretches = callee.stretches
        assert [each.start for each in stretches] == [0, *(each.end for each in stretches[:-1])]
        assert stretches[-1].end == len(text)
        assert len(callee.pcm) / 16 == pytest.approx(sum(each.audio_ms for each in stretches))
        at = 0
        for stretch in stretches:
            size = round(stretch.audio_ms * 16)
            self._judge_stretch(text, stretch, text_of(bytes(callee.pcm[at : at + size])))
            at += size
        self.said += 1
        self.taken_over += len(stretches) > 1
        self.characters += len(squeezed(text))
        self.worst_gap_s = max([self.worst_gap_s, *callee.gaps])
        self.worst_wait_s = max(self.worst_wait_s, wait_s)

    def _judge_stretch(self, text: str, stretch: Stretch, sound: str) -> None:
        heard = squeezed(sound)
        accounted = squeezed(text[stretch.start : stretch.end])
        assert heard.startswith(accounted), "a character was lost"
        assert squeezed(text[stretch.start :]).startswith(heard)
        self.twice += len(heard) - len(accounted)


async def speak_many(chain: EngineChain, utterances: int, random: Random) -> Outcome:
    """Have so many utterances spoken, fifty at once."""
    outcome = Outcome()
    numbers = iter(range(utterances))

    async def call() -> None:
        for number in numbers:
            callee = Callee()
            text = text_for(number, random)
            pieces = pieces_of(text, number)
            if isinstance(pieces, SlowText):
                text = "".join(pieces._pieces)
            begun = trio.current_time()
            with trio.fail_after(120):
                await chain.speak(pieces, callee, VoiceChoice(language="en"))
            assert callee.first_at is not None
            outcome.judge(text, callee, callee.first_at - begun)

    async with trio.open_nursery() as nursery:
        for _ in range(CONCURRENCY):
            nursery.start_soon(call)
    return outcome


@attrs.define(eq=False)
class Run:
    """What became of a run's utterances, what faults there were, and what is left behind."""

    outcome: Outcome
    faults: Counter[str]
    bytes_left: int = 0
    objects_left: int = 0


def objects() -> int:
    gc.collect()
    return len(gc.get_objects())


async def run_many(utterances: int) -> Run:
    """Have so many utterances spoken, and then some more under observation."""
    random = Random(20)
    faults = Faults(random)
    cloud = ScriptedEngine(faults.speak, "cloud")
    embedded = ScriptedEngine(speaks(first_s=0.02, speed=40.0), "espeak")
    async with chain_of(cloud, embedded) as chain:
        await speak_many(chain, WINDOW, random)
        tasks, known = trio.lowlevel.current_statistics().tasks_living, objects()
        run = Run(await speak_many(chain, utterances, random), faults.happened)
        run.objects_left = objects() - known
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            await speak_many(chain, WINDOW, random)
            gc.collect()
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        run.bytes_left = after - before
        assert trio.lowlevel.current_statistics().tasks_living == tasks
    return run


def check(run: Run, utterances: int) -> None:
    outcome = run.outcome
    assert outcome.said == utterances
    assert outcome.taken_over > FAULTS_OF_ALL * utterances / 4
    # Some 60 characters, or a phrase, at each of them.
    assert outcome.twice <= 75 * outcome.taken_over
    # A clause that does not begin is given up after 800 ms, of which the last chunk hides some
    # 280; the next engine begins within 30 ms.
    # A clause that never begins after an engine that spoke just in time: all of its 800 ms.
    assert outcome.worst_gap_s <= 0.8
    assert outcome.worst_wait_s <= 1.5
    # Trio keeps up to a thousand deadlines that have passed or moved.
    assert run.bytes_left <= 200_000, f"{run.bytes_left} bytes were left behind"
    assert run.objects_left <= 2000, f"{run.objects_left} objects were left behind"
    assert set(run.faults) >= {kind.value for kind in EngineFault}


async def test_five_hundred_utterances(autojump_clock: MockClock) -> None:
    check(await run_many(500), 500)


@pytest.mark.long
@pytest.mark.timeout(900)
async def test_ten_thousand_utterances(autojump_clock: MockClock) -> None:
    run = await run_many(10_000)
    check(run, 10_000)
    assert min(run.faults.values()) >= 20, "each of them, and often"
    assert len(run.faults) == len(EngineFault) + 7
    print(f"\n{run}")  # noqa: T201  figures for who asks for them, by -s
