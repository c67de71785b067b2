"""Calls that speak through a chain of engines, over real legs to another process."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import AsyncIterable, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from random import Random

import attrs
import trio

from bench.own_calls import hooks, line_for
from bench.speech_service import SPEAKING, Moments
from trioaudio.call import Call
from trioaudio.carriers import load_carrier
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.facts import (
    EngineSwitched,
    Fact,
    FirstFrameSent,
    LegConnected,
    Stalled,
    Underrun,
)
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.percentiles import Histogram
from trioaudio.core.playout_item import Audio
from trioaudio.core.speech import Speaker, SpeechNews, SpeechSink, WholeText
from trioaudio.garbage import settle
from trioaudio.heartbeat import LegTiming
from trioaudio.net.listener import Admission, open_listener
from trioaudio.pacer import Pacer
from trioaudio.simulators.services.tone import read_tone

SAMPLE_RATE = 8000
PEER = Path(__file__).with_name("speech_peer.py")
CONNECT_S = 60.0
LEAVE_S = 10.0

_WORDS = [
    *("amber", "basket", "candle", "dolphin", "engine", "forest", "garden", "harbour", "island"),
    *("jacket", "kettle", "lantern", "meadow", "needle", "orange", "pepper", "quarry", "ribbon"),
    *("silver", "timber", "umbrella", "velvet", "window", "yellow", "zebra"),
]
_SILENT_PING_S = 86_400.0  # the peer answers no ping


def sentences(draw: Random, count: int) -> str:
    """Return a text of so many sentences of four to six words."""
    made = (" ".join(draw.choices(_WORDS, k=draw.randint(4, 6))) for _ in range(count))
    return " ".join(f"{each.capitalize()}." for each in made)


class _StuckSink:
    """Takes the first chunk, and no more."""

    def __init__(self, sink: SpeechSink) -> None:
        self._sink = sink
        self._chunks = 0
        self.sample_rate = sink.sample_rate

    async def write(self, chunk: bytes) -> None:
        """Pass it on, or wait until cancelled."""
        self._chunks += 1
        if self._chunks > 1:
            await trio.sleep_forever()
        await self._sink.write(chunk)

    def tell(self, news: SpeechNews) -> None:
        """Pass it on."""
        self._sink.tell(news)

    def ahead_s(self) -> float:
        """Return what is ahead."""
        return self._sink.ahead_s()


@attrs.define(eq=False)
class TalkingCall:
    """A call and what became of its utterances; it is its own `Speaker`, for the chain's sake."""

    number: int
    chain: Speaker
    stuck: bool = False
    """Its sink takes nothing any more, as when a call's framing hangs."""
    told: list[Moments] = attrs.field(factory=list)
    stalls: int = 0
    connected: trio.Event = attrs.field(factory=trio.Event)
    call: Call = attrs.field(init=False)

    def attach(self, pacer: Pacer, lateness: Histogram) -> None:
        """Make the call."""
        carrier = load_carrier("raw")
        self.call = Call(
            line=attrs.evolve(
                line_for(carrier, carrier.settings, SAMPLE_RATE),
                timing=LegTiming(ping_interval=_SILENT_PING_S),
            ),
            speaker=self,
            pacer=pacer,
            lateness=lateness,
            hooks=attrs.evolve(hooks(self._tell), on_sent=self._count),
        )

    async def talk(self, texts: Sequence[str], begin_at: float, pause_s: float) -> None:
        """Say one text after the other, each so long after the one before has been heard."""
        await trio.sleep_until(begin_at)
        for number, text in enumerate(texts):
            if number:
                await trio.sleep(pause_s)
            self.told.append(Moments(text, trio.current_time()))
            said = await self.call.say(WholeText(text), VoiceChoice())
            await said.done.wait()
            if said.error is not None:
                self.told[-1].error = str(said.error)

    # --- As a speaker ----------------------------------------------------------------

    @property
    def name(self) -> str:
        """The chain's."""
        return self.chain.name

    def check(self, choice: VoiceChoice) -> None:
        """Let the chain check."""
        self.chain.check(choice)

    def check_text(self, text: str, choice: VoiceChoice) -> None:
        """Let the chain check."""
        self.chain.check_text(text, choice)

    async def speak(
        self, pieces: AsyncIterable[str], sink: SpeechSink, choice: VoiceChoice
    ) -> None:
        """Have the chain speak, and let its engine know for which utterance."""
        SPEAKING.set(self.told[-1])
        await self.chain.speak(pieces, _StuckSink(sink) if self.stuck else sink, choice)

    # --- What it is told -------------------------------------------------------------

    def _tell(self, fact: Fact) -> None:
        match fact:
            case LegConnected():
                self.connected.set()
            case FirstFrameSent(at=at):
                self.told[-1].first_sent_at = at
            case Underrun(seconds=seconds):
                self.told[-1].gaps.append(seconds)
            case EngineSwitched():
                self.told[-1].switched = True
            case Stalled():
                self.stalls += 1
            case _:
                pass

    def _count(self, item: Audio, sent_at: float, lateness: float, due: float) -> None:
        del sent_at, lateness, due
        self.told[-1].frames += item.frames

    # --- What was heard --------------------------------------------------------------

    def misheard(self, folder: Path) -> list[str]:
        """Compare what its leg was sent with the texts; return what is wrong, if anything is."""
        heard = (folder / f"{self.number}.pcm").read_bytes()
        frame_bytes = PcmFormat(SAMPLE_RATE).frame_bytes
        problems = []
        begin = 0
        for moments in self.told:
            end = begin + moments.frames * frame_bytes
            read = read_tone(heard[begin:end], SAMPLE_RATE)
            begin = end
            said = _letters("".join(each.character for each in read))
            owners = {each.owner for each in read}
            if len(owners) > 1 or not _matches(said, moments):
                problems.append(
                    f"call {self.number}: {said!r} by {len(owners)} speakers was heard"
                    f" for {moments.text!r} ({moments.error or 'no error'})"
                )
        if begin != len(heard):
            problems.append(f"call {self.number}: {len(heard)} bytes came, {begin} were sent")
        return problems


