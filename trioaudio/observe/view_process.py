"""The live view as the speaking process sees it: told everything, waited for never.

Drawing is another process's work (`live_view`), because a terminal may be slow or stopped. What is
told goes into a pipe that never blocks: a full pipe drops snapshots, never a part of a line, and
keeps log lines up to a bound. A drawing process that died turns the view into nothing.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from collections import deque
from collections.abc import AsyncIterator, Iterable, Mapping
from typing import TextIO

import attrs
import trio

from trioaudio.observe.figures import Values, whole

LOG_LINES = 200  # kept while the pipe is full; older ones are dropped and counted
FINISH_SECONDS = 2.0  # for the last picture; a stopped terminal does not keep us longer
_LEAVE_SECONDS = 0.5
_WINDOW = 4000  # characters of the text in a snapshot: more than any terminal shows
_STEP = 1000  # the window moves by steps, so that lines do not wrap anew at every snapshot
_HISTORY = 64
_ENCODER = json.JSONEncoder(default=str, separators=(",", ":"))
_NO_CI = {"", "0", "false"}


def should_draw(stream: TextIO | None) -> bool:
    """Return whether somebody looks at this stream on a terminal that can move its cursor."""
    if stream is None or stream.closed or not stream.isatty():
        return False
    if os.environ.get("CI", "").lower() not in _NO_CI:
        return False
    return os.environ.get("TERM", "") not in {"", "dumb", "unknown"}


@attrs.define(eq=False)
class LiveView:
    """The drawing process, told by a pipe. Nothing but `finish` ever waits."""

    terminal: int
    process: trio.Process | None
    pipe: int | None
    snapshots_dropped: int = 0
    logs_dropped: int = 0
    owed: str = ""  # what the terminal did not take: to be printed before anything else
    _tail: bytes = b""
    _logs: deque[str] = attrs.field(factory=deque)
    _ended: bool = False

    @property
    def alive(self) -> bool:
        """Whether the drawing process runs and listens."""
        running = self.process is not None and self.process.returncode is None
        return running and self.pipe is not None

    def show(self, snapshot: Mapping[str, object]) -> None:
        """Draw this when there is time; dropped if the drawing process is behind."""
        if self.pipe is None:
            return
        if not self._flush():
            self.snapshots_dropped += 1
            return
        self._write(_line({**_windowed(snapshot), "type": "snapshot"}))

    def log(self, line: str) -> None:
        """Print a line above the picture, as soon as there is room."""
        if len(self._logs) == LOG_LINES:
            self._logs.popleft()
            self.logs_dropped += 1
        self._logs.append(line)
        self._flush()

    def unshown(self) -> list[str]:
        """Return the log lines that never reached the drawing process."""
        return list(self._logs)

    async def finish(
        self,
        report: Mapping[str, object],
        files: Iterable[tuple[str, str]] = (),
        problem: str | None = None,
    ) -> bool:
        """Put the final table in the picture's place; False if the caller has to print it.

        Waits at most `FINISH_SECONDS`; the drawing process is gone afterwards.
        """
        if self.process is None or not self.alive:
            return False
        pairs = [[label, path] for label, path in files]
        final = {"type": "final", "report": dict(report), "files": pairs, "problem": problem}
        with trio.move_on_after(FINISH_SECONDS):
            await self._drain(_line(final))
            self.close()
            await self.process.wait()
        await self.end(grace=0)
        return self.process.returncode == 0

    def close(self) -> None:
        """End the drawing process's input: it cleans the screen and leaves."""
        if self.pipe is not None:
            trio.lowlevel.notify_closing(self.pipe)
            os.close(self.pipe)
            self.pipe = None

    async def end(self, grace: float) -> None:
        """See the drawing process gone, and put right what it left on the terminal."""
        self.close()
        if self.process is None or self._ended:
            return
        with trio.move_on_after(grace):
            await self.process.wait()
        self.process.kill()  # nothing happens if it is gone already
        await self.process.wait()
        self._ended = True
        if self.process.returncode != 0:
            self.owed = _restore(self.terminal)

    def _flush(self) -> bool:
        """Write what waits; True if nothing waits any more."""
        while self.pipe is not None and (self._tail or self._logs):
            if self._tail:
                waiting, self._tail = self._tail, b""
                self._write(waiting)
            else:
                self._write(_line({"type": "log", "line": self._logs[0]}))
                if self.pipe is not None:
                    self._logs.popleft()
            if self._tail:
                return False
        return self.pipe is not None

    def _write(self, data: bytes) -> None:
        """Write what fits now; the rest of the line goes before anything else."""
        if self.pipe is None:
            return
        try:
            written = os.write(self.pipe, data)
        except BlockingIOError:
            written = 0
        except OSError:  # nobody reads any more
            self.close()
            return
        self._tail = data[written:]

    async def _drain(self, line: bytes) -> None:
        if self.logs_dropped:
            self._logs.append(f"{self.logs_dropped} log lines before these were dropped")
        while not self._flush() and self.pipe is not None:
            await trio.lowlevel.wait_writable(self.pipe)
        self._write(line)
        while not self._flush() and self.pipe is not None:
            await trio.lowlevel.wait_writable(self.pipe)


