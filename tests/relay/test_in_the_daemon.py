"""The real daemon and engine between a carrier and an application, keys and all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import trio
from trio_websocket import WebSocketConnection

from daemon.daemon_rig import node, raw_carrier, wait_closed
from relay.rig import serving

LONG = (
    "Your parcel left our warehouse this morning, and will be with you tomorrow before noon. "
    "If nobody is at home, it will be left with a neighbour, and a card will tell you which one. "
)


async def tell(carrier: WebSocketConnection, **message: object) -> None:
    await carrier.send_message(json.dumps(message))


async def start(carrier: WebSocketConnection) -> None:
    await tell(carrier, event="connected", protocol="Call", version="1.0.0")
    media = {"encoding": "audio/x-mulaw", "sampleRate": 8000, "channels": 1}
    started = {"streamSid": "MZ1", "callSid": "CA1", "accountSid": "AC1", "tracks": ["inbound"]}
    await tell(
        carrier,
        event="start",
        sequenceNumber="1",
        streamSid="MZ1",
        start={**started, "customParameters": {}, "mediaFormat": media},
    )


async def hear_media(carrier: WebSocketConnection, messages: int) -> None:
    """Receive so many messages with sound."""
    with trio.fail_after(10):
        while messages:
            received: dict[str, Any] = json.loads(await carrier.get_message())
            messages -= received["event"] == "media"


async def test_a_call_is_conducted_from_greeting_to_goodbye(tmp_path: Path) -> None:
    async with (
        serving() as server,
        node(tmp_path, relay_url=server.url) as made,
        raw_carrier(f"{made.addresses.media}/media/twilio") as carrier,
    ):
        await start(carrier)
        app = await server.connection()
        assert (await app.heard())["type"] == "setup"
        for word in LONG.split():
            await app.say({"type": "text", "token": f"{word} ", "last": False})
        await app.say({"type": "text", "token": "", "last": True})
        await hear_media(carrier, 20)
        await tell(
            carrier,
            event="dtmf",
            streamSid="MZ1",
            sequenceNumber="2",
            dtmf={"track": "inbound_track", "digit": "1"},
        )
        interrupt = await app.heard()
        assert interrupt["type"] == "interrupt"
        heard = interrupt["utteranceUntilInterrupt"]
        assert heard
        assert LONG.startswith(heard)
        assert heard != LONG
        assert interrupt["durationUntilInterruptMs"] > 500
        assert await app.heard() == {"type": "dtmf", "digit": "1"}
        await app.say({"type": "text", "token": "Goodbye.", "last": True})
        await made.event("utterance.completed", cause="barge-in")
        await hear_media(carrier, 3)
        await app.say({"type": "end", "handoffData": "done"})
        await made.event("call.ended", cause="hung-up")
        assert (await app.wait_closed())[0] == 1000
        await wait_closed(carrier)


async def test_an_application_that_is_not_there_ends_the_call(tmp_path: Path) -> None:
    async with (
        node(tmp_path, relay_url="ws://127.0.0.1:9/nobody") as made,
        raw_carrier(f"{made.addresses.media}/media/twilio") as carrier,
    ):
        await start(carrier)
        await made.event("call.ended", cause="hung-up")
        await wait_closed(carrier)
