"""A daemon of lists: it keeps the `Desk` protocol without a telephone, and does what tests tell it.

Calls are up at once, or as `answer` says; nothing is ever played until `play_out` says so.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

import attrs
import trio
from msgspec.structs import replace

from control.fake_views import carrier_views, new_call_view, new_utterance_view, prepared
from trioaudio.api import commands, events, shapes, views
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.requests import NewCall, Precache
from trioaudio.calls.hub import EventHub, Inbox
from trioaudio.control.desk import Desk, Readiness, Upload

BEGINNING = 1_700_000_000.0
LISTENED_AHEAD = 50
TEXT_AHEAD = 10_000
_PAUSED_AT = 5_000
ENGINES = ("tone", "espeak")
CARRIERS = ("telecmi", "twilio")


@attrs.define(eq=False)
class FakeUtterance:
    """What was accepted of one utterance."""

    view: views.UtteranceView
    text: str


@attrs.define(eq=False)
class FakeCall:
    """A call that nobody hears."""

    view: views.CallView
    utterances: dict[int, FakeUtterance] = attrs.field(factory=dict)
    commands: list[commands.CallCommand] = attrs.field(factory=list)
    uploads: list[Upload] = attrs.field(factory=list)
    marks: set[str] = attrs.field(factory=set)
    listeners: dict[str, list[Inbox[bytes]]] = attrs.field(factory=lambda: defaultdict(list))


@attrs.define(eq=False)
class FakeDesk:
    """Keeps calls in a dictionary. Its public attributes may be changed by a test at any time."""

    hub: EventHub = attrs.field(factory=EventHub)
    ready: Readiness = Readiness(ready=True, reason="ready")
    reload_problems: list[str] = attrs.field(factory=list)
    failing: dict[str, Exception] = attrs.field(factory=dict)
    """By verb: raised instead of doing it."""
    held: dict[str, trio.Event] = attrs.field(factory=dict)
    """By verb: waited for before doing it."""
    reached: dict[str, trio.Event] = attrs.field(factory=lambda: defaultdict(trio.Event))
    """By verb: set once it was asked for."""
    answered_at_once: bool = True
    drained: bool = False
    reloads: int = 0
    audits: list[tuple[str, str, str | None, int]] = attrs.field(factory=list)
    traceparents: list[str | None] = attrs.field(factory=list)
    known: dict[str, FakeCall] = attrs.field(factory=dict)
    _now: float = BEGINNING
    _made: int = 0

    # --- What tests do -------------------------------------------------------------------

    def clock(self) -> float:
        """Return a time that is later than all before."""
        self._now += 0.001
        return self._now

    def answer(self, call: str) -> None:
        """Bring a call's audio up."""
        known = self._of(call)
        now = self.clock()
        known.view = replace(
            known.view, state="up", answered_at=now, peer="192.0.2.7:4040", stream_id=f"s-{call}"
        )
        self.hub.tell(
            events.CallAnswered(
                call=call,
                at=now,
                peer="192.0.2.7:4040",
                carrier_call_id=known.view.carrier_call_id,
                stream_id=f"s-{call}",
                metadata={"from": "fake"},
            )
        )

    def play_out(self, call: str, utterance: int, played_ms: float = 600.0) -> None:
        """Have an utterance played to its end."""
        self._complete(self._of(call), utterance, "normal", played_ms)

    def fall_silent(self, call: str, cause: shapes.Cause = "barge-in") -> list[int]:
        """Cut everything that waits or is said."""
        known = self._of(call)
        cut = [
            number
            for number, each in known.utterances.items()
            if each.view.state in {"queued", "speaking", "sent"}
        ]
        for number in cut:
            self._complete(known, number, cause, 0.0)
        return cut

    def end(self, call: str, cause: shapes.CallCause = "far-end") -> None:
        """Have a call end."""
        known = self._of(call)
        self.fall_silent(call, "cancelled")
        now = self.clock()
        known.view = replace(
            known.view, state="ended", ended_at=now, cause=cause, reason=f"it ended: {cause}"
        )
        for inboxes in known.listeners.values():
            for inbox in inboxes:
                inbox.close()
        self.hub.tell(
            events.CallEnded(
                call=call,
                at=now,
                cause=cause,
                reason=f"it ended: {cause}",
                record={"call": call, "cause": cause, "utterances": len(known.utterances)},
            )
        )

    def hear(self, call: str, pcm: bytes, side: str = "callee") -> None:
        """Have the far end, or us, be heard by whoever listens."""
        for inbox in self._of(call).listeners[side]:
            inbox.put(pcm)

    # --- What `Desk` asks for ------------------------------------------------------------

    def node(self) -> views.NodeView:
        """Describe nothing real."""
        return views.NodeView(
            version="0.0-fake",
            state="draining" if self.drained else "ready",
            reason=None,
            started_at=BEGINNING,
            calls=sum(each.view.state != "ended" for each in self.known.values()),
            calls_most=100,
            calls_total=self._made,
            cpu=0.01,
            lateness_p99_ms=None,
            carriers=list(CARRIERS),
            engines=list(ENGINES),
            media_urls=["ws://127.0.0.1:1/media"],
        )

    def readiness(self) -> Readiness:
        """Say what the test says."""
        return Readiness(ready=False, reason="draining") if self.drained else self.ready

    async def metrics(self) -> tuple[bytes, str]:
        """Return one figure."""
        text = f"# TYPE fake_calls gauge\nfake_calls {len(self.known)}\n"
        return text.encode(), "text/plain; version=0.0.4; charset=utf-8"

    async def create_call(self, wanted: NewCall, traceparent: str | None) -> views.CallView:
        """Make a call that is up at once, unless the test wants otherwise."""
        await self._held("create")
        if self.drained:
            raise RequestError(
                RequestFault.BUSY, "the node is draining; ask another one", retry_after_s=5.0
            )
        carrier = wanted.carrier or CARRIERS[0]
        if carrier not in CARRIERS:
            raise RequestError(
                RequestFault.UNSUPPORTED, f"carrier {carrier!r} is not enabled on this node"
            )
        self._made += 1
        call = f"call-{self._made}"
        dialled = wanted.to is not None or wanted.url is not None
        media_url = None if dialled else f"ws://127.0.0.1:1/media/{call}"
        self.traceparents.append(traceparent)
        view = self._new_view(wanted, call, carrier, media_url, traceparent)
        self.known[call] = FakeCall(view)
        self.hub.tell(
            events.CallStarted(
                call=call,
                at=view.created_at,
                carrier=carrier,
                to=wanted.to,
                media_url=media_url,
                labels=wanted.labels,
            )
        )
        for each in wanted.first:
            self._say(self.known[call], each)
        if dialled and self.answered_at_once:
            self.answer(call)
        return self.known[call].view

    def call_ids(self) -> list[str]:
        """Return all calls, oldest first."""
        return list(self.known)

    def call(self, call: str) -> views.CallView:
        """Return one call."""
        return self._of(call).view

    def utterances(self, call: str) -> list[views.UtteranceView]:
        """Return a call's utterances."""
        return [each.view for each in self._of(call).utterances.values()]

    def utterance(self, call: str, utterance: int) -> views.UtteranceView:
        """Return one utterance."""
        return self._utterance(self._of(call), utterance).view

    def saying(self, call: str) -> views.SayingView | None:
        """Return the first utterance that is not complete."""
        utterances = self._of(call).utterances.values()
        waiting = [each for each in utterances if each.view.completed_at is None]
        if not waiting:
            return None
        return views.SayingView(
            utterance=waiting[0].view.utterance,
            text=waiting[0].text,
            begin=0,
            heard=len(waiting[0].view.text_heard),
            characters=len(waiting[0].text),
            spoken_by=["tone"],
        )

    async def command(self, call: str, command: commands.CallCommand) -> views.Reply:
        """Do a little of what is asked, and note it."""
        await self._held(str(command.__struct_config__.tag))
        known = self._living(call)
        known.commands.append(command)
        return self._do(known, command)

    async def play_upload(self, call: str, upload: Upload) -> views.Accepted:
        """Accept a recording."""
        await self._held("audio")
        known = self._living(call)
        if upload.sample_rate is None and not upload.audio.startswith(b"RIFF"):
            raise RequestError(RequestFault.INVALID, "the recording is no WAV file")
        known.uploads.append(upload)
        return self._accept(
            known,
            "",
            interruptible=upload.interruptible,
            priority=upload.priority,
            kind="recording",
        )

    async def precache(self, wanted: Precache) -> views.Prepared:
        """Make prompts of the texts' lengths."""
        await self._held("precache")
        return prepared(wanted.texts)

    async def voices(self, engine: str | None) -> list[views.VoiceView]:
        """Return a voice an engine."""
        await self._held("voices")
        if engine is not None and engine not in ENGINES:
            raise RequestError(RequestFault.NOT_FOUND, f"there is no engine {engine!r}")
        return [
            views.VoiceView(
                engine=each, voice=f"{each}-1", languages=["en"], gender=None, description="a voice"
            )
            for each in ENGINES
            if engine in {None, each}
        ]

    def engines(self) -> list[views.EngineView]:
        """Return the chain."""
        return [
            views.EngineView(engine=name, position=place, embedded=True, resting=False)
            for place, name in enumerate(ENGINES)
        ]

    def carriers(self) -> list[views.CarrierView]:
        """Return two carriers that can do everything."""
        return carrier_views(CARRIERS)

    @contextmanager
    def listening(self, call: str, side: str, sample_rate: int) -> Iterator[Inbox[bytes]]:
        """Pass on what `hear` says while the block runs."""
        known = self._living(call)
        inbox = Inbox[bytes](LISTENED_AHEAD)
        known.listeners[side].append(inbox)
        try:
            yield inbox
        finally:
            known.listeners[side].remove(inbox)
            inbox.close()

    def drain(self) -> None:
        """Take no new calls."""
        self.drained = True

    async def reload(self) -> list[str]:
        """Return what the test says is wrong."""
        self.reloads += 1
        return list(self.reload_problems)

    def audit(self, who: str, verb: str, call: str | None, status: int) -> None:
        """Note it."""
        self.audits.append((who, verb, call, status))

    # --- How -----------------------------------------------------------------------------

    async def _held(self, verb: str) -> None:
        self.reached[verb].set()
        if verb in self.failing:
            raise self.failing[verb]
        if verb in self.held:
            await self.held[verb].wait()

    def _of(self, call: str) -> FakeCall:
        if call not in self.known:
            raise RequestError(RequestFault.NOT_FOUND, f"there is no call {call!r}")
        return self.known[call]

    def _living(self, call: str) -> FakeCall:
        known = self._of(call)
        if known.view.state == "ended":
            raise RequestError(RequestFault.ENDED, f"call {call!r} is over: {known.view.cause}")
        return known

    def _utterance(self, known: FakeCall, utterance: int) -> FakeUtterance:
        if utterance not in known.utterances:
            raise RequestError(
                RequestFault.NOT_FOUND, f"call {known.view.call!r} has no utterance {utterance}"
            )
        return known.utterances[utterance]

    def _new_view(
        self,
        wanted: NewCall,
        call: str,
        carrier: str,
        media_url: str | None,
        traceparent: str | None,
    ) -> views.CallView:
        return new_call_view(wanted, call, carrier, media_url, traceparent, self.clock())

    def _do(self, known: FakeCall, command: commands.CallCommand) -> views.Reply:
        match command:
            case commands.Say():
                return self._say(known, command)
            case commands.Play():
                return self._play(known, command)
            case commands.Append():
                return self._append(known, command)
            case commands.Flush() | commands.Close():
                return self._spoken_so_far(known, command)
            case commands.Stop() | commands.BargeIn():
                return views.Dropped(utterances=self.fall_silent(known.view.call), frames=3)
            case commands.Prepare():
                return prepared(command.texts)
            case commands.Mark():
                return self._mark(known, command)
            case _:
                self._do_simply(known, command)
        return views.Done()

    def _do_simply(self, known: FakeCall, command: commands.CallCommand) -> None:
        match command:
            case commands.HangUp():
                self.end(known.view.call, "hung-up")
            case commands.Transfer():
                self.end(known.view.call, "transferred")
            case commands.Pause() | commands.Resume():
                paused = isinstance(command, commands.Pause)
                known.view = replace(known.view, paused=paused)
            case commands.Record():
                known.view = replace(known.view, recording=command.on)
            case _:  # keys and gain leave no trace but in `commands`
                pass

    def _mark(self, known: FakeCall, command: commands.Mark) -> views.Accepted:
        if command.name in known.marks:
            raise RequestError(
                RequestFault.CONFLICT, f"the mark {command.name!r} is waited for already"
            )
        known.marks.add(command.name)
        return self._accept(known, "", interruptible="any", priority=0, kind="mark")

    def _play(self, known: FakeCall, command: commands.Play) -> views.Accepted:
        if (command.prompt is None) == (command.url is None):
            raise RequestError(
                RequestFault.INVALID, "play takes either a prompt or a url, and not both"
            )
        return self._accept(
            known,
            "",
            interruptible=command.interruptible,
            priority=command.priority,
            kind="recording",
        )

    def _spoken_so_far(
        self, known: FakeCall, command: commands.Flush | commands.Close
    ) -> views.TextTaken:
        said = self._open(known, command.utterance)
        said.view = replace(said.view, open=isinstance(command, commands.Flush))
        return self._text_taken(said)

    def _say(self, known: FakeCall, said: commands.Say) -> views.Accepted:
        if not said.text.strip() and not said.open:
            raise RequestError(RequestFault.INVALID, "there is no text to be said")
        return self._accept(
            known,
            said.text,
            interruptible=said.interruptible,
            priority=said.priority,
            is_open=said.open,
        )

    def _accept(
        self,
        known: FakeCall,
        text: str,
        *,
        interruptible: shapes.Interruptible,
        priority: int,
        is_open: bool = False,
        kind: Literal["text", "recording", "mark"] = "text",
    ) -> views.Accepted:
        number = len(known.utterances) + 1
        position = known.view.waiting
        now = self.clock()
        known.utterances[number] = FakeUtterance(
            new_utterance_view(
                number, text, interruptible, priority, now, is_open=is_open, kind=kind
            ),
            text,
        )
        known.view = replace(known.view, utterances=number, waiting=position + 1)
        eta_ms = 0.0 if position == 0 else None
        self.hub.tell(
            events.UtteranceAccepted(
                call=known.view.call, at=now, utterance=number, position=position, eta_ms=eta_ms
            )
        )
        return views.Accepted(utterance=number, position=position, eta_ms=eta_ms)

    def _open(self, known: FakeCall, utterance: int) -> FakeUtterance:
        said = self._utterance(known, utterance)
        if not said.view.open:
            raise RequestError(RequestFault.CONFLICT, f"utterance {utterance} is closed")
        return said

    def _append(self, known: FakeCall, command: commands.Append) -> views.TextTaken:
        said = self._open(known, command.utterance)
        if len(said.text) + len(command.text) > TEXT_AHEAD:
            raise RequestError(
                RequestFault.FULL, f"utterance {command.utterance} has too much text waiting"
            )
        said.text += command.text
        said.view = replace(said.view, characters=len(said.text), text_unheard=said.text)
        return self._text_taken(said)

    def _text_taken(self, said: FakeUtterance) -> views.TextTaken:
        size = len(said.text)
        return views.TextTaken(
            utterance=said.view.utterance, characters=size, waiting=size, paused=size > _PAUSED_AT
        )

    def _complete(
        self, known: FakeCall, utterance: int, cause: shapes.Cause, played_ms: float
    ) -> None:
        said = self._utterance(known, utterance)
        played = cause == "normal"
        now = self.clock()
        said.view = replace(
            said.view,
            state="played" if played else "interrupted",
            open=False,
            played_at=now if played else None,
            completed_at=now,
            cause=cause,
            certainty="acked",
            played_ms=played_ms,
            text_heard=said.text if played else "",
            text_unheard="" if played else said.text,
            spoken_by=[ENGINES[0]],
        )
        known.view = replace(known.view, waiting=known.view.waiting - 1)
        self.hub.tell(
            events.UtteranceCompleted(
                call=known.view.call,
                at=now,
                utterance=utterance,
                cause=cause,
                error=None,
                played_ms=played_ms,
                text_heard=said.view.text_heard,
                text_unheard=said.view.text_unheard,
                certainty="acked",
                spoken_by=[ENGINES[0]],
            )
        )


def keeps_the_protocol(desk: FakeDesk) -> Desk:
    """Have the type checker compare the fake with the real thing."""
    return desk
