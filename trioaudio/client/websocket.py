"""The stream's WebSocket: the one file that knows httpx_ws's and wsproto's errors."""

from __future__ import annotations

import base64
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import anyio
import httpx
from httpx_ws import AsyncWebSocketSession, WebSocketDisconnect, WebSocketNetworkError
from msgspec.json import Decoder
from wsproto.utilities import LocalProtocolError

from trioaudio.api.requests import StreamRequest
from trioaudio.client.errors import StreamCutError
from trioaudio.client.http_link import CLOSE_S, HttpLink, problem_of
from trioaudio.client.wire import (
    Arrival,
    UnreadableError,
    encode_request,
    read_audio,
    read_text,
)

PATH: Final = "/v1/stream"
_SEND_S: Final = 5.0
_SWITCHING_PROTOCOLS: Final = 101


class WebSocket:
    """One connection; StreamCutError when it is gone."""

    def __init__(self, session: AsyncWebSocketSession, shown: str) -> None:
        self._session = session
        self._shown = shown
        self._sending = anyio.Lock()  # outside the deadline: a turn is waited for as it takes

    async def send(self, request: StreamRequest) -> None:
        """Send a request whole, though the caller be cancelled: half of one ends the stream."""
        try:
            async with self._sending:
                with anyio.move_on_after(_SEND_S, shield=True) as deadline:
                    await self._session.send_text(encode_request(request))
        except (WebSocketNetworkError, LocalProtocolError) as exc:
            raise self._lost() from exc
        if deadline.cancelled_caught:
            raise StreamCutError(f"the daemon at {self._shown} reads nothing; look at its log")

    async def receive(self) -> Arrival | None:
        """Wait for a message; None for one that this version knows nothing of."""
        try:
            event = await self._session.receive()
        except WebSocketDisconnect as exc:
            why = exc.reason or f"code {exc.code}"
            raise StreamCutError(f"the daemon at {self._shown} closed the stream: {why}") from exc
        except (WebSocketNetworkError, anyio.EndOfStream, anyio.ClosedResourceError) as exc:
            raise self._lost() from exc
        data = getattr(event, "data", None)
        try:
            if isinstance(data, str):
                return read_text(data)
            return read_audio(data) if isinstance(data, bytes | bytearray) else None
        except UnreadableError as exc:
            raise StreamCutError(
                f"the daemon at {self._shown} sent what this client cannot read ({exc}); bring"
                " both to one version"
            ) from exc

    def _lost(self) -> StreamCutError:
        return StreamCutError(f"the stream with the daemon at {self._shown} was lost")


@asynccontextmanager
async def open_websocket(link: HttpLink) -> AsyncIterator[WebSocket]:
    """Connect: UnreachableError; ProblemError when the daemon refuses."""
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Key": base64.b64encode(secrets.token_bytes(16)).decode(),
        "Sec-WebSocket-Version": "13",
    }
    request = link.http.build_request("GET", PATH, headers=headers)
    if not link.endpoint.token:
        # Without one the stream waits for it as its first message; a request is refused at once.
        await link.get("/v1/node", Decoder(object))
    try:
        response = await link.http.send(request, stream=True)
    except httpx.TransportError as exc:
        raise link.unreachable(exc) from exc
    try:
        if response.status_code != _SWITCHING_PROTOCOLS:
            await response.aread()
            if response.is_error:
                raise problem_of(response)
            raise link.foreign(f"HTTP {response.status_code} instead of a WebSocket")
        network = response.extensions["network_stream"]
        async with AsyncWebSocketSession(network, response=response) as session:
            yield WebSocket(session, link.endpoint.shown)
    finally:
        with anyio.move_on_after(CLOSE_S, shield=True):
            await response.aclose()
