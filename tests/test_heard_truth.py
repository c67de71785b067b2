"""What is said to have been heard, against what a carrier of exact clocks played to the callee.

Every sample says which it is, so what the callee heard is read off the sound itself. The moments
of cuts and pauses, the lengths of words, the carrier's lead, and how long the network and the
carrier hold audio back are drawn at random; bench/heard.py asks the same of a whole daemon.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from functools import partial
from itertools import pairwise

import attrs
import numpy as np
import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from call_rig import Talk, line, talk
from fakes import FakeConnection, Script
from trioaudio.calls.utterance_book import Entry
from trioaudio.core.carrier import Message
from trioaudio.core.speech import SpeechSink, SpokenWord
from trioaudio.core.utterance import Cause, UtteranceState
from trioaudio.simulators.playout import Playout
from trioaudio.utterances import Say

RATE = 8000
NUMBERS = 65_000
"""Different samples: eight seconds of them, then they begin again."""
LOOK_S = 1.0
CHUNK_MS = 170
"""No multiple of a frame."""

EXAMPLES = settings(max_examples=20, deadline=None)


@attrs.frozen
class Spoken:
    """A text, and where its words are in the sound."""

    text: str
    words: tuple[SpokenWord, ...]
    audio_ms: float

    @property
    def ends(self) -> list[float]:
        return [*(word.at_ms for word in self.words[1:]), self.audio_ms]


def draw_speech(draw: random.Random, words: int) -> Spoken:
    """Words of 80 to 700 ms, of which the letters tell nothing reliable, and some pauses."""
    text, told, at_ms = "", [], draw.uniform(0, 80)
    for _ in range(words):
        word = "a" * draw.randint(1, 11)
        told.append(SpokenWord(len(text), len(word), at_ms))
        text += word + draw.choice((" ", " ", " ", ", ", ". "))
        at_ms += draw.uniform(80, 700) + (draw.uniform(100, 600) if text[-2] in ",." else 0)
    return Spoken(text.rstrip(" "), tuple(told), at_ms)


def numbered_samples(first: int, count: int) -> bytes:
    """Samples that say which they are, none of them 0."""
    numbers = np.arange(first, first + count) % NUMBERS
    return (numbers - NUMBERS // 2 + (numbers >= NUMBERS // 2)).astype("<i2").tobytes()


def which(pcm: bytes) -> list[int]:
    """Which samples of their utterance, once eight seconds more when they begin again."""
    values = np.frombuffer(pcm, dtype="<i2").astype(int)
    values = values[values != 0]  # frames are filled up with zeros
    numbers = values + NUMBERS // 2 - (values > 0)
    unwrapped, lap = [], 0
    for n, number in enumerate(numbers.tolist()):
        if n and number < NUMBERS // 4 and numbers[n - 1] > 3 * NUMBERS // 4:
            lap += 1
        elif n and number > 3 * NUMBERS // 4 and numbers[n - 1] < NUMBERS // 4:
            lap -= 1
        unwrapped.append(number + lap * NUMBERS)
    return unwrapped


def speaks(spoken: Spoken) -> Script:
    """Write the sound as fast as it is taken, each word told before its sound."""

    async def script(sink: SpeechSink) -> None:
        samples = round(spoken.audio_ms * RATE / 1000)
        step = CHUNK_MS * RATE // 1000
        told = 0
        for first in range(0, samples, step):
            count = min(step, samples - first)
            while told < len(spoken.words) and spoken.words[told].at_ms < (
                (first + count) * 1000 / RATE
            ):
                sink.tell(spoken.words[told])
                told += 1
            await sink.write(numbered_samples(first, count))

    return script


@attrs.define(eq=False)
class Ear:
    """What the callee hears; silence leaves no trace."""

    pcm: bytearray = attrs.field(factory=bytearray)

    def hear(self, pcm: bytes) -> None:
        self.pcm += pcm

    def hear_silence(self, samples: int) -> None:
        pass

    def finish(self) -> None:
        pass


class PlayingConnection(FakeConnection):
    """A carrier that plays what it is sent, in its own time, and says when marks were played.

    `away` is how long a message takes to it and back, seconds; `held` what its jitter buffer
    holds back at the beginning of a talkspurt.
    """

    def __init__(self, away: float, held: float) -> None:
        super().__init__()
        self.ear = Ear()
        self.playout = Playout(RATE, self.ear, held)
        self.away = away
        self._came = 0
        self._news = trio.Event()

    def send_control(self, data: bytes) -> None:
        super().send_control(data)
        self._news.set()

    async def play(self) -> None:
        """Play until cancelled."""
        while True:
            self._news = trio.Event()
            until = self._take_due(trio.current_time())
            with trio.move_on_at(until):
                await self._news.wait()

    def _take_due(self, now: float) -> float:
        """Do what is due; return when more is."""
        coming = now + LOOK_S
        for each in self.received[self._came :]:
            if each.at + self.away > now:
                coming = each.at + self.away
                break
            self._came += 1
            self._take(each.message, each.at + self.away)
        self.playout.advance(now)
        for name in self.playout.collect()[0]:
            self.start_soon(self._return, name)
        due = self.playout.next_due
        # A moment later: two floats for the same sample may differ.
        return min(coming, coming if due is None else due + 1e-6)

    def _take(self, message: Message, at: float) -> None:
        if isinstance(message, bytes):
            self.playout.put(at, message)
        elif message.startswith("mark "):
            self.playout.mark(at, message.removeprefix("mark "))
        elif message == "clearaudio":
            for name in self.playout.clear(at):
                self.start_soon(self._return, name)

    async def _return(self, name: str) -> None:
        await trio.sleep(self.away)
        self.say(f"played {name}")

    @property
    def audible(self) -> list[int]:
        return which(bytes(self.ear.pcm))


@attrs.frozen
class Scene:
    """One call with one utterance, and everything about it that is drawn."""

    spoken: Spoken
    lead_ms: int
    away: float
    held: float
    moments: tuple[float, ...]
    """Seconds: when it is cut, or paused and resumed in turn."""


@st.composite
def scenes(drawn: st.DrawFn, moments: int, leads: Sequence[int]) -> Scene:
    draw = random.Random(drawn(st.integers(0, 2**32)))
    spoken = draw_speech(draw, draw.randint(1, 25))
    most_s = spoken.audio_ms / 1000 + 1
    return Scene(
        spoken,
        draw.choice(leads),
        draw.choice((0.0, 0.01, 0.03)),
        draw.choice((0.0, 0.02, 0.04)),
        tuple(sorted(draw.uniform(0.01, most_s) for _ in range(moments))),
    )


def words_begun(spoken: Spoken, ms: float) -> int:
    """How many words were heard by half when so much of the sound was played."""
    return sum(
        ms >= (word.at_ms + end) / 2 for word, end in zip(spoken.words, spoken.ends, strict=True)
    )


async def play(scene: Scene, *, marks: bool, cut: bool) -> tuple[PlayingConnection, Say]:
    """Say it, cut or pause it at its moments, and let it end."""
    connection = PlayingConnection(scene.away, scene.held)
    on = line(marks=marks, lead_ms=scene.lead_ms, mark_wait_ms=2000)
    async with talk(speaks(scene.spoken), on, [connection]) as made:
        connection.start_soon(connection.play)
        said = await made.say(scene.spoken.text)
        await act(made, scene.moments, cut=cut)
        with trio.fail_after(120):
            await said.done.wait()
        await trio.sleep(1)
    return connection, said


async def act(made: Talk, moments: Sequence[float], *, cut: bool) -> None:
    """Cut at the first moment, or pause and resume in turn; nothing stays paused."""
    began = trio.current_time()
    for number, moment in enumerate(moments):
        await trio.sleep_until(began + moment)
        if cut:
            made.call.barge_in()
        elif number % 2:
            made.call.speech.resume()
        else:
            made.call.speech.pause()
    await trio.sleep(0.5)
    made.call.speech.resume()


def played(scene: Scene, *, marks: bool, cut: bool) -> tuple[PlayingConnection, Say]:
    """The same in virtual time."""
    clock = MockClock(autojump_threshold=0)
    return trio.run(partial(play, scene, marks=marks, cut=cut), clock=clock)


def jumps(numbers: Sequence[int]) -> list[tuple[float, float]]:
    """Where the sound was left and where it went on elsewhere, milliseconds."""
    return [
        ((before + 1) * 1000 / RATE, after * 1000 / RATE)
        for before, after in pairwise(numbers)
        if after != before + 1
    ]


def whole_words(spoken: Spoken, begin_ms: float, end_ms: float) -> int:
    """How many words lie between two moments, from beginning to end."""
    return sum(
        begin_ms <= word.at_ms and end <= end_ms
        for word, end in zip(spoken.words, spoken.ends, strict=True)
    )


@pytest.mark.parametrize("marks", [True, False], ids=["acked", "estimated"])
@EXAMPLES
@given(scene=scenes(moments=1, leads=(0, 0, 60, 180, 600, 1500)))
def test_what_was_heard_is_told_to_the_word(scene: Scene, *, marks: bool) -> None:
    connection, said = played(scene, marks=marks, cut=True)
    heard, utterance = connection.audible, said.utterance
    assert heard == list(range(len(heard)))  # nothing twice, nothing left out
    heard_ms = len(heard) * 1000 / RATE
    assert utterance.played_ms == pytest.approx(heard_ms, abs=60 + scene.held * 1000 + 1)
    told = Entry(said, "text", text=scene.spoken.text).count_heard()
    assert abs(len(scene.spoken.text[:told].split()) - words_begun(scene.spoken, heard_ms)) <= 1
    if utterance.state is UtteranceState.PLAYED:
        # What its jitter buffer still held is beyond anybody's knowledge.
        assert scene.spoken.audio_ms - heard_ms <= 1000 * scene.held + 1
    else:
        assert utterance.cause is Cause.BARGE_IN


@pytest.mark.parametrize("marks", [True, False], ids=["acked", "estimated"])
@EXAMPLES
@given(scene=scenes(moments=6, leads=(0, 0, 60, 180, 600, 1000)))
def test_a_pause_repeats_one_word_at_most_and_leaves_none_out(scene: Scene, *, marks: bool) -> None:
    connection, said = played(scene, marks=marks, cut=False)
    heard = connection.audible
    assert said.utterance.state is UtteranceState.PLAYED
    assert heard[0] == 0
    assert heard[-1] == round(scene.spoken.audio_ms * RATE / 1000) - 1
    for left_ms, on_ms in jumps(heard):
        assert whole_words(scene.spoken, on_ms, left_ms) <= 1
        assert on_ms - left_ms <= 1000 * scene.held + 1
