"""The file of errors, really: rotation, logrotate, disks that are full, pipes nobody reads."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from trioaudio.core.errors import ConfigError
from trioaudio.observe import logs
from trioaudio.observe.log_file import LOOKED_EVERY_S, LogFile, Rotation
from trioaudio.observe.log_sinks import LogCounts
from trioaudio.observe.logs import get_logger, open_logging


class Clock:
    """Time that passes when told."""

    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_it_is_rotated_by_size_and_so_many_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "errors.log"
    file = LogFile(path, Rotation(most_bytes=20, kept=2))
    for number in range(7):
        file.write(f"line {number}..\n")  # nine bytes: two in a file
    file.close()
    found = {each.name: each.read_text() for each in tmp_path.iterdir()}
    assert found == {
        "errors.log": "line 6..\n",
        "errors.log.1": "line 4..\nline 5..\n",
        "errors.log.2": "line 2..\nline 3..\n",
    }
    assert {each.stat().st_mode & 0o007 for each in tmp_path.iterdir()} == {0}


def test_what_is_there_counts_and_a_line_longer_than_the_limit_is_written(tmp_path: Path) -> None:
    path = tmp_path / "errors.log"
    path.write_text("older\n")
    file = LogFile(path, Rotation(most_bytes=10))
    file.write("longer than that\n")
    file.write("and another\n")
    file.close()
    texts = [(tmp_path / f"errors.log{each}").read_text() for each in ("", ".1", ".2")]
    assert texts == ["and another\n", "longer than that\n", "older\n"]


def test_bytes_are_counted_and_not_letters(tmp_path: Path) -> None:
    path = tmp_path / "errors.log"
    file = LogFile(path, Rotation(most_bytes=10))
    file.write("நன்\n")  # ten bytes
    file.write("x\n")
    file.close()
    assert path.read_text() == "x\n"


def test_without_a_limit_nothing_is_rotated(tmp_path: Path) -> None:
    path = tmp_path / "errors.log"
    file = LogFile(path)
    for _ in range(100):
        file.write("x" * 100 + "\n")
    file.close()
    assert [each.name for each in tmp_path.iterdir()] == ["errors.log"]


@pytest.mark.parametrize("moved", [True, False])
def test_a_file_that_was_moved_or_removed_is_made_anew_within_a_second(
    tmp_path: Path, *, moved: bool
) -> None:
    path, clock = tmp_path / "errors.log", Clock()
    file = LogFile(path, clock=clock)
    file.write("one\n")
    if moved:
        path.rename(tmp_path / "errors.log-20260101")
    else:
        path.unlink()
    file.write("two\n")  # still into the one that was moved
    assert not path.exists()
    clock.now += LOOKED_EVERY_S
    file.write("three\n")
    file.close()
    assert path.read_text() == "three\n"
    if moved:
        assert (tmp_path / "errors.log-20260101").read_text() == "one\ntwo\n"


def test_when_asked_it_is_opened_anew_at_once(tmp_path: Path) -> None:
    path = tmp_path / "errors.log"
    file = LogFile(path, clock=Clock())
    path.rename(tmp_path / "moved")
    path.write_text("made by logrotate\n")
    file.reopen()
    file.write("two\n")
    file.close()
    assert path.read_text() == "made by logrotate\ntwo\n"


def test_a_file_cut_in_place_is_appended_to_and_its_size_known(tmp_path: Path) -> None:
    path, clock = tmp_path / "errors.log", Clock()
    file = LogFile(path, Rotation(most_bytes=20), clock)
    file.write("fifteen letters\n")
    os.truncate(path, 0)  # logrotate's copytruncate
    clock.now += LOOKED_EVERY_S
    file.write("ten\n")
    file.close()
    assert path.read_text() == "ten\n"
    assert not (tmp_path / "errors.log.1").exists()


def test_a_folder_that_is_gone_leaves_the_file_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    path = tmp_path / "log/errors.log"
    file = LogFile(path, Rotation(most_bytes=5))
    (tmp_path / "log").rename(tmp_path / "gone")
    file.reopen()
    file.write("one\n")
    file.write("two\n")
    assert (tmp_path / "gone/errors.log").read_text() == "one\ntwo\n"
    (tmp_path / "log").mkdir()
    file.reopen()
    file.write("three\n")
    file.close()
    assert path.read_text() == "three\n"


def test_a_file_that_was_removed_with_its_folder_takes_no_lines(tmp_path: Path) -> None:
    (tmp_path / "log").mkdir()
    path, clock, kept = tmp_path / "log/errors.log", Clock(), list[str]()
    file = LogFile(path, clock=clock, on_kept=kept.append)
    file.write("one\n")
    shutil.rmtree(tmp_path / "log")
    clock.now += LOOKED_EVERY_S
    for _ in range(3):  # those between two looks too
        with pytest.raises(FileNotFoundError):
            file.write("lost\n")
    (tmp_path / "log").mkdir()
    clock.now += LOOKED_EVERY_S
    file.write("two\n")
    file.close()
    assert path.read_text() == "two\n"
    assert kept == []


def test_a_moved_file_that_has_no_successor_goes_on_and_that_is_told_once_a_minute(
    tmp_path: Path,
) -> None:
    (tmp_path / "log").mkdir()
    path, clock, kept = tmp_path / "log/errors.log", Clock(), list[str]()
    file = LogFile(path, clock=clock, on_kept=kept.append)
    (tmp_path / "log").rename(tmp_path / "moved")
    (tmp_path / "log").write_text("no folder")
    for number in range(1, 120):
        clock.now = number * LOOKED_EVERY_S
        file.write(f"{number}\n")
    assert (tmp_path / "moved/errors.log").read_text().split() == [*map(str, range(1, 120))]
    assert kept == ["Not a directory"] * 2
    (tmp_path / "log").unlink()
    (tmp_path / "log").mkdir()
    clock.now += LOOKED_EVERY_S
    file.write("new\n")
    file.close()
    assert path.read_text() == "new\n"
    assert len(kept) == 2


def test_a_full_file_that_cannot_be_rotated_grows_and_that_is_told(tmp_path: Path) -> None:
    path, kept = tmp_path / "errors.log", list[str]()
    file = LogFile(path, Rotation(most_bytes=5, kept=1), Clock(), kept.append)
    (tmp_path / "errors.log.1").mkdir()
    file.write("one\n")
    file.write("two\n")
    assert path.read_text() == "one\ntwo\n"
    assert kept == ["Is a directory"]
    (tmp_path / "errors.log.1").rmdir()
    file.write("three\n")
    file.close()
    assert path.read_text() == "three\n"


def test_a_full_file_that_was_just_removed_is_begun_anew_at_once(tmp_path: Path) -> None:
    path, kept = tmp_path / "errors.log", list[str]()
    file = LogFile(path, Rotation(most_bytes=5), Clock(), kept.append)
    file.write("one\n")
    path.unlink()
    file.write("two\n")
    file.close()
    assert {each.name: each.read_text() for each in tmp_path.iterdir()} == {"errors.log": "two\n"}
    assert kept == []


@pytest.mark.parametrize("removed", [True, False])
def test_where_lines_go_without_a_file_is_told_on_the_console(
    tmp_path: Path, *, removed: bool
) -> None:
    (tmp_path / "log").mkdir()
    path, lines = tmp_path / "log/errors.log", list[str]()
    with open_logging("info", "json", path, lines.append) as counts:
        log = get_logger("trioaudio.test")
        if removed:
            shutil.rmtree(tmp_path / "log")
        else:
            (tmp_path / "log").rename(tmp_path / "moved")
        counts.reopen()
        for number in range(3):
            log.error("bad", number=number)
        wait_for(lambda: len(lines) == 4)
        if removed:
            wait_for(lambda: counts.failed == 3)
    events = [json.loads(line) for line in lines]
    [told] = [each for each in events if each["event"].startswith("the log file")]
    assert (told["level"], told["file"]) == ("warning", str(path))
    assert told["reason"] == "No such file or directory"
    if removed:
        assert told["event"] == "the log file takes no lines"
        assert events[-1]["failed"] == 3
    else:
        assert told["event"] == "the log file cannot be begun anew"
        assert counts == LogCounts()
        assert len(whole_lines((tmp_path / "moved/errors.log").read_text())) == 3


def test_another_process_that_rotates_it_is_followed(tmp_path: Path) -> None:
    path = tmp_path / "errors.log"
    one, other = (LogFile(path, Rotation(most_bytes=8), Clock()) for _ in range(2))
    one.write("123456\n")
    other.write("abcdef\n")
    one.write("second\n")  # rotates
    other.write("third\n")  # would, and finds that it was done
    for each in (one, other):
        each.close()
    assert (tmp_path / "errors.log").read_text() == "second\nthird\n"
    assert not (tmp_path / "errors.log.2").exists()


def test_a_device_is_not_rotated_and_a_file_in_its_place_is_found(tmp_path: Path) -> None:
    path, clock = tmp_path / "errors.log", Clock()
    path.symlink_to("/dev/full")
    file = LogFile(path, Rotation(most_bytes=1), clock)
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            file.write("lost\n")
    path.unlink()
    clock.now += LOOKED_EVERY_S
    file.write("kept\n")
    file.close()
    assert [each.read_text() for each in tmp_path.iterdir()] == ["kept\n"]


def test_a_pipe_without_a_reader_is_a_config_error(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigError, match="choose a place"):
        LogFile(tmp_path / "pipe")


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        threading.Event().wait(0.005)


def read_all(descriptor: int) -> bytes:
    """Read what is in a pipe."""
    heard = b""
    with contextlib.suppress(BlockingIOError):
        while more := os.read(descriptor, 1 << 16):
            heard += more
    return heard


def test_a_pipe_nobody_reads_holds_up_nobody_and_is_told(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    lines: list[str] = []
    try:
        with open_logging(error_file=pipe, console=lines.append, log_format="json") as counts:
            log = get_logger("trioaudio.test")
            for number in range(100):
                log.error("bad", number=number, filling="x" * 2000)
            wait_for(lambda: counts.failed > 40 and len(lines) == 101)
            heard = read_all(reader)  # somebody reads again
            log.error("better")
            log.error("good")
            wait_for(lambda: len(lines) == 103)
        heard += read_all(reader)
    finally:
        os.close(reader)
    shown = [json.loads(line) for line in lines]
    assert len([each for each in shown if each["event"] == "bad"]) == 100
    [trouble] = [each for each in shown if each["event"] == "the log file takes no lines"]
    assert (trouble["level"], trouble["file"]) == ("warning", str(pipe))
    written = whole_lines(heard.decode())
    missing = [each["failed"] for each in written if "are missing" in each["event"]]
    assert sum(missing) == counts.failed
    assert [each["event"] for each in written[-2:]] == ["better", "good"]
    bad = [each for each in written if each["event"] == "bad"]
    assert len(bad) + counts.failed == 100


def whole_lines(text: str) -> list[dict[str, Any]]:
    """Return the events; a line that the end of the room tore is none."""
    found = []
    for line in text.splitlines():
        with contextlib.suppress(ValueError):
            found.append(json.loads(line))
    return found


FULL = """
import json, resource, signal, sys, time
from pathlib import Path
from trioaudio.observe.logs import get_logger, open_logging
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path, lines = Path(sys.argv[1]), []
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)

