"""What `speech.py` measures on calls: first frames, what a stalled call does to others, gaps."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from pathlib import Path
from random import Random

import attrs
import trio

from bench.speech_calls import SAMPLE_RATE, TalkingCall, open_calls, sentences
from bench.speech_service import Moments, embedded, simulated_service, watched
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.facts import Fact
from trioaudio.speech.chain import EngineChain
from trioaudio.speech.opening import ChainSetup, open_chain
from trioaudio.speech.prompt_cache import PromptCache

FIRST_AUDIO_MS = 100
TEXTS_PER_SOCKET = 50
SPEED = 3.0
"""Times real time at which the service speaks. Below that, chunks of 100 ms may underrun."""

BURST_SPEED = 2.0
BURST_OPTIONS = ("--chunk-ms", "200-300", "--fault", "no-timestamps")
"""The same when all calls begin at once: a simulated service is one process of Python, too, and
one that does not keep up is given up."""

WARM_UP_A_SECOND = 40

PAUSE_S = 0.7
ANSWER_S = (2.0, 5.0)
"""How long a callee answers."""

UTTERANCE_S = 11.0
"""About what three sentences and the answer take."""

FAILING_CALLS = 6
KILLED_AT_MS = 1500
FAILING_SPEED = 1.5
"""Times real time at which the failing service speaks: little is ahead when it fails."""

PROMPT_CALLS = 10
CACHE_BYTES = 1 << 20


@attrs.frozen
class Conversation:
    """What became of many calls that spoke through one service; none of the stalled ones."""

    told: list[Moments]
    misheard: list[str]
    """What was not heard whole, in order, and from one speaker; all utterances were compared."""
    stalls: int = 0
    """Of the leg nobody reads."""

    @property
    def given_up(self) -> int:
        """Utterances that no engine spoke to the end."""
        return sum(each.error is not None for each in self.told)

    @property
    def underruns(self) -> int:
        """Gaps heard."""
        return sum(len(each.gaps) for each in self.told)


@attrs.frozen
class Gaps:
    """Milliseconds of silence, an utterance each, in which one engine took over from another."""

    heard: list[float]
    utterances: int


def _ignore(_fact: Fact) -> None:
    """Take a fact of the chain's; the calls are told what matters."""


def converse(calls: int, seconds: float, length: int = 3) -> Conversation:
    """Have calls begin at different times and talk so long; two more are stalled meanwhile.

    `length` is that of an utterance in sentences.
    """
    with _service(SPEED) as url:
        return trio.run(_converse, url, calls, seconds, length)


async def _converse(url: str, count: int, seconds: float, length: int) -> Conversation:
    draw = Random(count)
    each_says = max(1, round(seconds / UTTERANCE_S))
    async with _open_chain(url, count) as chain:
        deaf = TalkingCall(0, chain)
        stuck = TalkingCall(1, chain, stuck=True)
        others = [TalkingCall(number, chain) for number in range(2, 2 + count)]
        with tempfile.TemporaryDirectory() as folder:
            async with (
                open_calls([deaf, stuck, *others], Path(folder), deaf=deaf.number),
                trio.open_nursery() as stalled,
            ):
                now = trio.current_time()
                for call in (deaf, stuck):
                    stalled.start_soon(call.talk, [sentences(draw, 20)] * 10, now, 0.0)
                async with trio.open_nursery() as talking:
                    for call in others:
                        texts = [sentences(draw, length) for _ in range(each_says)]
                        begin_at = now + draw.uniform(0.5, min(seconds, UTTERANCE_S))
                        pause_s = draw.uniform(*ANSWER_S)
                        talking.start_soon(call.talk, texts, begin_at, pause_s)
                stalled.cancel_scope.cancel()
            return _conclude(others, folder, deaf.stalls)


def burst(calls: int) -> Conversation:
    """Have all calls say something at one instant."""
    with _service(BURST_SPEED, *BURST_OPTIONS) as url:
        return trio.run(_burst, url, calls)


