"""A real daemon under a service manager: what it tells, and the sockets it is given."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import attrs
import pytest
import trio
from trio_websocket import wrap_client_stream

from daemon.daemon_rig import Given, Node, hear, node, raw_carrier, wait_closed, wait_for
from daemon.service_manager import ServiceManager, service_manager
from trioaudio.daemon.notify import Notifier
from trioaudio.daemon.passed_sockets import PassedSockets

WATCHDOG_S = 0.6
UPGRADE = (
    b"GET /media/raw HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[ServiceManager]:
    with service_manager(str(tmp_path / "notify")) as made:
        yield made


# --- What it is told ------------------------------------------------------------------------


async def test_it_tells_from_its_start_to_its_end(tmp_path: Path, manager: ServiceManager) -> None:
    async with node(tmp_path, Given(notifier=Notifier(manager.address)), media_auth="off") as made:
        ready = await manager.until("READY")
        assert made.daemon.listening.is_set()
        assert "STATUS" not in ready or ready["STATUS"].startswith("ready")
        async with raw_carrier(f"{made.addresses.media}/media/raw") as carrier:
            await made.event("call.answered")
            await manager.until("STATUS", "ready, 1 call")
            made.daemon.leaving.begin()
            stopping = await manager.until("STOPPING")
            assert int(stopping["EXTEND_TIMEOUT_USEC"]) > 5_000_000
            await manager.until("STATUS", "draining, 1 call left")
            await carrier.aclose()
        await wait_for(lambda: made.exit_code == [0])
    assert all("WATCHDOG" not in each for each in manager.told), "nobody asked for pings"
    order = [name for each in manager.told for name in each if name in ("READY", "STOPPING")]
    assert order == ["READY", "STOPPING"]


@pytest.mark.parametrize("good", [True, False])
async def test_a_reload_is_told_and_its_end(
    tmp_path: Path, manager: ServiceManager, good: bool
) -> None:
    async with node(tmp_path, Given(notifier=Notifier(manager.address))) as made:
        await manager.until("READY")
        before = len(manager.told)
        made.environ["TRIOAUDIO_CALLS_MOST"] = "7" if good else "many"
        problems = await made.desk.reload()
        assert bool(problems) is not good
        await manager.until("RELOADING")
        await wait_for(
            lambda: any("READY" in each for each in manager.hear() + manager.told[before:])
        )
    names = [name for each in manager.told[before:] for name in each]
    assert names.index("RELOADING") < names.index("READY")
    assert made.daemon.admission.calls_most == (7 if good else 1000)


@attrs.define(eq=False)
class Hold:
    """Does not come back from its turn before it is let go."""

    let_go: threading.Event = attrs.field(factory=threading.Event)
    begun: threading.Event = attrs.field(factory=threading.Event)
    turn: int = 0

    def tick(self, now: float) -> float | None:
        self.begun.set()
        self.let_go.wait(30)
        return None

    def fail(self, exc: Exception) -> None:
        raise exc


async def test_an_idle_node_pings_and_one_whose_pacer_is_held_does_not(
    tmp_path: Path, manager: ServiceManager
) -> None:
    hold = Hold()
    during: list[int] = []

    def watch() -> None:
        hold.begun.wait(30)
        before = manager.pings()
        threading.Event().wait(2 * WATCHDOG_S)  # the time after which it would be killed, twice
        during.append(manager.pings() - before)
        hold.let_go.set()

    async with node(tmp_path, Given(notifier=Notifier(manager.address, WATCHDOG_S))) as made:
        await manager.until("READY")
        before = manager.pings()
        await trio.sleep(2 * WATCHDOG_S)
        assert manager.pings() - before >= 4, "nothing is asked of it, and it pings"
        thread = threading.Thread(target=watch)
        thread.start()
        made.daemon.pacer.wake(hold, trio.current_time())
        await wait_for(hold.let_go.is_set)
        thread.join(30)
        assert during == [0]
        after = manager.pings()
        await wait_for(lambda: manager.pings() > after)


# --- What it is given -----------------------------------------------------------------------


def listening(place: tuple[str, int] | Path) -> socket.socket:
    """Listen as a service manager does."""
    kind = socket.AF_UNIX if isinstance(place, Path) else socket.AF_INET
    sock = socket.socket(kind)
    sock.bind(str(place) if isinstance(place, Path) else place)
    sock.listen(16)
    return sock


def given(sock: socket.socket) -> socket.socket:
    """Return another descriptor of the same socket, as a process that is started has it."""
    copy = sock.dup()
    copy.setblocking(False)
    return copy


async def speaks(made: Node, url: str) -> None:
    async with raw_carrier(url) as carrier:
        await made.event("call.answered")
        (call,) = await made.client.calls()
        await made.client.call(call.call).say("Hello.", then="hang-up")
        await hear(carrier, 3)
        await wait_closed(carrier)
    await made.gone()


async def test_sockets_it_is_given_outlive_it(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    with listening(("127.0.0.1", 0)) as media, listening(path) as control:
        port = media.getsockname()[1]
        for state in ("one", "two"):
            (tmp_path / state).mkdir()
            passed = PassedSockets(given(media), given(control))
            async with node(tmp_path / state, Given(passed=passed)) as made:
                assert made.addresses.media == f"ws://127.0.0.1:{port}"
                assert made.addresses.control == str(path)
                await speaks(made, f"{made.addresses.media}/media/raw")
            assert path.is_socket()
            with socket.create_connection(("127.0.0.1", port), 5):
                pass  # nobody is refused while there is no daemon


async def test_who_comes_between_two_daemons_waits_for_the_second(tmp_path: Path) -> None:
    with listening(("127.0.0.1", 0)) as media:
        async with node(tmp_path, Given(passed=PassedSockets(given(media)))) as made:
            made.daemon.leaving.begin()
            await wait_for(lambda: made.exit_code == [0])
        with socket.create_connection(("127.0.0.1", media.getsockname()[1]), 5) as early:
            early.sendall(b"GET /media/raw HTTP/1.1\r\nHost: a\r\n\r\n")
            async with node(tmp_path, Given(passed=PassedSockets(given(media)))):
                early.settimeout(10)
                answer = await trio.to_thread.run_sync(early.recv, 100)
    assert answer.startswith(b"HTTP/1.1 426 ")


async def test_who_comes_while_calls_come_to_their_end_waits_for_the_next(tmp_path: Path) -> None:
    with listening(("127.0.0.1", 0)) as media:
        async with node(tmp_path, Given(passed=PassedSockets(given(media)))) as made:
            async with raw_carrier(f"{made.addresses.media}/media/raw"):
                await made.event("call.answered")
                made.daemon.leaving.begin()
                newcomer = socket.create_connection(media.getsockname(), 5)
                newcomer.sendall(UPGRADE)
            await wait_for(lambda: made.exit_code == [0])
        with newcomer:
            async with node(tmp_path, Given(passed=PassedSockets(given(media)))):
                newcomer.settimeout(10)
                answer = await trio.to_thread.run_sync(newcomer.recv, 100)
    assert answer.startswith(b"HTTP/1.1 101 ")


async def test_a_newcomer_does_not_wait_for_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trioaudio.daemon.listening.HOLD_S", 0.3)
    with listening(("127.0.0.1", 0)) as media:
        async with node(tmp_path, Given(passed=PassedSockets(given(media)))) as made:
            async with raw_carrier(f"{made.addresses.media}/media/raw"):
                await made.event("call.answered")
                made.daemon.leaving.begin()
                with socket.create_connection(media.getsockname(), 5) as newcomer:
                    newcomer.sendall(UPGRADE)
                    newcomer.settimeout(10)
                    answer = await trio.to_thread.run_sync(newcomer.recv, 100)
            await wait_for(lambda: made.exit_code == [0])
    assert answer.startswith(b"HTTP/1.1 503 ")


async def test_who_came_last_is_still_answered(tmp_path: Path) -> None:
    """A connection that was accepted is nobody else's any more, so it is heard out."""
    with listening(("127.0.0.1", 0)) as media:
        async with node(tmp_path, Given(passed=PassedSockets(given(media)))) as made:
            assert made.daemon.switchboard is not None
            listener = made.daemon.switchboard.listener
            with socket.create_connection(("127.0.0.1", media.getsockname()[1]), 5) as last:
                await wait_for(lambda: listener.statistics().in_handshake == 1)
                made.daemon.leaving.begin()
                await wait_for(lambda: listener._accepting._scope.cancel_called)
                last.sendall(b"GET /media/raw HTTP/1.1\r\nHost: a\r\n\r\n")
                last.settimeout(10)
                answer = await trio.to_thread.run_sync(last.recv, 100)
    assert answer.startswith(b"HTTP/1.1 426 ")


