"""Carriers nobody waits for."""

from __future__ import annotations

from contextlib import suppress
from http import HTTPStatus

import attrs
import pytest
import trio

from net.far_ends import (
    KEY,
    PATH,
    Opened,
    close_frame,
    listening,
    read_all,
    read_head,
    receiving,
    until,
    upgrade_request,
)
from trioaudio.core.carrier import Transport
from trioaudio.core.facts import DoorRefused
from trioaudio.core.upgrade import UpgradeRefusedError, UpgradeRequest
from trioaudio.net.admission import Admission
from trioaudio.net.door import Door, DoorPlan
from trioaudio.net.far_address import networks_of
from trioaudio.net.refusal import Refusal
from trioaudio.net.upgrade_head import read_public_url
from trioaudio.net.walk_in import WalkIn, carrier_in

IDENTITY = b"\x01\x00\x10" + bytes(range(16))
UUID = "00010203-0405-0607-0809-0a0b0c0d0e0f"


@attrs.define(eq=False)
class House:
    """Opens a door to each that comes, as a daemon would."""

    opened: Opened
    plan: DoorPlan = DoorPlan()
    refusal: Refusal | Exception | None = None
    came: list[WalkIn] = attrs.field(factory=list)
    doors: list[Door] = attrs.field(factory=list)

    def welcome(self, stranger: WalkIn) -> Door | Refusal:
        self.came.append(stranger)
        if isinstance(self.refusal, Exception):
            raise self.refusal
        if self.refusal is not None:
            return self.refusal
        key = f"/media/fresh/{len(self.doors)}"
        if stranger.transport is Transport.AUDIOSOCKET:
            key = stranger.key
        plan = attrs.evolve(self.plan, transport=stranger.transport)
        self.doors.append(self.opened.listener.open_door(key, plan))
        return self.doors[-1]


def a_house(opened: Opened, plan: DoorPlan | None = None) -> House:
    house = House(opened, plan or DoorPlan())
    opened.listener.walk_in(house.welcome)
    return house


async def told(opened: Opened, data: bytes) -> bytes:
    async with await opened.knock() as stream:
        await stream.send_all(data)
        return await read_all(stream)


@pytest.mark.parametrize("path", ["/media/twilio", "/media/twilio/", "/media/twilio?a=1"])
async def test_a_carrier_that_was_not_expected_comes_in(path: str) -> None:
    async with listening() as opened, await opened.knock() as stream:
        house = a_house(opened)
        await stream.send_all(upgrade_request(path))
        with trio.fail_after(5):
            await until(lambda: bool(house.doors))
            async with house.doors[0].connect(1) as connection, receiving(connection):
                assert b" 101 " in await read_head(stream)
                await stream.send_all(close_frame(1000, KEY))
        (stranger,) = house.came
        assert (stranger.carrier, stranger.transport) == ("twilio", Transport.WEBSOCKET)
        assert stranger.peer == "127.0.0.1"
        assert stranger.request is not None
        assert stranger.request.path == path.partition("?")[0]
        assert opened.listener.statistics().accepted == 1


async def test_an_audiosocket_comes_in_by_any_uuid() -> None:
    async with listening() as opened, await opened.knock() as stream:
        house = a_house(opened)
        await stream.send_all(IDENTITY)
        with trio.fail_after(5):
            await until(lambda: bool(house.doors))
            async with house.doors[0].connect(1) as connection:
                assert connection.peer
        (stranger,) = house.came
        assert (stranger.carrier, stranger.request, stranger.key) == (None, None, UUID)
        opened.listener.close_door(UUID, Transport.AUDIOSOCKET)
        # What was a call once is none again.
        assert await told(opened, IDENTITY) == b"\x00\x00\x00"
        assert len(house.came) == 1


async def test_what_is_expected_is_found_before() -> None:
    async with listening() as opened, await opened.knock() as stream:
        house = a_house(opened)
        await stream.send_all(upgrade_request())
        async with opened.door.connect(1):
            assert b" 101 " in await read_head(stream)
        opened.listener.close_door(PATH)
        assert b" 410 " in await told(opened, upgrade_request())
        assert house.came == []


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (upgrade_request("/media/telecmi/guess"), 404),
        (upgrade_request("/media/"), 404),
        (upgrade_request("/media/Twilio"), 404),
        (upgrade_request("/media/twilio//"), 404),
        (upgrade_request("/media/twilio").replace(b"Version: 13", b"Version: 12"), 400),
        (b"GET /media/twilio HTTP/1.1\r\nHost: x\r\n\r\n", 426),
    ],
)
async def test_who_does_not_come_properly_meets_nobody(data: bytes, status: int) -> None:
    async with listening() as opened:
        house = a_house(opened)
        assert b" %d " % status in await told(opened, data)
        assert house.came == []


async def test_without_a_function_nobody_walks_in() -> None:
    async with listening() as opened:
        assert b" 404 " in await told(opened, upgrade_request("/media/twilio"))
        assert await told(opened, IDENTITY) == b"\x00\x00\x00"
        assert opened.listener.statistics().refused == {404: 2}


async def test_a_refusal_of_who_is_not_the_carrier_is_a_guess() -> None:
    async with listening(Admission(refusals_most=2)) as opened:
        house = a_house(opened)
        house.refusal = Refusal(HTTPStatus.FORBIDDEN, "no signature")
        for _ in range(2):
            assert b" 403 " in await told(opened, upgrade_request("/media/twilio"))
        async with await opened.knock() as stream:
            assert b" 429 " in await read_all(stream)


async def test_the_doors_own_check_still_counts() -> None:
    def check(request: UpgradeRequest) -> None:
        raise UpgradeRefusedError(f"{request.peer} is a stranger", status=401)

    async with listening() as opened:
        house = a_house(opened, DoorPlan(check=check))
        assert b" 401 " in await told(opened, upgrade_request("/media/twilio"))
        assert len(house.doors) == 1
        assert opened.listener.statistics().accepted == 0


async def test_a_bug_in_making_a_call_ends_nothing() -> None:
    async with listening() as opened:
        house = a_house(opened)
        house.refusal = bug = ZeroDivisionError("hush")
        assert b" 500 " in await told(opened, upgrade_request("/media/twilio"))
        (fact,) = opened.facts
        assert isinstance(fact, DoorRefused)
        assert fact.bug is bug
        assert "hush" not in fact.reason
        house.refusal = None
        async with await opened.knock() as stream:
            with suppress(trio.BrokenResourceError):
                await stream.send_all(upgrade_request("/media/twilio"))
            with trio.fail_after(5):
                await until(lambda: bool(house.doors))


async def test_behind_a_proxy_with_a_prefix() -> None:
    admission = Admission(
        public_url=read_public_url("wss://voice.example.com/tel"),
        trusted_proxies=networks_of(("127.0.0.1",)),
    )
    async with listening(admission) as opened:
        house = a_house(opened)
        house.refusal = Refusal(HTTPStatus.FORBIDDEN, "no")
        request = upgrade_request("/tel/media/plivo", "X-Forwarded-For: 192.0.2.9")
        assert b" 403 " in await told(opened, request)
        (stranger,) = house.came
        assert (stranger.carrier, stranger.peer) == ("plivo", "192.0.2.9")
        assert stranger.request is not None
        assert stranger.request.url == "wss://voice.example.com/tel/media/plivo"


def test_a_path_names_a_carrier() -> None:
    assert carrier_in("/media/mod_audio_stream/") == "mod_audio_stream"
    assert carrier_in("/media/twilio/x") is None
