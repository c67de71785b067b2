"""An open connection as a conversation uses it: sends without waiting, and tells how it ended."""

from __future__ import annotations

import re
import time
from collections import deque

import attrs
import trio

from trioaudio.core.carrier import Message
from trioaudio.core.connection import Closing, Inbound, MediaConnection
from trioaudio.core.errors import (
    LegLostError,
    LegRefusedError,
    OutputError,
    RemoteProtocolError,
    TrioaudioError,
)
from trioaudio.simulators.call import Closed
from trioaudio.simulators.carrier_socket import CarrierSocket
from trioaudio.simulators.conversation import Conversation
from trioaudio.simulators.ending import Ending
from trioaudio.simulators.faults import Strike
from trioaudio.simulators.metronome import Beat, Metronome

CLOSE_SECONDS = 2
_ABNORMAL = 1006  # RFC 6455: no close frame was seen
_PROTOCOL_ERROR = 1002
_NO_CODE = 1005
_MOST_HELD = 20_000
"""Messages that may wait behind a stalled socket: the largest storm, forty times."""
# Opcode 15 with all reserved bits is in no version of the protocol.
_GARBAGE = b"\xff" * 64
# The only place where an error of the connection tells the far end's close code.
_CLOSE_CODE = re.compile(r"(?:ended with|was lost \()\s*([1-4]\d{3})(?: ([^)]*))?")


@attrs.define(eq=False)
class Link:
    """The `Wire` of one conversation."""

    connection: MediaConnection
    socket: CarrierSocket
    dropped: int = 0
    """Messages of caller audio that a stalled socket did not take."""
    closed: Closed | None = None
    """How the far end or the network ended it."""
    over: trio.Event = attrs.field(factory=trio.Event)
    """Set when either end has enough."""
    _held: deque[Message] = attrs.field(factory=deque)
    _stalled: trio.Event = attrs.field(factory=trio.Event)
    _heard: int = -1
    _arrived: float = 0.0

    def say(self, message: Message) -> None:
        """Send a message, behind those that wait."""
        if self._held or not self._send(message):
            self._held.append(message)
            if len(self._held) > _MOST_HELD:
                self.end(Closed(_ABNORMAL, "the far end reads nothing", "carrier"))

    def speak(self, message: Message) -> None:
        """Send caller audio, or drop it."""
        if self._held or not self._send(message):
            self.dropped += 1

    def strike(self, strike: Strike) -> None:
        """Do what a fault does to the socket."""
        match strike:
            case Strike.RESET:
                self.socket.reset()
            case Strike.GARBAGE:
                try:
                    self.connection.send_control(_GARBAGE)
                except LegLostError as exc:
                    self.end(_closed_by(exc))
            case Strike.STOP_READING | Strike.HALF_OPEN:
                self.socket.stop_reading()
                self.connection.start_soon(self._wait_abandoned)
            case _:
                raise ValueError(f"{strike.value} is not the socket's affair")

    def arrived_at(self) -> float:
        """Return when the bytes of the message at hand were read, on CLOCK_MONOTONIC."""
        if self.connection.heard != self._heard:
            self._heard = self.connection.heard
            self._arrived = time.monotonic()
        return self._arrived

    def end(self, closed: Closed) -> None:
        """Note the end, unless there was one."""
        if self.closed is None:
            self.closed = closed
        self.over.set()

    async def flush(self) -> None:
        """Send what a stalled socket did not take, for as long as the connection lives."""
        try:
            while True:
                await self._stalled.wait()
                await self.connection.wait_flushed()
                self._stalled = trio.Event()
                while self._held and self._send(self._held[0]):
                    self._held.popleft()
        except LegLostError as exc:
            self.end(_closed_by(exc))

    def _send(self, message: Message) -> bool:
        outlet = self.connection.outlet
        try:
            taken = outlet.try_send(self.connection.wire(message))
        except LegLostError as exc:
            self.end(_closed_by(exc))
            return True  # there is nobody to send it to
        if outlet.stalled:
            self._stalled.set()
        return taken

    async def _wait_abandoned(self) -> None:
        await self.socket.wait_abandoned()
        self.end(Closed(_ABNORMAL, "the connection was lost", "network"))


