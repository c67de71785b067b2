"""Is what the daemon says was heard what a callee heard? See README.md.

    python bench/heard.py                   # 1000 barge-ins and 1000 pauses: about four minutes
    python bench/heard.py --self-test       # a few of each

A real daemon with its embedded voice speaks to a carrier that plays at the pace of the audio and
forgets what it is told to forget. Utterances are cut, or paused and resumed, at random moments.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path

# Run as a script, only this file's own folder would be looked into.
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import attrs
import trio

from bench.callees import Records
from bench.daemon_calls import Driver, driving, now_ns, sentence
from bench.figures import Figure, faults, spread_ms
from bench.heard_truth import Spoken, breaks, open_voice, speak
from bench.serving import serving
from bench.two_cores import EXIT_NOT_HELD, move_in, new_parser
from trioaudio.api.events import UtteranceCompleted
from trioaudio.client.call import Call

TEXTS = 40
LONGEST = 30
"""Words of a text."""
SHARE_WITHIN_A_WORD = 95.0
"""Per cent."""
REST_S = 0.5
"""Between two utterances of a call: what comes late of one is not taken for the next."""
PAUSES = 2
"""In one utterance."""


@attrs.frozen
class Trial:
    """One utterance that was interrupted."""

    leg: int
    spoken: Spoken
    since_ns: int
    until_ns: int
    done: UtteranceCompleted


@attrs.define(eq=False)
class Round:
    """Utterances still to be interrupted, by all calls, and those that were."""

    driver: Driver
    texts: list[Spoken]
    left: int
    trials: list[Trial] = attrs.field(factory=list)

    async def run(self, calls: list[Call], interrupt: Interrupt) -> None:
        """Interrupt so many, on all calls at once."""
        async with trio.open_nursery() as nursery:
            for leg, call in enumerate(calls):
                nursery.start_soon(self._one_call, leg, call, interrupt)

    async def _one_call(self, leg: int, call: Call, interrupt: Interrupt) -> None:
        await trio.sleep(self.driver.draw.uniform(0, 2))
        while self.left > 0:
            self.left -= 1
            spoken = self.driver.draw.choice(self.texts)
            since = now_ns()
            said = await call.say(spoken.text)
            await interrupt(call, spoken, self.driver.draw)
            done = await self.driver.wait_completed(call, said.number)
            await trio.sleep(REST_S)
            self.trials.append(Trial(leg, spoken, since, now_ns(), done))


Interrupt = Callable[[Call, Spoken, random.Random], Awaitable[None]]


async def barge_in(call: Call, spoken: Spoken, draw: random.Random) -> None:
    """Cut it at a random moment."""
    await trio.sleep(draw.uniform(0.05, spoken.audio_ms / 1000))
    await call.barge_in()


async def pause(call: Call, spoken: Spoken, draw: random.Random) -> None:
    """Pause it at random moments, and go on each time a little later."""
    for _ in range(PAUSES):
        await trio.sleep(draw.uniform(0.05, spoken.audio_ms / 1000 / PAUSES))
        await call.pause()
        await trio.sleep(draw.uniform(0.1, 0.6))
        await call.resume()


async def run(cores: tuple[int, int], calls: int, interruptions: int, words: int) -> list[Figure]:
    """Do both, with texts of so many words at most, and compare."""
    draw = random.Random(7)
    async with open_voice() as voice:
        texts = [await speak(voice, sentence(draw, draw.randint(8, words))) for _ in range(TEXTS)]
    async with (
        serving(cores, {}) as daemon,
        driving(daemon, "twilio", calls) as driver,
    ):
        opened = await driver.open_calls(range(calls))
        cuts = Round(driver, texts, interruptions)
        await cuts.run(opened, barge_in)
        pauses = Round(driver, texts, -(-interruptions // PAUSES))
        await pauses.run(opened, pause)
        came = await driver.callees.finish()
    by_leg = {leg: came[came["leg"] == leg] for leg in range(calls)}
    return [*_compare_cuts(by_leg, cuts.trials), *_compare_pauses(by_leg, pauses.trials)]


def _compare_cuts(by_leg: dict[int, Records], trials: list[Trial]) -> list[Figure]:
    off: list[int] = []
    ms: list[float] = []
    for each in trials:
        found = breaks(by_leg[each.leg], each.since_ns, each.until_ns)
        if each.done.cause != "barge-in" or not found:
            continue  # it was over, or had not begun
        heard = found[0].heard_ms
        told = len(each.done.text_heard.split())
        off.append(abs(told - each.spoken.words_heard(heard)))
        ms.append(abs(each.done.played_ms - heard))
    what = f"{len(off)} barge-ins"
    return [
        _share(f"{what}: text_heard right to the word", off, 0, None),
        _share(f"{what}: text_heard right within one word", off, 1, SHARE_WITHIN_A_WORD),
        faults(f"{what}: words off at most", max(off, default=0), limit=None),
        spread_ms(f"{what}: played_ms beside what was played", ms),
    ]


def _share(name: str, off: list[int], most: int, limit: float | None) -> Figure:
    share = 100 * sum(each <= most for each in off) / max(1, len(off))
    limited = "" if limit is None else f"{limit:g} %"
    return Figure(name, (share,), "{:.1f} %", limit, limited, least=True)


def _compare_pauses(by_leg: dict[int, Records], trials: list[Trial]) -> list[Figure]:
    repeated: list[float] = []
    words_again: list[int] = []
    left_out: list[float] = []
    for each in trials:
        for found in breaks(by_leg[each.leg], each.since_ns, each.until_ns):
            if found.on_ms is not None:
                again = found.heard_ms - found.on_ms
                repeated.append(max(0.0, again))
                left_out.append(max(0.0, -again))
                words_again.append(each.spoken.whole_words(found.on_ms, found.heard_ms))
    what = f"{len(repeated)} pauses"
    lost = [each for each in trials if each.done.cause != "normal" or each.done.text_unheard]
    return [
        spread_ms(f"{what}: heard again after them", repeated),
        spread_ms(f"{what}: left out after them", left_out),
        faults(f"{what}: of which more than a word was heard again", _more(words_again, 1)),
        faults(f"{what}: of which more than 60 ms were left out", _more(left_out, 60)),
        faults(f"{what}: utterances not heard to their end", len(lost)),
    ]


def _more(values: list[int] | list[float], most: float) -> int:
    return sum(each > most for each in values)


def main() -> int:
    """Read the command line; exit code 3 beyond the limits."""
    parser = new_parser(__doc__, check=False)
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--interruptions", type=int, default=1000)
    parser.add_argument("--self-test", action="store_true", help="a few calls")
    given = parser.parse_args()
    words = LONGEST
    if given.self_test:
        given.calls, given.interruptions, words = 5, 5, 10
    ground = move_in(given.cores, given.calls)
    figures = trio.run(run, ground.cores, given.calls, given.interruptions, words)
    ground.conclude(figures)
    return EXIT_NOT_HELD if any(each.held is False for each in figures) else 0


if __name__ == "__main__":
    sys.exit(main())
