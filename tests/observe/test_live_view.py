"""The drawing process and its parent's side, on a real pseudo-terminal read as a person would."""

from __future__ import annotations

import contextlib
import fcntl
import functools
import io
import json
import os
import pty
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import attrs
import pyte
import pytest
import trio

from trioaudio.observe import view_process
from trioaudio.observe.view_process import LiveView, open_live_view, should_draw

pytestmark = pytest.mark.system

TEXT = "The book that you asked for has arrived and waits for you at the desk until Friday."
SNAPSHOT: dict[str, object] = {
    "type": "snapshot",
    "state": "speaking",
    "text": TEXT,
    "spoken": 20,
    "engine": "espeak",
    "voice": "en-us",
    "carrier": "telecmi",
    "peer": "127.0.0.1:54321",
    "frames": 48,
    "frame_bytes": 960,
    "elapsed_s": 2.94,
    "lateness_ms": {"p50": 0.08, "p99": 0.31, "max": 1.12},
    "queue": 6,
    "queue_bound": 8,
    "underruns": 0,
    "resyncs": 0,
    "first_frame_ms": 61.2,
    "bytes": 46080,
    "history": [0.1, 0.2, 1.12],
}
REPORT: dict[str, object] = {
    "frames": 48,
    "frame_bytes": 960,
    "ptime_ms": 60,
    "lateness_ms": {"p50": 0.08, "p99": 0.31, "max": 1.12},
    "spacing_ms": {"p50": 60.0, "p99": 60.3, "max": 61.1},
    "carrier": {"name": "telecmi", "frames": 48, "bytes": 46080, "dry_count": 0},
}


SLOW = """
import os, runpy
os.write(2, b"up")
runpy.run_module("trioaudio.observe.live_view", run_name="__main__")
"""


@attrs.define(eq=False)
class Terminal:
    """A pseudo-terminal and what it shows."""

    master: int
    slave: int
    screen: pyte.Screen
    stream: pyte.ByteStream
    raw: bytearray = attrs.field(factory=bytearray)

    @property
    def lines(self) -> list[str]:
        return [line.rstrip() for line in self.screen.display]

    def shows(self, what: str) -> bool:
        return any(what in line for line in self.lines)

    async def until(self, condition: Callable[[], bool]) -> None:
        with trio.fail_after(5):
            while not condition():
                await trio.lowlevel.wait_readable(self.master)
                self.take()

    def take(self) -> None:
        data = os.read(self.master, 65536)
        self.raw += data
        self.stream.feed(data)

    def take_rest(self) -> None:
        os.set_blocking(self.master, False)
        with contextlib.suppress(BlockingIOError):
            while True:
                self.take()

    def cells(self, line: int) -> list[pyte.screens.Char]:
        return [self.screen.buffer[line][column] for column in range(self.screen.columns)]


@contextlib.contextmanager
def open_terminal(columns: int = 100, rows: int = 24) -> Iterator[Terminal]:
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    screen = pyte.Screen(columns, rows)
    try:
        yield Terminal(master, slave, screen, pyte.ByteStream(screen))
    finally:
        os.close(slave)
        os.close(master)


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    with open_terminal() as opened:
        yield opened


@pytest.fixture(autouse=True)
def _environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "CI", "LC_ALL", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "80")  # what the terminal itself says counts
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("PYTHONUTF8", "1")


@contextlib.asynccontextmanager
async def drawing(terminal: Terminal) -> AsyncIterator[tuple[trio.Process, trio.abc.SendStream]]:
    command = [sys.executable, "-m", "trioaudio.observe.live_view"]
    process = await trio.lowlevel.open_process(
        command, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=terminal.slave
    )
    assert process.stdin is not None
    try:
        yield process, process.stdin
    finally:
        process.kill()
        with trio.move_on_after(2, shield=True):
            await process.stdin.aclose()
            await process.wait()


def line(message: dict[str, object]) -> bytes:
    return json.dumps(message).encode() + b"\n"


async def ended(process: trio.Process) -> int:
    with trio.fail_after(5):
        return await process.wait()


