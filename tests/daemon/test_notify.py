"""Datagrams to the service manager: whom the environment names, and what is sent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from daemon.service_manager import service_manager
from trioaudio.core.errors import ConfigError
from trioaudio.daemon.notify import Notifier, take_notifier

PID = 4711


@pytest.mark.parametrize("kind", ["path", "abstract"])
def test_what_is_told_comes_as_one_datagram(kind: str, tmp_path: Path) -> None:
    address = str(tmp_path / "notify") if kind == "path" else f"@trioaudio-test-{os.getpid()}"
    with service_manager(address) as manager:
        notifier = take_notifier({"NOTIFY_SOCKET": address}, PID)
        assert notifier.tell(READY=1, STATUS="two\nlines")
        assert notifier.tell(STOPPING=1)
        assert manager.hear() == [{"READY": "1", "STATUS": "two lines"}, {"STOPPING": "1"}]
        notifier.close()
        assert notifier.tell(READY=1)
        assert manager.hear() == []
    assert notifier.failures == 0


def test_nobody_is_told_where_nobody_listens() -> None:
    notifier = take_notifier({}, PID)
    assert notifier.address is None
    assert notifier.watchdog_s is None
    assert notifier.tell(READY=1)
    notifier.close()


def test_children_inherit_none_of_it() -> None:
    environ = {
        "NOTIFY_SOCKET": "@here",
        "WATCHDOG_USEC": "3000000",
        "WATCHDOG_PID": str(PID),
        "HOME": "/",
    }
    notifier = take_notifier(environ, PID)
    assert (notifier.address, notifier.watchdog_s) == ("@here", 3.0)
    assert environ == {"HOME": "/"}


@pytest.mark.parametrize(
    ("pid", "wanted"), [(None, 2.0), ("", 2.0), (str(PID), 2.0), (str(PID + 1), None)]
)
def test_pings_are_for_the_process_they_are_asked_of(pid: str | None, wanted: float | None) -> None:
    environ = {"NOTIFY_SOCKET": "@here", "WATCHDOG_USEC": "2000000"}
    if pid is not None:
        environ["WATCHDOG_PID"] = pid
    assert take_notifier(environ, PID).watchdog_s == wanted


@pytest.mark.parametrize(
    "environ",
    [
        {"NOTIFY_SOCKET": "vsock:2:1234"},
        {"NOTIFY_SOCKET": "relative"},
        {"WATCHDOG_USEC": "soon"},
        {"WATCHDOG_USEC": "0"},
        {"WATCHDOG_USEC": "-1"},
        {"WATCHDOG_USEC": "9" * 30},
        {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "me"},
    ],
)
def test_what_makes_no_sense_is_told(environ: dict[str, str]) -> None:
    name = list(environ)[-1]
    with pytest.raises(ConfigError, match=name):
        take_notifier(environ, PID)


def test_a_failure_is_counted_logged_once_and_not_raised(tmp_path: Path) -> None:
    address = tmp_path / "gone"
    notifier = Notifier(str(address))
    with capture_logs() as logged:
        assert not notifier.tell(READY=1)
        assert not notifier.tell(READY=1)
    assert notifier.failures == 2
    (line,) = logged
    assert line["event"] == "the service manager cannot be told"
    assert line["at"] == str(address)
    with service_manager(str(address)) as manager:
        assert notifier.tell(READY=1)
        assert manager.hear() == [{"READY": "1"}]
    notifier.close()


def test_a_path_too_long_for_a_socket_is_a_failure(tmp_path: Path) -> None:
    notifier = Notifier(f"/{'x' * 200}")
    assert not notifier.tell(READY=1)
    assert notifier.failures == 1
    notifier.close()


def test_a_manager_that_does_not_listen_holds_nothing_up(tmp_path: Path) -> None:
    with service_manager(str(tmp_path / "notify")) as manager:
        notifier = Notifier(manager.address)
        sent = 0
        while notifier.tell(STATUS="x" * 1000):  # until its queue is full
            sent += 1
        assert notifier.failures == 1
        assert len(manager.hear()) == sent
        assert notifier.tell(READY=1)
        notifier.close()
