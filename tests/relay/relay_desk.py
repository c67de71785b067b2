"""One call as a relay sees it: it keeps what it was told, and is played and cut by the test."""

from __future__ import annotations

from collections.abc import Callable

import attrs
import trio
from msgspec.structs import replace

from trioaudio.api import commands as api
from trioaudio.api import events, views
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.shapes import CallCause, CallState, Cause
from trioaudio.calls.hub import EventHub
from trioaudio.control.desk import Desk
from trioaudio.relay.desk import RelayDesk

CALL = "call-1"


@attrs.define(eq=False)
class FakeUtterance:
    """What was accepted of one utterance, and how much of it an engine has taken."""

    number: int
    text: str
    interruptible: str
    priority: int
    open: bool
    url: str | None = None
    spoken: int = 0
    cause: Cause | None = None
    began: bool = False

    @property
    def waiting(self) -> int:
        return len(self.text) - self.spoken


@attrs.define(eq=False)
class FakeDesk:
    """Public attributes may be changed by a test at any time."""

    hub: EventHub = attrs.field(factory=EventHub)
    state: CallState = "up"
    paused_at: int = 10**9
    resumed_at: int = 0
    full_at: int = 10**9
    refusing: dict[str, Exception] = attrs.field(factory=dict)
    """By verb: raised instead of doing it."""
    commands: list[api.CallCommand] = attrs.field(factory=list)
    spoken: dict[int, FakeUtterance] = attrs.field(factory=dict)
    labels: dict[str, str] = attrs.field(factory=dict)
    to: str | None = "+15550100"
    most_waiting: int = 0
    """The most text that ever waited in one utterance."""
    cuts_told: bool = True
    """Whether cut utterances are completed at once."""
    held: dict[str, trio.Event] = attrs.field(factory=dict)
    """By verb: waited for before it is done."""
    paused: set[int] = attrs.field(factory=set)
    _changed: trio.Event = attrs.field(factory=trio.Event)

    # --- What tests do -------------------------------------------------------------------

    async def wait_until(self, condition: Callable[[], object]) -> None:
        while not condition():
            await self._changed.wait()

    def changed(self) -> None:
        self._changed.set()
        self._changed = trio.Event()

    def verbs(self) -> list[str]:
        return [str(each.__struct_config__.tag) for each in self.commands]

    def answer(self) -> None:
        self.state = "up"
        self.hub.tell(
            events.CallAnswered(
                call=CALL, at=trio.current_time(), peer="p", carrier_call_id=None, stream_id=None
            )
        )

    def begin(self, number: int) -> None:
        said = self.spoken[number]
        said.began = True
        self.hub.tell(
            events.UtteranceStarted(
                call=CALL, at=trio.current_time(), utterance=number, first_frame_ms=1.0
            )
        )

    def take_text(self, number: int, characters: int) -> None:
        """Have an engine take some text."""
        said = self.spoken[number]
        said.spoken = min(len(said.text), said.spoken + characters)
        if number in self.paused and said.waiting <= self.resumed_at:
            self.paused.discard(number)
            self.hub.tell(
                events.TextResumed(
                    call=CALL, at=trio.current_time(), utterance=number, waiting=said.waiting
                )
            )
        self.changed()

    def complete(
        self, number: int, cause: Cause = "normal", heard: int | None = None, played_ms: float = 0.0
    ) -> None:
        said = self.spoken[number]
        said.cause = cause
        place = len(said.text) if heard is None else heard
        self.hub.tell(
            events.UtteranceCompleted(
                call=CALL,
                at=trio.current_time(),
                utterance=number,
                cause=cause,
                error="no voice" if cause == "error" else None,
                played_ms=played_ms,
                text_heard=said.text[:place],
                text_unheard=said.text[place:],
                certainty="acked",
                spoken_by=["tone"],
            )
        )
        self.changed()

    def press(self, digit: str) -> None:
        """Have a key pressed: it is told, and then cuts what it may, as in the daemon."""
        self.hub.tell(
            events.DtmfCame(call=CALL, at=trio.current_time(), digit=digit, duration_ms=None)
        )
        self._drop(
            [each.number for each in self.living() if each.interruptible in {"any", "dtmf"}],
            "barge-in",
        )

    def end(self, cause: CallCause = "far-end") -> None:
        self.state = "ended"
        self.hub.tell(
            events.CallEnded(
                call=CALL, at=trio.current_time(), cause=cause, reason=f"over: {cause}", record={}
            )
        )
        self.changed()

    def living(self) -> list[FakeUtterance]:
        return [each for each in self.spoken.values() if each.cause is None]

    # --- What a relay asks for -----------------------------------------------------------

    def call(self, call: str) -> views.CallView:
        if call != CALL:
            raise RequestError(RequestFault.NOT_FOUND, f"there is no call {call!r}")
        return replace(
            _VIEW,
            state=self.state,
            to=self.to,
            labels=self.labels,
            waiting=len(self.living()),
        )

    async def command(self, call: str, command: api.CallCommand) -> views.Reply:
        assert call == CALL
        await trio.lowlevel.checkpoint()
        verb = str(command.__struct_config__.tag)
        if verb in self.held:
            await self.held[verb].wait()
        if self.state == "ended":
            raise RequestError(RequestFault.ENDED, "the call is over")
        if verb in self.refusing:
            raise self.refusing[verb]
        reply = self._do(command)
        self.commands.append(command)
        self.changed()
        return reply

    def _do(self, command: api.CallCommand) -> views.Reply:
        match command:
            case api.Say():
                return self._accept(command, command.text, is_open=command.open)
            case api.Play():
                return self._accept(command, "", url=command.url)
            case api.Append(utterance=number, text=text):
                return self._append(self._opened(number), text)
            case api.Close(utterance=number):
                self._opened(number).open = False
            case api.Stop(utterances=numbers):
                return self._drop(
                    [each for each in numbers or () if self._lives(each)], "cancelled"
                )
            case api.BargeIn(kind=kind):
                cut = [each.number for each in self.living() if each.interruptible in {"any", kind}]
                return self._drop(cut, "barge-in")
            case api.HangUp():
                self.end("hung-up")
            case _:
                pass
        return views.Done()

    def _drop(self, numbers: list[int], cause: Cause) -> views.Dropped:
        if self.cuts_told:
            for number in numbers:
                said = self.spoken[number]
                self.complete(number, cause, heard=said.spoken, played_ms=10.0 * said.spoken)
        return views.Dropped(utterances=numbers, frames=0)

    def _lives(self, number: int) -> bool:
        return self.spoken[number].cause is None

    def _accept(
        self,
        command: api.Say | api.Play,
        text: str,
        *,
        is_open: bool = False,
        url: str | None = None,
    ) -> views.Accepted:
        number = len(self.spoken) + 1
        position = len(self.living())
        self.spoken[number] = FakeUtterance(
            number, text, command.interruptible, command.priority, is_open, url
        )
        self.hub.tell(
            events.UtteranceAccepted(
                call=CALL, at=trio.current_time(), utterance=number, position=position, eta_ms=None
            )
        )
        return views.Accepted(utterance=number, position=position, eta_ms=None)

    def _opened(self, number: int) -> FakeUtterance:
        said = self.spoken[number]
        if said.cause is not None:
            raise RequestError(RequestFault.ENDED, f"utterance {number} is over")
        if not said.open:
            raise RequestError(RequestFault.CONFLICT, f"utterance {number} is closed")
        return said

    def _append(self, said: FakeUtterance, text: str) -> views.TextTaken:
        if said.waiting + len(text) > self.full_at:
            raise RequestError(
                RequestFault.FULL, f"utterance {said.number} has no room", retry_after_s=1.0
            )
        said.text += text
        self.most_waiting = max(self.most_waiting, said.waiting)
        paused = said.waiting >= self.paused_at
        if paused:
            self.paused.add(said.number)
        return views.TextTaken(
            utterance=said.number, characters=len(said.text), waiting=said.waiting, paused=paused
        )


_VIEW = views.CallView(
    call=CALL,
    state="up",
    carrier="telecmi",
    carrier_call_id=None,
    stream_id=None,
    to=None,
    caller_id="+15550199",
    created_at=0.0,
    answered_at=0.0,
    ended_at=None,
    cause=None,
    reason=None,
    sample_rate=8000,
    encoding="pcm16",
    peer=None,
    media_url=None,
    speaking=False,
    paused=False,
    speaking_until=None,
    utterances=0,
    waiting=0,
    lead_ms=0.0,
    underruns=0,
    frames_sent=0,
    lateness_p99_ms=None,
    recording=False,
    traceparent=None,
    labels={},
)


def keep_the_protocol(fake: FakeDesk, real: Desk) -> tuple[RelayDesk, RelayDesk]:
    """Have the type checker compare the fake, and the real thing, with what a relay wants."""
    return fake, real
