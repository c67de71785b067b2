from __future__ import annotations

import httpx
import trio

from control.control_rig import client_of, control_rig
from control.stream_client import stream_of
from trioaudio.control.server import ControlServer

SUBSCRIBE = {"kind": "subscribe"}


async def test_a_request_under_way_is_finished_when_the_server_stops() -> None:
    answers: list[httpx.Response] = []

    async def say(server: ControlServer, token: str) -> None:
        async with client_of(server, token) as client:
            answers.append(await client.post("/v1/calls/call-1/say", json={"text": "x"}))

    async with trio.open_nursery() as nursery, control_rig() as rig:
        await rig.new_call()
        server, token, desk = rig.server, rig.tokens["operator"], rig.desk
        held = desk.held["say"] = trio.Event()
        nursery.start_soon(say, server, token)
        await desk.reached["say"].wait()
        held.set()
    assert [each.status_code for each in answers] == [202]


async def test_a_request_that_hangs_holds_the_stop_for_two_seconds_at_most() -> None:
    failed: list[Exception] = []

    async def say(server: ControlServer, token: str) -> None:
        async with client_of(server, token) as client:
            try:
                await client.post("/v1/calls/call-1/say", json={"text": "x"})
            except httpx.HTTPError as exc:
                failed.append(exc)

    async with trio.open_nursery() as nursery:
        async with control_rig() as rig:
            await rig.new_call()
            server, token, desk = rig.server, rig.tokens["operator"], rig.desk
            desk.held["say"] = trio.Event()
            nursery.start_soon(say, server, token)
            await desk.reached["say"].wait()
            begun = trio.current_time()
        assert trio.current_time() - begun < 3  # two, and the client's and the machine's own time
    assert failed


async def test_streams_are_told_that_the_node_stops() -> None:
    async with trio.open_nursery() as nursery:
        closed: list[tuple[int, str | None]] = []
        async with control_rig() as rig:
            opened = trio.Event()

            async def watch() -> None:
                async with stream_of(rig) as stream:
                    await stream.ask(SUBSCRIBE)
                    opened.set()
                    closed.append(await stream.closed_with())

            nursery.start_soon(watch)
            await opened.wait()
            begun = trio.current_time()
        assert trio.current_time() - begun < 2
    assert closed == [(1001, "the node is stopping")]
