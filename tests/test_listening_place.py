"""Sockets that listen, on addresses and on files."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from trioaudio.core.errors import ConfigError
from trioaudio.listening_place import SOCKET_MODE, PlaceTakenError, bind, listening


def answers(place: tuple[str, int] | Path) -> bool:
    with socket.socket(socket.AF_UNIX if isinstance(place, Path) else socket.AF_INET) as probe:
        return probe.connect_ex(str(place) if isinstance(place, Path) else place) == 0


def test_a_file_is_there_as_long_as_it_is_listened_on(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    with listening(path) as sock:
        assert not sock.getblocking()
        assert path.stat().st_mode & 0o777 == SOCKET_MODE
        assert answers(path)
        with pytest.raises(PlaceTakenError, match="another process serves it"), listening(path):
            pass
        assert answers(path)
    assert not path.exists()


def test_a_file_is_removed_after_an_error_too(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    with pytest.raises(ZeroDivisionError), listening(path):
        raise ZeroDivisionError
    assert not path.exists()


def test_what_was_left_behind_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "x.sock"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with listening(path):
        assert answers(path)


def test_an_address_is_listened_on_and_let_go() -> None:
    with listening(("127.0.0.1", 0)) as sock:
        here = sock.getsockname()
        assert not sock.getblocking()
        assert answers(here)
    assert not answers(here)


def test_a_port_is_shared_only_by_those_who_say_so() -> None:
    with listening(("127.0.0.1", 0), reuse_port=True) as first:
        here = first.getsockname()
        with listening(here, reuse_port=True) as second:
            assert second.getsockname() == here
        with pytest.raises(ConfigError, match="in use"), listening(here):
            pass
    with (
        listening(("127.0.0.1", 0)) as alone,
        pytest.raises(ConfigError, match="in use"),
        listening(alone.getsockname(), reuse_port=True),
    ):
        pass


@pytest.mark.parametrize("port", [-1, 65536])
def test_a_port_that_is_none(port: int) -> None:
    with pytest.raises(ConfigError, match="a port is 0 to 65535"):
        bind("127.0.0.1", port)


def test_a_port_is_had_beside_its_listener_without_listening() -> None:
    with bind("127.0.0.1", 0, reuse_port=True) as sock:
        sock.settimeout(5)
        place = sock.getsockname()
        with bind(*place, backlog=None, reuse_port=True):
            for _ in range(20):  # among two that listen, the kernel would choose
                assert answers(place)
                sock.accept()[0].close()
        with pytest.raises(PlaceTakenError, match="already in use"):
            bind(*place)
