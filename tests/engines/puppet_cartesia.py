"""A Cartesia whose every word the test says, in virtual time and without a network."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator

import trio

from trioaudio.core.errors import EngineError
from trioaudio.core.secret import Secret
from trioaudio.engines._cartesia_settings import CartesiaSettings
from trioaudio.engines._service_socket import ServiceAddress
from trioaudio.engines._status import unavailable

KEY = "sk-not-to-be-seen"
BYTES_PER_MS = 16
"""PCM16 at 8 kHz."""


def settings(
    *,
    concurrency: int = 15,
    contexts_per_socket: int = 50,
    warm_sockets: int = 1,
    timestamps: bool = True,
    max_buffer_delay_ms: int = 0,
) -> CartesiaSettings:
    return CartesiaSettings(
        api_key=Secret(KEY),
        concurrency=concurrency,
        contexts_per_socket=contexts_per_socket,
        warm_sockets=warm_sockets,
        timestamps=timestamps,
        max_buffer_delay_ms=max_buffer_delay_ms,
    )


def pcm(milliseconds: int, value: int = 1) -> bytes:
    return value.to_bytes(2, "little") * (milliseconds * BYTES_PER_MS // 2)


class Request:
    """What the engine sent."""

    def __init__(self, message: str | bytes) -> None:
        self.fields = json.loads(message)

    @property
    def context_id(self) -> str:
        return str(self.fields["context_id"])

    @property
    def kind(self) -> str:
        """`cancel`, `end`, or the text to speak."""
        if self.fields.get("cancel"):
            return "cancel"
        if self.fields["continue"]:
            return str(self.fields["transcript"])
        assert self.fields["transcript"] == ""
        return "end"


class PuppetSocket:
    """One socket: the engine's end, and the strings the test pulls."""

    def __init__(self) -> None:
        self._requests, self._asked = trio.open_memory_channel[str | bytes](10_000)
        self._replies, self._said = trio.open_memory_channel[str | bytes | EngineError](10_000)
        self.answers_pings = True
        self.pings = 0
        self.blocked = False
        self.closed = False

    async def send(self, message: str | bytes) -> None:
        await trio.lowlevel.checkpoint()
        if self.blocked:
            await trio.sleep_forever()
        self._requests.send_nowait(message)

    async def receive(self) -> str | bytes:
        reply = await self._said.receive()
        if isinstance(reply, EngineError):
            raise reply
        return reply

    async def ping(self) -> None:
        self.pings += 1
        if not self.answers_pings:
            await trio.sleep_forever()
        await trio.lowlevel.checkpoint()

    async def asked(self) -> Request:
        """Return the next request; it must come within 30 seconds."""
        with trio.fail_after(30):
            return Request(await self._asked.receive())

    async def asked_for(self, kind: str) -> str:
        """Return the context of the next request, which must be of this kind."""
        request = await self.asked()
        assert request.kind == kind
        return request.context_id

    @property
    def unread(self) -> int:
        """Requests that were sent and not looked at."""
        return self._asked.statistics().current_buffer_used

    def say(self, kind: str, context_id: str | None = None, **fields: object) -> None:
        named = {} if context_id is None else {"context_id": context_id}
        self.say_raw(json.dumps({"type": kind, **named, **fields}))

    def say_raw(self, message: str | bytes) -> None:
        self._replies.send_nowait(message)

    def say_audio(self, context_id: str, data: bytes) -> None:
        self.say("chunk", context_id, data=base64.b64encode(data).decode(), done=False)

    def refuse(self, status: int, context_id: str | None = None, message: str = "no") -> None:
        self.say("error", context_id, status_code=status, title="Refused", message=message)

    def lose(self, reason: str = "the connection was lost") -> None:
        self._replies.send_nowait(unavailable("cartesia", reason))


class Puppet:
    """All sockets there are; give `open` to the engine."""

    def __init__(self) -> None:
        self.sockets: list[PuppetSocket] = []
        self.dials: list[float] = []
        """When each dial was begun."""
        self.refusal: EngineError | None = None
        self.dial_s = 0.0
        self._opened, self._new = trio.open_memory_channel[PuppetSocket](10_000)

    @contextlib.asynccontextmanager
    async def open(self, address: ServiceAddress | None = None) -> AsyncIterator[PuppetSocket]:
        self.dials.append(trio.current_time())
        await trio.sleep(self.dial_s)
        if self.refusal is not None:
            raise self.refusal
        socket = PuppetSocket()
        self.sockets.append(socket)
        self._opened.send_nowait(socket)
        try:
            yield socket
        finally:
            socket.closed = True

    async def opened(self) -> PuppetSocket:
        """Return the next socket that is opened."""
        with trio.fail_after(600):
            return await self._new.receive()

    @property
    def live(self) -> list[PuppetSocket]:
        return [each for each in self.sockets if not each.closed]
