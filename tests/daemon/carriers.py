"""Carriers as a daemon meets them: dialling in with a proof, listening, and AudioSocket."""

from __future__ import annotations

import base64
import hmac
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any
from urllib.parse import urlsplit

import attrs
import trio
from trio_websocket import (
    ConnectionClosed,
    WebSocketConnection,
    WebSocketRequest,
    serve_websocket,
    wrap_client_stream,
)

from daemon.daemon_rig import knock
from net.rest_sides import ACCOUNT
from trioaudio.simulators.rest_serving import OpenRest

TELNYX = {
    "carriers": "telnyx",
    "media_auth": "tokens",
    "telnyx_api_key": ACCOUNT.secret,
    "telnyx_connection_id": ACCOUNT.id,
    "telnyx_stream_token": "stream-token",
    "caller_id": "+918040000000",
    "telnyx_mark_wait_ms": "100",  # nobody here returns marks
    "rest_timeout_s": "2",
}


def telnyx(opened: OpenRest) -> dict[str, str]:
    return {**TELNYX, "telnyx_rest_url": opened.url}


def twilio_signature(secret: str, url: str, form: Mapping[str, str]) -> str:
    """As https://www.twilio.com/docs/usage/webhooks/webhooks-security says."""
    signed = url + "".join(name + form[name] for name in sorted(form))
    return base64.b64encode(hmac.digest(secret.encode(), signed.encode(), "sha1")).decode()


@asynccontextmanager
async def dialled_in(url: str, headers: Mapping[str, str]) -> AsyncIterator[WebSocketConnection]:
    """A carrier that dials a media URL with its proof."""
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    extra = [(name.encode(), value.encode()) for name, value in headers.items()]
    async with (
        await trio.open_tcp_stream(parts.hostname, parts.port) as stream,
        trio.open_nursery() as nursery,
    ):
        connection = await wrap_client_stream(
            nursery, stream, parts.netloc, parts.path, extra_headers=extra
        )
        async with connection:
            yield connection
        nursery.cancel_scope.cancel()


async def start_stream(carrier: WebSocketConnection, call_id: str, stream_id: str = "MZ1") -> None:
    """Say what Twilio and Telnyx say first; both spellings, each reads its own."""
    start = {
        "streamSid": stream_id,
        "callSid": call_id,
        "accountSid": "AC1",
        "call_control_id": call_id,
        "tracks": ["inbound"],
        "mediaFormat": {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1},
        "media_format": {"encoding": "PCMU", "sample_rate": 8000, "channels": 1},
        "customParameters": {},
    }
    await carrier.send_message('{"event":"connected","version":"1.0.0","protocol":"Call"}')
    await carrier.send_message(
        json.dumps(
            {
                "event": "start",
                "sequenceNumber": "1",
                "sequence_number": "1",
                "streamSid": stream_id,
                "stream_id": stream_id,
                "start": start,
            }
        )
    )


async def hear_media(carrier: WebSocketConnection, messages: int) -> None:
    """Receive so many messages with sound."""
    with trio.fail_after(20):
        while messages:
            received: dict[str, Any] = json.loads(await carrier.get_message())
            messages -= received["event"] == "media"


async def until_knocked(url: str, status: int) -> None:
    """Knock until that is the answer: the door looks now and then whether calls are taken."""
    with trio.fail_after(10):
        while await knock(url) != status:  # noqa: ASYNC110  nobody tells
            await trio.sleep(0.05)


@attrs.define(eq=False)
class ListeningCarrier:
    """A carrier that is dialled."""

    url: str = ""
    requests: list[WebSocketRequest] = attrs.field(factory=list)
    heard: bytearray = attrs.field(factory=bytearray)
    came: trio.Event = attrs.field(factory=trio.Event)

    async def serve(self, request: WebSocketRequest) -> None:
        self.requests.append(request)
        connection = await request.accept()
        self.came.set()
        try:
            while True:
                message = await connection.get_message()
                if isinstance(message, bytes):
                    self.heard += message
        except ConnectionClosed:
            pass


@asynccontextmanager
async def listening_carrier() -> AsyncIterator[ListeningCarrier]:
    made = ListeningCarrier()
    async with trio.open_nursery() as nursery:
        serve = partial(serve_websocket, made.serve, "127.0.0.1", 0, ssl_context=None)
        server = await nursery.start(serve)
        made.url = f"ws://127.0.0.1:{server.port}"
        yield made
        nursery.cancel_scope.cancel()