@attrs.define(eq=False)
class Exchange:
    """A conversation on a link; what `Metronome` steps, and what messages are handed to."""

    link: Link
    conversation: Conversation
    beat: Beat | None = None

    @property
    def due(self) -> float | None:
        """When the conversation has something to do."""
        return self.conversation.due

    def step(self, now: float) -> None:
        """Let the conversation do what is due."""
        try:
            self.conversation.step(now)
        except OutputError as exc:
            self._fail(exc)
        self._look()

    def take(self, inbound: Inbound) -> None:
        """Hand a message to the conversation, unless that is over."""
        if self.link.over.is_set():
            return
        at = self.link.arrived_at()
        try:
            self.conversation.take(inbound.message(), at)
        except UnicodeDecodeError:
            self.conversation.list_error(at, "text message that is no UTF-8")
        except OutputError as exc:
            self._fail(exc)
        self._look()
        if self.beat is not None:
            self.beat.look_again()

    def _fail(self, exc: OutputError) -> None:
        self.conversation.call.failure = exc
        self.link.end(Closed(1011, str(exc), "carrier"))

    def _look(self) -> None:
        if self.conversation.over is not None:
            self.link.end(self.conversation.over)

    async def receive(self) -> None:
        """Take messages until the connection is over."""
        try:
            closing = await self.link.connection.receive(self.take)
        except TrioaudioError as exc:
            if isinstance(exc, RemoteProtocolError):
                self.conversation.list_error(self.link.arrived_at(), str(exc))
            self.link.end(_closed_by(exc))
        else:
            self.link.end(Closed(closing.code or _NO_CODE, _reason(closing), "peer"))


async def converse(
    link: Link, conversation: Conversation, metronome: Metronome, ending: Ending
) -> Closed:
    """Run a conversation until either end has enough, and close; return how it ended."""
    exchange = Exchange(link, conversation)
    call = conversation.call
    call.connected(time.monotonic(), link.connection.peer)
    try:
        conversation.open(time.monotonic())
        with metronome.stepping(exchange) as exchange.beat:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(exchange.receive)
                nursery.start_soon(link.flush)
                with ending.interrupted():
                    await link.over.wait()
                await _close(link, conversation)
                nursery.cancel_scope.cancel()
    finally:
        # Also when the process leaves at once: what was heard until now is reported.
        closed = link.closed or Closed(_ABNORMAL, "stdin was closed", "carrier")
        call.caller_dropped += link.dropped
        call.disconnected(time.monotonic(), closed)
    return closed


async def _close(link: Link, conversation: Conversation) -> None:
    """Close as whoever ended it would have it."""
    if link.closed is None:
        conversation.end("the simulator was told to end")
        assert conversation.over is not None
        link.end(conversation.over)
    assert link.closed is not None
    if link.closed.by == "carrier":
        with trio.move_on_after(CLOSE_SECONDS):
            await link.connection.close(link.closed.code, link.closed.reason[:100])


def _reason(closing: Closing) -> str:
    return closing.reason or ""


def _closed_by(exc: TrioaudioError) -> Closed:
    """Return how a connection ended that did not end in order."""
    if found := _CLOSE_CODE.search(str(exc)):
        code = int(found[1])
        if code != _ABNORMAL:
            return Closed(code, found[2] or "", "peer")
    if isinstance(exc, RemoteProtocolError):
        return Closed(_PROTOCOL_ERROR, str(exc), "peer")
    if isinstance(exc, LegRefusedError):
        return Closed(_ABNORMAL, str(exc), "peer")
    return Closed(_ABNORMAL, "the connection was lost", "network")
