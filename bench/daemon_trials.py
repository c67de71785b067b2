"""What a daemon's calls are like under load: frames in time, first frames, barge-ins."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import attrs
import trio

from bench.callees import AUDIO, CLEAR, PTIME_MS, Arrived, Legs, arrived
from bench.daemon_calls import driving, now_ns, sentence
from bench.figures import Figure, faults, lateness, spread_ms
from bench.serving import lateness_ms, read_metrics, serving
from trioaudio.client.call import Call

SPEAKING_WORDS = 13
PROMPT_WORDS = 4
LONG_WORDS, LONG_S = 45, 12.0
"""A text that lasts longer than until it is cut."""
IDLE_S = 20.0
"""The longest a silent call waits before it says something."""
SETTLE_S = 6.0
"""From the first words of all to the window: a whole utterance."""
PROMPTS = 20
"""Different texts where texts repeat."""
AFTER_CLEAR_S = 0.4
"""How long nothing is said after a barge-in, so that speech that comes is a mistake."""


@attrs.frozen
class Plan:
    """How much of it."""

    calls: int
    seconds: float
    cores: tuple[int, int]
    http: bool = False


async def run_talking(plan: Plan, *, cached: bool) -> list[Figure]:
    """Have every call speak without a pause; with `cached`, texts that were made before."""
    changes = {"CACHE_MB": "256", "CACHE_KEEP": "all"} if cached else {}
    what = f"{plan.calls} calls speaking, {'repeated' if cached else 'new'} texts"
    async with (
        serving(plan.cores, changes) as daemon,
        driving(daemon, "raw", plan.calls, http=plan.http) as driver,
    ):
        texts = [sentence(driver.draw, SPEAKING_WORDS) for _ in range(PROMPTS)]
        if cached:
            await driver.client.precache(texts)
        calls = await driver.open_calls(range(plan.calls))
        write: Callable[[], str] = partial(sentence, driver.draw, SPEAKING_WORDS)
        if cached:
            write = partial(driver.draw.choice, texts)
        async with trio.open_nursery() as nursery:
            for call in calls:
                nursery.start_soon(driver.speak_on, call, write)
            await trio.sleep(SETTLE_S)
            before, began_ns, used = await read_metrics(driver.client), now_ns(), daemon.usage()
            await trio.sleep(plan.seconds)
            later, ended_ns, since = daemon.usage(), now_ns(), await read_metrics(driver.client)
            nursery.cancel_scope.cancel()
        came = arrived(await driver.callees.finish(), began_ns, ended_ns)
    seconds = (ended_ns - began_ns) / 1e9
    underruns = since.total("trioaudio_underruns_total") - before.total("trioaudio_underruns_total")
    return [
        lateness(f"{what}: frame lateness, the daemon's histogram", lateness_ms(before, since)),
        *_as_heard(what, plan.calls, seconds, came, underruns),
        Figure(
            f"{what}: CPU of the daemon and of its engines",
            (
                100 * (later.cpu_s - used.cpu_s) / seconds,
                100 * (later.children_cpu_s - used.children_cpu_s) / seconds,
            ),
            "{:.0f} % and {:.0f} % of a core",
        ),
        faults(f"{what}: utterances that ended otherwise", sum(driver.others.values())),
    ]


def _as_heard(
    what: str, calls: int, seconds: float, came: Arrived, underruns: float
) -> list[Figure]:
    expected = calls * seconds * 1000 / PTIME_MS
    return [
        spread_ms(f"{what}: frame lateness, as it arrived", came.late_ms),
        Figure(
            f"{what}: of the time, so much was spoken",
            (100 * came.frames / expected,),
            "{:.1f} %",
            99,
            "99 %",
            least=True,
        ),
        faults(f"{what}: gaps of 30 ms and more", came.gaps, limit=None),
        faults(f"{what}: underruns", underruns),
    ]


# --- First frames ------------------------------------------------------------------------


async def run_first_frames(plan: Plan, *, cached: bool) -> list[Figure]:
    """Let calls that are silent say something now and then."""
    changes = {"CACHE_MB": "256"} if cached else {}
    kind = "a prompt made before" if cached else "the embedded engine"
    asked: list[tuple[int, int]] = []
    async with (
        serving(plan.cores, changes) as daemon,
        driving(daemon, "raw", plan.calls, http=plan.http) as driver,
    ):
        texts = [sentence(driver.draw, PROMPT_WORDS) for _ in range(PROMPTS)]
        if cached:
            await driver.client.precache(texts)
        calls = await driver.open_calls(range(plan.calls))

        async def speak_up(leg: int, call: Call) -> None:
            while True:
                await trio.sleep(driver.draw.uniform(0.3, min(IDLE_S, plan.seconds)))
                text = driver.draw.choice(texts) if cached else sentence(driver.draw, PROMPT_WORDS)
                asked.append((leg, now_ns()))
                said = await call.say(text)
                await driver.wait_completed(call, said.number)

        with trio.move_on_after(plan.seconds):
            async with trio.open_nursery() as nursery:
                for leg, call in enumerate(calls):
                    nursery.start_soon(speak_up, leg, call)
        asked_in_time = [each for each in asked if each[1] < now_ns() - 1_000_000_000]
        legs = Legs.of(await driver.callees.finish())
    firsts = [(at, legs.first(leg, AUDIO, at)) for leg, at in asked_in_time]
    what = f"{plan.calls} idle calls, {kind}"
    return [
        spread_ms(
            f"{what}: say asked for → first frame arrived",
            ((first - at) / 1e6 for at, first in firsts if first is not None),
            p99=15,
        ),
        faults(f"{what}: says that nothing came of", sum(first is None for _, first in firsts)),
    ]


# --- Barge-ins ---------------------------------------------------------------------------


async def run_barge_ins(plan: Plan) -> list[Figure]:
    """Cut calls that are all speaking, at random moments."""
    cuts: list[tuple[int, int, int]] = []
    async with (
        serving(plan.cores, {"CACHE_MB": "256", "CACHE_KEEP": "all"}) as daemon,
        driving(daemon, "twilio", plan.calls, http=plan.http) as driver,
    ):
        texts = [sentence(driver.draw, LONG_WORDS) for _ in range(PROMPTS)]
        await driver.client.precache(texts)
        calls = await driver.open_calls(range(plan.calls))

        async def be_cut(leg: int, call: Call) -> None:
            while True:
                await call.say(driver.draw.choice(texts))
                await trio.sleep(driver.draw.uniform(0.3, min(LONG_S, plan.seconds / 3)))
                began = now_ns()
                await call.barge_in()
                await trio.sleep(AFTER_CLEAR_S)
                cuts.append((leg, began, now_ns()))

        with trio.move_on_after(plan.seconds):
            async with trio.open_nursery() as nursery:
                for leg, call in enumerate(calls):
                    nursery.start_soon(be_cut, leg, call)
        legs = Legs.of(await driver.callees.finish())
    return _as_cut(f"{plan.calls} calls speaking", cuts, legs)


def _as_cut(what: str, cuts: list[tuple[int, int, int]], legs: Legs) -> list[Figure]:
    """Return the rows of cuts: a leg, when it was asked for, and until when nothing was said."""
    clears = [(leg, began, legs.first(leg, CLEAR, began), until) for leg, began, until in cuts]
    seen = [(leg, began, at, until) for leg, began, at, until in clears if at is not None]
    return [
        spread_ms(
            f"{what}: barge-in asked for → clear arrived",
            ((at - began) / 1e6 for _, began, at, until in seen if at < until),
            p99=5,
        ),
        faults(
            f"{what}: barge-ins without a clear",
            len(cuts) - sum(at < until for _, _, at, until in seen),
        ),
        faults(
            f"{what}: frames of speech after a clear",
            sum(legs.count(leg, AUDIO, at, until) for leg, _, at, until in seen),
        ),
    ]
