"""The WebSocket with the `websockets` library at the far end, in both roles, plain and TLS."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import pytest
import trio
from websockets.exceptions import ConnectionClosed
from websockets.protocol import State

from net.far_ends import (
    KEY,
    PATIENCE,
    Certificates,
    Conversation,
    Inbox,
    Role,
    close_frame,
    frame,
    read_all,
    receiving,
    reset,
    until,
)
from trioaudio.core.connection import Closing, Inbound, MediaConnection
from trioaudio.core.errors import LegLostError, LegRefusedError, RemoteProtocolError
from trioaudio.core.websocket_frame import Opcode
from trioaudio.net.media_socket import REST_LIMIT, TAIL_LIMIT

FINAL = 0x80
PING = 0x9
FLOOD = 2000


@pytest.fixture(
    params=[
        "answering",
        "dialling",
        "answering-tls",
        "dialling-tls",
        "answering-polled",
        "dialling-tls-polled",
    ]
)
def role(request: pytest.FixtureRequest, certificates: Certificates) -> Role:
    return Role(
        dialling=request.param.startswith("dialling"),
        certificates=certificates if "tls" in request.param else None,
        polled=request.param.endswith("polled"),
    )


@pytest.fixture(params=["answering", "dialling", "answering-polled", "dialling-polled"])
def plain_role(request: pytest.FixtureRequest) -> Role:
    return Role(
        dialling=request.param.startswith("dialling"),
        certificates=None,
        polled=request.param.endswith("polled"),
    )


def shrink_buffers(talk: Conversation) -> None:
    """Make the way out so narrow that a few frames fill it."""
    talk.socket._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)


def numbered(number: int, size: int = 960) -> bytes:
    return number.to_bytes(4, "big") + bytes((number % 251,)) * (size - 4)


async def stall(talk: Conversation) -> list[bytes]:
    """Send to a far end that does not read until the socket takes no more; return what it took."""
    shrink_buffers(talk)
    taken: list[bytes] = []
    while True:
        while not talk.socket.stalled:
            message = numbered(len(taken))
            assert talk.socket.try_send(talk.ours.wire(message))
            taken.append(message)
        # The kernel may only be slow to pass on what it has.
        with trio.move_on_after(0.15) as settling:
            await talk.ours.wait_flushed()
        if settling.cancelled_caught:
            return taken


async def collect(talk: Conversation, count: int) -> list[str | bytes]:
    return [await talk.theirs.recv() for _ in range(count)]


# --- Messages -----------------------------------------------------------------------------


async def test_text_and_binary_both_ways(role: Role) -> None:
    messages: list[str | bytes] = ["one", b"\x00\xff" * 480, "नमस्ते", b"", "", b"x" * 70_000]
    async with role.converse() as talk, receiving(talk.ours) as inbox:
        for message in messages:
            assert talk.socket.try_send(talk.ours.wire(message))
            await talk.ours.wait_flushed()
            await talk.theirs.send(message)
        assert await collect(talk, len(messages)) == messages
        assert await inbox.wait_for(len(messages)) == messages
        await talk.theirs.aclose()
    assert inbox.closing == Closing(1000)


async def test_our_ping_is_answered_and_heard(role: Role) -> None:
    async with role.converse() as talk, receiving(talk.ours):
        before = talk.ours.heard
        talk.ours.ping()
        await until(lambda: talk.ours.heard != before)
        await talk.theirs.aclose()


async def test_their_ping_gets_its_pong(role: Role) -> None:
    async with role.converse() as talk, receiving(talk.ours):
        pong = await talk.theirs.ping(b"are you there")
        await pong.wait()
        await talk.theirs.aclose()


async def test_fragmented_messages_with_pings_between(role: Role) -> None:
    async with role.converse() as talk, receiving(talk.ours) as inbox:

        async def fragments(kind: str) -> AsyncIterator[str]:
            for number in range(5):
                await talk.theirs.ping()
                yield f"{kind}{number} " * 100

        await talk.theirs.send(fragments("a"))
        await talk.theirs.send([b"one", b"", b"two"])
        assert await inbox.wait_for(2) == [
            "".join(f"a{number} " * 100 for number in range(5)),
            b"onetwo",
        ]
        await talk.theirs.send("whole again")
        await inbox.wait_for(3)
        await talk.theirs.aclose()


async def test_flood_into_a_small_buffer_tears_nothing(role: Role) -> None:
    async with role.converse() as talk, receiving(talk.ours), trio.open_nursery() as nursery:
        shrink_buffers(talk)

        async def flood() -> None:
            for number in range(FLOOD):
                while not talk.socket.try_send(talk.ours.wire(numbered(number))):
                    await talk.ours.wait_flushed()
            await talk.ours.wait_flushed()

        nursery.start_soon(flood)
        for number in range(FLOOD):
            assert await talk.theirs.recv() == numbered(number)
        await talk.theirs.aclose()


async def test_a_flood_towards_us_is_heard_whole_and_in_order(role: Role) -> None:
    async with role.converse() as talk, receiving(talk.ours) as inbox:
        for number in range(FLOOD):
            await talk.theirs.send(numbered(number, 300))
            if number % 500 == 0:
                await talk.theirs.ping()
                await talk.theirs.send(["in ", "parts"])
        await inbox.wait_for(FLOOD + 4)
        whole = [each for each in inbox.messages if isinstance(each, bytes)]
        assert whole == [numbered(number, 300) for number in range(FLOOD)]
        assert [each for each in inbox.messages if isinstance(each, str)] == ["in parts"] * 4
        await talk.theirs.aclose()


@pytest.mark.parametrize("who", ["they", "we"])
@pytest.mark.parametrize("code", [1000, 1001, 1011])
async def test_a_close_in_the_midst_of_floods_both_ways(  # noqa: C901  four ways at once
    role: Role, who: str, code: int
) -> None:
    """Whatever was sent before a close arrives whole; the rest is dropped, and nobody hangs."""
    heard: list[str | bytes] = []
    inbox = Inbox()
    ended: list[Closing | LegLostError] = []
    async with role.converse() as talk, trio.open_nursery() as nursery:
        shrink_buffers(talk)

        async def receive() -> None:
            try:
                ended.append(await talk.ours.receive(inbox))
            except LegLostError as exc:
                ended.append(exc)
            nursery.cancel_scope.cancel()

        async def speak() -> None:
            number = 0
            with suppress(LegLostError):
                while True:
                    if talk.socket.try_send(talk.ours.wire(numbered(number))):
                        number += 1
                    else:
                        await talk.ours.wait_flushed()
                    await trio.lowlevel.checkpoint()

        async def listen() -> None:
            with suppress(ConnectionClosed):
                while True:
                    heard.append(await talk.theirs.recv())

        async def flood() -> None:
            with suppress(ConnectionClosed):
                for number in range(100_000):
                    await talk.theirs.send(numbered(number, 300))

        for each in (receive, speak, listen, flood):
            nursery.start_soon(each)
        await inbox.wait_for(50)
        await until(lambda: len(heard) >= 20)
        if who == "we":
            await talk.ours.close(code, "enough")
        else:
            await talk.theirs.aclose(code, "enough")
        await talk.socket.wait_ended()
        await trio.sleep(PATIENCE)
    assert heard == [numbered(number) for number in range(len(heard))]
    assert inbox.messages == [numbered(number, 300) for number in range(len(inbox.messages))]
    if who == "they" and code == 1011:
        assert [str(each) for each in ended if "1011" in str(each)]
    else:
        assert ended == [Closing(code, "enough")]


async def test_a_message_is_handed_on_unread(plain_role: Role) -> None:
    prefixes = []

    def look(inbound: Inbound) -> None:
        prefixes.append(inbound.prefix(5))

    async with plain_role.converse() as talk, trio.open_nursery() as nursery:
        await talk.theirs.send('{"event":"media"}')
        nursery.start_soon(talk.theirs.aclose)
        await talk.ours.receive(look)
    assert prefixes == ['{"eve']


@pytest.mark.parametrize("message", ["whole", ["in ", "parts"]])
async def test_what_the_taker_raises_ends_the_connection(
    role: Role, message: str | list[str]
) -> None:
    def choke(inbound: Inbound) -> None:
        raise RemoteProtocolError(f"no {inbound.message()!r}")

    async def converse() -> None:
        async with role.converse() as talk:
            await talk.theirs.send(message)
            await talk.ours.receive(choke)

    with pytest.RaisesGroup(RemoteProtocolError, flatten_subgroups=True):
        await converse()


async def test_text_that_is_no_utf8_fails_where_it_is_read(plain_role: Role) -> None:
    failures = []

    def read(inbound: Inbound) -> None:
        try:
            inbound.message()
        except UnicodeDecodeError as exc:
            failures.append(exc)

    async with plain_role.shake_raw() as (ours, stream):
        await stream.send_all(plain_role.frame(FINAL | Opcode.TEXT, b"\xc3\x28"))
        await stream.send_all(plain_role.frame(FINAL | Opcode.CLOSE, b"\x03\xe8"))
        assert await ours.receive(read) == Closing(1000)
    assert len(failures) == 1


# --- A far end that does not read ---------------------------------------------------------


async def test_a_stalled_far_end_that_reads_on_loses_nothing(role: Role) -> None:
    async with role.converse(max_queue=1) as talk, receiving(talk.ours):
        taken = await stall(talk)
        assert not talk.socket.try_send(talk.ours.wire(b"refused"))
        async with trio.open_nursery() as nursery:
            # Two tasks may wait; one of them writes.
            nursery.start_soon(talk.ours.wait_flushed)
            nursery.start_soon(talk.ours.wait_flushed)
            assert await collect(talk, len(taken)) == taken
        assert not talk.socket.stalled
        assert talk.socket.try_send(talk.ours.wire("and on"))
        assert await talk.theirs.recv() == "and on"
        await talk.theirs.aclose()


async def test_control_goes_behind_the_tail_up_to_a_limit(role: Role) -> None:
    async with role.converse(max_queue=1) as talk, receiving(talk.ours):
        taken: list[str | bytes] = list(await stall(talk))
        message = "mark " * 100
        while talk.socket._tail_bytes + len(talk.ours.wire(message)) <= TAIL_LIMIT:
            talk.ours.send_control(talk.ours.wire(message))
            taken.append(message)
        with pytest.raises(LegLostError, match="reads nothing"):
            talk.ours.send_control(talk.ours.wire(message))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk.ours.wait_flushed)
            assert await collect(talk, len(taken)) == taken
        await talk.theirs.aclose()


async def test_pong_and_close_wait_behind_the_tail(role: Role) -> None:
    async with role.converse(max_queue=1) as talk, receiving(talk.ours) as inbox:
        taken = await stall(talk)
        tail = talk.socket._tail_bytes
        pong = await talk.theirs.ping(b"while you are stalled")
        await until(lambda: talk.socket._tail_bytes != tail)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk.ours.close)
            assert await collect(talk, len(taken)) == taken
            with pytest.raises(ConnectionClosed) as closed:
                await talk.theirs.recv()
        assert pong.is_set()
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1000
    assert inbox.closing == Closing(1000)


async def test_a_cancelled_send_tears_no_frame(role: Role) -> None:
    async with role.converse(max_queue=1) as talk, receiving(talk.ours):
        taken = await stall(talk)
        with trio.move_on_after(0.01) as impatient:
            await talk.socket.send_all(talk.ours.wire(b"cancelled, yet whole"))
        assert impatient.cancelled_caught
        talk.ours.send_control(talk.ours.wire(b"last"))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk.ours.wait_flushed)
            heard = await collect(talk, len(taken) + 2)
        assert heard == [*taken, b"cancelled, yet whole", b"last"]
        await talk.theirs.aclose()


async def test_a_flood_of_pings_fills_their_memory_not_ours(plain_role: Role) -> None:
    ping = plain_role.frame(FINAL | PING, b"p" * 120) * 500
    async with plain_role.shake_raw() as (ours, stream), trio.open_nursery() as nursery:
        nursery.start_soon(ours.receive, Inbox())
        ours.outlet._sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8192)
        sent = 0
        blocked = False
        while not blocked:
            with trio.move_on_after(0.3) as full:
                await stream.send_all(ping)
            sent += len(ping)
            blocked = full.cancelled_caught
        # One read may be on the way when the limit is passed; the rest is in the kernel.
        assert ours.outlet._rest_bytes < REST_LIMIT + 64 * 1024
        assert ours.outlet._tail_bytes < TAIL_LIMIT
        assert sent > REST_LIMIT
        before = ours.heard
        await stream.receive_some(REST_LIMIT)
        while ours.heard == before:  # it reads on as soon as its pongs are taken
            await stream.receive_some(REST_LIMIT)
        nursery.cancel_scope.cancel()


# --- Endings ------------------------------------------------------------------------------


@pytest.mark.parametrize("code", [1000, 1001])
async def test_they_close_in_good_order(role: Role, code: int) -> None:
    async with role.converse() as talk:
        await talk.theirs.send("bye")
        async with receiving(talk.ours) as inbox:
            await talk.theirs.aclose(code, "done")
        assert inbox.messages == ["bye"]
        assert inbox.closing == Closing(code, "done")


async def test_they_close_without_a_code(plain_role: Role) -> None:
    async with plain_role.shake_raw() as (ours, stream):
        await stream.send_all(plain_role.frame(FINAL | Opcode.CLOSE, b""))
        assert await ours.receive(Inbox()) == Closing(1005)


async def test_they_close_because_they_cannot_go_on(role: Role) -> None:
    async with role.converse() as talk, trio.open_nursery() as nursery:
        nursery.start_soon(talk.theirs.aclose, 1011, "oops")
        with pytest.raises(LegLostError, match="1011 oops"):
            await talk.ours.receive(Inbox())
        talk.socket.close_now()


async def test_they_close_because_they_want_nothing_of_us(role: Role) -> None:
    async with role.converse() as talk, trio.open_nursery() as nursery:
        nursery.start_soon(talk.theirs.aclose, 4000, "wrong number")
        with pytest.raises(LegRefusedError, match="4000 wrong number"):
            await talk.ours.receive(Inbox())
        talk.socket.close_now()


@pytest.mark.parametrize("code", [1000, 1001, 1011, 4000])
async def test_we_close(role: Role, code: int) -> None:
    async with role.converse() as talk, receiving(talk.ours) as inbox:
        await talk.theirs.send("still talking")
        await talk.ours.close(code, "enough")
        with pytest.raises(ConnectionClosed) as closed:
            await talk.theirs.recv()
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (code, "enough")
    assert inbox.closing is not None
    assert inbox.closing.code == code
    assert talk.socket.closed


async def test_we_close_while_nobody_receives(role: Role) -> None:
    async with role.converse() as talk:
        for number in range(50):
            await talk.theirs.send(f"message {number}")
        await talk.ours.close()
        with pytest.raises(ConnectionClosed) as closed:
            await talk.theirs.recv()
        assert closed.value.rcvd is not None
        assert talk.theirs.state is State.CLOSED


async def test_both_close_at_once(role: Role) -> None:
    async with (
        role.converse() as talk,
        receiving(talk.ours) as inbox,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(talk.theirs.aclose)
        nursery.start_soon(talk.ours.close)
        nursery.start_soon(talk.ours.close)
    assert inbox.closing == Closing(1000)


async def test_nothing_follows_our_close_frame(role: Role) -> None:
    async with role.converse() as talk, receiving(talk.ours):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(talk.ours.close)
            await until(lambda: talk.socket.stalled)
            assert not talk.socket.try_send(talk.ours.wire(b"too late"))
            talk.ours.send_control(talk.ours.wire("too late"))
            talk.ours.ping()
            with pytest.raises(LegLostError, match="closed"):
                await talk.ours.wait_flushed()
        with pytest.raises(ConnectionClosed):
            await talk.theirs.recv()


async def test_a_ping_that_crosses_our_close_is_no_bug(plain_role: Role) -> None:
    async with (
        plain_role.shake_raw() as (ours, stream),
        receiving(ours) as inbox,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(ours.close)
        assert (await stream.receive_some())[0] == FINAL | Opcode.CLOSE
        await stream.send_all(plain_role.frame(FINAL | PING, b"crossing"))
    assert inbox.closing == Closing(1000)


async def test_our_close_gets_no_answer(plain_role: Role) -> None:
    async with plain_role.shake_raw() as (ours, stream), receiving(ours) as inbox:
        with trio.move_on_after(0.05) as bound:
            await ours.close()
        assert bound.cancelled_caught
        assert ours.outlet.closed
        assert (await read_all(stream))[0] == FINAL | Opcode.CLOSE
    assert inbox.closing == Closing(1000)


async def test_they_hang_up_instead_of_answering_our_close(plain_role: Role) -> None:
    async with (
        plain_role.shake_raw() as (ours, stream),
        receiving(ours) as inbox,
        trio.open_nursery() as nursery,
    ):
        nursery.start_soon(ours.close)
        await stream.receive_some()
        reset(stream)
    assert inbox.closing == Closing(1000)


async def test_a_reset_after_their_close_frame_is_still_a_close(plain_role: Role) -> None:
    async with plain_role.shake_raw() as (ours, stream):
        await stream.send_all(plain_role.frame(FINAL | Opcode.CLOSE, b"\x03\xe8"))
        reset(stream)
        assert await ours.receive(Inbox()) == Closing(1000)


async def test_a_reset_in_mid_speech_loses_the_leg(plain_role: Role) -> None:
    async with plain_role.shake_raw() as (ours, stream):
        assert ours.outlet.try_send(ours.wire(b"speech"))
        reset(stream)
        with pytest.raises(LegLostError, match="reset"):
            await ours.receive(Inbox())
        with pytest.raises(LegLostError, match="closed"):
            ours.outlet.try_send(ours.wire(b"speech"))


async def speak_on(ours: MediaConnection) -> None:
    while True:
        ours.outlet.try_send(ours.wire(b"speech"))
        await trio.lowlevel.checkpoint()


async def test_speech_into_a_reset_connection_loses_the_leg(plain_role: Role) -> None:
    async with plain_role.shake_raw() as (ours, stream):
        reset(stream)
        with pytest.raises(LegLostError, match="broke"):
            await speak_on(ours)


async def test_a_far_end_that_vanishes_loses_the_leg(role: Role) -> None:
    async with role.converse() as talk:
        await talk.theirs.stream.aclose()
        with pytest.raises(LegLostError, match="lost"):
            await talk.ours.receive(Inbox())


async def test_a_ping_on_a_lost_connection(plain_role: Role) -> None:
    async with plain_role.shake_raw() as (ours, stream):
        reset(stream)
        with pytest.raises(LegLostError):
            await ours.receive(Inbox())
        with pytest.raises(LegLostError):
            ours.ping()
        with pytest.raises(LegLostError):
            ours.send_control(ours.wire(b"x"))
        await ours.close()


# --- Breaches of the protocol -------------------------------------------------------------


async def test_a_message_too_large_ends_with_1009(role: Role) -> None:
    async with role.converse(largest=100_000) as talk, trio.open_nursery() as nursery:
        seen: list[int] = []

        async def send() -> None:
            try:
                await talk.theirs.send(b"x" * 10_000_000)
                await talk.theirs.recv()
            except ConnectionClosed as exc:
                seen.append(exc.rcvd.code if exc.rcvd else 1006)

        nursery.start_soon(send)
        with pytest.raises(RemoteProtocolError, match="over 100000 bytes"):
            await talk.ours.receive(Inbox())
        talk.socket.close_now()
        await until(lambda: bool(seen))
        # What is still on its way to us may turn our close into a reset before it is read.
        assert seen in ([1009], [1006])


async def test_a_message_too_large_in_fragments(role: Role) -> None:
    async with role.converse(largest=1000) as talk, trio.open_nursery() as nursery:
        nursery.start_soon(talk.theirs.send, ["x" * 600, "y" * 600])
        with pytest.raises(LegRefusedError, match="1009"):
            await talk.ours.receive(Inbox())
        nursery.cancel_scope.cancel()


BREACHES = {
    "garbage": b"\xff" * 64,
    "HTTP": b"GET / HTTP/1.1\r\n\r\n" * 20,
    "reserved bit": frame(FINAL | 0x40 | Opcode.BINARY, b"squeezed"),
    "unknown opcode": frame(FINAL | 0x3, b"?"),
    "fragmented ping": frame(PING, b"?"),
    "continuation of nothing": frame(FINAL | Opcode.CONTINUATION, b"?"),
}


@pytest.mark.parametrize("breach", BREACHES)
async def test_breaches(plain_role: Role, breach: str) -> None:
    async with plain_role.shake_raw() as (ours, stream):
        await stream.send_all(BREACHES[breach])
        with pytest.raises(RemoteProtocolError, match="no WebSocket frame"):
            await ours.receive(Inbox())


async def test_masks_the_wrong_way_round(plain_role: Role) -> None:
    wrong = KEY if plain_role.dialling else None
    async with plain_role.shake_raw() as (ours, stream):
        await stream.send_all(frame(FINAL | Opcode.BINARY, b"speech", wrong))
        with pytest.raises(RemoteProtocolError):
            await ours.receive(Inbox())


async def test_fragments_that_are_no_utf8(plain_role: Role) -> None:
    async with plain_role.shake_raw() as (ours, stream):
        await stream.send_all(plain_role.frame(Opcode.TEXT, b"\xc3"))
        await stream.send_all(plain_role.frame(FINAL | Opcode.CONTINUATION, b"\x28"))
        with pytest.raises(LegRefusedError, match="1007"):
            await ours.receive(Inbox())


# --- From the handshake to the pump -------------------------------------------------------


async def test_what_comes_with_the_handshake_is_not_lost(plain_role: Role) -> None:
    async with plain_role.shake_raw() as (ours, stream):
        for number in range(20):
            await stream.send_all(plain_role.frame(FINAL | Opcode.BINARY, b"%d" % number))
        # trio-websocket's reader gets to see some of it before anybody receives.
        for _ in range(20):
            await trio.lowlevel.checkpoint()
        async with receiving(ours) as inbox:
            assert await inbox.wait_for(20) == [b"%d" % number for number in range(20)]
            await stream.send_all(close_frame(1000, None if plain_role.dialling else KEY))
    assert inbox.closing == Closing(1000)


async def test_data_in_the_moment_of_taking_over(plain_role: Role) -> None:
    """The reader may have been woken by data when the pump takes over: no frame may be lost."""
    for ticks in range(8):
        async with plain_role.shake_raw() as (ours, stream), trio.open_nursery() as nursery:
            inbox = Inbox()

            async def pour(stream: trio.SocketStream = stream) -> None:
                for number in range(10):
                    await stream.send_all(plain_role.frame(FINAL | Opcode.BINARY, b"%d" % number))

            nursery.start_soon(pour)
            for _ in range(ticks):
                await trio.lowlevel.checkpoint()
            nursery.start_soon(ours.receive, inbox)
            assert await inbox.wait_for(10) == [b"%d" % number for number in range(10)]
            nursery.cancel_scope.cancel()
