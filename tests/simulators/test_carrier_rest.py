"""The simulated REST side as a process, and the calls it places."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial

import pytest
import trio
import trio_websocket

from net.rest_sides import placing_for, settings_for
from trioaudio.call_control import load_call_control
from trioaudio.core.errors import ConfigError
from trioaudio.net.carrier_rest import CarrierRest, open_carrier_rest
from trioaudio.simulators.carrier_rest import main
from trioaudio.simulators.rest import load_rest, rest_names


def test_every_carrier_whose_calls_we_place_is_simulated() -> None:
    assert rest_names() == [
        *("exotel", "plivo", "signalwire", "telecmi", "telnyx", "twilio", "vobiz", "vonage")
    ]
    with pytest.raises(ConfigError, match="twilio"):
        load_rest("twilo")


@asynccontextmanager
async def a_process(*arguments: str) -> AsyncIterator[tuple[trio.Process, Events]]:
    command = [sys.executable, "-m", "trioaudio.simulators.carrier_rest", *arguments]
    async with trio.open_nursery() as nursery:
        process: trio.Process = await nursery.start(
            partial(trio.run_process, command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        )
        yield process, Events(process)
        assert process.stdin is not None
        await process.stdin.aclose()


class Events:
    """What it prints, line by line."""

    def __init__(self, process: trio.Process) -> None:
        self._process = process
        self._buffer = b""

    async def wait(self, name: str) -> dict[str, object]:
        assert self._process.stdout is not None
        while True:
            line, newline, rest = self._buffer.partition(b"\n")
            if newline:
                self._buffer = rest
                event: dict[str, object] = json.loads(line)
                if event["event"] == name:
                    return event
                continue
            more = await self._process.stdout.receive_some(65536)
            assert more, "it ended"
            self._buffer += more


@asynccontextmanager
async def telnyx_at(url: object) -> AsyncIterator[CarrierRest]:
    control = load_call_control("telnyx")
    async with open_carrier_rest(control, settings_for("telnyx", str(url))) as rest:
        yield rest


async def test_a_placed_call_dials_the_media_url_and_ends_with_it() -> None:
    seen = trio.Event()
    tokens: list[str] = []

    async def serve(request: trio_websocket.WebSocketRequest) -> None:
        tokens.extend(
            value.decode() for name, value in request.headers if name.endswith(b"auth-token")
        )
        websocket = await request.accept()
        with suppress(trio_websocket.ConnectionClosed):
            while True:
                await websocket.get_message()
                seen.set()

    async with trio.open_nursery() as nursery:
        server = await nursery.start(trio_websocket.serve_websocket, serve, "127.0.0.1", 0, None)
        media_url = f"ws://127.0.0.1:{server.port}/media/abc"
        async with a_process("--carrier", "telnyx", "--child") as (_, events):
            url = (await events.wait("listening"))["url"]
            async with telnyx_at(url) as rest:
                call = await rest.place(placing_for("telnyx", media_url))
                assert (await events.wait("placed"))["call_id"] == call.call_id
                with trio.fail_after(20):
                    await seen.wait()
                assert await rest.hang_up(call.call_id or "")
                over = await events.wait("call-over")
                assert over["call_id"] == call.call_id
                assert isinstance(over["report"], dict)
        nursery.cancel_scope.cancel()
    assert tokens == ["stream-token"]


@pytest.mark.parametrize(
    "arguments",
    [
        ("--carrier", "twilo"),
        ("--carrier", "twilio", "--listen", "nowhere"),
        ("--carrier", "twilio", "--fault", "gremlin"),
    ],
)
def test_wrong_usage(capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...]) -> None:
    assert main(arguments) == 2
    assert capsys.readouterr().err.startswith("trioaudio simulate rest: ")


async def test_a_call_that_comes_in_asks_at_once() -> None:
    async with a_process("--carrier", "twilio", "--call", "http://127.0.0.1:9/") as (_, events):
        asked = await events.wait("asked")
        assert asked["status"] == 0
        assert str(asked["call_id"]).startswith("CA")
