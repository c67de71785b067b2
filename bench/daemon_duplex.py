"""Calls that are heard while they speak: both directions, the control API and a scrape at once."""

from __future__ import annotations

import time

import attrs
import trio

from bench.callees import AUDIO, CLEAR, PTIME_MS, Legs, Records, arrived, heard_of
from bench.daemon_calls import Driver, driving, now_ns, sentence
from bench.daemon_trials import AFTER_CLEAR_S, PROMPTS, SETTLE_S, Plan
from bench.figures import Figure, faults, lateness, spread_ms
from bench.serving import (
    Metrics,
    Serving,
    Usage,
    lateness_ms,
    process_cpu_s,
    read_metrics,
    serving,
)
from trioaudio.client.call import Call

WORDS = 11
"""Three seconds."""
SAYS_S = 50.0
"""Utterances a second, all calls together, at a full trial's 500 calls."""
CUTS_S = 5.0
CALLS = 500
SPEAKS_S = 0.5
"""How long an utterance has been said before it may be cut."""
SCRAPE_S = 5.0
LOOK_S = 1.0
REST_MS = 1500.0
"""From which silence is between two utterances, not in one."""
UNREAD_BYTES = 4096
"""A dozen messages: 240 ms. What is read in turn has three to six waiting."""


@attrs.frozen
class Moment:
    """What had been used and counted at some time."""

    at_ns: int
    metrics: Metrics
    daemon: Usage
    callees_s: float
    client_s: float

    @classmethod
    async def now(cls, driver: Driver) -> Moment:
        """Take it."""
        return cls(
            now_ns(),
            await read_metrics(driver.client),
            driver.serving.usage(),
            process_cpu_s(driver.callees.process.pid),
            time.process_time(),
        )


@attrs.frozen
class Window:
    """What was measured from one moment to another, and what came to the callees in all."""

    before: Moment
    after: Moment
    records: Records

    @property
    def seconds(self) -> float:
        """How long it was."""
        return (self.after.at_ns - self.before.at_ns) / 1e9


@attrs.define(eq=False)
class Conversations:
    """Calls that say something in turn, and are cut now and then."""

    driver: Driver
    calls: list[Call]
    prompts: list[str]
    """Texts that were made before: every other one."""
    speaking: dict[int, float] = attrs.field(factory=dict)
    """Legs, and since when."""
    said: int = 0
    cuts: list[tuple[int, int]] = attrs.field(factory=list)
    """Legs, and when they were asked to be silent."""

    async def speak(self, nursery: trio.Nursery, each_s: float) -> None:
        """Have one call after the other say something, so many seconds apart; for ever."""
        began = trio.current_time()
        order = list(range(len(self.calls)))
        self.driver.draw.shuffle(order)
        while True:
            await trio.sleep_until(began + self.said * each_s)
            leg = order[self.said % len(order)]
            text = self.driver.draw.choice(self.prompts)
            if self.said // len(order) % 2 == self.said % 2:
                text = sentence(self.driver.draw, WORDS)
            self.said += 1
            if leg not in self.speaking:
                nursery.start_soon(self._say, leg, text)

    async def _say(self, leg: int, text: str) -> None:
        call = self.calls[leg]
        self.speaking[leg] = trio.current_time()
        said = await call.say(text)
        await self.driver.wait_completed(call, said.number)
        self.speaking.pop(leg, None)

    async def cut(self, each_s: float) -> None:
        """Cut somebody who speaks, so many seconds apart; for ever."""
        began = trio.current_time()
        asked = 0
        while True:
            asked += 1
            await trio.sleep_until(began + asked * each_s)
            ripe = trio.current_time() - SPEAKS_S
            legs = [leg for leg, since in self.speaking.items() if since < ripe]
            if legs:
                leg = self.driver.draw.choice(legs)
                del self.speaking[leg]
                self.cuts.append((leg, now_ns()))
                await self.calls[leg].barge_in()


async def _scrape(driver: Driver) -> None:
    while True:
        await trio.sleep(SCRAPE_S)
        await driver.client.link.http.get("/metrics")


async def _look(daemon: Serving, unread: list[int]) -> None:
    """Note what is unread, by a clock that has nothing to do with anybody's turns."""
    while True:
        await trio.sleep(LOOK_S)
        unread += daemon.unread_bytes()


