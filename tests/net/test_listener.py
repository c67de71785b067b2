"""The listener: carriers that come to a door, and everybody else who knocks."""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio
import trio.testing

from net.far_ends import (
    KEY,
    PATH,
    Certificates,
    Opened,
    close_frame,
    dialler,
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
from trioaudio.core.connection import Closing
from trioaudio.core.errors import ConfigError, LegLostError
from trioaudio.core.verdict import leaves
from trioaudio.listening_place import bind
from trioaudio.net import listening_socket
from trioaudio.net.admission import Admission
from trioaudio.net.listener import FINISH_S, Listener, open_listener
from trioaudio.net.listening_socket import Accepting, allow_descriptors
from trioaudio.net.upgrade_head import HEAD_LIMIT, LINES_LIMIT

CROWD = 200


async def still_serves(opened: Opened) -> None:
    """Fail unless the door opens to a proper carrier."""
    async with await opened.knock() as stream:
        await stream.send_all(upgrade_request())
        async with opened.door.connect(1):
            assert b" 101 " in await read_head(stream)


async def failure(opened: Opened, wait_s: float | None = None) -> Exception:
    with pytest.raises(Exception) as caught:  # noqa: PT011  the caller looks at it
        async with opened.door.connect(wait_s):
            raise AssertionError("connected")
    found = leaves(caught.value)
    assert len(found) == 1, found
    assert isinstance(found[0], Exception)
    return found[0]


# --- Who gets in --------------------------------------------------------------------------


async def test_a_carrier_comes_in() -> None:
    async with listening() as opened, await opened.knock() as stream:
        await stream.send_all(
            upgrade_request(f"{PATH}?call=1", "Sec-WebSocket-Protocol: other, audio.example")
        )
        async with opened.door.connect(1) as connection, receiving(connection) as inbox:
            assert b"Sec-WebSocket-Protocol: audio.example" in await read_head(stream)
            assert connection.peer.startswith("127.0.0.1:")
            await stream.send_all(close_frame(1000, KEY))
    assert inbox.closing == Closing(1000)


async def test_the_head_may_come_byte_by_byte() -> None:
    async with listening() as opened, await opened.knock() as stream:
        for byte in upgrade_request():
            await stream.send_all(bytes((byte,)))
            await trio.lowlevel.checkpoint()
        async with opened.door.connect(1):
            assert b" 101 " in await read_head(stream)


async def test_frames_may_come_with_the_head() -> None:
    async with listening() as opened, await opened.knock() as stream:
        await stream.send_all(
            upgrade_request()
            + frame(0x82, b"one", KEY)
            + frame(0x89, b"", KEY)
            + frame(0x82, b"two", KEY)
            + close_frame(1001, KEY)
        )
        async with opened.door.connect(1) as connection, receiving(connection) as inbox:
            pass
    assert inbox.messages == [b"one", b"two"]
    assert inbox.closing == Closing(1001)


async def test_frames_may_come_before_the_answer() -> None:
    async with listening() as opened, await opened.knock() as stream:
        await stream.send_all(upgrade_request())
        await trio.testing.wait_all_tasks_blocked()
        await stream.send_all(frame(0x89, b"", KEY) + close_frame(1001, KEY))
        async with opened.door.connect(1) as connection:
            assert await connection.receive(print) == Closing(1001)


async def test_nobody_comes() -> None:
    async with listening() as opened:
        error = await failure(opened, 0.01)
        assert isinstance(error, LegLostError)
        assert str(error) == "no carrier connected within 0.01 s"


async def test_a_door_that_closes() -> None:
    async with listening() as opened, await opened.knock() as waiting:
        await waiting.send_all(upgrade_request())
        await trio.testing.wait_all_tasks_blocked()
        opened.listener.close_door(PATH)
        assert await read_all(waiting) == b""
        async with await opened.knock() as late:
            await late.send_all(upgrade_request())
            assert b" 410 " in await read_head(late)
        assert isinstance(await failure(opened, 0), LegLostError)


async def test_a_door_that_is_opened_again() -> None:
    async with listening() as opened, await opened.knock() as stream:
        opened.listener.close_door(PATH)
        door = opened.listener.open_door(PATH)
        await stream.send_all(upgrade_request())
        async with door.connect(1):
            assert b" 101 " in await read_head(stream)


async def test_a_door_nobody_came_to_closes() -> None:
    async with listening() as opened:
        opened.listener.close_door(PATH)


# --- Who does not -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (upgrade_request("/elsewhere"), 404),
        (upgrade_request("/"), 404),
        (upgrade_request(PATH + "/more"), 404),
        (b"GET " + PATH.encode() + b" HTTP/1.1\r\nHost: x\r\n\r\n", 426),
        (b"GET /elsewhere HTTP/1.1\r\nHost: x\r\n\r\n", 426),
        (upgrade_request().replace(b"GET", b"POST"), 405),
        (upgrade_request().replace(b"GET", b"POST").replace(b"secret", b"else"), 405),
        (b"\x16\x03\x01\x02\x00\x01\r\n\r\n", 400),
        (b"HTTP/1.1 200 OK\r\n\r\n", 400),
        (b"\r\n\r\n", 400),
        (b"GET / HTTP/1.1\r\n" + b"X: " + b"x" * HEAD_LIMIT + b"y" * 1000, 400),
        (upgrade_request(PATH, "X: " + "x" * HEAD_LIMIT), 400),
        (upgrade_request(PATH, *["a:"] * LINES_LIMIT), 400),
        # What is wrong with a handshake is found out for those only who know a path.
        (upgrade_request("/elsewhere").replace(b"Version: 13", b"Version: 12"), 404),
    ],
)
async def test_everybody_else_is_refused(request_head: bytes, status: int) -> None:
    async with listening() as opened:
        async with await opened.knock() as stream:
            await stream.send_all(request_head)
            answer = await read_all(stream)
        assert answer.startswith(b"HTTP/1.1 %d " % status)
        assert answer.endswith(b"no media stream is expected here\n")
        await still_serves(opened)


