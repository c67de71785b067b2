from __future__ import annotations

import io
import json
import logging
import os
import pty
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
import trio

from trioaudio.core.errors import ConfigError
from trioaudio.core.secret import Secret
from trioaudio.observe import logs
from trioaudio.observe.log_sinks import DescriptorSink, LogCounts
from trioaudio.observe.logs import get_logger, open_logging

HUSH = "hush-hush-42"
LOG = "trioaudio.test"


@pytest.fixture(autouse=True)
def nothing_left_behind() -> Iterator[None]:
    """After each test: no handler, level, thread or descriptor that was not there before."""

    def state() -> tuple[object, object, set[threading.Thread], set[str]]:
        root = logging.getLogger()
        names = ("httpx", "trio-websocket")
        levels = [root.level, *(logging.getLogger(name).level for name in names)]
        descriptors = {each.name for each in Path("/proc/self/fd").iterdir()}
        return list(root.handlers), levels, set(threading.enumerate()), descriptors

    structlog.contextvars.clear_contextvars()
    before = state()
    yield
    after = state()
    assert after[:2] == before[:2]
    # Other tests' threads may have come to their end meanwhile.
    assert after[2] <= before[2]
    assert after[3] <= before[3]
    structlog.contextvars.clear_contextvars()


def lines_of(work: Callable[[], object], log_format: str = "json", **options: Any) -> list[str]:
    lines: list[str] = []
    with open_logging(log_format=log_format, console=lines.append, **options):
        work()
    return lines


def events_of(work: Callable[[], object], **options: Any) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines_of(work, **options)]


def wait_for(condition: Callable[[], bool]) -> None:
    """Wait for what another thread does."""
    until = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < until
        threading.Event().wait(0.005)


def fail(text: str = "") -> None:
    raise LookupError(text)


# --- What a line holds -------------------------------------------------------------------


def test_json_lines_parse() -> None:
    def work() -> None:
        values = {"number": 1, "yes": True, "none": None, "odd": float("nan"), "id": object}
        get_logger(LOG).info("leg %s", "up", text="நன்றி\n\x1b[2J\ud800", nested={1: {2}}, **values)

    [event] = events_of(work)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event.pop("timestamp"))
    assert event == {
        "level": "info",
        "logger": LOG,
        "event": "leg up",
        "text": "நன்றி\n\x1b[2J\ud800",
        "nested": {"1": [2]},
        "number": 1,
        "yes": True,
        "none": None,
        "odd": "nan",
        "id": "<class 'object'>",
    }


def test_a_traceback_is_part_of_the_record() -> None:
    def work() -> None:
        try:
            fail(HUSH)
        except LookupError:
            get_logger(LOG).exception("broken")
            logging.getLogger("other").exception("broken too")

    for event in events_of(work, secrets=[HUSH]):
        assert event["level"] == "error"
        assert event["exception"].startswith("Traceback (most recent call last):\n")
        assert event["exception"].endswith("LookupError: ***")


def test_other_libraries_records_come_too_but_talkative_ones_only_to_warn() -> None:
    def work() -> None:
        for name in ("httpx", "httpcore", "trio-websocket", "trio_websocket", "other"):
            logging.getLogger(name).info("to %s", "nobody")
            logging.getLogger(name).warning("to %s", "somebody")

    seen = [(event["logger"], event["event"]) for event in events_of(work)]
    assert seen == [
        *(("httpx", "to somebody"), ("httpcore", "to somebody")),
        *(("trio-websocket", "to somebody"), ("trio_websocket", "to somebody")),
        *(("other", "to nobody"), ("other", "to somebody")),
    ]
    assert events_of(lambda: logging.getLogger("httpx").warning("x"), level="error") == []


def test_levels() -> None:
    def work() -> None:
        logger = get_logger(LOG)
        for name in ("debug", "info", "warning", "error", "critical"):
            getattr(logger, name)(name)

    for number, level in enumerate(("debug", "info", "warning", "error", "critical")):
        assert len(lines_of(work, level=level)) == 5 - number