# --- A Unix socket for carriers ---------------------------------------------------------------


async def knock_by_file(path: Path, *lines: str) -> bytes:
    async with await trio.open_unix_socket(path) as stream:
        head = "\r\n".join(("GET /media/raw HTTP/1.1", "Host: voice.example.com", *lines, "", ""))
        await stream.send_all(head.encode())
        return bytes(await stream.receive_some(4096))


async def test_carriers_come_by_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "media.sock"
    async with node(tmp_path, media_listen=str(path), media_auth="forced-off") as made:
        assert made.addresses.media == f"ws+unix:{path}:"
        assert path.stat().st_mode & 0o777 == 0o660
        async with await trio.open_unix_socket(path) as stream, trio.open_nursery() as nursery:
            carrier = await wrap_client_stream(nursery, stream, "voice.example.com", "/media/raw")
            async with carrier:
                await made.event("call.answered")
                (call,) = await made.client.calls()
                await made.client.call(call.call).say("Hello.")
                await hear(carrier, 3)
        await made.gone()
    assert not path.exists()


@pytest.mark.parametrize(
    ("trusted", "peer"), [("127.0.0.1", "203.0.113.5 by local"), ("", "local")]
)
async def test_who_came_by_a_unix_socket_is_whom_a_trusted_proxy_names(
    tmp_path: Path, trusted: str, peer: str, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "media.sock"
    async with node(
        tmp_path,
        media_listen=str(path),
        trusted_proxies=trusted,
        media_auth="tokens",
        carriers="raw",
    ):
        answer = await knock_by_file(path, "X-Forwarded-For: 203.0.113.5")
        assert answer.startswith(b"HTTP/1.1 426 ")
    assert f"at the door peer={peer} status=426" in caplog.text


async def test_a_unix_socket_that_is_served_is_not_taken(tmp_path: Path) -> None:
    path = tmp_path / "media.sock"
    with listening(path):
        with pytest.RaisesGroup(
            pytest.RaisesExc(Exception, match="another process serves it"),
            allow_unwrapped=True,
            flatten_subgroups=True,
        ):
            async with node(tmp_path, media_listen=str(path), media_auth="tokens", carriers="raw"):
                raise AssertionError("it took it")
        with socket.socket(socket.AF_UNIX) as probe:
            assert probe.connect_ex(str(path)) == 0


# --- One port for several ---------------------------------------------------------------------


def refused_by(made: Node) -> int:
    assert made.daemon.switchboard is not None
    return sum(made.daemon.switchboard.listener.statistics().refused.values())


async def test_two_share_a_port_if_both_say_so(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    many = "100000"
    async with node(tmp_path / "a", reuse_port="yes", door_refusals=many) as first:
        where = first.addresses.media.removeprefix("ws://")
        async with node(
            tmp_path / "b", reuse_port="yes", door_refusals=many, media_listen=where
        ) as second:
            assert second.addresses.media == first.addresses.media
            host, _, port = where.rpartition(":")
            for _ in range(40):  # each is given to one of the two, by a hash of its port
                with socket.create_connection((host, int(port)), 5) as stranger:
                    stranger.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
                    answer = await trio.to_thread.run_sync(stranger.recv, 100)
                    assert answer.startswith(b"HTTP/1.1 426 ")
            counts = [refused_by(first), refused_by(second)]
    assert sum(counts) == 40
    assert min(counts) > 0
