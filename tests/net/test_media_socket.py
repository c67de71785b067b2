"""The media socket over socket pairs: what two users and a slow far end may do to it."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from itertools import pairwise

import attrs
import pytest
import trio
import trio.testing
import trio_websocket
from hypothesis import given, settings
from hypothesis import strategies as st
from websockets.client import ClientProtocol
from websockets.frames import Frame
from websockets.uri import parse_uri

from net.far_ends import KEY, PATIENCE, frame, patience, until
from trioaudio.core.connection import Inbound
from trioaudio.core.errors import LegLostError
from trioaudio.core.websocket_frame import server_frame
from trioaudio.net.media_socket import REST_LIMIT, MediaSocket, host_port

TINY = 2048
REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@attrs.frozen
class Pair:
    ours: MediaSocket
    theirs: trio.SocketStream


@asynccontextmanager
async def pair(*, largest: int = 1 << 20) -> AsyncIterator[Pair]:
    left, right = socket.socketpair()
    left.settimeout(0)
    left.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, TINY)
    ours = MediaSocket(left, "them", masked=True, largest_message=largest)
    with patience():
        async with trio.SocketStream(trio.socket.from_stdlib_socket(right)) as theirs:
            try:
                yield Pair(ours, theirs)
            finally:
                ours.close_now()


def fill(ours: MediaSocket) -> bytes:
    """Stall it; return what it has taken."""
    taken = b""
    while not ours.stalled:
        piece = bytes((len(taken) % 251,)) * 700
        assert ours.try_send(piece)
        taken += piece
    return taken


async def read(theirs: trio.SocketStream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await theirs.receive_some(min(97, count - len(data)))
    return data


# --- Out ----------------------------------------------------------------------------------


async def test_what_the_kernel_refuses_goes_first_later() -> None:
    async with pair() as each:
        taken = fill(each.ours)
        assert not each.ours.try_send(b"refused")
        each.ours.send_control(b"control")
        async with trio.open_nursery() as nursery:
            for _ in range(3):
                nursery.start_soon(each.ours.wait_flushed)
            assert await read(each.theirs, len(taken) + 7) == taken + b"control"
        assert not each.ours.stalled
        assert each.ours.try_send(b"again")
        assert await read(each.theirs, 5) == b"again"


async def test_when_the_writing_task_is_cancelled_another_writes() -> None:
    async with pair() as each:
        taken = fill(each.ours)
        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as first:
                nursery.start_soon(each.ours.wait_flushed)
                nursery.start_soon(each.ours.wait_send_all_might_not_block)
                first.cancel()
                await each.ours.wait_flushed()
            assert await read(each.theirs, len(taken)) == taken


async def test_closing_wakes_everybody_who_waits() -> None:
    woken = []

    async def expect(error: type[Exception], wait: object, *args: object) -> None:
        with pytest.raises(error):
            await wait(*args)  # type: ignore[operator]
        woken.append(wait)

    async with pair() as each, trio.open_nursery() as nursery:
        ours = each.ours
        fill(ours)
        nursery.start_soon(expect, LegLostError, ours.wait_flushed)
        nursery.start_soon(expect, LegLostError, ours.wait_flushed)
        nursery.start_soon(expect, trio.ClosedResourceError, ours.send_all, b"x")
        nursery.start_soon(expect, trio.ClosedResourceError, ours.wait_send_all_might_not_block)
        nursery.start_soon(expect, trio.ClosedResourceError, ours.send_eof)
        nursery.start_soon(expect, trio.ClosedResourceError, ours.receive_some)
        nursery.start_soon(ours.wait_ended)
        await trio.testing.wait_all_tasks_blocked()
        ours.close_now("because")
        ours.close_now("twice")
    assert len(woken) == 6
    assert each.ours.failure == "because"


async def test_after_closing_everything_says_so() -> None:
    async with pair() as each:
        ours = each.ours
        await ours.aclose()
        with pytest.raises(LegLostError, match="closed"):
            ours.try_send(b"x")
        with pytest.raises(LegLostError, match="closed"):
            ours.send_control(b"x")
        assert not ours.poll_in()
        assert ours.ended
        with pytest.raises(LegLostError, match="closed"):
            await ours._wait_readable()
        with pytest.raises(trio.ClosedResourceError):
            await ours.send_all(b"x")
        with pytest.raises(trio.ClosedResourceError):
            await ours.send_eof()
        with pytest.raises(trio.ClosedResourceError):
            await ours.receive_some()
        await ours.pump(print)
        with pytest.raises(trio.ClosedResourceError):
            await ours.receive_some()


async def test_send_eof() -> None:
    async with pair() as each:
        await each.ours.send_all(b"last")
        await each.ours.send_eof()
        assert await each.theirs.receive_some() == b"last"
        assert await each.theirs.receive_some() == b""


async def test_a_far_end_that_is_gone_breaks_the_stream() -> None:
    async with pair() as each:
        await each.theirs.aclose()
        with pytest.raises(trio.BrokenResourceError):
            await each.ours.send_all(b"x")
        assert each.ours.failure is not None
        assert "broke" in each.ours.failure


async def test_send_eof_into_a_broken_connection() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    with listener, socket.create_connection(listener.getsockname()) as left:
        right, _ = listener.accept()
        right.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        right.close()
        left.settimeout(0)
        ours = MediaSocket(left, "them", masked=True, largest_message=100)
        with pytest.raises(trio.BrokenResourceError):
            await ours.send_eof()
        ours.close_now()


# --- In -----------------------------------------------------------------------------------


async def test_polling_hands_on_media_and_keeps_the_rest() -> None:
    frames: list[Inbound] = []
    async with pair() as each:
        assert not each.ours.poll_in()
        await each.theirs.send_all(REQUEST + frame(0x82, b"media", KEY) + frame(0x89, b"", KEY))
        each.ours.take_over(frames.append)
        assert each.ours.poll_in()
        assert [each.message() for each in frames] == [b"media"]
        assert await each.ours.receive_some() == REQUEST + frame(0x89, b"", KEY)
        await each.theirs.aclose()
        assert each.ours.poll_in()
        assert not each.ours.poll_in()
        assert await each.ours.receive_some() == b""
        assert await each.ours.receive_some() == b""


async def test_polling_stops_when_trio_websocket_is_far_behind() -> None:
    async with pair() as each:
        each.ours.take_over(print)
        await each.theirs.send_all(REQUEST)
        ping = frame(0x89, b"p" * 125, KEY) * 100
        async with trio.open_nursery() as nursery:
            while each.ours._rest_bytes <= REST_LIMIT:
                nursery.start_soon(each.theirs.send_all, ping)
                await trio.testing.wait_all_tasks_blocked()
                while each.ours.poll_in():
                    pass
            assert not each.ours.poll_in()
            while each.ours._rest_bytes > REST_LIMIT:
                assert await each.ours.receive_some()
            nursery.start_soon(each.theirs.send_all, ping)
            await trio.testing.wait_all_tasks_blocked()
            assert each.ours.poll_in()
            nursery.cancel_scope.cancel()


async def test_the_pump_reads_what_read_head_left() -> None:
    frames: list[Inbound] = []
    async with pair() as each:
        await each.theirs.send_all(REQUEST + frame(0x82, b"early", KEY))
        head = await each.ours.read_head(1000)
        assert head.startswith(REQUEST)
        await each.theirs.send_all(frame(0x82, b"late", KEY))
        await each.theirs.aclose()
        await each.ours.pump(frames.append)
    assert [each.message() for each in frames] == [b"early", b"late"]


@pytest.mark.parametrize("parts", [1, 2, 3])
async def test_a_head_is_as_long_as_it_may_be_and_no_longer(parts: int) -> None:
    length = len(REQUEST)
    cuts = [0, *range(length - parts + 1, length), length]
    pieces = [REQUEST[begin:end] for begin, end in pairwise(cuts)]
    if parts == 1:
        pieces[0] += b"x" * 20_000

    async def send(theirs: trio.abc.SendStream) -> None:
        for piece in pieces:
            await theirs.send_all(piece)
            await trio.testing.wait_all_tasks_blocked()

    for largest, expected in ((length, REQUEST), (length - 1, b"")):
        async with pair() as each, trio.open_nursery() as nursery:
            nursery.start_soon(send, each.theirs)
            head = await each.ours.read_head(largest)
            assert head[:length] == expected


async def test_a_reader_woken_by_data_leaves_it_to_the_pump() -> None:
    """The pump takes over when the data are there and the reader has not run yet."""
    frames: list[Inbound] = []
    rests: list[bytes] = []

    async def be_trio_websocket(ours: MediaSocket) -> None:
        while True:
            rests.append(await ours.receive_some())
            if not rests[-1]:
                return

    for _ in range(20):  # trio runs what is ready in random order
        frames.clear()
        rests.clear()
        async with pair() as each:
            await each.theirs.send_all(REQUEST)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(be_trio_websocket, each.ours)
                await until(lambda: bool(rests))
                await trio.testing.wait_all_tasks_blocked()
                # Without a checkpoint, so that reader and pump become ready in the same pass.
                data = frame(0x82, b"media", KEY) + frame(0x89, b"", KEY)
                assert os.write(each.theirs.socket.fileno(), data) == len(data)
                nursery.start_soon(each.ours.pump, frames.append)
                await trio.testing.wait_all_tasks_blocked()
                await each.theirs.aclose()
        assert [each.message() for each in frames] == [b"media"]
        assert b"".join(rests) == REQUEST + frame(0x89, b"", KEY)


async def test_a_reset_is_told_to_everybody() -> None:
    listener = socket.create_server(("127.0.0.1", 0))
    for owned in (False, True):
        left = socket.create_connection(listener.getsockname())
        right, _ = listener.accept()
        right.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        right.close()
        left.settimeout(0)
        ours = MediaSocket(left, "them", masked=True, largest_message=100)
        with patience():
            if owned:
                await ours.pump(print)
                assert await ours.receive_some() == b""
            else:
                with pytest.raises(trio.BrokenResourceError):
                    await ours.receive_some()
            await ours.wait_ended()
        assert ours.failure is not None
        assert "reset" in ours.failure
        ours.close_now()
    listener.close()


def test_addresses() -> None:
    assert host_port(("127.0.0.1", 80)) == "127.0.0.1:80"
    assert host_port(("::1", 80)) == "[::1]:80"


# --- Two users, one slow far end ----------------------------------------------------------

Sends = st.lists(
    st.tuples(st.sampled_from(["media", "control", "library", "cancelled"]), st.integers(0, 3000)),
    max_size=25,
)


def numbered(number: int, size: int) -> bytes:
    return number.to_bytes(4, "big") + bytes((number % 251,)) * size


@settings(max_examples=25)
@given(sends=Sends, step=st.integers(1, 5000))
def test_no_interleaving_tears_or_reorders(sends: list[tuple[str, int]], step: int) -> None:
    heard = trio.run(partial(converse_slowly, sends, step))
    expected = [numbered(number, size) for number, (_, size) in enumerate(sends)]
    assert heard == [*expected, b"end"]


async def converse_slowly(sends: list[tuple[str, int]], step: int) -> list[bytes]:
    """Send by all ways at hand to a far end that reads `step` bytes at a time."""
    heard: list[bytes] = []
    async with pair() as each, trio.open_nursery() as nursery:
        ours = each.ours
        far_end = ClientProtocol(parse_uri("ws://x/"))
        far_end.send_request(far_end.connect())
        await each.theirs.send_all(b"".join(far_end.data_to_send()))
        request = await trio_websocket.wrap_server_stream(nursery, ours)
        websocket = await request.accept()

        async def listen() -> None:
            while b"end" not in heard:
                far_end.receive_data(await each.theirs.receive_some(step))
                heard.extend(
                    bytes(event.data)
                    for event in far_end.events_received()
                    if isinstance(event, Frame)
                )

        nursery.start_soon(listen)
        for number, (way, size) in enumerate(sends):
            message = numbered(number, size)
            if way == "media":
                while not ours.try_send(server_frame(message)):
                    await ours.wait_flushed()
            elif way == "control":
                ours.send_control(server_frame(message))
            else:
                await send_whole(websocket, message, cancelled=way == "cancelled")
        with trio.fail_after(PATIENCE):
            await websocket.send_message(b"end")
            await until(lambda: b"end" in heard)
        nursery.cancel_scope.cancel()
    return heard


async def send_whole(
    websocket: trio_websocket.WebSocketConnection, message: bytes, *, cancelled: bool
) -> None:
    """Send by trio-websocket, and perhaps be cancelled while the frame waits to be taken."""
    async with trio.open_nursery() as nursery:
        nursery.start_soon(websocket.send_message, message)
        if cancelled:
            await trio.testing.wait_all_tasks_blocked()
            nursery.cancel_scope.cancel()


# --- A kernel of whims --------------------------------------------------------------------


class Whimsical:
    """A socket that takes and gives as many bytes as it likes, none at all too, until it breaks."""

    def __init__(self, whims: list[int], incoming: bytes = b"", breaks_after: int = -1) -> None:
        self.taken = b""
        self.incoming = incoming
        self._whims = whims or [1]
        self._at = 0
        self._breaks_after = breaks_after

    def _whim(self) -> int:
        self._at += 1
        if self._at == self._breaks_after:
            self._whims = [-1]
        whim = self._whims[self._at % len(self._whims)]
        if whim < 0:
            raise ConnectionResetError(104, "Connection reset by peer")
        if whim == 0:
            raise BlockingIOError
        return whim

    def send(self, data: bytes) -> int:
        some = data[: self._whim()]
        self.taken += some
        return len(some)

    def recv_into(self, buffer: bytearray) -> int:
        some = self.incoming[: min(self._whim(), len(buffer))]
        buffer[: len(some)] = some
        self.incoming = self.incoming[len(some) :]
        return len(some)

    def fileno(self) -> int:
        return -1


def on_a_whim(kernel: Whimsical) -> MediaSocket:
    return MediaSocket(kernel, "them", masked=True, largest_message=5000)  # type: ignore[arg-type]


Whims = st.lists(
    st.one_of(st.just(0), st.integers(1, 20), st.integers(1, 5000)), min_size=1, max_size=12
)


@given(
    whims=Whims,
    steps=st.lists(
        st.tuples(st.sampled_from(["media", "control", "flush"]), st.integers(0, 2000)), max_size=40
    ),
    breaks_after=st.one_of(st.just(-1), st.integers(1, 60)),
)
def test_whatever_the_kernel_takes_no_frame_is_torn(
    whims: list[int], steps: list[tuple[str, int]], breaks_after: int
) -> None:
    kernel = Whimsical(whims, breaks_after=breaks_after)
    ours = on_a_whim(kernel)
    accepted = b""
    with suppress(LegLostError):
        for number, (what, size) in enumerate(steps):
            frame_ = server_frame(numbered(number, size))
            if what == "flush":
                ours._flush_tail()
                continue
            before = ours.stalled
            if what == "control":
                accepted += frame_
                ours.send_control(frame_)
            else:
                accepted += frame_ if not before else b""
                assert ours.try_send(frame_) is not before
            assert ours.stalled is (len(kernel.taken) < len(accepted))
            assert ours._tail_bytes == len(accepted) - len(kernel.taken)
        if any(whims):
            while ours.stalled:
                ours._flush_tail()
            assert kernel.taken == accepted
    assert accepted.startswith(kernel.taken)  # in order, nothing lost and nothing twice


@given(
    whims=Whims.filter(any),
    sizes=st.lists(st.integers(0, 3000), max_size=15),
    breaks_after=st.one_of(st.just(-1), st.integers(1, 60)),
)
def test_however_little_is_read_at_a_time_order_is_kept_and_nothing_is_lost(
    whims: list[int], sizes: list[int], breaks_after: int
) -> None:
    messages = [numbered(number, size) for number, size in enumerate(sizes)]
    pings = frame(0x89, b"there?", KEY)
    incoming = REQUEST + b"".join(frame(0x82, each, KEY) + pings for each in messages)
    kernel = Whimsical(whims, incoming, breaks_after)
    ours = on_a_whim(kernel)
    heard: list[bytes] = []

    def hear(inbound: Inbound) -> None:
        message = inbound.message()
        assert isinstance(message, bytes)
        heard.append(message)

    ours.take_over(hear)
    while not ours.ended:
        data = ours.fetch()
        if data is not None:
            ours.push(data)
    assert heard == messages[: len(heard)]
    rest = b"".join(ours._rest)
    assert (REQUEST + pings * len(messages)).startswith(rest)
    if ours.failure is None:
        assert heard == messages
        assert rest == REQUEST + pings * len(messages)
    else:
        assert "reset" in ours.failure
    assert ours.fetch() is None
