"""The door: one call's carrier gets in, one connection at a time, and comes back when it must."""

from __future__ import annotations

import socket
from collections.abc import Awaitable, Callable
from uuid import UUID, uuid4

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from net.far_ends import (
    KEY,
    PATH,
    PROBE_S,
    Inbox,
    Opened,
    RawStream,
    frame,
    listening,
    patience,
    port_of,
    read_all,
    read_head,
    receiving,
    reset,
    until,
    upgrade_request,
)
from trioaudio.core.carrier import Recovery, Transport
from trioaudio.core.connection import Closing, MediaConnection
from trioaudio.core.errors import LegLostError
from trioaudio.core.facts import DoorRefused, LegEnded
from trioaudio.core.upgrade import UpgradeRefusedError, UpgradeRequest
from trioaudio.core.verdict import Verdict
from trioaudio.core.websocket_frame import Opcode
from trioaudio.net.admission import Admission
from trioaudio.net.door import Door, DoorPlan
from trioaudio.net.listener import open_listener
from trioaudio.net.media_socket import MediaSocket
from trioaudio.net.upgrade_head import HEAD_LIMIT
from trioaudio.supervise import LegFailure, RecoveryPolicy, supervise

PING = b"\x89\x00"


async def come(opened: Opened) -> RawStream:
    stream = await opened.knock()
    await stream.send_all(upgrade_request())
    return stream


async def status_for(opened: Opened, request: bytes | None = None) -> int:
    """Come once more, and return what is said to it."""
    async with await opened.knock() as stream:
        await stream.send_all(request or upgrade_request())
        return int((await read_head(stream)).split()[1])


async def answer_pings(stream: RawStream) -> None:
    async for data in stream:
        assert data == PING
        await stream.send_all(frame(0x80 | Opcode.PONG, b"", KEY))


async def speak(stream: RawStream) -> None:
    while True:
        await stream.send_all(frame(0x80 | Opcode.BINARY, bytes(320), KEY))
        await trio.sleep(PROBE_S / 5)


# --- A second arrival ---------------------------------------------------------------------


@pytest.mark.parametrize("live", [answer_pings, speak])
async def test_who_is_alive_keeps_the_call(live: Callable[[RawStream], Awaitable[None]]) -> None:
    plan = DoorPlan(probe_s=2.0)  # what lives says so long before
    async with listening(plan=plan) as opened, await come(opened) as stream:
        async with opened.door.connect(1) as connection, trio.open_nursery() as nursery:
            await read_head(stream)
            nursery.start_soon(connection.receive, Inbox())
            nursery.start_soon(live, stream)
            for _ in range(3):
                assert await status_for(opened) == 409
            nursery.cancel_scope.cancel()
        assert opened.listener.statistics().refused == {409: 3}
        assert opened.listener.statistics().accepted == 1


async def test_who_is_silent_loses_the_call_to_the_newcomer() -> None:
    async with listening() as opened, await come(opened) as old, await opened.knock() as new:
        async with opened.door.connect(1) as connection:
            await read_head(old)
            await new.send_all(upgrade_request())
            with pytest.raises(LegLostError, match="a newer connection took the place of 127"):
                await connection.receive(print)
            assert await read_all(old) == PING
        async with opened.door.connect(1):
            assert b" 101 " in await read_head(new)
        assert opened.listener.statistics().refused == {}


async def test_who_comes_back_after_a_loss_need_not_wait() -> None:
    plan = DoorPlan(probe_s=60.0)
    async with listening(plan=plan) as opened:
        for _ in range(3):
            stream = await come(opened)
            async with opened.door.connect(1) as connection:
                await read_head(stream)
                reset(stream)
                with pytest.raises(LegLostError):
                    await connection.receive(print)
        assert opened.listener.statistics().accepted == 3


async def test_a_loss_in_mid_probe_lets_the_newcomer_in() -> None:
    plan = DoorPlan(probe_s=60)
    async with listening(plan=plan) as opened, await opened.knock() as new:
        old = await come(opened)

        async def leave_when_asked() -> None:
            assert await old.receive_some() == PING
            reset(old)

        async with opened.door.connect(1) as connection, trio.open_nursery() as nursery:
            await read_head(old)
            nursery.start_soon(leave_when_asked)
            await new.send_all(upgrade_request())
            with pytest.raises(LegLostError, match="reset"):
                await connection.receive(print)
        async with opened.door.connect(5):
            assert b" 101 " in await read_head(new)


async def test_the_newest_of_those_nobody_has_answered_gets_in() -> None:
    async with listening() as opened, await come(opened) as old:
        await trio.testing.wait_all_tasks_blocked()
        async with await come(opened) as new:
            assert await read_all(old) == b""
            async with opened.door.connect(1):
                assert b" 101 " in await read_head(new)