async def test_context_follows_into_tasks() -> None:
    lines: list[str] = []

    async def leg(name: str) -> None:
        structlog.contextvars.bind_contextvars(call=name)
        await trio.lowlevel.checkpoint()
        get_logger(LOG).info("up", leg=1)
        logging.getLogger("other").warning("odd")

    with open_logging(log_format="json", console=lines.append):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(leg, "a")
            nursery.start_soon(leg, "b")
    seen = sorted((json.loads(line)["call"], json.loads(line)["event"]) for line in lines)
    assert seen == [("a", "odd"), ("a", "up"), ("b", "odd"), ("b", "up")]


class Odd:
    def __repr__(self) -> str:
        return f"Odd({HUSH})"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_secrets_are_masked_wherever_they_occur(log_format: str, tmp_path: Path) -> None:
    def work() -> None:
        logger = get_logger(LOG).bind(bound=HUSH)
        deep: list[object] = [HUSH]
        for _ in range(50):
            deep = [deep]
        logger.error(
            "dialled with %s",
            HUSH,
            secret=Secret(HUSH),
            inside=[{"a": (HUSH, Secret("abc"))}],
            key={HUSH: HUSH},
            error=ValueError(HUSH),
            odd=Odd(),
            data=HUSH.encode(),
            deep=deep,
        )
        logging.getLogger("other").error("%s and %r", HUSH, Secret(HUSH))
        logging.getLogger("other").error("no arguments: %s", {"a": HUSH})

    file = tmp_path / "errors.log"
    lines = lines_of(work, log_format, secrets=[Secret(HUSH), "a"], error_file=file)
    for written in ("\n".join(lines), file.read_text()):
        assert HUSH not in written
        assert written.count("***") >= 11
        assert "dialled with ***" in written


def test_later_changes_do_not_reach_the_record() -> None:
    held = {"a": 1}

    def work() -> None:
        get_logger(LOG).info("x", held=held)
        held["a"] = 2

    assert events_of(work)[0]["held"] == {"a": 1}


# --- Console -----------------------------------------------------------------------------


def test_what_a_far_end_wrote_cannot_move_the_cursor() -> None:
    def work() -> None:
        get_logger(LOG).info("closed", reason="a\x1b[2J\r\x9b\nb")
        try:
            fail("\x1b[2J")
        except LookupError:
            get_logger(LOG).exception("broken")

    lines = lines_of(work, "console")
    assert "a\\x1b[2J\\x0d\\x9b\\nb" in lines[0]
    assert "\x1b" not in lines[1]
    assert lines[1].count("\n") >= 2


def test_a_stream_in_memory_gets_plain_lines() -> None:
    stream = io.StringIO()
    with open_logging(console=stream):
        get_logger(LOG).warning("leg lost", peer="h")
    assert re.fullmatch(
        r"\S+Z \[warning\s*\] leg lost \[trioaudio.test\] peer=h\n", stream.getvalue()
    )


def test_stderr_is_the_console_and_plain_when_no_terminal(
    capfd: pytest.CaptureFixture[str],
) -> None:
    with open_logging():
        get_logger(LOG).info("leg up")
    seen = capfd.readouterr()
    assert seen.out == ""
    assert "leg up" in seen.err
    assert "\x1b" not in seen.err


