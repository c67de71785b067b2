"""An application that is connected: it is read, obeyed, told, and asked whether it is there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import attrs
import trio

from trioaudio.api.commands import HangUp
from trioaudio.api.events import (
    CallEnded,
    DtmfCame,
    Event,
    TextResumed,
    UtteranceCompleted,
)
from trioaudio.api.request_error import RequestError, RequestFault
from trioaudio.api.views import Reply, TextTaken
from trioaudio.calls.hub import SubscriptionCutError
from trioaudio.core.errors import TrioaudioError
from trioaudio.relay.app_socket import AppLostError, AppSocket
from trioaudio.relay.conversation import Consequence, Conversation, Step
from trioaudio.relay.desk import RelayDesk
from trioaudio.relay.feed import Feed
from trioaudio.relay.messages import (
    ApplicationMessage,
    EndMessage,
    ErrorMessage,
    MalformedMessageError,
    RelayMessage,
    decode_message,
    encode_message,
)
from trioaudio.relay.pending import Pending
from trioaudio.relay.reports import Reports
from trioaudio.relay.terms import RelayEnded, RelayStatus, RelayTerms

MOST_MALFORMED: Final = 10
"""In a row; documented."""
MALFORMED_CODE: Final = 1007
MALFORMED_REASON: Final = "Too many consecutive malformed messages"
QUIET_S: Final = 1.0
"""Text without `last` is spoken when so long nothing follows it; a guess."""
PING_EVERY_S: Final = 20.0
_PONG_S: Final = 20.0
_CUT_KNOWN_S: Final = 0.1
"""How long a key waits for the news of what it cut."""
_ROOM_S: Final = 1.0
_NO_ROOM_S: Final = 300.0
"""So long a message may wait for room in the call: longer than what a call lets wait is spoken."""


@attrs.define(eq=False)
class Connected:
    """One application's connection during one call."""

    desk: RelayDesk
    call: str
    socket: AppSocket
    feed: Feed
    terms: RelayTerms
    pending: Pending = attrs.field(factory=Pending)
    reports: Reports = attrs.field(factory=Reports)
    _conversation: Conversation = attrs.field(init=False)
    _room: trio.Event = attrs.field(factory=trio.Event)
    """Set when there may be room for text again."""
    _leaving: bool = False
    """Whether `end` has come, and overtook what waited."""
    _end: EndMessage | None = None
    """Until it is obeyed the application may go, and nothing more is read."""
    _end_refused: trio.Event = attrs.field(factory=trio.Event)
    _lost: str | None = None
    """Why there is no connection any more."""
    _repeats: list[Consequence] = attrs.field(factory=list)
    """Of loops: no more than one each."""
    _repeats_came: trio.Event = attrs.field(factory=trio.Event)
    _scope: trio.CancelScope = attrs.field(factory=trio.CancelScope)
    _status: RelayStatus | None = None
    _detail: str = ""
    _handoff: str | None = None
    _code: tuple[int, str | None] = (1000, None)

    def __attrs_post_init__(self) -> None:
        self._conversation = Conversation(self.terms)

    async def converse(self, session: str) -> RelayEnded:
        """Read, obey and tell until the call or the connection is over; closes the socket."""
        with self._scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._until_lost, self._read)
                nursery.start_soon(self._until_lost, self._obey)
                nursery.start_soon(self._until_lost, self._repeat)
                nursery.start_soon(self._until_lost, self._keep_alive)
                nursery.start_soon(self._until_lost, self.feed.collect)
                await self._until_lost(self._tell_all)
        assert self._status is not None  # else the cancellation is not ours, and goes on
        await self.socket.close(*self._code)
        return RelayEnded(self.call, session, self._status, self._detail, self._handoff)

    async def _until_lost(self, task: Callable[[], Awaitable[None]]) -> None:
        try:
            await task()
        except (AppLostError, SubscriptionCutError) as exc:
            self._lost = str(exc)
            if self._end is None:
                self._finish("failed", self._lost)

    def _finish(self, status: RelayStatus, detail: str) -> None:
        if self._status is None:
            self._status, self._detail = status, detail
        self._scope.cancel()

    # --- What the application says -------------------------------------------------------

    async def _read(self) -> None:
        malformed = 0
        while malformed < MOST_MALFORMED:
            received = await self.socket.receive()
            try:
                message = decode_message(received)
            except MalformedMessageError as exc:
                malformed += 1
                await self._send(ErrorMessage(str(exc)))
            else:
                malformed = 0
                await self._keep(message)
        self._code = (MALFORMED_CODE, MALFORMED_REASON)
        self._finish("failed", MALFORMED_REASON)

    async def _keep(self, message: ApplicationMessage) -> None:
        now = trio.current_time()
        if not isinstance(message, EndMessage):
            await self.pending.put(message, now)
            return
        self._end = message
        if self.terms.end == "now":
            self._leaving = True
            self.pending.overtake(message, now)
            self._make_room()
        else:
            await self.pending.put(message, now)
        await self._end_refused.wait()

    async def _obey(self) -> None:
        while True:
            with trio.move_on_after(QUIET_S):
                await self.pending.wait()
            if not self.pending:
                await self._follow(self._conversation.fell_quiet())
                await self.pending.wait()
            arrived = self.pending.take_nowait()
            consequences = self._conversation.obey(arrived)
            if isinstance(arrived.message, EndMessage):
                await self._leave(consequences)
            else:
                await self._follow(consequences)

    async def _leave(self, consequences: Sequence[Consequence]) -> None:
        """End the call; where that is refused, go on as long as the application is there."""
        if await self._follow(consequences):
            self._finish_ended()
        self._end, self._leaving = None, False
        if self._lost is not None:
            self._finish("failed", self._lost)
        self._end_refused.set()
        self._end_refused = trio.Event()

    def _finish_ended(self) -> None:
        if self._end is not None:
            self._handoff = self._end.handoff_data
            self._finish("ended", "the application ended it")

    # --- What follows from it ------------------------------------------------------------

    async def _follow(self, consequences: Sequence[Consequence]) -> bool:
        """Do what is to be done, in order; says whether the call did the last of it."""
        done = False
        for each in consequences:
            if isinstance(each, ErrorMessage):
                await self._send(each)
            else:
                done = await self._take(each)
        return done

    async def _take(self, step: Step) -> bool:
        """Give a command and hear the answer; waits where the call wants less text."""
        room = self._room
        try:
            reply = await self._command(step)
        except TrioaudioError as exc:
            told = self._conversation.refused(step, exc, trio.current_time())
            if told is not None and (not self._leaving or isinstance(step.command, HangUp)):
                await self._send(told)
            return False
        await self._follow(self._conversation.answered(step, reply, trio.current_time()))
        if isinstance(reply, TextTaken) and reply.paused and not self._leaving:
            await room.wait()
        return True

    async def _command(self, step: Step) -> Reply:
        """Give a command; where the call is full it is given again as soon as it may not be."""
        give_up = trio.current_time() + _NO_ROOM_S
        while True:
            room = self._room
            try:
                return await self.desk.command(self.call, step.command)
            except RequestError as exc:
                passes = exc.fault is RequestFault.FULL and exc.retry_after_s is not None
                if not passes or self._leaving or trio.current_time() >= give_up:
                    raise
            with trio.move_on_after(_ROOM_S):
                await room.wait()

    def _make_room(self) -> None:
        self._room.set()
        self._room = trio.Event()

    # --- What happens on the call --------------------------------------------------------

    async def _tell_all(self) -> None:
        while events := await self.feed.take():
            await self._tell(events)
            over = next((each for each in events if isinstance(each, CallEnded)), None)
            if over is not None:
                self._finish_ended()  # if that is why
                self._finish("completed", over.reason)
                return
        self._finish("completed", "the daemon tells no more of the call")

    async def _tell(self, events: list[Event]) -> None:
        """Act on events and tell them; adds those that came while a key's cut was waited for."""
        self._note(events)
        if any(isinstance(each, DtmfCame) for each in events):
            await self._await_cut(events)
        # Before anything is sent: what the application answers to it must count as later.
        now = trio.current_time()
        for event in events:
            self._repeats.extend(self._conversation.happened(event, now))
        if self._repeats:
            self._repeats_came.set()
        for message in self.reports.tell(events):
            await self._send(message)

    def _note(self, events: Sequence[Event]) -> None:
        if any(isinstance(each, TextResumed | UtteranceCompleted | CallEnded) for each in events):
            self._make_room()

    async def _await_cut(self, events: list[Event]) -> None:
        """Wait for the news of what a key cut, if it may have cut something: it is told first."""
        with trio.move_on_after(_CUT_KNOWN_S):
            while not any(map(_ends_speech, events)) and self._something_waits():
                more = await self.feed.take()
                if not more:
                    return
                self._note(more)
                events += more

    def _something_waits(self) -> bool:
        try:
            return self.desk.call(self.call).waiting > 0
        except TrioaudioError:
            return False

    async def _repeat(self) -> None:
        """Ask for the next time of recordings that loop; fetching one may take its time."""
        while True:
            while self._repeats:
                await self._follow([self._repeats.pop(0)])
            self._repeats_came = trio.Event()
            await self._repeats_came.wait()

    async def _keep_alive(self) -> None:
        while True:
            await trio.sleep(PING_EVERY_S)
            with trio.move_on_after(_PONG_S) as in_time:
                await self.socket.ping()
            # Left unread on purpose, an application's pong is unread as well.
            if in_time.cancelled_caught and not self.pending.full:
                raise AppLostError(f"the application answered no ping for {_PONG_S:g} s")

    async def _send(self, message: RelayMessage) -> None:
        try:
            await self.socket.send(encode_message(message))
        except AppLostError as exc:
            if self._end is None:
                raise
            self._lost = str(exc)  # it has said `end`, and need not listen


def _ends_speech(event: Event) -> bool:
    match event:
        case UtteranceCompleted(cause="barge-in") | CallEnded():
            return True
        case _:
            return False
