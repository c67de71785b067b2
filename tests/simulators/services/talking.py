"""A client of simulated services that speak JSON over a WebSocket: it hides nothing."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import AsyncIterator, Sequence
from typing import Any

import attrs
import trio
import trio_websocket

from trioaudio.simulators.services.service import OpenService, open_service
from trioaudio.simulators.services.studio import ServiceOptions
from trioaudio.simulators.services.tone import read_tone
from trioaudio.simulators.services.voice import VoiceKind

MOST_SECONDS = 8


@attrs.define
class Client:
    """One WebSocket."""

    websocket: trio_websocket.WebSocketConnection

    async def send(self, *values: object) -> None:
        for value in values:
            message = value if isinstance(value, str | bytes) else json.dumps(value)
            await self.websocket.send_message(message)

    async def receive(self) -> dict[str, Any]:
        with trio.fail_after(MOST_SECONDS):
            message = await self.websocket.get_message()
        assert isinstance(message, str)
        value = json.loads(message)
        assert isinstance(value, dict)
        return value

    async def receive_to(self, key: str, *last: str) -> list[dict[str, Any]]:
        """Receive up to the first message whose `key` is one of `last`."""
        found = [await self.receive()]
        while found[-1].get(key) not in last:
            found.append(await self.receive())
        return found

    async def closed(self) -> tuple[int, str | None]:
        """Wait until the service closes; return its code and reason."""
        with trio.fail_after(MOST_SECONDS):
            with contextlib.suppress(trio_websocket.ConnectionClosed):
                while True:
                    await self.websocket.get_message()
        reason = self.websocket.closed
        assert reason is not None
        return reason.code, reason.reason


def tone_service(
    name: str, *faults: str, **options: object
) -> contextlib.AbstractAsyncContextManager[OpenService]:
    """Open a service that speaks tones, quickly."""
    quick = ServiceOptions(voice=VoiceKind.TONE, first_audio_ms=1, faults=faults)
    return open_service(name, attrs.evolve(quick, **options))  # type: ignore[arg-type]  # by name


@contextlib.asynccontextmanager
async def dialled(url: str, *headers: tuple[str, str]) -> AsyncIterator[Client]:
    """Connect; ConnectionRejected when the upgrade is refused."""
    host, _, rest = url.removeprefix("ws://").partition("/")
    address, port = host.split(":")
    stream = await trio.open_tcp_stream(address, int(port))
    async with stream, trio.open_nursery() as nursery:
        websocket = await trio_websocket.wrap_client_stream(
            nursery,
            stream,
            host,
            f"/{rest}",
            extra_headers=[(name.encode(), value.encode()) for name, value in headers],
        )
        yield Client(websocket)
        nursery.cancel_scope.cancel()


async def refusal(url: str, *headers: tuple[str, str]) -> tuple[int, str]:
    """Return the status and the body of a refused upgrade."""
    refused: list[trio_websocket.ConnectionRejected] = []
    try:
        async with dialled(url, *headers):
            pass
    except* trio_websocket.ConnectionRejected as group:
        refused = [
            each for each in group.exceptions if isinstance(each, trio_websocket.ConnectionRejected)
        ]
    (only,) = refused
    return only.status_code, (only.body or b"").decode()


def spoken(chunks: Sequence[str], sample_rate: int = 8000) -> str:
    """Return what a tone in base64 says."""
    pcm = b"".join(base64.b64decode(each) for each in chunks)
    return "".join(each.character for each in read_tone(pcm, sample_rate))