async def test_the_newest_gets_in_in_the_middle_of_a_handshake() -> None:
    left, right = socket.socketpair()
    left.settimeout(0)
    old = MediaSocket(left, "old", masked=True, largest_message=1000)
    with right:
        right.sendall(upgrade_request())
        async with listening() as opened:
            await old.read_head(HEAD_LIMIT)
            while not old.stalled:  # so that the answer stays behind
                old.try_send(b"x" * 10_000)
            assert await opened.door.offer(old) is None
            async with await opened.knock() as new, trio.open_nursery() as nursery:

                async def come_anew() -> None:
                    await trio.testing.wait_all_tasks_blocked()
                    await new.send_all(upgrade_request())

                nursery.start_soon(come_anew)
                async with opened.door.connect(1) as connection:
                    assert b" 101 " in await read_head(new)
                    assert connection.peer != "old"
            assert old.closed


async def test_newcomers_queue_up() -> None:
    async with (
        listening() as opened,
        await come(opened) as first,
        await opened.knock() as second,
        await opened.knock() as third,
    ):
        peers = []
        for newcomers in ([second, third], [], []):
            async with opened.door.connect(1) as connection:
                peers.append(connection.peer)
                for each in newcomers:
                    await each.send_all(upgrade_request())
                if len(peers) < 3:  # each is silent, and gives way to the next
                    with pytest.raises(LegLostError, match="newer"):
                        await connection.receive(print)
        here = [each.socket.getsockname()[1] for each in (first, second, third)]
        assert [int(each.rpartition(":")[2]) for each in peers] == here


async def test_the_call_ends_while_a_newcomer_waits() -> None:
    async with (
        listening() as opened,
        await come(opened) as old,
        await opened.knock() as new,
        opened.door.connect(1),
    ):
        await read_head(old)
        await new.send_all(upgrade_request())
        assert await old.receive_some() == PING
        opened.listener.close_door(PATH)
        assert b" 410 " in await read_head(new)


async def test_a_newcomer_is_not_waited_for_longer_than_a_handshake() -> None:
    plan = DoorPlan(probe_s=60)
    async with listening(Admission(handshake_s=0.1), plan) as opened, await come(opened) as old:
        async with opened.door.connect(1):
            await read_head(old)
            async with await come(opened) as new:
                assert await read_all(new) == b""
        assert opened.listener.statistics().abandoned == 1


# --- Too late -----------------------------------------------------------------------------


def far_end() -> tuple[MediaSocket, socket.socket]:
    left, right = socket.socketpair()
    left.settimeout(0)
    return MediaSocket(left, "them", masked=True, largest_message=1000), right


REQUEST = UpgradeRequest("ws://x", PATH, "", {}, "them", 0.0)


async def test_a_door_nobody_came_to_in_time(autojump_clock: MockClock) -> None:
    door = Door(DoorPlan(lives_s=30), handshake_s=10)
    assert door.refuses(REQUEST) is None
    with pytest.raises(LegLostError, match="within 30 s"):
        async with door.connect(None):
            pass
    assert trio.current_time() == 30
    refusal = door.refuses(REQUEST)
    assert refusal is not None
    assert refusal.status == 410
    stream, theirs = far_end()
    assert await door.offer(stream) is refusal
    theirs.close()
    stream.close_now()


async def test_who_waits_less_than_a_door_lives(autojump_clock: MockClock) -> None:
    door = Door(DoorPlan(lives_s=30), handshake_s=10)
    with pytest.raises(LegLostError, match="within 5 s"):
        async with door.connect(5):
            pass
    assert door.refuses(REQUEST) is None


async def test_who_came_in_time_may_come_back_at_any(autojump_clock: MockClock) -> None:
    door = Door(DoorPlan(lives_s=30), handshake_s=10)
    first, theirs = far_end()
    assert await door.offer(first) is None
    await trio.sleep(100)
    assert door.refuses(REQUEST) is None
    second, others = far_end()
    assert await door.offer(second) is None
    assert first.closed
    assert trio.current_time() == pytest.approx(101)  # it was probed
    door.close()
    assert second.closed
    refusal = door.refuses(REQUEST)
    assert refusal is not None
    assert refusal.status == 410
    theirs.close()
    others.close()


