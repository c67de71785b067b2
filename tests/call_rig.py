"""A call at work on fake connections and virtual time, and all it told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import attrs
import trio
from trio.testing import wait_all_tasks_blocked

from fakes import (
    FakeConnection,
    Pieces,
    Script,
    ScriptedSpeaker,
    SpelledCodec,
    connects,
    number_of,
    numbered_pcm,
)
from trioaudio.call import Call, Hooks
from trioaudio.carriers.raw import CARRIER
from trioaudio.core.carrier import (
    Acknowledges,
    CarrierCodec,
    CarrierSettings,
    Event,
    Recovery,
    Transfer,
)
from trioaudio.core.connection import CallControlLink, Closing, MediaConnection
from trioaudio.core.encoding import MediaFormat
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.facts import Fact
from trioaudio.core.pcm import PcmFormat
from trioaudio.core.percentiles import Histogram
from trioaudio.core.speech import SpeechSink
from trioaudio.core.utterance import Cause, Certainty, UtteranceState
from trioaudio.line import Line
from trioaudio.media_path import shape_for
from trioaudio.pacer import Pacer
from trioaudio.supervise import LegFailure, RecoveryPolicy
from trioaudio.utterances import Say

PTIME = 0.06


def line(
    recovery: Recovery = Recovery.WAIT,
    *,
    keep: float = 2.0,
    clears: bool = True,
    marks: bool = False,
    transfers: bool = False,
    hangs_up: bool = False,
    new_codec: Callable[[CarrierSettings, MediaFormat], CarrierCodec] | None = None,
    **changes: object,
) -> Line:
    carrier = attrs.evolve(
        CARRIER,
        new_codec=new_codec or (lambda *_: SpelledCodec()),
        clears=clears,
        acknowledges=Acknowledges.MARKS if marks else Acknowledges.NOTHING,
        transfers=transfers,
        hangs_up=hangs_up,
    )
    settings = attrs.evolve(CarrierSettings(tail_ms=0), **changes)  # type: ignore[arg-type]
    return Line(
        carrier=carrier,
        settings=settings,
        shape=shape_for(carrier, settings, PcmFormat(8000)),
        policy=RecoveryPolicy(recovery, return_grace=60.0),
        keep=keep,
    )


def speaks(frames: int, start: int = 0) -> Script:
    async def script(sink: SpeechSink) -> None:
        await sink.write(numbered_pcm(frames, start=start))

    return script


def in_turn(*scripts: Script) -> Script:
    """Do something else for each utterance."""
    left = list(scripts)

    async def script(sink: SpeechSink) -> None:
        await left.pop(0)(sink)

    return script


@attrs.define(eq=False)
class Talk:
    """A call at work, and all it told."""

    call: Call
    speaker: ScriptedSpeaker
    connections: list[FakeConnection]
    facts: list[Fact]
    events: list[Event]
    pacer: Pacer
    outcome: Closing | LegFailure | None = None
    ended_at: float | None = None

    async def say(self, text: str = "x") -> Say:
        return await self.call.say(Pieces(text), VoiceChoice())

    def of(self, kind: type[Fact]) -> list[Fact]:
        return [fact for fact in self.facts if isinstance(fact, kind)]

    @property
    def numbers(self) -> list[int]:
        return [number_of(each) for link in self.connections for each in link.audio if any(each)]

    async def run(self, links: list[MediaConnection | Exception]) -> None:
        self.outcome = await self.call.run(connects(*links))
        self.ended_at = trio.current_time()

    def ledger_is_even(self) -> None:
        ledger = self.call.queue.ledger
        assert ledger.queued == 0
        assert ledger.framed == ledger.sent + ledger.flushed
        assert ledger.sent == len(self.numbers)


@asynccontextmanager
async def talk(
    script: Script,
    on: Line | None = None,
    links: int | list[MediaConnection | Exception] = 1,
    control: CallControlLink | None = None,
) -> AsyncIterator[Talk]:
    """A call whose carrier comes as often as there are links; cancelled at the end."""
    on = on or line()
    speaker, pacer = ScriptedSpeaker(script), Pacer(early=0.0)
    facts: list[Fact] = []
    events: list[Event] = []
    if isinstance(links, int):
        links = [FakeConnection() for _ in range(links)]
    call = Call(
        line=on,
        speaker=speaker,
        pacer=pacer,
        lateness=Histogram(),
        hooks=Hooks(tell=facts.append, on_event=events.append),
        control=control,
    )
    fakes = [link for link in links if isinstance(link, FakeConnection)]
    made = Talk(call, speaker, fakes, facts, events, pacer)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(pacer.run)
        nursery.start_soon(made.run, links)
        await wait_all_tasks_blocked()
        yield made
        nursery.cancel_scope.cancel()
    made.ledger_is_even()


def state(said: Say) -> tuple[UtteranceState, Cause | None, Certainty | None]:
    return said.utterance.state, said.utterance.cause, said.utterance.certainty


HUMAN = Transfer(("911234567890",))


@attrs.define(eq=False)
class FakeControl:
    """A carrier's REST interface that takes its time."""

    takes: float = 0.5
    transfers: bool = True
    error: Exception | None = None
    asked: list[tuple[float, str, str | None]] = attrs.field(factory=list)
    done: list[float] = attrs.field(factory=list)

    async def _do(self, what: str, call_id: str | None) -> None:
        self.asked.append((trio.current_time(), what, call_id))
        await trio.sleep(self.takes)
        if self.error is not None:
            raise self.error
        self.done.append(trio.current_time())

    async def hang_up(self, call_id: str | None) -> None:
        await self._do("hang up", call_id)

    async def transfer(self, call_id: str | None, transfer: Transfer) -> None:
        await self._do(f"transfer {transfer.to[0]}", call_id)
