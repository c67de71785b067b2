"""What is told of a port that several daemons share, and what is safe behind a Unix socket."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import trio

from trioaudio.configuration import Configuration, load_configuration
from trioaudio.core.errors import ConfigError
from trioaudio.daemon.listening import hold_newcomers, listening_warnings
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