@pytest.mark.parametrize(
    ("variable", "value", "log_format", "colored"),
    [
        ("NO_COLOR", "", "console", True),
        ("NO_COLOR", "1", "console", False),
        ("TERM", "dumb", "console", False),
        ("NO_COLOR", "", "json", False),
    ],
)
def test_colors_only_on_a_terminal_that_wants_them(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, log_format: str, *, colored: bool
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(variable, value)
    leader, follower = pty.openpty()
    with os.fdopen(leader, "rb") as screen, os.fdopen(follower, "w") as terminal:
        with open_logging(log_format=log_format, console=terminal):
            get_logger(LOG).info("leg up")
        seen = os.read(screen.fileno(), 10_000)
    assert b"leg up" in seen
    assert (b"\x1b[" in seen) == colored


# --- Errors, full disks, slow consoles ---------------------------------------------------


def test_the_error_file_gets_only_errors_and_is_appended_to(tmp_path: Path) -> None:
    file = tmp_path / "errors.log"
    file.write_text("older\n")

    def work() -> None:
        get_logger(LOG).warning("not bad")
        get_logger(LOG).error("bad", text="\ud800")
        get_logger(LOG).critical("worse")

    assert len(lines_of(work, error_file=file)) == 3
    older, *rest = file.read_text("utf-8").splitlines()
    assert older == "older"
    assert [json.loads(line)["event"] for line in rest] == ["bad", "worse"]


def test_others_may_not_read_a_new_error_file(tmp_path: Path) -> None:
    file = tmp_path / "errors.log"
    lines_of(lambda: None, error_file=file)
    assert file.stat().st_mode & 0o007 == 0


@pytest.mark.parametrize(
    "place", ["missing/errors.log", "file/errors.log", ".", "/proc/errors.log"]
)
def test_an_impossible_error_file_is_a_config_error(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"log file .*; choose a place"):  # noqa: SIM117
        with open_logging(error_file=tmp_path / place):
            pytest.fail("opened")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_an_unwritable_folder_is_a_config_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError, match="Permission denied"):  # noqa: SIM117
        with open_logging(error_file=tmp_path / "errors.log"):
            pytest.fail("opened")


def test_a_full_disk_neither_raises_nor_prints(capfd: pytest.CaptureFixture[str]) -> None:
    lines: list[str] = []
    with open_logging(error_file=Path("/dev/full"), console=lines.append) as counts:
        for _ in range(3):
            get_logger(LOG).error("bad")
        wait_for(lambda: counts.failed == 3 and len(lines) == 4)
    assert counts == LogCounts(dropped=0, failed=3)
    [told] = [line for line in lines if "the log file takes no lines" in line]
    assert "No space left on device" in told
    assert "/dev/full" in told
    assert len(lines) == 5
    assert "records are missing" in lines[4]
    assert "failed=3" in lines[4]
    assert capfd.readouterr() == ("", "")


