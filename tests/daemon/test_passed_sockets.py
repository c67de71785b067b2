"""Sockets that somebody else listens on: which is which, and what is of no use."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from trioaudio.core.errors import ConfigError
from trioaudio.daemon.passed_sockets import PassedSockets, place_of, take_passed_sockets
from trioaudio.settings_values import Address

PID = 4711
FIRST = 700
"""Of the descriptors here: 3 and those behind it are the test run's."""


@pytest.fixture
def passed() -> Iterator[Callable[..., dict[str, str]]]:
    """Pass sockets, and return the environment that tells of them."""
    numbers: list[int] = []

    def passing(*socks: socket.socket, **more: str) -> dict[str, str]:
        for offset, sock in enumerate(socks):
            numbers.append(os.dup2(sock.fileno(), FIRST + offset, inheritable=True))
        return {"LISTEN_PID": str(PID), "LISTEN_FDS": str(len(socks)), **more}

    yield passing
    for number in numbers:
        try:
            os.close(number)
        except OSError:
            continue  # who took it has closed it


@pytest.fixture
def tcp() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as sock:
        yield sock


@pytest.fixture
def unix(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(tmp_path / "unix.sock"))
        sock.listen()
        yield sock


def take(environ: dict[str, str]) -> PassedSockets:
    return take_passed_sockets(environ, PID, FIRST)


@pytest.mark.parametrize(
    ("names", "media_first"),
    [
        (None, True), ("media:control", True), ("control:media", False), ("unknown:unknown", True),
        ("control:trioaudio.socket", False), ("trioaudio.socket:media", False), ("media:x", True),
    ],
)  # fmt: skip
def test_which_is_which(
    names: str | None,
    media_first: bool,
    tcp: socket.socket,
    unix: socket.socket,
    passed: Callable[..., dict[str, str]],
) -> None:
    environ = passed(tcp, unix, **({} if names is None else {"LISTEN_FDNAMES": names}))
    taken = take(environ)
    assert environ == {}
    by_role = [taken.media, taken.control] if media_first else [taken.control, taken.media]
    assert [each and each.fileno() for each in by_role] == [FIRST, FIRST + 1]
    port = tcp.getsockname()[1]
    places = taken.places()
    assert set(places.values()) == {Address("127.0.0.1", port), Path(unix.getsockname())}
    for each in by_role:
        assert each is not None
        assert not each.getblocking()
        assert not each.get_inheritable()
    taken.close()
    assert Path(unix.getsockname()).is_socket(), "whoever made the file removes it"
    with socket.create_connection(("127.0.0.1", port), 5):
        pass  # it is still listened on


@pytest.mark.parametrize(
    ("name", "role"), [("media", "media"), ("control", "control"), ("", "media")]
)
def test_only_one_is_passed(
    name: str, role: str, tcp: socket.socket, passed: Callable[..., dict[str, str]]
) -> None:
    taken = take(passed(tcp, **({"LISTEN_FDNAMES": name} if name else {})))
    assert list(taken.places()) == [f"{role}_listen"]
    taken.close()


def test_an_ipv6_socket(passed: Callable[..., dict[str, str]]) -> None:
    with socket.socket(socket.AF_INET6) as sock:
        try:
            sock.bind(("::1", 0))
        except OSError:
            pytest.skip("no IPv6 here")
        sock.listen()
        assert place_of(sock) == Address("::1", sock.getsockname()[1])


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"LISTEN_FDS": "1"},
        {"LISTEN_PID": str(PID)},
        {"LISTEN_PID": str(PID + 1), "LISTEN_FDS": "1", "LISTEN_FDNAMES": "media"},
    ],
)
def test_what_was_not_passed_to_us_is_left_alone(environ: dict[str, str]) -> None:
    taken = take(environ)
    assert (taken.media, taken.control) == (None, None)
    assert environ == {}
    assert taken.places() == {}


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({"LISTEN_PID": "x", "LISTEN_FDS": "1"}, "LISTEN_PID=x: not a number"),
        ({"LISTEN_PID": str(PID), "LISTEN_FDS": "-1"}, "LISTEN_FDS=-1: not a number"),
        ({"LISTEN_PID": str(PID), "LISTEN_FDS": "1"}, "descriptor 700, is of no use"),
        ({"LISTEN_PID": str(PID), "LISTEN_FDS": "3"}, "at most 2 sockets"),
        (
            {"LISTEN_PID": str(PID), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "media"},
            "not as many names",
        ),
        (
            {"LISTEN_PID": str(PID), "LISTEN_FDS": "2", "LISTEN_FDNAMES": "media:media"},
            "two sockets are named media",
        ),
    ],
)
def test_what_is_told_makes_no_sense(environ: dict[str, str], words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        take(environ)


def test_none_of_them_passed() -> None:
    assert take({"LISTEN_PID": str(PID), "LISTEN_FDS": "0"}).places() == {}


def test_a_socket_that_does_not_listen(
    tcp: socket.socket, passed: Callable[..., dict[str, str]]
) -> None:
    with socket.socket() as idle, pytest.raises(ConfigError, match=r"control.*does not listen"):
        take(passed(tcp, idle))


def test_a_socket_without_a_stream(passed: Callable[..., dict[str, str]]) -> None:
    with (
        socket.socket(type=socket.SOCK_DGRAM) as datagrams,
        pytest.raises(ConfigError, match="carries no stream"),
    ):
        take(passed(datagrams))


def test_neither_tcp_nor_unix(passed: Callable[..., dict[str, str]]) -> None:
    with (
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as strange,
        pytest.raises(ConfigError, match="neither a TCP nor a Unix socket"),
    ):
        take(passed(strange))


def test_a_name_that_anybody_could_connect_to(passed: Callable[..., dict[str, str]]) -> None:
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind(f"\0trioaudio-test-{os.getpid()}")
        abstract.listen()
        with pytest.raises(ConfigError, match="no absolute path"):
            take(passed(abstract))


def test_no_socket_at_all(tmp_path: Path) -> None:
    with (tmp_path / "file").open("w") as file:
        os.dup2(file.fileno(), FIRST)
        try:
            with pytest.raises(ConfigError, match="is of no use: "):
                take({"LISTEN_PID": str(PID), "LISTEN_FDS": "1"})
        finally:
            os.close(FIRST)