@pytest.mark.parametrize(
    "headers",
    [
        b"Sec-WebSocket-Version: 12",
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: \xe4",
        b"Sec-WebSocket-Version: 13\r\nConnection: \xff",
        b"X: no version",
    ],
)
async def test_a_handshake_that_is_none_does_not_reach_the_call(headers: bytes) -> None:
    head = upgrade_request().replace(b"Sec-WebSocket-Version: 13", headers)
    async with (
        listening() as opened,
        await opened.knock() as stream,
        trio.open_nursery() as nursery,
    ):
        await stream.send_all(head)
        nursery.start_soon(still_serves, opened)
        assert (await read_all(stream)).startswith(b"HTTP/1.1 400 ")


async def test_a_carrier_that_leaves_before_it_is_answered() -> None:
    async with listening() as opened:
        stream = await opened.knock()
        await stream.send_all(upgrade_request())
        await trio.testing.wait_all_tasks_blocked()
        reset(stream)
        async with await opened.knock():
            error = await failure(opened)
        assert isinstance(error, LegLostError)


@pytest.mark.parametrize("said", [b"", b"GET /", upgrade_request("/elsewhere")])
@pytest.mark.parametrize("politely", [True, False])
async def test_a_port_scan(said: bytes, politely: bool) -> None:
    async with listening() as opened:
        for _ in range(10):
            stream = await opened.knock()
            if said:
                await stream.send_all(said)
            if politely:
                await stream.aclose()
            else:
                reset(stream)
        await still_serves(opened)


async def test_a_head_that_never_ends() -> None:
    async with listening(Admission(handshake_s=0.05)) as opened:
        async with await opened.knock() as stream, await opened.knock() as silent:
            await stream.send_all(b"GET /")
            assert await read_all(stream) == b""
            assert await read_all(silent) == b""
        await still_serves(opened)


# --- TLS ----------------------------------------------------------------------------------


async def test_a_plain_client_at_a_tls_listener(certificates: Certificates) -> None:
    admission = Admission(tls_context=certificates.server, handshake_s=2)
    async with listening(admission) as opened:
        async with await opened.knock() as stream:
            await stream.send_all(upgrade_request())
            assert b"HTTP" not in await read_all(stream)
        # Gone again before the listener gets to look at it.
        sock = socket.create_connection(("127.0.0.1", opened.port))
        sock.sendall(upgrade_request())
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        sock.close()
        assert opened.listener.url(PATH).startswith("wss://127.0.0.1:")
        async with trio.open_nursery() as nursery:

            async def dial() -> None:
                tls = certificates.client
                async with dialler(opened.listener.url(PATH), tls=tls).connect(None) as ours:
                    await ours.close()

            nursery.start_soon(dial)
            async with opened.door.connect(None) as connection:
                assert await connection.receive(print) == Closing(1000)


