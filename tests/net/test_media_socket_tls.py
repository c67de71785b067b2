"""The media socket over TLS, with a far end that cuts its records as it likes."""

from __future__ import annotations

import shutil
import socket
import ssl
import struct
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from functools import partial

import attrs
import pytest
import trio
import trustme
from hypothesis import given, settings
from hypothesis import strategies as st

from net.far_ends import Certificates, issue_certificates, patience
from trioaudio.core.connection import Inbound
from trioaudio.core.websocket_frame import server_frame
from trioaudio.net.media_socket import RECORDS_AT_ONCE, MediaSocket, prepare
from trioaudio.pacer import Pacer
from trioaudio.reading import READ_S, Reading

HEAD = b"HTTP/1.1 101 Switching Protocols\r\n\r\n"
CERTIFICATES = issue_certificates()  # hypothesis asks for no fixtures


@attrs.define(eq=False)
class FarEnd:
    """A TLS server whose bytes go on the wire only when a test says so."""

    sock: socket.socket
    tls: ssl.SSLObject
    came: ssl.MemoryBIO
    leaving: ssl.MemoryBIO

    def record(self, data: bytes) -> bytes:
        """Return data as one TLS record, to be put on the wire by `wire`."""
        self.tls.write(data)
        return self.leaving.read()

    def goodbye(self) -> bytes:
        """Return a close_notify."""
        with suppress(ssl.SSLWantReadError):
            self.tls.unwrap()
        return self.leaving.read()

    def wire(self, data: bytes) -> None:
        self.sock.sendall(data)

    def read(self) -> bytes:
        """Return what we sent, decrypted, as far as it has come."""
        data = b""
        while True:
            try:
                self.came.write(self.sock.recv(1 << 16))
            except BlockingIOError:
                return data
            with suppress(ssl.SSLWantReadError):
                while piece := self.tls.read(1 << 16):
                    data += piece


def shake_hands(certificates: Certificates, left: socket.socket, far: FarEnd) -> ssl.SSLSocket:
    ours = certificates.client.wrap_socket(
        left, server_hostname="localhost", do_handshake_on_connect=False
    )
    done = False
    while not done:
        done = True
        for shake in (ours.do_handshake, far.tls.do_handshake):
            try:
                shake()
            except ssl.SSLWantReadError:
                done = False
            far.sock.sendall(far.leaving.read())
            try:
                far.came.write(far.sock.recv(1 << 16))
            except BlockingIOError:
                continue
    return ours