async def run_full_duplex(plan: Plan, *, silent: bool) -> list[Figure]:
    """Hear all callees, and speak to some, or with `silent` to none."""
    unread: list[int] = []
    async with (
        serving(plan.cores, {"CACHE_MB": "256"}) as daemon,
        driving(daemon, "twilio", plan.calls, http=plan.http, speaking=True) as driver,
    ):
        prompts = [sentence(driver.draw, WORDS) for _ in range(PROMPTS)]
        await driver.client.precache(prompts)
        talk = Conversations(driver, await driver.open_calls(range(plan.calls)), prompts)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_scrape, driver)
            if not silent:
                share = plan.calls / CALLS
                nursery.start_soon(talk.speak, nursery, 1 / (SAYS_S * share))
                nursery.start_soon(talk.cut, 1 / (CUTS_S * share))
            await trio.sleep(min(SETTLE_S, plan.seconds))
            nursery.start_soon(_look, daemon, unread)
            before, said = await Moment.now(driver), talk.said
            await trio.sleep(plan.seconds)
            after, said = await Moment.now(driver), talk.said - said
            nursery.cancel_scope.cancel()
        records = await driver.callees.finish()
    what = f"{plan.calls} calls heard{'' if silent else ' and spoken to'}"
    window = Window(before, after, records)
    spoken = [] if silent else _spoken(what, window, talk, said)
    return [*spoken, *_heard(what, window, unread)]


def _spoken(what: str, window: Window, talk: Conversations, said: int) -> list[Figure]:
    """Return what callees got."""
    before, after = window.before, window.after
    came = arrived(window.records, before.at_ns, after.at_ns, rest_ms=REST_MS)
    underruns = [each.metrics.total("trioaudio_underruns_total") for each in (before, after)]
    others = {cause: n for cause, n in talk.driver.others.items() if cause != "barge-in"}
    return [
        Figure(
            f"{what}: utterances begun a second, and calls speaking at once",
            (said / window.seconds, came.frames * PTIME_MS / 1000 / window.seconds),
            "{:.1f} and {:.0f}",
        ),
        lateness(
            f"{what}: frame lateness, the daemon's histogram",
            lateness_ms(before.metrics, after.metrics),
        ),
        spread_ms(f"{what}: frame lateness, as it arrived", came.late_ms),
        faults(f"{what}: gaps of 30 ms and more", came.gaps, limit=None),
        faults(f"{what}: underruns", underruns[1] - underruns[0]),
        *_cuts(what, talk.cuts, Legs.of(window.records)),
        faults(f"{what}: utterances that ended otherwise", sum(others.values())),
    ]


def _cuts(what: str, cuts: list[tuple[int, int]], legs: Legs) -> list[Figure]:
    after_ns = int(AFTER_CLEAR_S * 1e9)
    clears = [(leg, began, legs.first(leg, CLEAR, began)) for leg, began in cuts[:-1]]
    seen = [(leg, began, at) for leg, began, at in clears if at and at < began + after_ns]
    return [
        spread_ms(
            f"{what}: barge-in asked for → clear arrived",
            ((at - began) / 1e6 for _, began, at in seen),
        ),
        faults(
            f"{what}: frames of speech after a clear",
            sum(legs.count(leg, AUDIO, at, began + after_ns) for leg, began, at in seen),
        ),
    ]


def _heard(what: str, window: Window, unread: list[int]) -> list[Figure]:
    """Return what became of the callees' own audio, and what all of it cost."""
    sent, refused = heard_of(window.records)
    before, after = window.before, window.after
    used = (
        after.daemon.cpu_s - before.daemon.cpu_s,
        after.daemon.children_cpu_s - before.daemon.children_cpu_s,
        after.callees_s - before.callees_s,
        after.client_s - before.client_s,
    )
    most = max(unread, default=0)
    return [
        Figure(f"{what}: messages of theirs in all", (sent,), "{:.0f}"),
        faults(f"{what}: messages a socket did not take", refused),
        Figure(
            f"{what}: unread in a socket, at most of {len(unread)} looks",
            (most,),
            "{:.0f} bytes",
            UNREAD_BYTES,
            f"{UNREAD_BYTES} bytes",
        ),
        Figure(
            f"{what}: CPU of the daemon, its engines, the callees and the client",
            tuple(100 * each / window.seconds for each in used),
            "{:.0f} %, {:.0f} %, {:.0f} % and {:.0f} % of a core",
        ),
    ]
