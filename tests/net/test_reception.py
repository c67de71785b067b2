"""Who is heard at all: proxies, limits, draining, and what is told of those who are not."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable

import pytest
import trio

from net.far_ends import (
    KEY,
    PATH,
    Certificates,
    Opened,
    close_frame,
    listening,
    read_all,
    read_head,
    receiving,
    reset,
    until,
    upgrade_request,
)
from trioaudio.core.errors import LegLostError
from trioaudio.core.facts import DoorRefused
from trioaudio.core.upgrade import UpgradeRequest
from trioaudio.net.admission import Admission
from trioaudio.net.door import DoorPlan
from trioaudio.net.far_address import Network, networks_of
from trioaudio.net.upgrade_head import read_public_url

ELSEWHERE = upgrade_request("/media/telecmi/hush-hush-42?key=hush")
LOOPBACK = networks_of(("127.0.0.1",))


async def told(opened: Opened, request: bytes) -> bytes:
    async with await opened.knock() as stream:
        await stream.send_all(request)
        return await read_all(stream)


async def turned_away(opened: Opened) -> bytes:
    """What is said to somebody who says nothing."""
    async with await opened.knock() as stream:
        return await read_all(stream)


async def comes_in(opened: Opened, *headers: str, path: str = PATH) -> None:
    async with await opened.knock() as stream:
        await stream.send_all(upgrade_request(path, *headers))
        async with opened.door.connect(1) as connection, receiving(connection):
            assert b" 101 " in await read_head(stream)
            await stream.send_all(close_frame(1000, KEY))


# --- Limits -------------------------------------------------------------------------------


async def test_who_is_refused_too_often_is_not_listened_to() -> None:
    async with listening(Admission(refusals_most=3)) as opened:
        for _ in range(3):
            assert b" 404 " in await told(opened, ELSEWHERE)
        answer = await turned_away(opened)
        assert answer.startswith(b"HTTP/1.1 429 ")
        assert b"Retry-After: 60\r\n" in answer
        assert opened.listener.statistics().refused == {404: 3, 429: 1}
        assert opened.listener.statistics().in_handshake == 0


async def test_what_only_comes_too_late_or_twice_is_no_guess() -> None:
    async with listening(Admission(refusals_most=1)) as opened:
        opened.listener.close_door(PATH)
        for _ in range(5):
            assert b" 410 " in await told(opened, upgrade_request())


async def test_too_many_at_once() -> None:
    async with listening(Admission(handshakes_most=2)) as opened:
        async with await opened.knock() as first, await opened.knock():
            answer = await turned_away(opened)
            assert answer.startswith(b"HTTP/1.1 429 ")
            assert opened.listener.statistics().in_handshake == 2
            await first.send_all(upgrade_request())
            async with opened.door.connect(1):
                assert b" 101 " in await read_head(first)
                assert b" 404 " in await told(opened, ELSEWHERE)  # there is room again
        assert opened.listener.statistics().accepted == 1


async def test_who_is_turned_away_over_tls_is_told_nothing(certificates: Certificates) -> None:
    admission = Admission(handshakes_most=1, tls_context=certificates.server)
    async with listening(admission) as opened, await opened.knock():
        assert await turned_away(opened) == b""
        assert opened.listener.statistics().refused == {429: 1}


async def test_when_there_is_no_room_who_has_asked_nothing_for_longest_goes() -> None:
    admission = Admission(handshakes_in_all=2, trusted_proxies=LOOPBACK)
    async with listening(admission) as opened:
        async with await opened.knock() as first, await opened.knock() as second:
            await until(lambda: opened.listener.statistics().in_handshake == 2)
            await second.send_all(b"GET /")  # that is no question yet
            assert b" 404 " in await told(opened, ELSEWHERE)
            answer = await read_all(first)
            assert answer.startswith(b"HTTP/1.1 503 ")
            assert b"Retry-After: 10\r\n" in answer
            assert opened.listener.statistics().refused == {404: 1, 503: 1}
            fact = next(each for each in opened.facts if isinstance(each, DoorRefused))
            assert "of all addresses together" in fact.reason
            async with await opened.knock():
                await until(lambda: opened.listener.statistics().in_handshake == 2)
                await comes_in(opened)
                assert await read_all(second) == b""  # half a head was there: it is only closed
        await until(lambda: opened.listener.statistics().in_handshake == 0)


async def test_when_there_is_no_room_nobody_goes_who_has_asked() -> None:
    """A second arrival makes us ask the first for a sign of life, and that takes a while."""
    admission = Admission(handshakes_in_all=1)
    async with listening(admission, DoorPlan(probe_s=0.5)) as opened, await opened.knock() as first:
        await first.send_all(upgrade_request())
        async with opened.door.connect(1):
            assert b" 101 " in await read_head(first)
            await until(lambda: opened.listener.statistics().in_handshake == 0)
            async with await opened.knock() as second:
                await second.send_all(upgrade_request())
                await until(lambda: opened.listener.statistics().in_handshake == 1)
                await until(lambda: not opened.listener._visitors._silent)
                answer = await turned_away(opened)
                assert answer.startswith(b"HTTP/1.1 503 ")
                assert opened.listener._limits._handshakes.total() == 1


async def test_an_audiosocket_that_is_turned_away_is_hung_up_on() -> None:
    async with listening(Admission(handshakes_most=1)) as opened, await opened.knock():
        await until(lambda: opened.listener.statistics().in_handshake == 1)
        sock = socket.create_connection(("127.0.0.1", opened.port))  # not accepted before it spoke
        sock.sendall(b"\x01\x00\x10" + bytes(16))
        async with trio.SocketStream(trio.socket.from_stdlib_socket(sock)) as stream:
            assert await read_all(stream) == b"\x00\x00\x00"
        assert opened.listener.statistics().refused == {429: 1}


# --- TLS handshakes that come to nothing --------------------------------------------------


async def knock_by_tls(opened: Opened, certificates: Certificates) -> None:
    """Let us do a whole handshake, and leave."""
    stream = trio.SSLStream(await opened.knock(), certificates.client, server_hostname="127.0.0.1")
    await stream.do_handshake()
    await stream.transport_stream.aclose()


async def knock_by_half_a_hello(opened: Opened, certificates: Certificates) -> None:
    async with await opened.knock() as stream:
        await stream.send_all(b"\x16\x03\x01\x02\x00")
        await read_all(stream)  # until patience with it is over


async def knock_by_http(opened: Opened, certificates: Certificates) -> None:
    await told(opened, ELSEWHERE)


@pytest.mark.parametrize("knock", [knock_by_tls, knock_by_half_a_hello, knock_by_http])
async def test_handshakes_in_vain_are_refusals(
    knock: Callable[[Opened, Certificates], Awaitable[None]], certificates: Certificates
) -> None:
    admission = Admission(
        refusals_most=2,
        tls_context=certificates.server,
        handshake_s=0.2 if knock is knock_by_half_a_hello else 10,
    )
    async with listening(admission) as opened:
        for number in (1, 2):
            await knock(opened, certificates)
            await until(lambda so_far=number: opened.listener.statistics().abandoned == so_far)  # type: ignore[misc]
        assert await turned_away(opened) == b""
        assert opened.listener.statistics().refused == {429: 1}


@pytest.mark.parametrize("proxies", [(), LOOPBACK])
async def test_who_only_connects_or_is_a_proxy_is_free(
    proxies: tuple[Network, ...], certificates: Certificates
) -> None:
    admission = Admission(refusals_most=1, tls_context=certificates.server, trusted_proxies=proxies)
    async with listening(admission) as opened:
        for _ in range(5):
            if proxies:
                await knock_by_tls(opened, certificates)
            else:
                async with await opened.knock():
                    pass
        await until(lambda: opened.listener.statistics().abandoned == 5)
        async with await opened.knock() as transport:
            stream = trio.SSLStream(transport, certificates.client, server_hostname="127.0.0.1")
            await stream.send_all(ELSEWHERE)
            assert (await stream.receive_some(4096)).startswith(b"HTTP/1.1 404 ")
        assert opened.listener.statistics().refused == {404: 1}


async def test_without_tls_who_leaves_in_the_middle_is_free() -> None:
    async with listening(Admission(refusals_most=1)) as opened:
        async with await opened.knock() as stream:
            await stream.send_all(b"GET /")
        await until(lambda: opened.listener.statistics().abandoned == 1)
        await comes_in(opened)


async def test_who_leaves_without_a_word_is_counted_apart() -> None:
    async with listening() as opened:
        reset(await opened.knock())
        async with await opened.knock():
            pass
        await until(lambda: opened.listener.statistics().abandoned == 2)
        assert opened.listener.statistics().refused == {}


# --- Proxies ------------------------------------------------------------------------------


async def test_a_proxy_is_not_limited_but_whom_it_speaks_for_is() -> None:
    admission = Admission(handshakes_most=1, refusals_most=2, trusted_proxies=LOOPBACK)
    bad = "X-Forwarded-For: 192.0.2.1, 198.51.100.7"
    async with listening(admission) as opened, await opened.knock(), await opened.knock():
        request = upgrade_request("/elsewhere", bad)
        answers = [await told(opened, request) for _ in range(3)]
        assert [each[9:12] for each in answers] == [b"404", b"404", b"429"]
        assert b"429" in await told(opened, upgrade_request(PATH, bad))
        await comes_in(opened, "X-Forwarded-For: 198.51.100.8")
        fact = opened.facts[0]
        assert isinstance(fact, DoorRefused)
        assert fact.peer.startswith("198.51.100.7 by 127.0.0.1:")


async def test_whom_a_proxy_speaks_for_is_counted_while_it_is_decided_about() -> None:
    """A second arrival makes us ask the first for a sign of life, and that takes a while."""
    admission = Admission(handshakes_most=1, trusted_proxies=LOOPBACK)
    plan = DoorPlan(probe_s=1)
    theirs, others = (f"X-Forwarded-For: 198.51.100.{last}" for last in (7, 8))
    async with listening(admission, plan) as opened, await opened.knock() as first:
        await first.send_all(upgrade_request(PATH, theirs))
        async with opened.door.connect(1):
            assert b" 101 " in await read_head(first)
            await until(lambda: opened.listener.statistics().in_handshake == 0)
            async with await opened.knock() as second:
                await second.send_all(upgrade_request(PATH, theirs))
                await until(lambda: "198.51.100.7" in opened.listener._limits._handshakes)
                assert opened.listener.statistics().in_handshake == 1
                answer = await told(opened, upgrade_request("/elsewhere", theirs))
                assert answer.startswith(b"HTTP/1.1 429 ")
                assert b"Retry-After: 10\r\n" in answer
                async with await opened.knock() as own:  # it waits behind the second
                    await own.send_all(upgrade_request(PATH))
                    await until(lambda: opened.listener.statistics().in_handshake == 2)
                    # Neither other addresses nor what the proxy asks for itself is held back.
                    for mine in ("X: nobody", others):
                        assert b" 404 " in await told(opened, upgrade_request("/elsewhere", mine))
        await until(lambda: opened.listener.statistics().in_handshake == 0)
        assert b" 404 " in await told(opened, upgrade_request("/elsewhere", theirs))


async def test_nobody_else_is_believed() -> None:
    seen: list[UpgradeRequest] = []
    async with listening(plan=DoorPlan(check=seen.append)) as opened:
        await comes_in(opened, "X-Forwarded-For: 198.51.100.8")
    assert seen[0].peer == "127.0.0.1"


@pytest.mark.parametrize("prefix", ["", "/tel"])
async def test_a_check_sees_the_public_url(prefix: str) -> None:
    seen: list[UpgradeRequest] = []
    public = read_public_url("wss://voice.example.com/tel/")
    admission = Admission(public_url=public, trusted_proxies=LOOPBACK)
    async with listening(admission, DoorPlan(check=seen.append)) as opened:
        assert opened.listener.url(PATH) == f"wss://voice.example.com/tel{PATH}"
        await comes_in(opened, "X-Forwarded-For: 192.0.2.9", path=f"{prefix}{PATH}?a=1")
    assert seen[0].url == f"wss://voice.example.com/tel{PATH}?a=1"
    assert seen[0].peer == "192.0.2.9"


# --- No room ------------------------------------------------------------------------------


async def test_the_operator_is_told_and_no_token_is() -> None:
    async with listening() as opened:
        await told(opened, ELSEWHERE)
        await told(opened, b"GET / HTTP/1.1\r\nHost: hush\r\n\r\n")
        facts = [each for each in opened.facts if isinstance(each, DoorRefused)]
    assert [each.status for each in facts] == [404, 426]
    assert facts[0].reason == "no call was ever expected at /media/telecmi/***"
    assert "hush" not in repr(facts)


async def test_connections_nobody_took_end_with_the_listener() -> None:
    async with listening() as opened:
        stream = await opened.knock()
        await stream.send_all(upgrade_request())
        await until(lambda: opened.listener.statistics().accepted == 1)
    async with stream:
        assert await read_all(stream) == b""
    with pytest.raises(LegLostError):
        async with opened.door.connect(0):
            pass