# --- The check ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("told", "status"), [(401, 401), (403, 403), (400, 400), (200, 403), (599, 403)]
)
async def test_a_check_says_no(told: int, status: int) -> None:
    def check(request: UpgradeRequest) -> None:
        if "x-proof" not in request.headers:
            raise UpgradeRefusedError("no proof", status=told)

    async with listening(plan=DoorPlan(check=check)) as opened:
        async with await opened.knock() as stranger:
            await stranger.send_all(upgrade_request())
            answer = await read_all(stranger)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert (b"WWW-Authenticate: Basic " in answer) is (status == 401)
        assert b"no proof" not in answer
        port = opened.port
        fact = opened.facts[0]
        assert isinstance(fact, DoorRefused)
        assert (fact.status, fact.reason) == (status, "no proof")
        assert fact.peer.startswith("127.0.0.1:")
        assert str(port) not in fact.peer
        async with await opened.knock() as stream:
            await stream.send_all(upgrade_request(PATH, "X-Proof: yes"))
            async with opened.door.connect(1):
                assert b" 101 " in await read_head(stream)


async def test_a_check_is_shown_the_whole_request() -> None:
    seen: list[UpgradeRequest] = []
    admission = Admission(wall_clock=lambda: 1_800_000_000.5)
    async with listening(admission, DoorPlan(check=seen.append)) as opened:
        request = upgrade_request(f"{PATH}?a=1&b=%20", "X-One: 1", "x-one: 2", "X-Odd: \xe4\xff")
        assert await status_for_door(opened, request) == 101
    (request_seen,) = seen
    assert request_seen.url == f"ws://localhost{PATH}?a=1&b=%20"
    assert request_seen.headers["x-one"] == "1, 2"
    assert request_seen.headers["x-odd"] == "\xe4\xff"
    assert request_seen.peer == "127.0.0.1"
    assert request_seen.at == 1_800_000_000.5


async def status_for_door(opened: Opened, request: bytes) -> int:
    async with await opened.knock() as stream:
        await stream.send_all(request)
        async with opened.door.connect(1):
            return int((await read_head(stream)).split()[1])


class BrokenCheckError(Exception):
    pass


def broken_check(request: UpgradeRequest) -> None:
    if "x-bad" in request.headers:
        raise BrokenCheckError


async def test_a_bug_in_a_check_is_the_bug_of_the_call_that_waits() -> None:
    facts: list[object] = []

    async def leg(connection: MediaConnection) -> Closing:
        return await connection.receive(print)

    async with listening(plan=DoorPlan(check=broken_check)) as opened:
        outcomes: list[Closing | LegFailure] = []

        async def call() -> None:
            outcomes.append(
                await supervise(
                    opened.door.connect,
                    leg,
                    RecoveryPolicy(recovery=Recovery.WAIT),
                    facts.append,
                    lambda: True,
                    lambda: 0.5,
                )
            )

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call)
            assert await status_for(opened, upgrade_request(PATH, "X-Bad: 1")) == 500
        (outcome,) = outcomes
        assert isinstance(outcome, LegFailure)
        assert outcome.verdict is Verdict.BUG
        assert isinstance(outcome.error, BrokenCheckError)
        assert isinstance(facts[-1], LegEnded)
        fact = opened.facts[0]
        assert isinstance(fact, DoorRefused)
        assert isinstance(fact.bug, BrokenCheckError)
        assert "BrokenCheckError" in fact.reason
        # The listener goes on, and so would another call.
        another = opened.listener.open_door("/another")
        async with await opened.knock() as stream:
            await stream.send_all(upgrade_request("/another"))
            async with another.connect(1):
                assert b" 101 " in await read_head(stream)


async def test_a_bug_in_a_check_before_the_call_waits() -> None:
    async with listening(plan=DoorPlan(check=broken_check)) as opened:
        assert await status_for(opened, upgrade_request(PATH, "X-Bad: 1")) == 500
        with pytest.raises(BrokenCheckError):
            async with opened.door.connect(1):
                pass


async def test_a_bug_in_a_check_does_not_end_a_call_that_is_up() -> None:
    async with listening(plan=DoorPlan(check=broken_check)) as opened, await come(opened) as old:
        async with opened.door.connect(1) as connection, receiving(connection) as inbox:
            await read_head(old)
            assert await status_for(opened, upgrade_request(PATH, "X-Bad: 1")) == 500
            await old.send_all(frame(0x80 | Opcode.BINARY, b"still here", KEY))
            assert await inbox.wait_for(1) == [b"still here"]
            await old.send_all(frame(0x80 | Opcode.CLOSE, b"\x03\xe8", KEY))
        with pytest.raises(LegLostError):
            async with opened.door.connect(0.01):
                pass


def test_what_unwinds_the_program_is_not_taken_for_a_bug() -> None:
    def interrupted(request: UpgradeRequest) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Door(DoorPlan(check=interrupted), 1).refuses(REQUEST)