@contextlib.asynccontextmanager
async def open_live_view(terminal: int = 2) -> AsyncIterator[LiveView]:
    """Start the drawing process on a terminal; a view that is not `alive` if it cannot start.

    At the end of the block the drawing process is gone and the cursor is back, whatever happened.
    """
    view = await _start(terminal)
    try:
        yield view
    finally:
        with trio.move_on_after(2 * _LEAVE_SECONDS, shield=True):
            await view.end(grace=_LEAVE_SECONDS)


async def _start(terminal: int) -> LiveView:
    with contextlib.ExitStack() as undo:
        source, pipe = os.pipe()
        undo.callback(os.close, pipe)
        os.set_blocking(pipe, False)
        try:
            process = await trio.lowlevel.open_process(
                _command(),
                stdin=source,
                stdout=subprocess.DEVNULL,
                stderr=terminal,
                env=_environment(),
            )
        except OSError:
            return LiveView(terminal, process=None, pipe=None)
        finally:
            os.close(source)
        undo.pop_all()
    return LiveView(terminal, process, pipe)


def _command() -> list[str]:
    # the shell has the interrupt key ignored from the first moment on, before Python's start-up
    program = [sys.executable, "-P", "-m", "trioaudio.observe.live_view"]
    return ["/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh", *program]


def _environment() -> dict[str, str]:
    """Return ours, with the modules found where we find them and not in the current directory."""
    return {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}


def _line(message: Mapping[str, object]) -> bytes:
    return _ENCODER.encode(message).encode() + b"\n"


def _windowed(snapshot: Values) -> dict[str, object]:
    """Return a snapshot of bounded size: of a long text what surrounds the current position."""
    small = dict(snapshot)
    history = snapshot.get("history")
    if isinstance(history, list | tuple | deque):
        small["history"] = list(history)[-_HISTORY:]
    text = snapshot.get("text")
    if isinstance(text, str) and len(text) > _WINDOW:
        spoken = whole(snapshot, "spoken") or 0
        offset = max(0, (spoken - _WINDOW // 2) // _STEP * _STEP)
        small["text"] = text[offset : offset + _WINDOW]
        small |= {"spoken": spoken - offset, "text_offset": offset, "text_characters": len(text)}
    return small


def _restore(terminal: int) -> str:
    """Undo what a killed drawing process did to the terminal; return what it did not take.

    The cursor is shown, on a line of its own. Opening the terminal anew is the way to write
    without waiting: what we inherited is shared with others, and who else writes would notice.
    """
    undo = "\x1b[?25h\x1b[0m\r\n"
    written = 0
    with contextlib.suppress(OSError):  # no terminal, or a stopped one
        again = os.open(os.ttyname(terminal), os.O_WRONLY | os.O_NONBLOCK | os.O_NOCTTY)
        try:
            written = os.write(again, undo.encode())
        finally:
            os.close(again)
    return undo[written:] if os.isatty(terminal) else ""
