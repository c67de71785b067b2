"""What callees really heard, from what came to them and when; words from the engine itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from itertools import pairwise

import attrs

from bench.callees import AUDIO, CLEAR, PTIME_MS, Records
from trioaudio.core.engine import ChosenEngine, VoiceChoice
from trioaudio.core.pcm import SAMPLE_BYTES
from trioaudio.core.speech import SpeechNews, SpokenWord, WholeText
from trioaudio.engines import load_engine
from trioaudio.speech.chain import EngineChain
from trioaudio.speech.opening import ChainSetup, open_chain

RATE = 8000


@attrs.frozen
class Spoken:
    """A text, and where the engine says its words are."""

    text: str
    words: tuple[SpokenWord, ...]
    audio_ms: float

    def words_heard(self, heard_ms: float) -> int:
        """Return how many words were heard by half."""
        return sum(heard_ms >= (begin + end) / 2 for begin, end in self._spans())

    def whole_words(self, begin_ms: float, end_ms: float) -> int:
        """Return how many words lie between two moments, from beginning to end."""
        return sum(begin_ms <= begin and end <= end_ms for begin, end in self._spans())

    def _spans(self) -> list[tuple[float, float]]:
        begins = [word.at_ms for word in self.words]
        return list(zip(begins, [*begins[1:], self.audio_ms], strict=True))


@attrs.define(eq=False)
class _Collector:
    """A sink that takes all there is."""

    sample_rate: int = RATE
    words: list[SpokenWord] = attrs.field(factory=list)
    size: int = 0

    async def write(self, chunk: bytes) -> None:
        """Count it."""
        self.size += len(chunk)

    def tell(self, news: SpeechNews) -> None:
        """Keep words."""
        if isinstance(news, SpokenWord):
            self.words.append(news)

    def ahead_s(self) -> float:
        """Say that nothing waits: it is to be made as fast as it goes."""
        return 0.0


@asynccontextmanager
async def open_voice() -> AsyncIterator[EngineChain]:
    """Open the embedded voice as the daemon has it."""
    kind = load_engine("espeak")
    setup = ChainSetup([ChosenEngine(kind, kind.settings)], lambda _fact: None)
    async with open_chain(setup) as chain:
        yield chain


async def speak(chain: EngineChain, text: str) -> Spoken:
    """Have a text spoken to nobody."""
    collector = _Collector()
    await chain.speak(WholeText(text), collector, VoiceChoice())
    audio_ms = collector.size * 1000 / (SAMPLE_BYTES * RATE)
    return Spoken(text, tuple(sorted(collector.words, key=lambda word: word.at_ms)), audio_ms)


@attrs.frozen
class Break:
    """A clear: what of the utterance was heard until then, and from where it went on."""

    heard_ms: float
    on_ms: float | None
    """None: nothing followed."""


def breaks(records: Records, since_ns: int, until_ns: int) -> list[Break]:
    """Play what came to a leg in some time, one utterance, as a carrier of exact clocks does."""
    times = records["at"]
    mine = records[(times >= since_ns) & (times < until_ns)]
    mine = mine[(mine["kind"] == AUDIO) | (mine["kind"] == CLEAR)]
    places = _places(mine)
    found: list[Break] = []
    ends_ns, heard_ms = 0.0, 0.0
    waiting: list[tuple[float, float]] = []  # when a frame begins to play, and its place
    for n, each in enumerate(mine):
        at = float(each["at"])
        if each["kind"] == AUDIO:
            begins_ns = max(ends_ns, at)
            ends_ns = begins_ns + PTIME_MS * 1e6
            waiting.append((begins_ns, places[n]))
            continue
        begun = [(begins, place) for begins, place in waiting if begins < at]
        if begun:
            begins, place = begun[-1]
            heard_ms = place * PTIME_MS + min(PTIME_MS, (at - begins) / 1e6)
        waiting, ends_ns = [], at
        follows = n + 1 < len(mine) and mine[n + 1]["kind"] == AUDIO
        found.append(Break(heard_ms, places[n + 1] * PTIME_MS if follows else None))
    return found


def _places(mine: Records) -> list[int]:
    """Return which frame of the utterance each message is, by what is in it.

    A frame sent again is the same, bit for bit. Frames of silence are all alike; they are placed
    by those that follow them, or else precede them.
    """
    sums = [int(each["sum"]) if each["kind"] == AUDIO else None for each in mine]
    known: dict[int | None, int] = {}
    places = [0] * len(sums)
    next_place = 0
    for run in _runs(sums):
        times = Counter(sums[n] for n in run)
        again = (
            known[sums[n]] - steps
            for steps, n in enumerate(run)
            if times[sums[n]] == 1 and sums[n] in known
        )
        start = next(again, next_place)
        for steps, n in enumerate(run):
            places[n] = start + steps
            known.setdefault(sums[n], start + steps)
        next_place = max(next_place, start + len(run))
    return places


def _runs(sums: Sequence[int | None]) -> list[list[int]]:
    """Return the messages of audio between clears."""
    edges = [-1, *(n for n, value in enumerate(sums) if value is None), len(sums)]
    pairs = pairwise(edges)
    return [list(range(before + 1, after)) for before, after in pairs if after - before > 1]