def test_a_console_that_fails_neither_raises_nor_prints(
    capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def broken(_line: str) -> None:
        raise LookupError("of our own")

    file = tmp_path / "errors.log"
    with open_logging(console=broken, error_file=file) as counts:
        get_logger(LOG).error("bad")
    assert counts.failed >= 1
    assert "bad" in file.read_text()
    assert capfd.readouterr() == ("", "")


class Unprintable:
    def __repr__(self) -> str:
        raise LookupError("of our own")


def test_a_value_that_cannot_be_shown_is_counted(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(logging.getLogger(), "handlers", [])  # the test runner's show values too
    lines: list[str] = []
    with open_logging(console=lines.append) as counts:
        get_logger(LOG).info("x", value=Unprintable())
        get_logger(LOG).info("y")
    assert counts.failed == 1
    assert len(lines) == 2
    assert capfd.readouterr() == ("", "")


def test_a_slow_console_drops_and_counts_and_never_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "QUEUE_RECORDS", 10)
    lines: list[str] = []
    entered, go_on = threading.Event(), threading.Event()

    def slow(line: str) -> None:
        entered.set()
        go_on.wait(10)
        lines.append(line)

    with open_logging(console=slow) as counts:
        get_logger(LOG).info("first")
        assert entered.wait(10)
        began = time.monotonic()
        for number in range(100):
            get_logger(LOG).info("more", number=number)
        assert time.monotonic() - began < 1
        assert counts.dropped == 90
        go_on.set()
    assert len(lines) == 12
    assert "first" in lines[0]
    assert "records are missing" in lines[1]  # as soon as lines are taken again
    assert "dropped=90" in lines[1]
    assert "number=9" in lines[-1]


def test_leaving_does_not_wait_for_a_stuck_console(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "STOP_WITHIN_S", 0.05)
    before = set(threading.enumerate())
    lines: list[str] = []
    go_on = threading.Event()

    def stuck(line: str) -> None:
        go_on.wait(10)
        lines.append(line)

    began = time.monotonic()
    with open_logging(console=stuck):
        get_logger(LOG).info("x")
    assert time.monotonic() - began < 5
    assert lines == []
    go_on.set()
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
    assert len(lines) == 1


STUCK = """
import time
from trioaudio.observe import logs
began = time.monotonic()
with logs.open_logging() as counts:
    for _ in range(5000):
        logs.get_logger("x").info("a line that nobody reads" * 4)
print(counts.dropped > 0, time.monotonic() - began < 8)
"""


def test_a_console_nobody_reads_does_not_hold_the_exit() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", STUCK], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    with child:
        assert child.wait(30) == 0
        assert child.stdout is not None
        assert child.stdout.read() == "True True\n"


def test_a_line_torn_by_a_full_disk_ends_before_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    took: list[bytes] = []
    room = [3, 0, 100]

    def write(_descriptor: int, data: bytes) -> int:
        space = room.pop(0)
        if not space:
            raise OSError(28, "No space left on device")
        took.append(bytes(data[:space]))
        return len(took[-1])

    monkeypatch.setattr(os, "write", write)
    sink = DescriptorSink(-1)
    with pytest.raises(OSError, match="No space"):
        sink.write("first\n")
    sink.write("second\n")
    sink.close()
    assert b"".join(took) == b"fir\nsecond\n"


def test_a_nonblocking_terminal_is_waited_for() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    sink = DescriptorSink(writing)
    text = "x" * 200_000
    writer = threading.Thread(target=sink.write, args=(text,))
    writer.start()
    with os.fdopen(reading, "rb") as far_end:
        assert far_end.read(len(text)) == text.encode()
        writer.join()
        sink.close()


# --- Opening and closing -----------------------------------------------------------------


def test_opens_again_with_other_settings() -> None:
    logger = get_logger(LOG).bind(bound=1)
    assert len(lines_of(lambda: logger.info("x"), level="warning")) == 0
    assert "bound=1" in lines_of(lambda: logger.info("x"), "console")[0]
    assert events_of(lambda: logger.info("x"))[0]["bound"] == 1


def test_closes_when_the_program_fails() -> None:
    lines: list[str] = []
    with pytest.raises(LookupError), open_logging(console=lines.append):
        fail(str(get_logger(LOG).warning("x")))
    assert len(lines) == 1


def test_without_stderr_there_is_only_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "stderr", None)
    with open_logging(error_file=tmp_path / "errors.log") as counts:
        get_logger(LOG).error("bad")
    assert counts == LogCounts()
    assert "bad" in (tmp_path / "errors.log").read_text()


def test_an_unknown_level_opens_nothing() -> None:
    with pytest.raises(KeyError), open_logging("loud"):
        pytest.fail("opened")


BEFORE = """
from trioaudio.core.secret import Secret
from trioaudio.observe.logs import get_logger
logger = get_logger("x")
logger.info("unseen")
logger.warning("early", a=1, secret=Secret("hush"))
"""


def test_before_it_is_open_warnings_go_to_stderr_and_nothing_to_stdout() -> None:
    done = subprocess.run(
        [sys.executable, "-c", BEFORE], check=True, capture_output=True, text=True
    )
    assert (done.stdout, done.stderr) == ("", "early a=1 secret=***\n")


def test_importing_it_does_not_import_structlog() -> None:
    program = "import sys, trioaudio.observe.logs; sys.exit('structlog' in sys.modules)"
    subprocess.run([sys.executable, "-c", program], check=True)
