"""The terminal: taken over, painted line by line, and given back as it was.

Sequences are xterm's (https://invisible-island.net/xterm/ctlseqs/ctlseqs.html), and the one that
shows a picture at once (https://gist.github.com/christianparpart/d8a62cc1ab659194337d73e399004036),
which others pass over. Nothing here blocks: a terminal that was stopped is waited for.
"""

from __future__ import annotations

import contextlib
import os
import termios
from collections.abc import Sequence
from typing import Any, Final

import attrs
import trio

from trioaudio.core.errors import OutputError

ENTER: Final = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[?2004h\x1b[2J"
"""Another screen, no cursor, no wrapping, pasted text in brackets, nothing on it."""
LEAVE: Final = "\x1b[0m\x1b[?2004l\x1b[?7h\x1b[?25h\x1b[?1049l"
_AT_ONCE, _SHOWN = "\x1b[?2026h", "\x1b[?2026l"
_CHUNK: Final = 1024
_LEAVE_S: Final = 1.0
_FULL_S: Final = 0.01
USUAL_SIZE: Final = (80, 24)


def size_of(descriptor: int) -> tuple[int, int]:
    """Return columns and lines of a terminal; one that does not know has 80 by 24."""
    try:
        columns, lines = os.get_terminal_size(descriptor)
    except OSError:
        return USUAL_SIZE
    return (columns or USUAL_SIZE[0], lines or USUAL_SIZE[1])


@attrs.define(eq=False)
class Terminal:
    """A terminal to paint on, and perhaps one to read keys from: file descriptors."""

    screen: int
    keyboard: int | None
    _before: list[Any] | None = None
    _shown: list[str] = attrs.field(factory=list)
    _out: int = -1
    _forgotten: bool = True
    _entered: bool = False
    _writing: trio.Lock = attrs.field(factory=trio.Lock)
    """Half a picture must not stand between the sequences that end it all."""

    async def enter(self) -> None:
        """Take the terminal over: OutputError."""
        self._entered = True
        if self._out == -1:
            self._out = _reopened(self.screen)
        if self.keyboard is not None:
            self._before = termios.tcgetattr(self.keyboard)
            raw = termios.tcgetattr(self.keyboard)
            raw[3] &= ~(termios.ICANON | termios.ECHO | termios.IEXTEN)  # Ctrl-C stays a signal
            raw[6][termios.VMIN], raw[6][termios.VTIME] = 1, 0
            termios.tcsetattr(self.keyboard, termios.TCSANOW, raw)
        async with self._writing:
            self.forget()
            await self._write(ENTER)

    async def leave(self) -> None:
        """Give the terminal back as it was; a terminal that is stopped is not waited for long."""
        if not self._entered:
            return
        self._entered = False
        if self.keyboard is not None:
            with contextlib.suppress(termios.error):
                modes = termios.tcgetattr(self.keyboard)
                modes[0] &= ~termios.IXON  # a terminal stopped by Ctrl-S goes on at that
                termios.tcsetattr(self.keyboard, termios.TCSANOW, modes)
        with trio.move_on_after(_LEAVE_S, shield=True):
            async with self._writing:
                with contextlib.suppress(OutputError):  # it is gone
                    await self._write(LEAVE)
        if self.keyboard is not None and self._before is not None:
            with contextlib.suppress(termios.error):  # likewise
                termios.tcsetattr(self.keyboard, termios.TCSANOW, self._before)
            self._before = None
        if not self._writing.locked():  # else a picture waits for the terminal still
            os.close(self._out)
            self._out = -1

    def forget(self) -> None:
        """Paint everything anew the next time; also if something is being painted now."""
        self._forgotten = True

    async def paint(self, lines: Sequence[str]) -> int:
        """Show these lines; return how many bytes that took. OutputError."""
        async with self._writing:
            if not self._entered:
                return 0
            if self._forgotten:
                self._shown = []
            changes = self._changes(lines)
            if not changes:
                return 0
            self._forgotten, self._shown = False, []  # if interrupted, nobody knows what is there
            count = await self._write(f"{_AT_ONCE}{changes}{_SHOWN}")
            self._shown = list(lines)
            return count

    def _changes(self, lines: Sequence[str]) -> str:
        parts = [] if self._shown else ["\x1b[0m\x1b[2J"]
        for row, line in enumerate(lines):
            if row >= len(self._shown) or self._shown[row] != line:
                parts.append(f"\x1b[{row + 1};1H{line}\x1b[0m\x1b[K")
        if len(lines) < len(self._shown):
            parts.append(f"\x1b[{len(lines) + 1};1H\x1b[J")
        return "".join(parts)

    async def read(self) -> bytes:
        """Wait for what the keyboard sends; empty when the terminal is gone."""
        assert self.keyboard is not None
        await trio.lowlevel.wait_readable(self.keyboard)
        try:
            return os.read(self.keyboard, _CHUNK)
        except OSError:
            return b""

    async def _write(self, text: str) -> int:
        data = memoryview(text.encode("utf-8", "replace"))
        count = len(data)
        while data:
            await trio.lowlevel.wait_writable(self._out)
            try:
                written = os.write(self._out, data[:_CHUNK])
            except BlockingIOError:  # there was room, but not for this
                await trio.sleep(_FULL_S)
                continue
            except OSError as exc:
                raise OutputError(f"the terminal takes no more: {exc.strerror or exc}") from exc
            data = data[written:]
        return count


def _reopened(screen: int) -> int:
    """Return a descriptor of the terminal that never blocks.

    O_NONBLOCK belongs to what was opened, not to a descriptor: set on ours, the shell and whoever
    else has the terminal from it would have it, too.
    """
    try:
        return os.open(os.ttyname(screen), os.O_WRONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:  # of another user, or not to be found here
        return os.dup(screen)
