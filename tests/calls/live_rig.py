"""A live call on fake connections and virtual time, what it told, and who was told it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

import attrs
import trio
from trio.testing import wait_all_tasks_blocked

from call_rig import line
from fakes import FakeConnection, ScriptedEngine, connects
from speech.listening import chain_of, speaks
from trioaudio.api import commands, events
from trioaudio.api.requests import NewCall
from trioaudio.api.views import Accepted
from trioaudio.calls.call_history import UtteranceHistory
from trioaudio.calls.hub import EventHub, Inbox, Subscription
from trioaudio.calls.live_call import LiveCall
from trioaudio.calls.orders import carry_out
from trioaudio.calls.shared import Plain, Recording, Shared
from trioaudio.calls.text_feed import TextLimits
from trioaudio.calls.wall_clock import WallClock
from trioaudio.core.carrier import Event as CarrierEvent
from trioaudio.core.connection import CallControlLink, MediaConnection
from trioaudio.core.engine import VoiceChoice
from trioaudio.core.errors import OutputError
from trioaudio.core.facts import Fact
from trioaudio.core.percentiles import Histogram
from trioaudio.core.playout_item import Audio
from trioaudio.line import Line
from trioaudio.observe.call_record import call_record
from trioaudio.pacer import Pacer
from trioaudio.speech.chain import EngineChain

T = TypeVar("T", bound=events.Event)
EPOCH = 1_700_000_000.0
"""What the wall clock showed when the virtual one was at zero."""

SAID = "One sentence that is long enough to be cut somewhere in the middle of it."


@attrs.define(eq=False)
class FakeWatcher:
    """Keeps what it is told; `breaks` names the one thing at which it raises."""

    breaks: str | None = None
    facts: list[Fact] = attrs.field(factory=list)
    unrecorded: list[str] = attrs.field(factory=list)
    carrier_events: list[CarrierEvent] = attrs.field(factory=list)
    utterances: list[UtteranceHistory] = attrs.field(factory=list)
    texts: list[str] = attrs.field(factory=list)
    barge_ins: list[float] = attrs.field(factory=list)
    records: list[dict[str, Any]] = attrs.field(factory=list)
    bugs: list[BaseException] = attrs.field(factory=list)

    def _take(self, name: str) -> None:
        if self.breaks == name:
            raise ZeroDivisionError(f"{name} broke")

    def fact(self, carrier: str, call: str, fact: Fact) -> None:
        self.facts.append(fact)
        self._take(type(fact).__name__)

    def carrier_event(self, carrier: str, call: str, event: CarrierEvent) -> None:
        self.carrier_events.append(event)
        self._take(type(event).__name__)

    def utterance_completed(
        self, carrier: str, call: str, done: UtteranceHistory, text: str
    ) -> None:
        self.utterances.append(done)
        self.texts.append(text)
        self._take("utterance")

    def barged_in(self, carrier: str, call: str, seconds: float) -> None:
        self.barge_ins.append(seconds)

    def recording_failed(self, carrier: str, call: str, reason: str) -> None:
        self.unrecorded.append(reason)

    def call_ended(self, carrier: str, call: str, record: dict[str, Any]) -> None:
        self.records.append(record)

    def bug(self, carrier: str, call: str, error: BaseException) -> None:
        self.bugs.append(error)


@attrs.frozen
class FakeRecorded:
    wav: Path
    index: Path
    error: str | None


@attrs.define(eq=False)
class FakeRecording:
    """Keeps what it is told; takes a while to finish."""

    number: int
    error: str | None = None
    takes_s: float = 0.0
    ours_came: list[tuple[Audio, float]] = attrs.field(factory=list)
    theirs_came: bytearray = attrs.field(factory=bytearray)
    cleared_at: list[float] = attrs.field(factory=list)
    notes: list[tuple[str, dict[str, Plain]]] = attrs.field(factory=list)
    finished_at: float | None = None
    left: bool = False

    def ours(self, item: Audio, sent_at: float, lateness: float, due: float) -> None:
        self.ours_came.append((item, due))

    def theirs(self, pcm: bytes, arrived_at: float) -> None:
        self.theirs_came += pcm

    def cleared(self, at: float) -> None:
        self.cleared_at.append(at)

    def note(self, name: str, at: float, **facts: Plain) -> None:
        self.notes.append((name, facts))

    async def finish(self) -> FakeRecorded:
        await trio.sleep(self.takes_s)
        self.finished_at = trio.current_time()
        return FakeRecorded(Path(f"{self.number}.wav"), Path(f"{self.number}.json"), self.error)


@attrs.define(eq=False)
class FakeRecorder:
    """Opens recordings; `refuses` says why it does not."""

    refuses: str | None = None
    takes_s: float = 0.0
    error: str | None = None
    made: list[FakeRecording] = attrs.field(factory=list)

    @asynccontextmanager
    async def open(self, live: LiveCall) -> AsyncIterator[Recording]:
        await trio.lowlevel.checkpoint()
        if self.refuses is not None:
            raise OutputError(self.refuses)
        recording = FakeRecording(len(self.made) + 1, self.error, self.takes_s)
        self.made.append(recording)
        try:
            yield recording
        finally:
            recording.left = True


@attrs.define(eq=False)
class Scene:
    """A call at work, and all that was told of it."""

    live: LiveCall
    links: list[FakeConnection]
    told: Subscription
    watcher: FakeWatcher
    recorder: FakeRecorder
    hub: EventHub
    pacer: Pacer
    ran: trio.Event = attrs.field(factory=trio.Event)

    @property
    def link(self) -> FakeConnection:
        return self.links[0]

    @property
    def events(self) -> list[events.Event]:
        assert not self.told.inbox.lost
        return list(self.told.inbox._items)

    @property
    def names(self) -> list[str]:
        return [str(each.__struct_config__.tag) for each in self.events]

    def of(self, kind: type[T]) -> list[T]:
        return [each for each in self.events if isinstance(each, kind)]

    def only(self, kind: type[T]) -> T:
        (found,) = self.of(kind)
        return found

    async def say(self, text: str = SAID, **wishes: Any) -> int:
        accepted = await carry_out(self.live, commands.Say(text=text, **wishes))
        assert isinstance(accepted, Accepted)
        return accepted.utterance

    async def run(self, connect: Callable[..., Any]) -> None:
        try:
            await self.live.run(connect)
        finally:
            self.ran.set()


@attrs.frozen(kw_only=True)
class Wishes:
    """What a scene is made with; the first of `engines` speaks, ten times faster than time."""

    line: Line = attrs.field(factory=line)
    links: int = 1
    connect: Callable[..., Any] | None = None
    new_call: NewCall = attrs.field(factory=NewCall)
    engines: tuple[ScriptedEngine, ...] = attrs.field(
        factory=lambda: (ScriptedEngine(speaks(), "first"),)
    )
    limits: TextLimits = TextLimits()
    text_most: int = 100_000
    control: CallControlLink | None = None
    recorder: FakeRecorder | None = attrs.field(factory=FakeRecorder)
    fetch: Callable[[str], Any] | None = None
    watcher: FakeWatcher = attrs.field(factory=FakeWatcher)
    starts: bool = True
    """Whether it is run."""


def shared_for(wishes: Wishes, hub: EventHub, pacer: Pacer, speech: EngineChain) -> Shared:
    return Shared(
        pacer=pacer,
        clock=WallClock(EPOCH),
        hub=hub,
        watcher=wishes.watcher,
        speech=speech,
        choice=VoiceChoice(),
        lateness=Histogram(),
        text_limits=wishes.limits,
        text_most=wishes.text_most,
        make_record=call_record,
        fetch=wishes.fetch,
        open_recording=None if wishes.recorder is None else wishes.recorder.open,
    )


@asynccontextmanager
async def live_call(**given: Any) -> AsyncIterator[Scene]:
    """A call whose carrier comes as often as there are links; cancelled at the end."""
    wishes = Wishes(**given)
    hub, pacer = EventHub(), Pacer(early=0.0)
    links = [FakeConnection() for _ in range(wishes.links)]
    connections: list[MediaConnection | Exception] = list(links)
    async with chain_of(*wishes.engines, facts=wishes.watcher.facts) as speech:
        shared = shared_for(wishes, hub, pacer, speech)
        with hub.subscribed() as told:
            told.inbox = Inbox(100_000)
            live = LiveCall(
                wanted=wishes.new_call, line=wishes.line, shared=shared, control=wishes.control
            )
            recorder = wishes.recorder or FakeRecorder()
            made = Scene(live, links, told, wishes.watcher, recorder, hub, pacer)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(pacer.run)
                if wishes.starts:
                    nursery.start_soon(made.run, wishes.connect or connects(*connections))
                await wait_all_tasks_blocked()
                yield made
                nursery.cancel_scope.cancel()


def nothing_is_left(made: Scene) -> None:
    """Assert that a call that ended keeps nothing that costs anything."""
    live = made.live
    assert live.ended
    assert live.over.is_set()
    assert not live.book.incomplete
    assert not live.call.listening
    assert live.audio.recording is None
    assert live.call.leg is None
    assert live.call.queue.ledger.queued == 0
    assert all(each.left for each in made.recorder.made)


Opened = AbstractAsyncContextManager[Scene]
