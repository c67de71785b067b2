"""Who gives way when there is no room: first the book by itself, then the server."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import trio
import trio.testing

from control.control_rig import Rig, client_of, control_rig
from control.fake_desk import FakeDesk
from control.stream_client import dtmf, stream_of, wait_until
from trioaudio.control import guests as guests_module
from trioaudio.control.guests import HEAD_S, Guest, Guests, keep_place

UNFINISHED = b"GET /livez HTTP/1.1\r\nHost: x\r\nX-A: "


class Door:
    """Lets guests in, and notes who was sent away."""

    def __init__(self, most: int = 10, most_of_peer: int = 2) -> None:
        self.guests = Guests(most, most_of_peer)
        self.closed: list[str] = []

    def admit(self, name: str, peer: str = "a") -> Guest | None:
        return self.guests.admit(peer, lambda: self.closed.append(name))

    def surely(self, name: str, peer: str = "a") -> Guest:
        guest = self.admit(name, peer)
        assert guest is not None
        return guest


async def test_the_oldest_that_asked_nothing_gives_way() -> None:
    await trio.lowlevel.checkpoint()
    door = Door()
    for name in "1234":
        door.surely(name)
    assert door.closed == ["1", "2"]
    door.surely("5", peer="b")
    assert door.closed == ["1", "2"]


async def test_the_whole_bound_has_strangers_of_any_peer_give_way() -> None:
    await trio.lowlevel.checkpoint()
    door = Door(most=3)
    for name in "12345":
        door.surely(name, peer=name)
    assert door.closed == ["1", "2"]


async def test_whatever_is_under_way_stays() -> None:
    await trio.lowlevel.checkpoint()
    door = Door()
    one, two = door.surely("1"), door.surely("2")
    with one.asking({}) as scope, two.asking({}):
        keep_place(scope)
        two.keep()
        assert door.admit("3") is None
        assert door.closed == []
    door.surely("4")  # those that were answered give way, too
    assert door.closed == ["2"]  # it was answered first: the block ends it first


async def test_strangers_give_way_before_those_that_were_answered() -> None:
    await trio.lowlevel.checkpoint()
    door = Door()
    answered = door.surely("answered")
    with answered.asking({}):
        answered.keep()
    door.surely("stranger")
    door.surely("3")
    assert door.closed == ["stranger"]


async def test_a_request_that_never_comes_whole_is_not_under_way() -> None:
    await trio.lowlevel.checkpoint()
    door = Door()
    with door.surely("1").asking({}), door.surely("2").asking({}):
        door.surely("3")
    assert door.closed == ["1"]


async def test_several_requests_of_one_connection_are_one_guest() -> None:
    await trio.lowlevel.checkpoint()
    door = Door(most_of_peer=1)
    guest = door.surely("1")
    with guest.asking({}):
        guest.keep()
        with guest.asking({}):
            pass
        assert door.admit("2") is None
    door.surely("3")
    assert door.closed == ["1"]


async def test_one_that_left_or_gave_way_is_forgotten() -> None:
    await trio.lowlevel.checkpoint()
    door = Door(most=2)
    one, two = door.surely("1"), door.surely("2")
    door.guests.leave(one)
    three = door.surely("3")
    assert door.closed == []
    with two.asking({}):
        door.surely("4")
    assert door.closed == ["2"]
    for each in (two, three):
        door.guests.leave(each)
    door.surely("5")
    assert door.closed == ["2"]


def test_a_scope_of_another_server_has_no_place() -> None:
    keep_place({})


async def test_it_is_told_once_a_minute(
    caplog: pytest.LogCaptureFixture, autojump_clock: object
) -> None:
    door = Door(most_of_peer=1)
    for name in "123":
        door.surely(name)
    (told,) = caplog.records
    assert "too many connections from a: those that ask nothing give way" in told.getMessage()
    await trio.sleep(60)
    door.surely("4").keep()
    assert door.admit("5") is None
    await trio.sleep(60)
    assert door.admit("6") is None
    assert "newcomers are closed" in caplog.text


# --- The server --------------------------------------------------------------------------


@asynccontextmanager
async def strangers(rig: Rig, number: int, said: bytes) -> AsyncIterator[list[trio.SocketStream]]:
    streams: list[trio.SocketStream] = []
    try:
        for _ in range(number):
            streams.append(await trio.open_tcp_stream("127.0.0.1", rig.port))
            await streams[-1].send_all(said)
        yield streams
    finally:
        for each in streams:
            await trio.aclose_forcefully(each)


async def ended(stream: trio.SocketStream) -> bool:
    """Read to the end, of which HTTP/2 has something to say first."""
    with trio.move_on_after(5):
        try:
            while await stream.receive_some(100):
                pass
        except trio.BrokenResourceError:
            pass
        return True
    return False


@pytest.mark.parametrize(
    "said",
    [
        b"",
        UNFINISHED,
        b"GET /livez HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nx",
        b"POST /v1/calls HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nx",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
async def test_unfinished_requests_shut_nobody_out(said: bytes) -> None:
    async with control_rig(connections_per_peer=5) as rig, strangers(rig, 7, said) as streams:
        for _ in range(10):
            assert (await rig.client.get("/livez")).status_code == 200
        assert await ended(streams[0])


async def test_unfinished_streams_shut_nobody_out() -> None:
    said = (
        b"GET /v1/stream HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AQIDBAUGBwgJCgsMDQ4PEA==\r\n\r\n"
    )
    async with control_rig(connections_per_peer=5) as rig, strangers(rig, 7, said):
        for _ in range(10):
            assert (await rig.client.get("/livez")).status_code == 200


async def test_streams_and_requests_under_way_outlive_a_flood() -> None:
    answers: list[httpx.Response] = []

    async with control_rig(connections_per_peer=6) as rig, stream_of(rig) as stream:
        call = await rig.new_call()
        await stream.ask({"kind": "subscribe"})
        held = rig.desk.held["say"] = trio.Event()

        async def say() -> None:
            answers.append(await rig.client.post(f"/v1/calls/{call}/say", json={"text": "x"}))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(say)
            await rig.desk.reached["say"].wait()
            uploading = await trio.open_tcp_stream("127.0.0.1", rig.port)
            await uploading.send_all(
                f"POST /v1/calls/{call}/pause HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n"
                f"Authorization: Bearer {rig.tokens['operator']}\r\n\r\n{{".encode()
            )
            await trio.testing.wait_all_tasks_blocked(0.05)
            async with strangers(rig, 20, UNFINISHED) as streams:
                assert await ended(streams[0])
                await uploading.send_all(b"}")
                assert b" 200 " in await uploading.receive_some(1000)
                await trio.aclose_forcefully(uploading)
                rig.desk.hub.tell(dtmf(call))
                assert (await stream.receive())["event"] == "dtmf"
                held.set()
        assert answers[0].status_code == 202


class Slow(FakeDesk):
    """Takes its time for the metrics, which need no token here."""

    async def metrics(self) -> tuple[bytes, str]:
        self.reached["metrics"].set()
        await self.held["metrics"].wait()
        return await super().metrics()


async def test_a_whole_request_without_a_token_outlives_a_flood() -> None:
    answers: list[httpx.Response] = []
    desk = Slow(held={"metrics": trio.Event()})
    async with (
        control_rig(desk=desk, connections_per_peer=3) as rig,
        client_of(rig.server) as nobody,
        trio.open_nursery() as nursery,
    ):

        async def look() -> None:
            answers.append(await nobody.get("/metrics"))

        nursery.start_soon(look)
        await desk.reached["metrics"].wait()
        async with strangers(rig, 10, UNFINISHED) as streams:
            assert await ended(streams[0])
            desk.held["metrics"].set()
    assert [each.status_code for each in answers] == [200]


async def test_when_all_have_something_under_way_newcomers_are_closed() -> None:
    async with control_rig(connections_per_peer=2) as rig, stream_of(rig) as one:
        async with stream_of(rig, "admin") as two:
            for each in (one, two):
                await each.ask({"kind": "subscribe"})
            async with strangers(rig, 1, b"") as streams:
                assert await ended(streams[0])
            rig.desk.hub.tell(dtmf("c"))
            assert (await one.receive())["event"] == "dtmf"
        await wait_until(lambda: len(rig.desk.hub) == 1)
        assert (await rig.client.get("/v1/node")).status_code == 200


@pytest.mark.parametrize("said", [b"", UNFINISHED, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"])
async def test_a_head_has_to_come_in_time(said: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert HEAD_S == 10.0
    monkeypatch.setattr(guests_module, "HEAD_S", 0.2)
    async with control_rig() as rig, stream_of(rig) as stream:
        assert (await rig.client.get("/livez")).status_code == 200
        async with strangers(rig, 1, said) as streams:
            begun = trio.current_time()
            assert await ended(streams[0])
            assert trio.current_time() < begun + 3
        assert (await rig.client.get("/livez")).status_code == 200
        await stream.ask({"kind": "subscribe"})


async def test_one_socket_file_is_one_peer(tmp_path: Path) -> None:
    file = tmp_path / "control.sock"
    async with control_rig(listen=file, connections_per_peer=2) as rig:
        for _ in range(3):
            stream = await trio.open_unix_socket(file)
            await stream.send_all(UNFINISHED)
            assert (await rig.client.get("/livez")).status_code == 200
            await trio.aclose_forcefully(stream)
