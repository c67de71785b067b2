"""A client of Cartesia that hides nothing: messages as they come, and how a connection ended."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import attrs
import trio
import trio_websocket

VERSION = "2026-03-01"
S16 = {"container": "raw", "encoding": "pcm_s16le", "sample_rate": 8000}
MOST_SECONDS = 8


def request(transcript: str, context_id: str = "a", /, **more: object) -> dict[str, object]:
    """Return a request to speak, the last of its context unless `more` says otherwise."""
    return {
        "context_id": context_id,
        "model_id": "sonic-3",
        "transcript": transcript,
        "voice": {"mode": "id", "id": "v"},
        "output_format": S16,
        "continue": False,
        "max_buffer_delay_ms": 0,
        **more,
    }


@attrs.define
class Client:
    """One WebSocket."""

    websocket: trio_websocket.WebSocketConnection

    async def send(self, value: object) -> None:
        await self.websocket.send_message(json.dumps(value))

    async def ask(self, transcript: str, context_id: str = "a", /, **more: object) -> None:
        await self.send(request(transcript, context_id, **more))

    async def receive(self) -> dict[str, Any]:
        with trio.fail_after(MOST_SECONDS):
            message = await self.websocket.get_message()
        assert isinstance(message, str)
        value = json.loads(message)
        assert isinstance(value, dict)
        return value

    async def receive_all(self, *last: str) -> list[dict[str, Any]]:
        """Receive up to the first message of one of these types; a done or an error if none."""
        found = [await self.receive()]
        while found[-1]["type"] not in (last or ("done", "error")):
            found.append(await self.receive())
        return found

    async def wait_closed(self) -> tuple[int, str | None]:
        """Receive until the connection is over; return the close code and reason."""
        with trio.fail_after(MOST_SECONDS):
            while True:
                try:
                    await self.websocket.get_message()
                except trio_websocket.ConnectionClosed as exc:
                    reason = exc.reason
                    return (reason.code, reason.reason) if reason else (1006, None)


def audio(messages: list[dict[str, Any]], context_id: str | None = None) -> bytes:
    """Return the audio of all chunks, or of one context's."""
    return b"".join(
        base64.b64decode(each["data"])
        for each in messages
        if each["type"] == "chunk" and context_id in (None, each["context_id"])
    )


@contextlib.asynccontextmanager
async def dialled(
    base_url: str, path: str = f"/tts/websocket?cartesia_version={VERSION}", key: str | None = "k"
) -> AsyncIterator[Client]:
    """Hold a connection for a block. ConnectionRejected comes in a group."""
    host, port = base_url.removeprefix("ws://").split(":")
    headers = [] if key is None else [(b"Authorization", f"Bearer {key}".encode())]
    tcp = await trio.open_tcp_stream(host, int(port))
    async with tcp, trio.open_nursery() as nursery:
        yield Client(
            await trio_websocket.wrap_client_stream(
                nursery, tcp, host, path, extra_headers=headers, max_message_size=8 << 20
            )
        )
        nursery.cancel_scope.cancel()


async def refusal(
    base_url: str, path: str = "/tts/websocket", key: str | None = "k"
) -> tuple[int, Any]:
    """Dial where the upgrade must be refused; return the status and the body."""
    found: list[tuple[int, Any]] = []
    try:
        async with dialled(base_url, path, key):
            raise AssertionError("the upgrade was accepted")
    except* trio_websocket.ConnectionRejected as group:
        exc = group.exceptions[0]
        while isinstance(exc, BaseExceptionGroup):
            exc = exc.exceptions[0]
        body = exc.body or b""
        try:
            found.append((exc.status_code, json.loads(body)))
        except ValueError:
            found.append((exc.status_code, body.decode()))
    return found[0]
