"""Lines for systemd's journal, which knows the time and is told the level by a prefix."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys

import pytest

from trioaudio.observe.log_console import is_journal

PROGRAM = """
import sys
from trioaudio.observe.logs import get_logger, open_logging
with open_logging(log_format=sys.argv[1]):
    log = get_logger("x")
    log.warning("odd", peer="h\\nh")
    try:
        raise LookupError("of our own")
    except LookupError:
        log.exception("broken")
    log.info("fine")
"""


def written(log_format: str, *, told: bool = True) -> list[str]:
    """What a program writes to a stream socket, as the journal gives it one for stderr."""
    ours, theirs = socket.socketpair()
    with ours:
        with theirs:
            found = os.fstat(theirs.fileno())
            place = f"{found.st_dev}:{found.st_ino}"
            environ = {**os.environ, "JOURNAL_STREAM": place if told else "8:12345"}
            subprocess.run(
                [sys.executable, "-c", PROGRAM, log_format],
                check=True,
                stderr=theirs.fileno(),
                env=environ,
            )
        text = b""
        while more := ours.recv(1 << 16):
            text += more
    return text.decode().splitlines()


def test_the_journal_gets_levels_in_front_and_no_times() -> None:
    first, second, *traceback, last = written("console")
    assert first == "<4>odd [x] peer=h\\nh"
    assert second == "<3>broken [x]"
    assert traceback[0] == "<3>Traceback (most recent call last):"
    assert {line[:3] for line in traceback} == {"<3>"}
    assert last == "<6>fine [x]"


def test_json_stays_one_object_a_line_there() -> None:
    odd, broken, fine = map(json.loads, written("json"))
    assert (odd["level"], broken["level"], fine["level"]) == ("warning", "error", "info")
    assert broken["exception"].startswith("Traceback")


def test_a_variable_that_tells_of_another_stream_means_nothing() -> None:
    first, *_ = written("console", told=False)
    assert "[warning" in first
    assert first[4] == "-"  # a date


def test_who_is_no_stream_is_no_journal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JOURNAL_STREAM", "1:2")
    assert not is_journal(print)
    with open(os.devnull, "w", encoding="utf-8") as closed:  # noqa: PTH123  a stream
        pass
    assert not is_journal(closed)
