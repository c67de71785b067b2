"""The stream: one WebSocket for events, commands and audio, read by one task.

Events and audio wait in bounded queues for whoever iterates over them, so a slow reader holds up
no answer; what it misses is counted and told. Nothing here reconnects: after a StreamCutError,
open a new stream, and look at the calls' views for what happened meanwhile.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Coroutine
from contextlib import AsyncExitStack
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, Unpack

import anyio
import attrs

from trioaudio.api.commands import CallCommand
from trioaudio.api.events import CallEnded, Event, TextResumed, UtteranceCompleted
from trioaudio.api.requests import Command, Create, Listen, NewCall, Subscribe
from trioaudio.api.views import Answer, Cut, Reply
from trioaudio.client.arrivals import Arrivals
from trioaudio.client.audio_frames import AudioFrames
from trioaudio.client.call import Call
from trioaudio.client.errors import ProblemError, StreamCutError
from trioaudio.client.options import CallOptions, Side
from trioaudio.client.subscription import Wishes
from trioaudio.client.watches import Watches
from trioaudio.client.websocket import WebSocket, open_websocket
from trioaudio.client.wire import Arrival, Audio

if TYPE_CHECKING:
    from trioaudio.client.client import Client

EVENTS_AHEAD: Final = 1000
"""Events that may wait to be read; the daemon keeps as many."""
TEXT_ROOM_S: Final = 0.3
"""How long to wait for text.resumed before asking whether there is room."""


@attrs.define(eq=False)
class _Asked:
    came: anyio.Event = attrs.field(factory=anyio.Event)
    answer: Answer | None = None


class Stream:
    """`async with client.stream() as stream:`; iterating gives the events subscribed to.

    Anything asked of it, and iterating, raises StreamCutError once the connection is gone. Calls
    it returns are commanded over it. One task may iterate; any may command.
    """

    def __init__(self, client: Client) -> None:
        self._client = client
        self._stack = AsyncExitStack()
        self._socket: WebSocket | None = None
        self._refs = itertools.count(1)
        self._asked: dict[str, _Asked] = {}
        self._events = Arrivals[Event](EVENTS_AHEAD)
        self._wishes = Wishes()
        self._watches = Watches()
        self._listening: dict[tuple[str, str], AudioFrames] = {}
        self._cut: StreamCutError | None = None

    async def __aenter__(self) -> Self:
        """Open the WebSocket: UnreachableError, ProblemError."""
        async with AsyncExitStack() as opening:
            socket = await opening.enter_async_context(open_websocket(self._client.link))
            reading = await opening.enter_async_context(anyio.create_task_group())
            opening.callback(reading.cancel_scope.cancel)
            reading.start_soon(self._read, socket)
            self._socket = socket
            self._stack = opening.pop_all()
        return self

    def __aexit__(
        self,
        kind: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> Coroutine[Any, Any, None]:
        """Close it; errors of the block come out as they are, not in a group."""
        self._end(StreamCutError("the stream was left"))
        return self._close()

    async def _close(self) -> None:
        # No shield around it: that scope would not nest with those the stack closes, and each
        # of them has its own. None: the block's error is not theirs to wrap.
        await self._stack.__aexit__(None, None, None)

    # --- Events --------------------------------------------------------------------------

    async def subscribe(
        self, calls: Collection[str] | None = None, events: Collection[str] | None = None
    ) -> None:
        """Have events of these calls and kinds told, None: of all; replaces what was before."""
        request = self._wishes.wish(calls, events)
        self._forget_events()
        await self._subscribe(request)

    def __aiter__(self) -> Self:
        """Return itself."""
        return self

    async def __anext__(self) -> Event:
        """Return the next event; StreamCutError when there are no more, or some were missed."""
        events = self._events
        if events.lost:
            self._forget_events()
            raise StreamCutError(
                f"{events.lost} events were not read in time, and are lost; read faster, or"
                " subscribe to less",
                events.lost,
            )
        event = await events.take()
        if event is None:
            raise self._gone()
        return event

    def _forget_events(self) -> None:
        self._events = Arrivals[Event](EVENTS_AHEAD)
        if self._cut is not None:
            self._events.end()

    # --- Calls ---------------------------------------------------------------------------

    def call(self, call: str) -> Call:
        """Return a call that is commanded over this stream."""
        return Call(call, self._client, self)

    async def create(self, wanted: NewCall | None = None, **options: Unpack[CallOptions]) -> Call:
        """Have a call dialled or expected; ProblemError."""
        answer = await self._ask(Create(call=wanted or NewCall(**options)))
        if answer.call is None:
            raise self._client.link.foreign("no call in the answer to a new call")
        return self.call(answer.call.call)

    async def command(self, call: str, command: CallCommand) -> Reply:
        """Tell a call something; ProblemError when it was not done."""
        answer = await self._ask(Command(call=call, command=command))
        if answer.reply is None:
            raise self._client.link.foreign("no reply in the answer to a command")
        return answer.reply

    async def listen(
        self, call: str, side: Side = "callee", sample_rate: int = 8000
    ) -> AudioFrames:
        """Have a call's audio sent: PCM16 LE mono in frames of 60 ms, until the call is over."""
        if (call, side) in self._listening:
            raise ValueError(f"this stream has {call}'s {side} audio already")
        frames = AudioFrames(sample_rate, lambda: self._listen_no_more(call, side))
        self._listening[call, side] = frames
        try:
            await self._follow(call)
            await self._ask(Listen(call=call, side=side, sample_rate=sample_rate))
        except BaseException:
            del self._listening[call, side]
            raise
        return frames

    async def _listen_no_more(self, call: str, side: Side) -> None:
        if self._listening.pop((call, side), None) is not None and self._cut is None:
            await self._ask(Listen(call=call, on=False, side=side))

    # --- What utterances wait for ----------------------------------------------------------

    async def wait_completed(self, call: str, utterance: int) -> UtteranceCompleted:
        """Wait until an utterance is complete."""
        with self._watches.watching(UtteranceCompleted, call, utterance) as watch:
            await self._follow(call)
            done = await self._client.wire.completed(call, utterance)
            if done is None:
                event = await watch.wait()
                if not isinstance(event, UtteranceCompleted):
                    raise self._gone()
                done = event
        return done

    async def wait_text_room(self, call: str, utterance: int) -> None:
        """Wait until text may have room again; it is asked for afterwards."""
        with (
            self._watches.watching(TextResumed, call, utterance) as watch,
            anyio.move_on_after(TEXT_ROOM_S),
        ):
            await self._follow(call)
            await watch.wait()

    async def _follow(self, call: str) -> None:
        request = self._wishes.follow(call)
        if request is not None:
            await self._subscribe(request)

    async def _subscribe(self, request: Subscribe) -> None:
        await self._ask(request)
        self._wishes.told(request)

    # --- The connection --------------------------------------------------------------------

    async def _ask(self, request: Command | Create | Subscribe | Listen) -> Answer:
        if self._cut is not None or self._socket is None:
            raise self._gone()
        request.ref = str(next(self._refs))
        asked = self._asked[request.ref] = _Asked()
        try:
            await self._socket.send(request)
            await asked.came.wait()
        finally:
            del self._asked[request.ref]
        if asked.answer is None:
            raise self._gone()
        if asked.answer.problem is not None:
            raise ProblemError(asked.answer.problem)
        return asked.answer

    async def _read(self, socket: WebSocket) -> None:
        try:
            while self._cut is None:
                arrival = await socket.receive()
                if arrival is not None:
                    self._take(arrival)
        except StreamCutError as exc:
            self._end(exc)

    def _take(self, arrival: Arrival) -> None:
        match arrival:
            case Audio():
                if frames := self._listening.get((arrival.call, arrival.side)):
                    frames.put(arrival.pcm)
            case Answer():
                if asked := self._asked.get(arrival.ref):
                    asked.answer = arrival
                    asked.came.set()
            case Cut():
                told = (
                    f"the daemon cut the stream: {arrival.reason}; {arrival.lost} events are lost"
                )
                self._end(StreamCutError(told, arrival.lost))
            case _:
                self._tell(arrival)

    def _tell(self, event: Event) -> None:
        self._watches.tell(event)
        if self._wishes.wants(event):
            self._events.put(event)
        if isinstance(event, CallEnded):
            self._wishes.forget(event.call)
            for (call, _), frames in self._listening.items():
                if call == event.call:
                    frames.end_with_call()

    def _end(self, cut: StreamCutError) -> None:
        if self._cut is None:
            self._cut = cut
        for asked in self._asked.values():
            asked.came.set()
        for frames in self._listening.values():
            frames.end(self._cut)
        self._watches.end()
        self._events.end()

    def _gone(self) -> StreamCutError:
        cut = self._cut or StreamCutError("the stream is not open; use `async with`")
        return StreamCutError(str(cut), cut.lost)
