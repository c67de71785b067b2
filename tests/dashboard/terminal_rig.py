"""`trioaudio top` on a real pseudo-terminal, and what its screen shows."""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import termios
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import attrs
import pexpect
import pyte
import trio

PATIENCE_S = 20.0


@attrs.define(eq=False)
class OnTerminal:
    child: Any
    screen: pyte.Screen
    stream: pyte.ByteStream
    raw: bytearray
    before: list[Any]
    _ended: bool = False

    @property
    def text(self) -> str:
        return "\n".join(line.rstrip() for line in self.screen.display)

    def press(self, keys: str) -> None:
        self.child.send(keys)

    async def read_some(self, seconds: float) -> None:
        """Feed the screen with what comes within a while."""
        with trio.move_on_after(seconds):
            await trio.lowlevel.wait_readable(self.child.child_fd)
            try:
                data = os.read(self.child.child_fd, 65536)
            except OSError:  # the other side is closed
                self._ended = True
                return
            self.raw += data
            self.stream.feed(data)

    async def shows(self, wanted: str | Callable[[str], bool]) -> str:
        """Wait until the screen shows something; return the whole of it."""
        with trio.move_on_after(PATIENCE_S):
            while not self._ended:
                text = self.text
                if wanted in text if isinstance(wanted, str) else wanted(text):
                    return text
                await self.read_some(1.0)
        raise AssertionError(f"{wanted!r} never came; ended: {self._ended}\n{self.text}")

    async def ends(self) -> int:
        """Wait for its end; return the exit code."""
        with trio.fail_after(PATIENCE_S):
            while not self._ended:
                await self.read_some(1.0)
        await trio.to_thread.run_sync(self.child.wait)
        assert self.child.signalstatus is None
        return int(self.child.exitstatus)

    def modes(self) -> list[Any]:
        return termios.tcgetattr(self.child.child_fd)

    def process_state(self) -> str:
        """S: it sleeps; T: it is stopped."""
        stat = Path(f"/proc/{self.child.pid}/stat").read_text(encoding="utf-8")
        return stat.rpartition(")")[2].split()[0]

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.child.pid, number)

    def assert_left_as_it_was(self) -> None:
        for on, off in (
            ("?1049h", "?1049l"),
            ("?25l", "?25h"),
            ("?7l", "?7h"),
            ("?2004h", "?2004l"),
        ):
            assert (
                self.raw.rfind(f"\x1b[{off}".encode()) > self.raw.rfind(f"\x1b[{on}".encode()) >= 0
            )
        assert not self.screen.cursor.hidden
        assert b"Traceback" not in self.raw


@contextlib.asynccontextmanager
async def on_terminal(
    folder: Path, *arguments: str, size: tuple[int, int] = (120, 30), **environ: str
) -> AsyncIterator[OnTerminal]:
    """Run it there while the block runs; `size` is columns and lines."""
    columns, lines = size
    kept = {key: each for key, each in os.environ.items() if "TRIOAUDIO" not in key}
    told = {"TERM": "xterm-256color", "LC_ALL": "C.UTF-8", "NO_COLOR": "", **environ}
    child = pexpect.spawn(
        sys.executable,
        ["-m", "trioaudio", "top", "--interval", "0.2", *arguments],
        cwd=str(folder),
        env={**kept, "PYTHONPATH": str(Path(__file__).parents[2]), **told},
        dimensions=(lines, columns),
    )
    await trio.lowlevel.checkpoint()
    screen = pyte.Screen(columns, lines)
    made = OnTerminal(
        child, screen, pyte.ByteStream(screen), bytearray(), termios.tcgetattr(child.child_fd)
    )
    try:
        yield made
    finally:
        child.close(force=True)