async def _burst(url: str, count: int) -> Conversation:
    draw = Random(count)
    calls_apart_s = count / WARM_UP_A_SECOND
    async with _open_chain(url, count) as chain:
        calls = [TalkingCall(number, chain) for number in range(count)]
        with tempfile.TemporaryDirectory() as folder:
            async with open_calls(calls, Path(folder)):
                # Sockets are dialled, and the service's tones are made, when first needed: the
                # first utterances, which are spread out, are for that.
                for apart_s in (calls_apart_s, 0.0):
                    now = trio.current_time() + PAUSE_S
                    async with trio.open_nursery() as talking:
                        for call in calls:
                            begin_at = now + draw.uniform(0.0, apart_s)
                            talking.start_soon(call.talk, [sentences(draw, 1)], begin_at, 0.0)
            return _conclude(calls, folder, 0, last=1)


def _conclude(
    calls: Sequence[TalkingCall], folder: str, stalls: int, last: int = 0
) -> Conversation:
    return Conversation(
        told=[each for call in calls for each in call.told[-last:]],
        misheard=[each for call in calls for each in call.misheard(Path(folder))],
        stalls=stalls,
    )


def _service(speed: float, *more: str) -> AbstractContextManager[str]:
    return simulated_service("--first-audio-ms", str(FIRST_AUDIO_MS), "--speed", str(speed), *more)


def _open_chain(url: str, calls: int) -> AbstractAsyncContextManager[EngineChain]:
    return open_chain(ChainSetup([watched(url, 2 * calls + 4, TEXTS_PER_SOCKET)], _ignore))


def fail_over(fault: str, utterances: int, length: int = 2) -> Gaps:
    """Have a service fail in mid-sentence and the embedded voice take over.

    `length` is that of an utterance in sentences.
    """
    with _service(FAILING_SPEED, "--fault", f"{fault}={KILLED_AT_MS}") as url:
        return trio.run(_fail_over, url, utterances, length)


async def _fail_over(url: str, utterances: int, length: int) -> Gaps:
    draw = Random(utterances)
    count = min(FAILING_CALLS, utterances)
    # A socket for each: a connection that is reset takes along all that is spoken over it.
    engines = [watched(url, 2 * count, 1), embedded()]
    async with open_chain(ChainSetup(engines, _ignore)) as chain:
        calls = [TalkingCall(number, chain) for number in range(count)]
        with tempfile.TemporaryDirectory() as folder:
            async with open_calls(calls, Path(folder)), trio.open_nursery() as talking:
                for number, call in enumerate(calls):
                    texts = [sentences(draw, length) for _ in range(number, utterances, count)]
                    begin_at = trio.current_time() + draw.uniform(0.0, 1.0)
                    talking.start_soon(call.talk, texts, begin_at, PAUSE_S)
    told = [each for call in calls for each in call.told]
    return Gaps(
        [sum(each.gaps) * 1000 for each in told if each.switched and each.enough_at], len(told)
    )


def play_prompts(rounds: int) -> list[float]:
    """Return milliseconds from saying a prompt made before to its first frame."""
    with simulated_service() as url:
        return trio.run(_play_prompts, url, rounds)


async def _play_prompts(url: str, rounds: int) -> list[float]:
    draw = Random(rounds)
    text = "One moment."
    count = min(PROMPT_CALLS, rounds)
    with tempfile.TemporaryDirectory() as name:
        cache = PromptCache(Path(name) / "cache", CACHE_BYTES)
        setup = ChainSetup([watched(url, count, count)], _ignore, cache=cache)
        async with open_chain(setup) as chain:
            await chain.precache(text, VoiceChoice(), SAMPLE_RATE)
            calls = [TalkingCall(number, chain) for number in range(count)]
            async with open_calls(calls, Path(name)), trio.open_nursery() as talking:
                for number, call in enumerate(calls):
                    texts = [text] * len(range(number, rounds, count))
                    begin_at = trio.current_time() + draw.uniform(0.1, 1.0)
                    talking.start_soon(call.talk, texts, begin_at, 0.05)
    told = [each for call in calls for each in call.told]
    if any(each.enough_at for each in told):
        raise RuntimeError("the prompt was spoken by the service: it is not cached")
    return known([each.all_ms() for each in told])


def known(values: Sequence[float | None]) -> list[float]:
    """Return the values there are."""
    return [each for each in values if each is not None]
