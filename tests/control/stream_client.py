"""A client of the stream, by trio-websocket: it speaks the public protocol and nothing more."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import attrs
import pytest
import trio
from trio_websocket import ConnectionClosed, WebSocketConnection, open_websocket_url

from control.control_rig import Rig
from trioaudio.api.events import DtmfCame
from trioaudio.api.shapes import Role


@attrs.define(eq=False)
class StreamClient:
    """Sends and receives; waits five seconds at most for anything."""

    socket: WebSocketConnection

    async def send(self, message: dict[str, Any]) -> None:
        await self.socket.send_message(json.dumps(message))

    async def receive(self) -> dict[str, Any]:
        with trio.fail_after(5):
            message = await self.socket.get_message()
        assert isinstance(message, str)
        found = json.loads(message)
        assert isinstance(found, dict)
        return found

    async def receive_audio(self) -> bytes:
        with trio.fail_after(5):
            message = await self.socket.get_message()
        assert isinstance(message, bytes)
        return message

    async def ask(self, message: dict[str, Any], ref: str = "r") -> dict[str, Any]:
        """Send a request and return its answer; nothing may come before that."""
        await self.send({**message, "ref": ref})
        answer = await self.receive()
        assert answer["kind"] == "answer"
        assert answer["ref"] == ref
        return answer

    async def tell(self, call: str, **command: Any) -> dict[str, Any]:
        return await self.ask({"kind": "command", "call": call, "command": command})

    async def closed_with(self) -> tuple[int, str | None]:
        """Read to the end, and return why it ended."""
        with trio.fail_after(5), pytest.raises(ConnectionClosed) as ended:
            await self._read_on()
        assert ended.value.reason is not None
        return ended.value.reason.code, ended.value.reason.reason

    async def _read_on(self) -> NoReturn:
        while True:
            await self.socket.get_message()


@asynccontextmanager
async def stream_of(
    rig: Rig, role: Role | None = "operator", token: str | None = None
) -> AsyncIterator[StreamClient]:
    """Open a stream with a role's token, another token, or none."""
    given = token if role is None else rig.tokens[role]
    headers = [] if given is None else [(b"authorization", f"Bearer {given}".encode())]
    url = rig.server.address.replace("http", "ws", 1) + "/v1/stream"
    async with open_websocket_url(url, extra_headers=headers) as socket:
        try:
            yield StreamClient(socket)
        finally:
            with trio.move_on_after(1, shield=True):
                await socket.aclose()
                # It leaves the socket to the garbage collector when the server closed first.
                await socket._stream.aclose()


def dtmf(call: str, digit: str = "5") -> DtmfCame:
    return DtmfCame(call=call, at=1.0, digit=digit, duration_ms=None)


async def wait_until(true: Callable[[], bool]) -> None:
    """Wait for what has no event to wait for, five seconds at most."""
    for _ in range(500):
        if true():
            return
        await trio.sleep(0.01)
    pytest.fail("it did not become true")
