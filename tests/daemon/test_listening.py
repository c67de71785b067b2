"""What is told of a port that several daemons share, and what is safe behind a Unix socket."""

from __future__ import annotations

import socket
from pathlib import Path
from types import SimpleNamespace

import pytest
import trio
import trio.testing

from trioaudio.api.request_error import RequestError
from trioaudio.configuration import Configuration, load_configuration
from trioaudio.core.errors import ConfigError
from trioaudio.daemon.admission import Admission as Admitting
from trioaudio.daemon.admission import Stage
from trioaudio.daemon.listening import hold_newcomers, leave_to_others, listening_warnings
from trioaudio.net.admission import Admission
from trioaudio.net.listener import open_listener


def loaded(folder: Path, **settings: str) -> Configuration:
    environ = {f"TRIOAUDIO_{name.upper()}": value for name, value in settings.items()}
    environ |= {"HOME": str(folder), "TRIOAUDIO_CARRIERS": "raw"}
    return load_configuration(environ, folder)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, None),
        ({"reuse_port": "yes", "media_auth": "off"}, None),
        ({"reuse_port": "yes"}, "may be given to a process that does not know it"),
        ({"reuse_port": "yes", "media_listen": "/run/x.sock"}, "it is not heeded"),
    ],
)
def test_a_shared_port(settings: dict[str, str], words: str | None, tmp_path: Path) -> None:
    told = listening_warnings(loaded(tmp_path, **settings))
    assert len(told) == (words is not None)
    assert all(words is not None and words in each for each in told)


def test_whoever_is_behind_a_unix_socket_is_not_let_in_unasked(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"a proxy leads others to /run/x\.sock"):
        loaded(tmp_path, media_listen="/run/x.sock", media_auth="off")
    configuration = loaded(tmp_path, media_listen="/run/x.sock", media_auth="forced-off")
    assert configuration.serve.media_listen == Path("/run/x.sock")


def test_both_cannot_be_the_same_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="carriers dial in there"):
        loaded(tmp_path, media_listen="/run/x.sock", control_listen="/run/x.sock")


@pytest.mark.parametrize(
    ("states", "waits"),
    [
        ([], True), (["up", "expected", "ended"], True), (["up", "placing"], False),
        (["lost"], False),
    ],
)  # fmt: skip
async def test_newcomers_wait_unless_somebody_on_the_telephone_does(
    states: list[str], waits: bool
) -> None:
    roll = [SimpleNamespace(state=each) for each in states]
    async with open_listener("127.0.0.1", 0, Admission()) as listener:
        hold_newcomers(listener, roll)  # type: ignore[arg-type]
        assert (listener._accepting._held_until > trio.current_time()) is waits


@pytest.mark.parametrize(
    ("settings", "states", "leaves"),
    [
        ({"reuse_port": "yes", "media_auth": "off"}, ["up", "expected"], True),
        ({"reuse_port": "yes", "media_auth": "off"}, ["lost"], False),
        ({}, ["up"], False),
    ],
)
async def test_a_shared_port_is_left_to_the_others_unless_somebody_waits(
    settings: dict[str, str], states: list[str], leaves: bool, tmp_path: Path
) -> None:
    roll = [SimpleNamespace(state=each) for each in states]
    admission = Admitting(lambda: 0, 1, lambda: None)
    admission.stage = Stage.DRAINING
    async with open_listener("127.0.0.1", 0, Admission()) as listener:
        await trio.testing.wait_all_tasks_blocked()
        host, _, port = listener.address.rpartition(":")
        with socket.create_connection((host, int(port)), 5) as before:
            leave_to_others(loaded(tmp_path, **settings), listener, roll, admission)  # type: ignore[arg-type]
            if not leaves:
                with pytest.raises(RequestError):
                    admission.check()
                return
            with pytest.raises(ConnectionRefusedError):
                socket.create_connection((host, int(port)), 5).close()
            admission.check()  # whoever was there before is let in
            assert not admission.readiness().ready
            before.sendall(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
            answer = await trio.to_thread.run_sync(before.recv, 100)
            assert answer.startswith(b"HTTP/1.1 426 ")
        await listener.finish()
        with pytest.raises(RequestError):
            admission.check()
