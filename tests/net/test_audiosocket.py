"""AudioSocket connections over real sockets; the far end is bare TCP, as Asterisk is."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import ExitStack, asynccontextmanager
from functools import partial

import attrs
import pytest
import trio
import trio.testing

from net.far_ends import PATIENCE, Inbox, patience, read_by_a_pacer, receiving, reset, until
from trioaudio.core.audiosocket_unit import Kind, unit
from trioaudio.core.connection import Closing, MediaConnection
from trioaudio.core.errors import LegLostError, LocalProtocolError, RemoteProtocolError
from trioaudio.net import audiosocket
from trioaudio.net.audiosocket import audiosocket_media, new_stream, read_id
from trioaudio.net.media_socket import MediaSocket, prepare

UUID = bytes(range(16))
NAME = "00010203-0405-0607-0809-0a0b0c0d0e0f"
OPENING = unit(Kind.IDENTITY, UUID)
AUDIO = unit(0x10, b"\1\2" * 160)
HANG_UP = unit(Kind.HANG_UP)
LARGEST = 70_000


@attrs.frozen
class Ends:
    stream: MediaSocket
    theirs: trio.SocketStream


@asynccontextmanager
async def connected(largest: int = LARGEST) -> AsyncIterator[Ends]:
    """Both ends of a TCP connection."""
    with patience(), socket.create_server(("127.0.0.1", 0)) as listener:
        left = trio.socket.socket()
        await left.connect(listener.getsockname())
        async with trio.SocketStream(left) as theirs:
            sock, _ = listener.accept()
            prepare(sock)
            stream = new_stream(sock, "them", largest)
            try:
                yield Ends(stream, theirs)
            finally:
                stream.close_now()


async def read_to_the_end(theirs: trio.SocketStream) -> bytes:
    return b"".join([data async for data in theirs])


# --- The UUID ----------------------------------------------------------------------------


async def test_the_uuid_is_read_and_stays_to_be_read() -> None:
    async with connected() as ends:
        await ends.theirs.send_all(OPENING + AUDIO + AUDIO[:100])
        assert await read_id(ends.stream) == NAME
        assert await read_id(ends.stream) == NAME
        async with audiosocket_media(ends.stream) as ours, receiving(ours) as inbox:
            await ends.theirs.send_all(AUDIO[100:])
            assert await inbox.wait_for(3) == [OPENING, AUDIO, AUDIO]
            await ends.theirs.aclose()


async def test_the_uuid_may_come_a_byte_at_a_time() -> None:
    names: list[str] = []

    async def read() -> None:
        names.append(await read_id(ends.stream))

    async with connected() as ends, trio.open_nursery() as nursery:
        nursery.start_soon(read)
        for byte in OPENING:
            assert not names
            await ends.theirs.send_all(bytes((byte,)))
            await trio.testing.wait_all_tasks_blocked()
        await until(lambda: bool(names))
    assert names == [NAME]


async def test_nobody_has_to_ask_for_the_uuid() -> None:
    async with connected() as ends:
        async with audiosocket_media(ends.stream) as ours, receiving(ours) as inbox:
            await ends.theirs.send_all(OPENING)
            assert await inbox.wait_for(1) == [OPENING]
            await ends.theirs.aclose()
        assert inbox.closing == Closing(reason="the far end closed")


@pytest.mark.parametrize(
    ("opening", "shown"),
    [
        (b"GET / HTTP/1.1\r\n\r\n", "47 45 54"),
        (AUDIO, "10 01 40"),
        (HANG_UP, "00 00 00"),
        (unit(Kind.IDENTITY, b"short"), "01 00 05"),
        (b"\x16\x03\x01\x02\x00", "16 03 01"),
    ],
)
async def test_what_begins_otherwise_is_no_audiosocket(opening: bytes, shown: str) -> None:
    async with connected() as ends:
        await ends.theirs.send_all(opening)
        with pytest.raises(RemoteProtocolError, match=f"its first bytes are {shown}, where 01 00"):
            await read_id(ends.stream)


@pytest.mark.parametrize("opening", [b"", b"\1\0", OPENING[:-1]])
async def test_who_leaves_before_saying_who_it_is(opening: bytes) -> None:
    async with connected() as ends:
        if opening:
            await ends.theirs.send_all(opening)
        await ends.theirs.aclose()
        with pytest.raises(LegLostError, match="them closed the connection before it said who"):
            await read_id(ends.stream)


async def test_who_is_torn_away_before_saying_who_it_is() -> None:
    async with connected() as ends:
        reset(ends.theirs)
        with pytest.raises(LegLostError, match="reset"):
            await read_id(ends.stream)


# --- Talking -----------------------------------------------------------------------------


async def test_units_go_both_ways_and_what_comes_is_heard() -> None:
    async with connected() as ends, audiosocket_media(ends.stream) as ours:
        assert ours.peer == "them"
        assert isinstance(ours, audiosocket.AudioSocketMedia)
        before = ours.heard
        async with receiving(ours) as inbox:
            await ends.theirs.send_all(OPENING + AUDIO)
            await inbox.wait_for(2)
            assert ours.heard > before
            assert ours.outlet.try_send(ours.wire(AUDIO) + ours.wire(AUDIO))
            ours.send_control(ours.wire(HANG_UP))
            ours.ping()
            await ours.wait_flushed()
            got = b""
            while len(got) < len(AUDIO + AUDIO + HANG_UP):
                got += await ends.theirs.receive_some()
            assert got == AUDIO + AUDIO + HANG_UP  # and a ping is nothing at all
            await ends.theirs.aclose()


async def test_text_is_no_unit() -> None:
    async with connected() as ends, audiosocket_media(ends.stream) as ours:
        with pytest.raises(LocalProtocolError, match="no text"):
            ours.wire("hello")


async def test_what_serves_the_connection_ends_with_it() -> None:
    cancelled = trio.Event()

    async def serve() -> None:
        try:
            await trio.sleep_forever()
        finally:
            cancelled.set()

    async with connected() as ends:
        async with audiosocket_media(ends.stream) as ours:
            ours.start_soon(serve)
            await trio.testing.wait_all_tasks_blocked()
        assert cancelled.is_set()
        assert ends.stream.closed


async def test_what_goes_wrong_in_it_ends_the_connection() -> None:
    async def fail() -> None:
        await trio.lowlevel.checkpoint()
        raise LegLostError("because")

    async def hold(stream: MediaSocket) -> None:
        async with audiosocket_media(stream) as ours:
            ours.start_soon(fail)
            await trio.sleep_forever()

    async with connected() as ends:
        with pytest.RaisesGroup(pytest.RaisesExc(LegLostError, match="because")):
            await hold(ends.stream)
        assert ends.stream.closed


# --- The far end's end -------------------------------------------------------------------


async def receive(ours: MediaConnection) -> tuple[Inbox, Closing]:
    inbox = Inbox()
    return inbox, await ours.receive(inbox)


async def test_a_hang_up_is_the_end_and_the_last_that_is_handed_on() -> None:
    async with connected() as ends, audiosocket_media(ends.stream) as ours:
        await ends.theirs.send_all(OPENING + HANG_UP + AUDIO)
        inbox, closing = await receive(ours)
        assert inbox.messages == [OPENING, HANG_UP]
        assert closing == Closing(reason="the far end hung up")


async def test_closing_is_the_end_too() -> None:
    async with connected() as ends, audiosocket_media(ends.stream) as ours:
        await ends.theirs.send_all(OPENING + AUDIO + AUDIO[:7])
        await ends.theirs.aclose()
        inbox, closing = await receive(ours)
        assert inbox.messages == [OPENING, AUDIO]
        assert closing == Closing(reason="the far end closed")


async def test_a_reset_loses_the_leg() -> None:
    async with connected() as ends, audiosocket_media(ends.stream) as ours:
        await ends.theirs.send_all(OPENING)
        await read_id(ends.stream)
        reset(ends.theirs)
        with pytest.raises(LegLostError, match="reset"):
            await ours.receive(Inbox())


@pytest.mark.parametrize("why", ["a newer connection took its place", None])
async def test_somebody_elses_closing_loses_the_leg(why: str | None) -> None:
    async def take_its_place(stream: MediaSocket) -> None:
        await trio.testing.wait_all_tasks_blocked()
        stream.close_now(why)

    async with connected() as ends, audiosocket_media(ends.stream) as ours:
        ours.start_soon(partial(take_its_place, ends.stream))
        with pytest.raises(LegLostError, match=why or "connection to them was closed"):
            await ours.receive(Inbox())


async def test_a_unit_over_the_limit_is_refused() -> None:
    async with connected(largest=400) as ends, audiosocket_media(ends.stream) as ours:
        await ends.theirs.send_all(AUDIO + unit(0x10, bytes(398)))
        inbox = Inbox()
        with pytest.raises(RemoteProtocolError, match="a unit of 401 bytes; the limit is 400"):
            await ours.receive(inbox)
        assert inbox.messages == [AUDIO]


# --- Our end -----------------------------------------------------------------------------


async def test_what_was_given_before_goes_out_whole_before_we_close() -> None:
    """Even when the far end is slow, and says more and more meanwhile that nobody reads."""
    async with connected() as ends, audiosocket_media(ends.stream) as ours:
        given = b""
        while not ours.outlet.stalled:
            assert ours.outlet.try_send(AUDIO)
            given += AUDIO
        ours.send_control(HANG_UP)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ours.close)
            await trio.testing.wait_all_tasks_blocked()
            await ends.theirs.send_all(AUDIO * 100)
            assert await read_to_the_end(ends.theirs) == given + HANG_UP
            await ends.theirs.aclose()
        assert ends.stream.closed


async def test_our_closing_ends_receiving_and_waits_for_the_far_end() -> None:
    async with connected() as ends, audiosocket_media(ends.stream) as ours:
        async with receiving(ours) as inbox, trio.open_nursery() as nursery:
            await ends.theirs.send_all(OPENING)
            await inbox.wait_for(1)
            ours.send_control(HANG_UP)
            nursery.start_soon(ours.close)
            nursery.start_soon(ours.close)  # twice is once
            assert await read_to_the_end(ends.theirs) == HANG_UP
            await ends.theirs.send_all(AUDIO)
            await inbox.wait_for(2)
            assert not ends.stream.closed
            await ends.theirs.aclose()
        assert inbox.closing == Closing(reason="closed here")


async def test_hang_ups_may_cross() -> None:
    async with connected() as ends, audiosocket_media(ends.stream) as ours:
        async with receiving(ours) as inbox, trio.open_nursery() as nursery:
            nursery.start_soon(ours.close)
            assert await read_to_the_end(ends.theirs) == b""
            await ends.theirs.send_all(HANG_UP)
            await inbox.wait_for(1)
        assert inbox.closing == Closing(reason="closed here")


async def test_receiving_after_we_closed_is_over_at_once() -> None:
    async with connected() as ends, audiosocket_media(ends.stream) as ours:
        await ends.theirs.aclose()
        await ours.close()
        inbox, closing = await receive(ours)
        assert closing == Closing(reason="closed here")
        assert inbox.messages == []


async def test_nothing_goes_behind_the_end() -> None:
    async with connected() as ends, audiosocket_media(ends.stream) as ours:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ours.close)
            await trio.testing.wait_all_tasks_blocked()
            assert not ours.outlet.try_send(AUDIO)
            ours.send_control(AUDIO)
            assert await read_to_the_end(ends.theirs) == b""
            await ends.theirs.aclose()
        ours.send_control(AUDIO)
        with pytest.raises(LegLostError, match="connection to them was closed"):
            await ours.wait_flushed()


async def test_a_far_end_that_does_not_close_is_not_waited_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(audiosocket, "CLOSE_S", 0.05)
    async with connected() as ends, audiosocket_media(ends.stream) as ours:
        started = trio.current_time()
        await ours.close()
        assert 0.05 <= trio.current_time() - started < PATIENCE / 2
        assert ends.stream.closed


# --- Read by a pacer ------------------------------------------------------------------------


@asynccontextmanager
async def polled(stream: MediaSocket) -> AsyncIterator[tuple[MediaConnection, Inbox]]:
    """Receive while a pacer reads, until the far end is done."""
    inbox = Inbox()
    async with audiosocket_media(stream) as ours, trio.open_nursery() as nursery:

        async def receive() -> None:
            async with read_by_a_pacer(stream):
                inbox.closing = await ours.receive(inbox, polled=True)

        nursery.start_soon(receive)
        yield ours, inbox


async def test_polled_units_come_in_order_and_a_hang_up_is_the_last() -> None:
    units = [unit(0x10, bytes((number % 256,)) * 320) for number in range(500)]
    async with connected() as ends, polled(ends.stream) as (_, inbox):
        await ends.theirs.send_all(OPENING + b"".join(units) + HANG_UP + AUDIO)
        await inbox.wait_for(502)
    assert inbox.messages == [OPENING, *units, HANG_UP]
    assert inbox.closing == Closing(reason="the far end hung up")


@pytest.mark.parametrize("reset_it", [True, False])
async def test_polled_the_far_ends_end_is_seen(reset_it: bool) -> None:
    async with connected() as ends:
        with ExitStack() as expecting:
            if reset_it:
                expecting.enter_context(
                    pytest.RaisesGroup(
                        pytest.RaisesExc(LegLostError, match="reset"), flatten_subgroups=True
                    )
                )
            async with polled(ends.stream) as (_, inbox):
                await ends.theirs.send_all(OPENING)
                await inbox.wait_for(1)
                if reset_it:
                    reset(ends.theirs)
                else:
                    await ends.theirs.send_eof()
            assert inbox.closing == Closing(reason="the far end closed")


async def test_polled_our_close_reads_on_until_the_far_end_has_closed() -> None:
    async with connected() as ends, polled(ends.stream) as (ours, inbox):
        await ends.theirs.send_all(OPENING + AUDIO)
        await inbox.wait_for(2)
        ours.send_control(HANG_UP)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ours.close)
            assert await read_to_the_end(ends.theirs) == HANG_UP
            await ends.theirs.send_all(AUDIO * 50)
            await ends.theirs.send_eof()
    assert inbox.closing == Closing(reason="closed here")


async def test_polled_a_unit_over_the_limit_ends_the_connection() -> None:
    with pytest.RaisesGroup(
        pytest.RaisesExc(RemoteProtocolError, match="limit"), flatten_subgroups=True
    ):
        async with connected(400) as ends, polled(ends.stream):
            await ends.theirs.send_all(OPENING + unit(0x10, bytes(500)))
            await trio.sleep_forever()


async def test_closing_a_broken_connection_is_no_trouble() -> None:
    async with connected() as ends, audiosocket_media(ends.stream) as ours:
        while not ours.outlet.stalled:
            ours.outlet.try_send(AUDIO)
        reset(ends.theirs)
        await ours.close()
        assert ends.stream.closed