@contextmanager
def connected() -> Iterator[tuple[MediaSocket, FarEnd]]:
    """Both ends of a TLS connection over TCP; ours is the client."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        left = socket.create_connection(listener.getsockname())
        right, _ = listener.accept()
    prepare(left)
    right.settimeout(0)
    came, leaving = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = CERTIFICATES.server.wrap_bio(came, leaving, server_side=True)
    far = FarEnd(right, tls, came, leaving)
    ours = MediaSocket(
        shake_hands(CERTIFICATES, left, far), "them", masked=False, largest_message=1 << 20
    )
    try:
        yield ours, far
    finally:
        ours.close_now()
        right.close()


@attrs.define(eq=False)
class Heard:
    """What was handed on."""

    messages: list[str | bytes] = attrs.field(factory=list)
    _news: trio.Event = attrs.field(factory=trio.Event)

    def __call__(self, inbound: Inbound) -> None:
        self.messages.append(inbound.message())
        self._news.set()

    async def wait_for(self, count: int) -> None:
        while len(self.messages) < count:
            self._news = trio.Event()
            await self._news.wait()


@asynccontextmanager
async def reading(ours: MediaSocket, *, polled: bool) -> AsyncIterator[Heard]:
    """Read in one of the two ways while the block runs."""
    heard = Heard()
    pacer = Pacer()
    failures: list[Exception] = []
    with patience():
        async with trio.open_nursery() as nursery:
            if polled:
                nursery.start_soon(pacer.run)
                ours.take_over(heard)
                reading = Reading(ours, pacer.rounds, lambda _: False, failures.append)
                reading.start()
                yield heard
                reading.stop()
            else:
                nursery.start_soon(ours.pump, heard)
                yield heard
            nursery.cancel_scope.cancel()
    assert failures == []


Both = pytest.mark.parametrize("polled", [False, True], ids=["pumped", "polled"])


@Both
async def test_many_records_at_once_are_all_read(polled: bool) -> None:
    count = 3 * RECORDS_AT_ONCE + 1
    with connected() as (ours, far):
        async with reading(ours, polled=polled) as heard:
            head = far.record(HEAD)
            records = [far.record(server_frame(b"%d" % number)) for number in range(count)]
            far.wire(head + b"".join(records))
            await heard.wait_for(count)
            assert heard.messages == [b"%d" % number for number in range(count)]
            assert not ours.ended


@Both
async def test_a_record_in_pieces_and_a_message_in_records(polled: bool) -> None:
    message = bytes(range(256)) * 100
    frame = server_frame(message)
    with connected() as (ours, far):
        async with reading(ours, polled=polled) as heard:
            records = far.record(HEAD) + b"".join(
                far.record(frame[at : at + 5000]) for at in range(0, len(frame), 5000)
            )
            for at in range(0, len(records), 4001):
                far.wire(records[at : at + 4001])
                await trio.sleep(0.003)
            await heard.wait_for(1)
            assert heard.messages == [message]


@Both
@pytest.mark.parametrize("records", [0, 1, RECORDS_AT_ONCE - 1, RECORDS_AT_ONCE, 40])
async def test_a_goodbye_behind_records_is_seen_though_the_connection_stays(
    polled: bool, records: int
) -> None:
    """The far end may wait for ours before it closes: the kernel has nothing more to tell."""
    with connected() as (ours, far):
        async with reading(ours, polled=polled) as heard:
            far.wire(far.record(HEAD))
            await trio.sleep(2 * READ_S)
            said = b"".join(far.record(server_frame(b"%d" % n)) for n in range(records))
            far.wire(said + far.goodbye())
            with trio.fail_after(1):
                await ours.wait_ended()
            assert heard.messages == [b"%d" % number for number in range(records)]
            assert ours.failure is None


@Both
async def test_what_is_no_record_breaks_the_connection_behind_what_was_said(polled: bool) -> None:
    with connected() as (ours, far):
        async with reading(ours, polled=polled) as heard:
            far.wire(far.record(HEAD) + far.record(server_frame(b"last words")) + b"?" * 40)
            with trio.fail_after(1):
                await ours.wait_ended()
            assert heard.messages == [b"last words"]
            assert ours.failure is not None
            assert "broke" in ours.failure


@Both
async def test_a_reset_behind_records_comes_behind_what_was_said(polled: bool) -> None:
    with connected() as (ours, far):
        async with reading(ours, polled=polled) as heard:
            far.wire(far.record(HEAD) + b"".join(far.record(server_frame(b"x")) for _ in range(20)))
            await heard.wait_for(20)
            far.wire(far.record(server_frame(b"last words")))
            far.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            far.sock.close()
            with trio.fail_after(1):
                await ours.wait_ended()
            assert heard.messages[:20] == [b"x"] * 20
            assert heard.messages[20:] in ([b"last words"], [])  # TCP may forget what it had
            # Python's TLS sockets call a reset an end; whoever speaks WebSocket misses the close.
            assert ours.failure is None or "reset" in ours.failure


@Both
async def test_what_we_send_meanwhile_arrives_whole(polled: bool) -> None:
    frames = [server_frame(number.to_bytes(2, "big") * 500) for number in range(300)]
    with connected() as (ours, far):
        async with reading(ours, polled=polled) as heard, trio.open_nursery() as nursery:
            far.wire(far.record(HEAD))

            async def send() -> None:
                for each in frames:
                    while not ours.try_send(each):
                        await ours.wait_flushed()
                await ours.wait_flushed()

            nursery.start_soon(send)
            came = b""
            while len(came) < len(b"".join(frames)):
                far.wire(far.record(server_frame(b"still here")))
                came += far.read()
                await trio.lowlevel.checkpoint()
            assert came == b"".join(frames)
            await heard.wait_for(1)


@settings(max_examples=15, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 3000), max_size=30),
    cuts=st.lists(st.integers(1, 5000), max_size=20),
)
def test_however_records_are_cut_nothing_is_lost(lengths: list[int], cuts: list[int]) -> None:
    messages = [bytes((number % 256,)) * length for number, length in enumerate(lengths)]

    async def converse() -> None:
        with connected() as (ours, far):
            heard = Heard()
            ours.take_over(heard)
            said = far.record(HEAD) + b"".join(far.record(server_frame(each)) for each in messages)
            for size in [*cuts, len(said)]:
                far.wire(said[:size])
                said = said[size:]
                ours.poll_in()
            far.wire(far.goodbye())
            while not ours.ended:
                ours.poll_in()
            assert heard.messages == messages
            await trio.lowlevel.checkpoint()

    trio.run(converse)


@Both
async def test_new_keys_in_mid_speech_are_no_trouble(polled: bool) -> None:
    """`K` has openssl's client ask for new keys both ways (RFC 8446, 4.6.3)."""
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("needs the openssl program")
    authority = trustme.CA()
    certificate = authority.issue_cert("localhost")
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    certificate.configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as listener, patience():
        command = [openssl, "s_client", "-connect", f"127.0.0.1:{listener.getsockname()[1]}"]
        async with trio.open_nursery() as nursery:
            client = await nursery.start(
                partial(
                    trio.run_process,
                    [*command, "-tls1_3"],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    check=False,
                )
            )
            plain, _ = await trio.to_thread.run_sync(listener.accept)
            tls = await trio.to_thread.run_sync(
                partial(context.wrap_socket, plain, server_side=True)
            )
            assert tls.version() == "TLSv1.3"
            prepare(tls)
            ours = MediaSocket(tls, "them", masked=False, largest_message=1000, splitter=Lines())
            async with reading(ours, polled=polled) as heard:
                for number in range(5):
                    await client.stdin.send_all(b"%d\n" % number)
                    await heard.wait_for(number + 1)
                    await client.stdin.send_all(b"K\n")
                    await trio.sleep(0.01)
                    assert ours.try_send(b"speech\n")
                assert heard.messages == [b"%d" % number for number in range(5)]
                assert ours.failure is None
            ours.close_now()
            nursery.cancel_scope.cancel()


@attrs.frozen
class Line:
    text: bytes

    def prefix(self, length: int = 128) -> bytes:
        return self.text[:length]

    def kind(self) -> int:
        return -1

    def beginning(self) -> bytes:
        return b""

    def message(self) -> bytes:
        return self.text


@attrs.define(eq=False)
class Lines:
    """Messages are lines, since openssl's client sends nothing else."""

    broken: bool = False
    held: bytes = b""

    def push(self, data: bytes) -> tuple[list[Line], bytes]:
        *lines, self.held = (self.held + data).split(b"\n")
        return [Line(each) for each in lines], b""
