"""What a daemon keeps, and how it leaves: calls that come and go, memory, a drain, idling."""

from __future__ import annotations

import itertools

import trio

from bench.callees import AUDIO
from bench.daemon_calls import Driver, driving, sentence
from bench.daemon_trials import SETTLE_S, SPEAKING_WORDS, Plan
from bench.figures import Figure, faults
from bench.serving import Usage, read_metrics, serving
from trioaudio.client.call import Call

CHURN_AT_ONCE = 100
CHURN_WORDS = 3
REST_S = 8.0
"""After the last call, until what is left is counted: idle connections are closed by then."""
SPEAK_FIRST_S = 1.0


async def run_churn(plan: Plan, total: int, warm_up: int) -> list[Figure]:
    """Make short calls, a hundred at a time; see what is left of them."""
    most = min(CHURN_AT_ONCE, plan.calls)
    async with (
        serving(plan.cores, {"CACHE_MB": "256", "CACHE_KEEP": "all"}) as daemon,
        driving(daemon, "raw", total + warm_up, http=plan.http) as driver,
    ):
        texts = [sentence(driver.draw, CHURN_WORDS) for _ in range(20)]
        await driver.client.precache(texts)
        first = await _churn(driver, texts, range(warm_up), most)
        began = trio.current_time()
        last = await _churn(driver, texts, range(warm_up, warm_up + total), most)
        seconds = trio.current_time() - began
        left = (await read_metrics(driver.client)).total("trioaudio_calls_active")
        ended = len(daemon.records())
    what = f"{total} calls opened and closed, {most} at a time"
    return [
        Figure(f"{what}: calls a second", (total / seconds,), "{:.0f}"),
        faults(f"{what}: calls left", left),
        faults(f"{what}: calls without a record", total + warm_up - ended),
        faults(f"{what}: utterances that ended otherwise", sum(driver.others.values())),
        Figure(
            f"{what}: open descriptors, before and after",
            (last.descriptors - first.descriptors, first.descriptors, last.descriptors),
            "{1:.0f} and {2:.0f}",
            0,
            "none more",
        ),
        Figure(
            f"{what}: resident memory, before and after",
            (
                (last.rss_kb - first.rss_kb) * 1024 / total,
                first.rss_kb / 1024,
                last.rss_kb / 1024,
            ),
            "{1:.1f} and {2:.1f} MB: {0:.0f} bytes a call",
        ),
    ]


async def _churn(driver: Driver, texts: list[str], legs: range, most: int) -> Usage:
    """Make calls that say something and hang up; return what the daemon holds afterwards."""
    left = iter(legs)

    async def make_calls() -> None:
        for leg in left:
            call = await driver.open_call(leg)
            said = await call.say(driver.draw.choice(texts), then="hang-up", tail_ms=0)
            await driver.wait_completed(call, said.number)
            await driver.callees.wait_closed(leg)
            await driver.wait_ended(call)
            driver.forget(call)

    async with trio.open_nursery() as nursery:
        for _ in range(most):
            nursery.start_soon(make_calls)
    await trio.sleep(REST_S)
    return driver.serving.usage()


# --- Memory ------------------------------------------------------------------------------


async def run_memory(plan: Plan) -> list[Figure]:
    """See what a call takes that is silent, and one that speaks."""
    async with (
        serving(plan.cores, {"CACHE_MB": "256", "CACHE_KEEP": "all"}) as daemon,
        driving(daemon, "raw", plan.calls + 2, http=plan.http) as driver,
    ):
        texts = [sentence(driver.draw, SPEAKING_WORDS) for _ in range(20)]
        await driver.client.precache(texts)
        for call in await driver.open_calls(range(2)):  # what the first calls load is not theirs
            await _say_rounds(driver, call, texts, 1)
        empty = daemon.usage()
        calls = await driver.open_calls(range(2, plan.calls + 2))
        await trio.sleep(REST_S)
        silent = daemon.usage()
        async with trio.open_nursery() as nursery:
            for call in calls:
                nursery.start_soon(_say_rounds, driver, call, texts, 1000)
            await trio.sleep(SETTLE_S + 4)
            speaking = daemon.usage()
            nursery.cancel_scope.cancel()
    return [
        Figure(
            f"memory of a call, of {plan.calls}: silent, and speaking",
            (
                (silent.rss_kb - empty.rss_kb) / plan.calls,
                (speaking.rss_kb - empty.rss_kb) / plan.calls,
            ),
            "{:.0f} and {:.0f} kB",
        ),
        Figure("memory of the daemon without calls", (empty.rss_kb / 1024,), "{:.0f} MB"),
    ]


async def _say_rounds(driver: Driver, call: Call, texts: list[str], rounds: int) -> None:
    for text, _ in zip(itertools.cycle(texts), range(rounds), strict=False):
        said = await call.say(text)
        await driver.wait_completed(call, said.number)


# --- Leaving -----------------------------------------------------------------------------


async def run_drain(plan: Plan, words: int) -> list[Figure]:
    """Ask the daemon to leave while calls speak; each says so many words, and hangs up."""
    async with (
        serving(plan.cores, {"DRAIN_TIMEOUT_S": "30"}) as daemon,
        driving(daemon, "raw", plan.calls, http=plan.http) as driver,
    ):
        calls = await driver.open_calls(range(plan.calls))
        for call in calls:
            await call.say(sentence(driver.draw, words), then="hang-up", tail_ms=0)
        await trio.sleep(SPEAK_FIRST_S)
        began = trio.current_time()
        driver.leaving = True
        daemon.stop()
        code = await daemon.wait_ended()
        seconds = trio.current_time() - began
        records = daemon.records()
        came = await driver.callees.finish()
    frames = [each["frames"] for each in records]
    said = [each for record in records for each in record["utterances"]]
    what = f"a drain while {plan.calls} calls speak"
    return [
        Figure(f"{what}: exit code", (code,), "{:.0f}", 0, "0"),
        Figure(f"{what}: until it had left", (seconds,), "{:.1f} s", 30, "30 s"),
        faults(f"{what}: calls without a record", plan.calls - len(records)),
        faults(f"{what}: calls not hung up", sum(each["cause"] != "hung-up" for each in records)),
        faults(
            f"{what}: frames sent that did not arrive",
            abs(
                sum(each["sent"] + each["idle"] for each in frames)
                - int((came["kind"] == AUDIO).sum())
            ),
        ),
        faults(
            f"{what}: frames flushed", sum(each["flushed"] + each["expired"] for each in frames)
        ),
        faults(
            f"{what}: characters not heard",
            sum(each["characters"] - each["heard_characters"] for each in said),
        ),
    ]


async def run_idle(plan: Plan) -> list[Figure]:
    """See what a daemon uses that nobody calls."""
    async with serving(plan.cores, {}) as daemon:
        await trio.sleep(REST_S)
        before = daemon.usage()
        await trio.sleep(plan.seconds)
        used = daemon.usage()
    cpu_s = used.cpu_s + used.children_cpu_s - before.cpu_s - before.children_cpu_s
    return [
        Figure(
            "CPU of an idle daemon", (100 * cpu_s / plan.seconds,), "{:.2f} % of a core", 1, "1 %"
        ),
    ]