def _matches(said: str, moments: Moments) -> bool:
    """Say whether it is the text; of one that was given up, its beginning."""
    wanted = _letters(moments.text.upper())
    # The last letter was cut, and may sound like another.
    return said == wanted if moments.error is None else wanted.startswith(said[:-1])


def _letters(text: str) -> str:
    return re.sub("[^A-Z]", "", text)


@asynccontextmanager
async def open_calls(
    calls: Sequence[TalkingCall], folder: Path, *, deaf: int | None = None
) -> AsyncIterator[None]:
    """Bring all calls up; afterwards what each leg was sent is in the folder."""
    async with (
        open_listener("127.0.0.1", 0, Admission()) as listener,
        trio.open_nursery() as nursery,
    ):
        pacer, lateness = Pacer(), Histogram()
        nursery.start_soon(pacer.run)
        peer = await trio.lowlevel.open_process(
            [
                *(sys.executable, str(PEER), "--folder", str(folder)),
                *("--port", listener.address.rpartition(":")[2], "--legs", str(len(calls))),
                *(() if deaf is None else ("--deaf", str(deaf))),
            ],
            stdin=subprocess.PIPE,
        )
        try:
            async with trio.open_nursery() as lives:
                for each in calls:
                    each.attach(pacer, lateness)
                    lives.start_soon(
                        each.call.run, listener.open_door(f"/media/{each.number}").connect
                    )
                with trio.fail_after(CONNECT_S):
                    for each in calls:
                        await each.connected.wait()
                settle()
                yield
                lives.cancel_scope.cancel()
            with trio.fail_after(LEAVE_S):
                await peer.wait()
        finally:
            peer.kill()
        nursery.cancel_scope.cancel()