async def test_the_spoken_part_is_bold_and_the_numbers_are_there(terminal: Terminal) -> None:
    async with drawing(terminal) as (_, feed):
        await feed.send_all(line(SNAPSHOT))
        await terminal.until(lambda: terminal.shows("resyncs 0"))
    text = next(i for i, shown in enumerate(terminal.lines) if shown.startswith("The book"))
    bold = [cell.bold for cell in terminal.cells(text)]
    assert bold[:20] == [True] * 20
    assert not any(bold[20:])
    shown = "\n".join(terminal.lines)
    for expected in (
        "● speaking  espeak en-us → telecmi 127.0.0.1:54321",
        "2.9 s",
        " 24 %",
        "48 frames · 960 bytes each · first after 61.2 ms · 46.1 kB",
        "p50 0.08 p99 0.31 max 1.12 ms   ▁▂█",
        "■■■■■■□□ 6/8   underruns 0   resyncs 0",
    ):
        assert expected in shown
    assert terminal.screen.cursor.hidden


async def test_the_final_table_takes_the_pictures_place(terminal: Terminal) -> None:
    async with drawing(terminal) as (process, feed):
        await feed.send_all(line(SNAPSHOT))
        await terminal.until(lambda: terminal.shows("resyncs 0"))
        files = [["received", "out/received.wav"]]
        final: dict[str, object] = {
            "type": "final",
            "report": REPORT,
            "files": files,
            "problem": "a line of trouble",
        }
        await feed.send_all(line(final))
        assert await ended(process) == 0
    terminal.take_rest()
    assert terminal.lines[0].split() == ["sent", "received", "by", "telecmi"]
    assert terminal.shows("48 frames of exactly 960 bytes, 60 ms apart, none late by more than 1.2")
    assert terminal.shows("received  out/received.wav")
    assert terminal.shows("a line of trouble")
    assert not terminal.shows("speaking")
    assert not terminal.screen.cursor.hidden


@pytest.mark.parametrize(("columns", "rows"), [(40, 24), (200, 24), (60, 4), (40, 2)])
async def test_any_size_and_the_end_of_input_leaves_nothing(columns: int, rows: int) -> None:
    with open_terminal(columns, rows) as terminal:
        async with drawing(terminal) as (process, feed):
            expected = min(rows - 1, 8 if columns == 40 else 6)
            for elapsed in (1, 2):
                await feed.send_all(line({**SNAPSHOT, "elapsed_s": elapsed}))
                await terminal.until(functools.partial(terminal.shows, f" {elapsed}.0 s"))
                await terminal.until(lambda: sum(map(bool, terminal.lines)) == expected)
            assert terminal.lines[0].startswith("● speaking")
            await feed.aclose()
            assert await ended(process) == 0
        terminal.take_rest()
        assert not any(terminal.lines)
        assert terminal.screen.cursor.y == 0
        assert not terminal.screen.cursor.hidden