def written(count):
    until = time.monotonic() + 10
    while len([line for line in lines if '"bad"' in line]) < count and time.monotonic() < until:
        time.sleep(0.01)
    time.sleep(0.05)

with open_logging(error_file=path, console=lines.append, log_format="json") as counts:
    log = get_logger("trioaudio.test")
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # the disk is full
    for number in range(40):
        log.error("bad", number=number)
    written(40)
    failed = counts.failed
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))  # and has room again
    for number in range(40, 43):
        log.error("bad", number=number)
    written(43)
    print(json.dumps({"failed": failed, "in all": counts.failed}))
"""


def test_a_disk_with_room_again_is_written_to_and_what_is_missing_told(tmp_path: Path) -> None:
    path = tmp_path / "errors.log"
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(path)], check=True, capture_output=True, text=True
    )
    assert done.stderr == ""
    failed = json.loads(done.stdout)
    assert failed["failed"] == failed["in all"] > 20
    whole = whole_lines(path.read_text())
    numbers = [each["number"] for each in whole if each["event"] == "bad"]
    assert numbers == [*range(40 - failed["failed"]), 40, 41, 42]
    [missing] = [each for each in whole if "are missing" in each["event"]]
    assert missing["failed"] == failed["failed"]
    assert whole.index(missing) == 40 - failed["failed"]


def test_a_stuck_disk_holds_up_neither_console_nor_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logs, "QUEUE_RECORDS", 5)
    monkeypatch.setattr(logs, "STOP_WITHIN_S", 0.2)
    reading, writing = os.pipe()  # a write that blocks, as one to a disk that hangs
    os.set_blocking(writing, True)

    def write(self: LogFile, text: str) -> None:
        del self, text
        os.read(reading, 1)

    monkeypatch.setattr(LogFile, "write", write)
    lines: list[str] = []
    began = time.monotonic()
    with open_logging(error_file=tmp_path / "errors.log", console=lines.append) as counts:
        for number in range(20):
            get_logger("trioaudio.test").error("bad", number=number)
            wait_for(lambda: len(lines) > number)  # noqa: B023  called at once
        assert counts.dropped >= 13
    assert time.monotonic() - began < 5
    assert len([line for line in lines if "bad" in line]) == 20
    assert "records are missing" in lines[-1]
    os.close(writing)  # ends the read, and with it the thread
    os.close(reading)


def test_counts_are_equal_by_their_numbers() -> None:
    assert LogCounts(1, 2) == LogCounts(1, 2)


def test_the_limit_of_a_file_s_size_is_an_error_here_and_not_the_end(tmp_path: Path) -> None:
    """So that the tests above test what they say."""
    before = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    file = LogFile(tmp_path / "errors.log")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (4, hard))
        with pytest.raises(OSError, match=os.strerror(errno.EFBIG)):
            file.write("longer\n")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, before)
        file.close()