# --- AudioSocket --------------------------------------------------------------------------


def identity(uuid: UUID) -> bytes:
    return b"\x01\x00\x10" + uuid.bytes


AUDIO = b"\x10\x01\x40" + bytes(320)
HANG_UP = b"\x00\x00\x00"


def audiosocket_plan(**more: float) -> DoorPlan:
    return DoorPlan(transport=Transport.AUDIOSOCKET, probe_s=more.get("probe_s", PROBE_S))


async def test_asterisk_comes_in_by_its_uuid() -> None:
    uuid = uuid4()
    async with listening(plan=audiosocket_plan(), key=str(uuid)) as opened:
        assert opened.listener.url(str(uuid), Transport.AUDIOSOCKET) == (
            f"audiosocket://127.0.0.1:{opened.port}/{uuid}"
        )
        async with await opened.knock() as stream:
            for byte in identity(uuid):
                await stream.send_all(bytes((byte,)))
                await trio.lowlevel.checkpoint()
            await stream.send_all(AUDIO)
            async with opened.door.connect(1) as connection, receiving(connection) as inbox:
                assert await inbox.wait_for(2) == [identity(uuid), AUDIO]
                await stream.send_all(HANG_UP)
        opened.listener.close_door(str(uuid), Transport.AUDIOSOCKET)
        async with await opened.knock() as late:
            await late.send_all(identity(uuid))
            assert await read_all(late) == HANG_UP
        assert opened.listener.statistics().refused == {410: 1}


@pytest.mark.parametrize(
    ("said", "status"),
    [(identity(UUID(int=4711)), 404), (b"\x01\x00\x04abcd", 400)],
    ids=["unknown", "no UUID"],
)
async def test_who_has_no_uuid_of_ours(said: bytes, status: int) -> None:
    async with listening(plan=audiosocket_plan(), key=str(uuid4())) as opened:
        async with await opened.knock() as stream:
            await stream.send_all(said)
            assert (await read_all(stream)).removeprefix(HANG_UP) == b""
        assert opened.listener.statistics().refused == {status: 1}
        (fact,) = opened.facts
        assert isinstance(fact, DoorRefused)
        assert said[3:].hex() not in fact.reason.replace("-", "")


async def test_a_uuid_is_no_path_and_a_path_no_uuid() -> None:
    uuid = uuid4()
    async with listening(plan=audiosocket_plan(), key=str(uuid)) as opened:
        assert await status_for(opened, upgrade_request(f"/{uuid}")) == 404
        assert await status_for(opened, upgrade_request(str(uuid))) in {400, 404}


@pytest.mark.parametrize("speaks", [True, False])
async def test_a_second_asterisk(speaks: bool) -> None:
    uuid = uuid4()
    probe_s = 2.0 if speaks else PROBE_S
    async with (
        listening(plan=audiosocket_plan(probe_s=probe_s), key=str(uuid)) as opened,
        await opened.knock() as old,
        await opened.knock() as new,
        trio.open_nursery() as nursery,
    ):
        await old.send_all(identity(uuid))
        async with opened.door.connect(1) as connection:
            failures: list[LegLostError] = []

            async def receive() -> None:
                try:
                    await connection.receive(lambda _unit: None)
                except LegLostError as exc:
                    failures.append(exc)

            async def speak() -> None:
                while True:
                    await old.send_all(AUDIO)
                    await trio.sleep(0.02)

            nursery.start_soon(receive)
            if speaks:
                nursery.start_soon(speak)
            await new.send_all(identity(uuid))
            if speaks:
                assert await read_all(new) == HANG_UP
                assert not failures
            else:
                assert await read_all(old) == b""
                await until(lambda: bool(failures))
                assert "a newer connection" in str(failures[0])
        if not speaks:
            async with opened.door.connect(1):
                pass
        nursery.cancel_scope.cancel()


def test_audiosocket_has_nothing_to_check() -> None:
    with pytest.raises(ValueError, match="WebSocket"):
        Door(DoorPlan(transport=Transport.AUDIOSOCKET, check=broken_check), 1)


async def test_a_call_s_own_address_is_no_other_s() -> None:
    with patience():
        async with open_listener("127.0.0.1", 0, Admission()) as listener:
            doors = [listener.open_door(f"/media/{number}") for number in range(3)]
            for number in (2, 0, 1):
                stream = await trio.open_tcp_stream("127.0.0.1", port_of(listener))
                async with stream:
                    await stream.send_all(upgrade_request(f"/media/{number}"))
                    async with doors[number].connect(1):
                        assert b" 101 " in await read_head(stream)