async def test_a_wss_client_at_a_plain_listener(certificates: Certificates) -> None:
    async with listening() as opened:
        url = opened.listener.url(PATH).replace("ws:", "wss:")
        with pytest.raises(LegLostError, match="did not answer"):  # we wait for the head's end
            async with dialler(url, tls=certificates.client, handshake_s=0.3).connect(None):
                pass
        await still_serves(opened)


# --- Many, and too many -------------------------------------------------------------------


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_crowd_leaves_nothing_behind() -> None:
    roomy = Admission(handshakes_most=CROWD, refusals_most=2 * CROWD)
    async with listening(roomy) as opened:
        await still_serves(opened)
        files = open_files()
        tasks = trio.lowlevel.current_statistics().tasks_living
        refused: list[bytes] = []

        async def knock() -> None:
            async with await opened.knock() as stream:
                await stream.send_all(upgrade_request("/elsewhere"))
                refused.append((await read_all(stream))[:12])

        async with trio.open_nursery() as nursery:
            for _ in range(CROWD):
                nursery.start_soon(knock)
        assert refused == [b"HTTP/1.1 404"] * CROWD
        await until(lambda: trio.lowlevel.current_statistics().tasks_living <= tasks)
        assert open_files() == files
        await still_serves(opened)


async def test_many_calls_leave_nothing_behind() -> None:
    async with listening() as opened:
        await still_serves(opened)
        files = open_files()
        tasks = trio.lowlevel.current_statistics().tasks_living
        for number in range(CROWD):
            async with await opened.knock() as stream:
                await stream.send_all(upgrade_request())
                async with opened.door.connect(1):
                    await read_head(stream)
                    if number % 2:
                        reset(stream)
        assert open_files() == files
        await until(lambda: trio.lowlevel.current_statistics().tasks_living <= tasks)


class Refusing:
    """A listening socket whose `accept` fails as often as it is told to."""

    family = socket.AF_INET

    def __init__(self, sock: socket.socket, errors: list[int]) -> None:
        self._sock = sock
        self._errors = errors

    def fileno(self) -> int:
        return self._sock.fileno()

    def getsockname(self) -> tuple[str, int]:
        host, port = self._sock.getsockname()
        return host, port

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        if self._errors:
            code = self._errors.pop()
            raise OSError(code, os.strerror(code))
        return self._sock.accept()


@pytest.mark.parametrize(
    "code", [errno.EMFILE, errno.ENFILE, errno.ECONNABORTED, errno.EPROTO, errno.EHOSTUNREACH]
)
async def test_accept_fails_for_a_while(code: int) -> None:
    with patience(), bind("127.0.0.1", 0) as sock:
        refusing = Refusing(sock, [code])
        listener = Listener(refusing, Admission())  # type: ignore[arg-type]
        door = listener.open_door(PATH)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listener.accept)
            await still_serves(Opened(listener, door, port_of(listener)))
            nursery.cancel_scope.cancel()
        assert not refusing._errors


class Losing(Refusing):
    """A listening socket whose first connection is lost before anything is done with it."""

    lost = False

    def accept(self) -> tuple[socket.socket, tuple[str, int]]:
        sock, name = super().accept()
        if not self.lost:
            self.lost = True
            sock.close()  # every call on it is an OSError now
        return sock, name


async def test_a_connection_that_is_lost_at_once_is_its_own_loss() -> None:
    with patience(), bind("127.0.0.1", 0) as sock:
        losing = Losing(sock, [])
        listener = Listener(losing, Admission())  # type: ignore[arg-type]
        door = listener.open_door(PATH)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(listener.accept)
            opened = Opened(listener, door, port_of(listener))
            async with await opened.knock() as stream:
                assert await read_all(stream) == b""
            await still_serves(opened)
            nursery.cancel_scope.cancel()
        assert losing.lost
        assert listener.statistics().abandoned == 1


def test_descriptors_are_had_as_far_as_the_system_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    soft, hard = before
    try:
        monkeypatch.setattr(listening_socket, "DESCRIPTORS", soft - 1)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft - 2, hard))
        allow_descriptors()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft - 1, hard)
        monkeypatch.setattr(listening_socket, "DESCRIPTORS", soft - 3)
        allow_descriptors()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft - 1, hard), "never lowered"
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_room_for_them_is_made_before_there_are_calls() -> None:
    # Later it costs tens of milliseconds, at the 64th, the 128th, the 256th; FDSize is the table's.
    program = (
        "from pathlib import Path\n"
        "from trioaudio.net.listening_socket import allow_descriptors\n"
        "allow_descriptors()\n"
        "print(Path('/proc/self/status').read_text().split('FDSize:')[1].split()[0])\n"
        "print(len(list(Path('/proc/self/fd').iterdir())))\n"
    )
    told = subprocess.run([sys.executable, "-c", program], stdout=subprocess.PIPE, check=True)
    size, taken = map(int, told.stdout.split())
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert size >= min(listening_socket.DESCRIPTORS, max(soft, hard))
    assert taken < 10


