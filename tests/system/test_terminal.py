"""What a person sees on a terminal while a text is said."""

from __future__ import annotations

import contextlib

import pexpect
import pyte
import pytest

from system.processes import COMMAND, SHORT, Runner

pytestmark = pytest.mark.system


def on_terminal(runner: Runner, *arguments: str, **env: str) -> tuple[pyte.Screen, bytes, int]:
    """Run the command on a terminal; return what it shows in the end, and all it was sent."""
    screen = pyte.Screen(100, 40)
    stream = pyte.ByteStream(screen)
    environment = {"TERM": "xterm-256color", "CI": "", **env}
    with contextlib.closing(
        pexpect.spawn(
            COMMAND[0],
            [*COMMAND[1:], *arguments],
            cwd=str(runner.folder),
            env=runner.environment("terminal", environment),
            dimensions=(40, 100),
            timeout=20,
        )
    ) as terminal:
        terminal.expect(pexpect.EOF)
        shown = bytes(terminal.before or b"")
        terminal.wait()
        assert terminal.signalstatus is None
        code = terminal.exitstatus
    stream.feed(shown)
    assert isinstance(code, int)
    return screen, shown, code


def test_the_live_view_ends_in_the_figures(runner: Runner) -> None:
    screen, raw, code = on_terminal(runner, "--text", "Hello, this is a test.")
    lines = [line.rstrip() for line in screen.display]
    text = "\n".join(lines)
    assert code == 0
    assert "frames of exactly 960 bytes" in text
    assert "heard by the far end" in text
    assert "received by telecmi" in text
    assert text.count("frames of exactly") == 1
    assert b"\x1b[?25l" in raw
    assert raw.rindex(b"\x1b[?25h") > raw.rindex(b"\x1b[?25l")
    assert not screen.cursor.hidden
    assert screen.cursor.x == 0
    assert runner.files() == ["trioaudio.wav"]


def test_plain_lines_when_asked_for(runner: Runner) -> None:
    screen, raw, code = on_terminal(runner, "--text", SHORT, "--no-out", "--plain")
    assert code == 0
    assert b"\x1b[?25l" not in raw
    assert any("frames of exactly 960 bytes" in line for line in screen.display)


def test_a_terminal_that_cannot_move_its_cursor(runner: Runner) -> None:
    _, raw, code = on_terminal(runner, "--text", SHORT, "--no-out", TERM="dumb")
    assert code == 0
    assert b"\x1b[?25l" not in raw


def test_an_error_stands_below_the_picture(runner: Runner) -> None:
    screen, raw, code = on_terminal(
        runner, "--text", SHORT, "--carrier", "raw", "--url", "ws://127.0.0.1:1/"
    )
    assert code == 5
    lines = [line.rstrip() for line in screen.display if line.strip()]
    assert any("trioaudio: error: ws://127.0.0.1:1" in line for line in lines[-3:])
    assert b"Traceback" not in raw