async def test_no_color_is_respected(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    async with drawing(terminal) as (_, feed):
        await feed.send_all(line(SNAPSHOT))
        await terminal.until(lambda: terminal.shows("resyncs 0"))
    cells = [cell for row in range(10) for cell in terminal.cells(row)]
    assert {cell.fg for cell in cells} == {"default"}
    assert any(cell.bold for cell in cells)


async def test_without_unicode_the_bars_are_ascii(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "ascii")
    async with drawing(terminal) as (_, feed):
        await feed.send_all(line({**SNAPSHOT, "text": "Grüß Gott"}))
        await terminal.until(lambda: terminal.shows("resyncs 0"))
    assert terminal.raw.isascii()
    assert terminal.shows("* speaking  espeak en-us -> telecmi")
    assert terminal.shows("Gr?? Gott")
    assert terminal.shows("######.. 6/8")


async def test_a_dumb_terminal_gets_plain_lines(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TERM", "dumb")
    async with drawing(terminal) as (process, feed):
        await feed.send_all(line(SNAPSHOT) + line({"type": "log", "line": "connected"}))
        await feed.send_all(line({"type": "final", "report": REPORT}))
        assert await ended(process) == 0
    terminal.take_rest()
    assert b"\x1b" not in terminal.raw
    assert terminal.shows("connected")
    assert terminal.shows("48 frames of exactly 960 bytes")


async def test_log_lines_stand_above_and_cannot_move_the_cursor(terminal: Terminal) -> None:
    async with drawing(terminal) as (_, feed):
        await feed.send_all(line({**SNAPSHOT, "text": "a\x1b[2Jb\nc"}) + b"junk\n[]\n")
        await terminal.until(lambda: terminal.shows("resyncs 0"))
        logged = "first \x1b[31mred\x1b[0m\nsec\x1b[2Jond\x07 \x1bc"
        await feed.send_all(line({"type": "log", "line": logged}))
        await terminal.until(lambda: terminal.shows("first red") and terminal.shows("resyncs 0"))
    assert terminal.lines[:2] == ["first red", "second  c"]
    assert terminal.lines[2].startswith("● speaking")
    assert terminal.shows("a [2Jb c")
    assert terminal.cells(0)[6].fg == "red"
    assert b"\x1bc" not in terminal.raw


async def test_interrupt_is_ignored_and_terminate_is_quiet(terminal: Terminal) -> None:
    async with drawing(terminal) as (process, feed):
        await feed.send_all(line(SNAPSHOT))
        await terminal.until(lambda: terminal.shows("24 %"))
        process.send_signal(signal.SIGINT)
        await feed.send_all(line({**SNAPSHOT, "frames": 49}))
        await terminal.until(lambda: terminal.shows("49 frames"))
        process.terminate()
        assert await ended(process) == 0
    terminal.take_rest()
    assert not any(terminal.lines)
    assert not terminal.screen.cursor.hidden


async def test_the_parents_view_shows_logs_and_finishes(terminal: Terminal) -> None:
    async with open_live_view(terminal.slave) as view:
        assert view.alive
        view.log("connected")
        view.show(SNAPSHOT)
        await terminal.until(lambda: terminal.shows("connected") and terminal.shows("resyncs 0"))
        assert await view.finish(REPORT, [("received", "out.wav")], None)
        assert not view.alive
        assert not await view.finish(REPORT)
    terminal.take_rest()
    assert terminal.shows("received  out.wav")
    assert view.snapshots_dropped == view.logs_dropped == 0


async def test_an_interrupt_during_start_up_kills_nobody(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = view_process._command()[:4]
    monkeypatch.setattr(view_process, "_command", lambda: [*shell, sys.executable, "-c", SLOW])
    async with open_live_view(terminal.slave) as view:
        assert view.process is not None
        await terminal.until(lambda: terminal.shows("up"))
        view.process.send_signal(signal.SIGINT)
        view.show(SNAPSHOT)
        await terminal.until(lambda: terminal.shows("resyncs 0"))


async def test_a_stopped_drawing_process_holds_nobody_up(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_process, "FINISH_SECONDS", 0.5)
    async with open_live_view(terminal.slave) as view:
        assert view.process is not None
        view.show(SNAPSHOT)
        await terminal.until(lambda: terminal.screen.cursor.hidden and terminal.shows("resyncs 0"))
        view.process.send_signal(signal.SIGSTOP)
        began = time.perf_counter()
        for n in range(1000):
            view.show({**SNAPSHOT, "frames": n})
        for n in range(300):
            view.log(f"line {n}")
        assert time.perf_counter() - began < 1.0
        assert 800 < view.snapshots_dropped < 1000
        assert view.logs_dropped == 100
        assert view.unshown()[-1] == "line 299"
        began = time.perf_counter()
        assert not await view.finish(REPORT)
        assert time.perf_counter() - began < 1.5
    terminal.take_rest()
    assert not terminal.screen.cursor.hidden


async def test_a_continued_drawing_process_gets_whole_lines_and_the_newest(
    terminal: Terminal,
) -> None:
    async with open_live_view(terminal.slave) as view:
        assert view.process is not None
        view.show(SNAPSHOT)
        await terminal.until(lambda: terminal.shows("resyncs 0"))
        view.process.send_signal(signal.SIGSTOP)
        for n in range(300):
            view.show({**SNAPSHOT, "text": "x" * 3001, "frames": n})
        for n in range(250):
            view.log(f"line {n}")
        view.process.send_signal(signal.SIGCONT)
        with trio.fail_after(5):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(terminal.until, lambda: terminal.shows("gap"))
                assert await view.finish({**REPORT, "frames": 7})
    assert b"50 log lines before these were dropped" in terminal.raw
    assert b"line 249" in terminal.raw
    assert b'"' not in terminal.raw  # no torn line was taken for a log


async def test_a_blocked_terminal_costs_the_bound_and_no_more(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_process, "FINISH_SECONDS", 0.5)
    async with open_live_view(terminal.slave) as view:
        view.show(SNAPSHOT)
        await terminal.until(lambda: terminal.shows("resyncs 0"))
        for _ in range(200):
            view.log("x" * 1000)  # nobody reads the terminal now
        assert not await view.finish(REPORT)
    assert not view.alive
    terminal.take_rest()
    terminal.stream.feed(view.owed.encode())  # as the caller prints it when the terminal goes on
    assert not terminal.screen.cursor.hidden


async def test_a_killed_drawing_process_makes_the_view_nothing(terminal: Terminal) -> None:
    async with open_live_view(terminal.slave) as view:
        assert view.process is not None
        view.show(SNAPSHOT)
        await terminal.until(lambda: terminal.shows("resyncs 0"))
        view.process.kill()
        await ended(view.process)
        assert not view.alive
        view.show(SNAPSHOT)
        view.log("lost")
        assert not await view.finish(REPORT)
        assert view.unshown() == ["lost"]
    terminal.take_rest()
    assert not terminal.screen.cursor.hidden


async def test_a_view_that_cannot_start_is_nothing(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view_process, "_command", lambda: ["/nonexistent/program"])
    async with open_live_view(terminal.slave) as view:
        assert not view.alive
        view.show(SNAPSHOT)
        view.log("a line")
        assert not await view.finish(REPORT)
        assert view.unshown() == ["a line"]


async def test_cancelling_takes_the_drawing_process_along(terminal: Terminal) -> None:
    view: LiveView | None = None
    with trio.move_on_after(5) as scope:
        async with open_live_view(terminal.slave) as view:
            view.show(SNAPSHOT)
            await terminal.until(lambda: terminal.shows("resyncs 0"))
            scope.cancel()
            await trio.sleep_forever()
    assert view is not None
    assert view.process is not None
    assert view.process.returncode == 0
    terminal.take_rest()
    assert not any(terminal.lines)
    assert not terminal.screen.cursor.hidden


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_cancelling_the_start_leaves_nothing_open(terminal: Terminal) -> None:
    before = open_files()
    with trio.CancelScope() as scope:
        scope.cancel()
        async with open_live_view(terminal.slave):
            pytest.fail("entered")
    assert scope.cancelled_caught
    assert open_files() == before


def test_a_long_text_is_sent_as_a_window(terminal: Terminal) -> None:
    source, pipe = os.pipe()
    os.set_blocking(pipe, False)
    view = LiveView(terminal.slave, process=None, pipe=pipe)
    text = "".join(f"{n:05} " for n in range(20_000))
    view.show({"text": text, "spoken": 60_123, "history": [0.1] * 1000})
    sent = os.read(source, 65536)
    os.close(source)
    os.close(pipe)
    assert len(sent) < 5000
    message = json.loads(sent)
    assert message["type"] == "snapshot"
    assert message["text_offset"] == 58_000
    assert message["text_characters"] == len(text)
    window = message["text"]
    assert window[message["spoken"] :][:20] == text[60_123:][:20]


def test_drawing_is_for_terminals_that_somebody_looks_at(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(terminal.slave, "w", closefd=False) as stream:
        assert should_draw(stream)
        monkeypatch.setenv("CI", "true")
        assert not should_draw(stream)
        monkeypatch.delenv("CI")
        monkeypatch.setenv("TERM", "dumb")
        assert not should_draw(stream)
    monkeypatch.setenv("TERM", "xterm")
    assert not should_draw(io.StringIO())
    assert not should_draw(None)
    assert not should_draw(stream)