async def test_accept_fails_for_good() -> None:
    with patience(), bind("127.0.0.1", 0) as sock:
        listener = Listener(Refusing(sock, [errno.EINVAL]), Admission())  # type: ignore[arg-type]
        async with await trio.open_tcp_stream("127.0.0.1", port_of(listener)):
            with pytest.RaisesGroup(OSError):
                await listener.accept()


async def test_whom_is_held_back_is_taken_later(autojump_clock: trio.testing.MockClock) -> None:
    """The clock is virtual: the kernel's queue needs no time."""
    taken: list[socket.socket] = []
    with bind("127.0.0.1", 0) as sock:
        accepting = Accepting(sock)
        accepting.hold(3.0)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(accepting.run, lambda came, _name: taken.append(came))
            with socket.create_connection(sock.getsockname(), 5):
                await trio.sleep(2.9)
                assert taken == []
                await trio.sleep(0.2)
                assert len(taken) == 1
            accepting.stop()  # ends the task, and with it the nursery
        with socket.create_connection(sock.getsockname(), 5):
            assert len(taken) == 1
    for each in taken:
        each.close()


ASKING = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"


async def test_the_last_ones_are_heard_out_and_nobody_after_them() -> None:
    with patience():
        async with open_listener("127.0.0.1", 0, Admission()) as listener:
            here = ("127.0.0.1", port_of(listener))
            with (
                socket.create_connection(here, 5) as spoke,
                socket.create_connection(here, 5) as silent,
            ):
                await until(lambda: listener.statistics().in_handshake == 2)
                began = trio.current_time()
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(listener.finish)
                    await trio.testing.wait_all_tasks_blocked()
                    spoke.sendall(ASKING)
                    answer = await trio.to_thread.run_sync(spoke.recv, 100)
                took = trio.current_time() - began
                assert answer.startswith(b"HTTP/1.1 426 ")
                assert FINISH_S * 0.9 < took < FINISH_S + 5, "no longer for the silent one"
                with socket.create_connection(here, 5) as late:
                    late.sendall(ASKING)
                    silent.sendall(ASKING)
                    # It is still heard if it does speak while we are here; who came late is not.
                    answer = await trio.to_thread.run_sync(silent.recv, 100)
                    assert answer.startswith(b"HTTP/1.1 426 ")
                    late.setblocking(False)
                    with pytest.raises(BlockingIOError):
                        late.recv(100)


async def test_nobody_is_there_to_be_heard_out(autojump_clock: trio.testing.MockClock) -> None:
    async with open_listener("127.0.0.1", 0, Admission()) as listener:
        began = trio.current_time()
        await listener.finish()
        assert trio.current_time() == began


# --- Addresses ----------------------------------------------------------------------------


async def test_a_port_in_use() -> None:
    with bind("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(ConfigError, match=rf"127\.0\.0\.1:{port}: .*in use"):
            async with open_listener("127.0.0.1", port, Admission()):
                pass


@pytest.mark.parametrize("host", ["192.0.2.1", "no-such-host.invalid", "a..b"])
def test_an_address_that_is_not_ours(host: str) -> None:
    with pytest.raises(ConfigError, match="cannot listen on"):
        bind(host, 0)


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.create_server(("::1", 0), family=socket.AF_INET6):
        return True
    return False


@pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")
async def test_ipv6() -> None:
    with patience():
        async with open_listener("::1", 0, Admission()) as listener:
            door = listener.open_door(PATH)
            assert listener.url(PATH).startswith("ws://[::1]:")
            async with trio.open_nursery() as nursery:

                async def dial() -> None:
                    async with dialler(listener.url(PATH)).connect(None) as ours:
                        assert ours.peer.startswith("[::1]:")
                        await ours.close()

                nursery.start_soon(dial)
                async with door.connect(None) as connection:
                    assert connection.peer.startswith("[::1]:")
                    assert await connection.receive(print) == Closing(1000)
